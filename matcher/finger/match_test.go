package finger

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// The comparison is judged on synthetic fingers: minutiae scattered as far apart as real ones. What counts is that
// another impression of a finger scores well above every other finger.

// impostorScore is the best of the scores of p against other fingers.
func impostorScore(p Print, not uint64) float64 {
	best := math.Inf(-1)
	q := newProbe(p, matcher.Unknown)
	for seed := range uint64(20) {
		if seed != not {
			other := impress(syntheticFinger(seed), usual(newRand(seed+500)), seed+500)
			best = max(best, similarity(q, newReference(other, matcher.Unknown)))
		}
	}
	return best
}

func TestWearIsTolerated(t *testing.T) {
	finger := syntheticFinger(3)
	enrolled := impress(finger, wear{jitter: 1, missing: 0.1, spurious: 4}, 1)
	impostor := impostorScore(enrolled, 3)
	for name, w := range map[string]wear{
		"nothing":           {},
		"moved":             {dx: 130, dy: -110},
		"turned a quarter":  {turn: math.Pi / 2},
		"turned by half":    {turn: math.Pi},
		"turned by -50":     {turn: -50 * math.Pi / 180},
		"lost a third":      {missing: 0.33},
		"false ones":        {spurious: 20},
		"distorted":         {stretch: 10},
		"jittered":          {jitter: 2.5},
		"upper third alone": {window: 0.36},
		"all at once":       {turn: 1.1, dx: -60, dy: 40, stretch: 6, jitter: 1.5, missing: 0.2, spurious: 8},
	} {
		if got := scoreOf(impress(finger, w, 77), enrolled); got < impostor+5 {
			t.Errorf("%s: score %.1f, the best of 19 other fingers has %.1f", name, got, impostor)
		}
	}
}

func TestPlacementDoesNotMatter(t *testing.T) {
	finger := syntheticFinger(5)
	enrolled := impress(finger, wear{jitter: 1, missing: 0.15, spurious: 5}, 1)
	want := scoreOf(impress(finger, wear{}, 2), enrolled)
	rapid.Check(t, func(t *rapid.T) {
		w := wear{
			turn: rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "turn"),
			dx:   rapid.Float64Range(-90, 90).Draw(t, "dx"), dy: rapid.Float64Range(-90, 90).Draw(t, "dy"),
		}
		if got := scoreOf(impress(finger, w, 2), enrolled); math.Abs(got-want) > 0.12*want {
			t.Errorf("score %.1f, unmoved it was %.1f", got, want)
		}
	})
}

func TestComparisonIsNearlySymmetric(t *testing.T) {
	for seed := range uint64(12) {
		finger := syntheticFinger(seed)
		a, b := impress(finger, usual(newRand(seed)), seed), impress(finger, usual(newRand(seed+40)), seed+40)
		if ab, ba := scoreOf(a, b), scoreOf(b, a); math.Abs(ab-ba) > 0.1*max(ab, ba) {
			t.Errorf("finger %d: %.1f one way, %.1f the other", seed, ab, ba)
		}
	}
}

// Impostors whose placement was followed to the end may not share scores, or thresholds for low false match rates could not
// be set. Those that were given up before only have their votes.
func TestImpostorScoresAreSpread(t *testing.T) {
	seen := map[float64]int{}
	n := 0
	for i := range uint64(24) {
		p := newProbe(impress(syntheticFinger(i), usual(newRand(i)), i), matcher.Unknown)
		for j := range i {
			if score := similarity(p, newReference(syntheticFinger(j), matcher.Unknown)); score > unsupported(leastSupport) {
				seen[score]++
				n++
			}
		}
	}
	for score, times := range seen {
		if times > max(1, n/50) {
			t.Errorf("%d of %d impostors have the score %v", times, n, score)
		}
	}
}

// Minutiae invented to score well with everybody must not do better than an honest impostor.
func TestInventedTemplatesScoreLow(t *testing.T) {
	const rare = 12 // what one stranger in a thousand reaches
	rng := newRand(8)
	for name, place := range map[string]func(i int) (x, y int){
		"crowded":     func(int) (x, y int) { return rng.IntN(150), rng.IntN(150) },
		"strewn far":  func(i int) (x, y int) { return rng.IntN(200 + i%2*15_000), rng.IntN(250 + i%2*15_000) },
		"in a grid":   func(i int) (x, y int) { return i % 8 * 30, i / 8 * 30 },
		"everywhere":  func(int) (x, y int) { return rng.IntN(300), rng.IntN(400) },
		"on one line": func(i int) (x, y int) { return 3 * i, 100 },
	} {
		p := Print{Width: maxPrintSide, Height: maxPrintSide}
		for i := range 80 {
			x, y := place(i)
			p.Minutiae = append(p.Minutiae, Minutia{X: int16(x), Y: int16(y), Angle: uint8(rng.IntN(256)), Kind: Ending, Quality: 100})
		}
		if got := impostorScore(p, 1000); got > rare {
			t.Errorf("%s: score %.1f, few strangers have %d", name, got, rare)
		}
	}
}

// Comparisons of arbitrary prints, degenerate ones included, end with a finite score.
func TestAnyPrintsCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Print {
			rng := newRand(rapid.Uint64().Draw(t, name))
			side := rapid.SampledFrom([]int{1, 2, 40, 300, 2000, maxPrintSide}).Draw(t, name+" side")
			return randomPrint(rng, side, 1+rng.IntN(side), rapid.IntRange(0, 255).Draw(t, name+" minutiae"))
		}
		if s := scoreOf(draw("probe"), draw("reference")); math.IsNaN(s) || math.IsInf(s, 0) {
			t.Fatalf("score %v", s)
		}
	})
}

func BenchmarkPrepare(b *testing.B) {
	p := impress(syntheticFinger(1), usual(newRand(1)), 1)
	b.Run("probe", func(b *testing.B) {
		for b.Loop() {
			newProbe(p, matcher.Unknown)
		}
	})
	b.Run("reference", func(b *testing.B) {
		for b.Loop() {
			newReference(p, matcher.Unknown)
		}
	})
}

// The pairs are real where the data is at hand, synthetic elsewhere; real impostors take longer.
func BenchmarkCompareGenuine(b *testing.B)  { benchmarkCompare(b, true) }
func BenchmarkCompareImpostor(b *testing.B) { benchmarkCompare(b, false) }

func benchmarkCompare(b *testing.B, genuine bool) {
	var list []impression
	for finger := range uint64(10) {
		for k := range uint64(4) {
			seed := 10*finger + k
			list = append(list, prepared(string(rune('a'+finger)), "", impress(syntheticFinger(finger), usual(newRand(seed)), seed)))
		}
	}
	b.Run("synthetic", func(b *testing.B) { comparePairs(b, list, genuine) })
	b.Run("fvc2002_db1_b", func(b *testing.B) { comparePairs(b, loadISO(b, "fvc2002_db1_b", 8), genuine) })
}

func comparePairs(b *testing.B, list []impression, genuine bool) {
	type pair struct{ p, r int }
	var pairs []pair
	for i := range list {
		for j := range list {
			if i != j && (list[i].finger == list[j].finger) == genuine {
				pairs = append(pairs, pair{i, j})
			}
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := pairs[i*97%len(pairs)]
		similarity(list[q.p].probe, list[q.r].reference)
	}
}

func BenchmarkSearch(b *testing.B) {
	ix := New().NewIndex()
	for seed := range uint64(1000) {
		ref := newReference(syntheticFinger(seed), matcher.Unknown)
		if err := ix.Set(string(rune(seed)), []matcher.Reference{ref}); err != nil {
			b.Fatal(err)
		}
	}
	p := newProbe(impress(syntheticFinger(7), usual(newRand(7)), 7), matcher.Unknown)
	dst := make([]matcher.Candidate, 0, 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ix.Search(p, 10, dst); err != nil {
			b.Fatal(err)
		}
	}
}
