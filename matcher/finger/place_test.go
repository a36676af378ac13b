package finger

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

func drawMotion(t *rapid.T) motion {
	turn := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "turn")
	sin, cos := math.Sincos(turn)
	return motion{
		cos: float32(cos), sin: float32(sin), turn: turn256(turn),
		dx: float32(rapid.Float64Range(-500, 500).Draw(t, "dx")), dy: float32(rapid.Float64Range(-500, 500).Draw(t, "dy")),
	}
}

func TestFitFindsTheMotionThatWasMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawMotion(t)
		rng := newRand(rapid.Uint64().Draw(t, "seed"))
		var f fit
		for range rapid.IntRange(2, 30).Draw(t, "points") {
			x, y := float32(500*rng.Float64()), float32(500*rng.Float64())
			px, py := want.apply(x, y)
			f.add(x, y, px, py)
		}
		got := f.solve()
		for _, at := range [][2]float32{{0, 0}, {500, 0}, {250, 500}} {
			x, y := got.apply(at[0], at[1])
			wx, wy := want.apply(at[0], at[1])
			if math.Hypot(float64(x-wx), float64(y-wy)) > 0.5 && f.n > 2 {
				t.Errorf("(%v, %v) comes to (%v, %v), want (%v, %v)", at[0], at[1], x, y, wx, wy)
			}
		}
		if f.n > 2 && apart(got.turn, want.turn) > 1 {
			t.Errorf("turned by %d, want %d", got.turn, want.turn)
		}
	})
}

// Points that all lie at one place leave the turn open: the placement must still be one.
func TestFitOfOnePlaceIsAMotion(t *testing.T) {
	var f fit
	for range 3 {
		f.add(10, 20, 300, 400)
	}
	m := f.solve()
	if x, y := m.apply(10, 20); x != 300 || y != 400 || m.cos*m.cos+m.sin*m.sin != 1 {
		t.Errorf("%+v brings the place to (%v, %v)", m, x, y)
	}
}

// A pairing's own placement brings its minutia onto the partner, turned as the partner is.
func TestFrameBringsItsPairTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := func(name string) float32 { return float32(rapid.IntRange(0, 1000).Draw(t, name)) }
		q := pairing{rx: place("rx"), ry: place("ry"), px: place("px"), py: place("py"), turn: rapid.Uint8().Draw(t, "turn")}
		f := newFrame(&q)
		m := f.motion()
		if x, y := m.apply(q.rx, q.ry); math.Hypot(float64(x-q.px), float64(y-q.py)) > 0.01 {
			t.Errorf("(%v, %v) comes to (%v, %v), want (%v, %v)", q.rx, q.ry, x, y, q.px, q.py)
		}
		if !f.agrees(&q) {
			t.Error("a pairing does not agree with itself")
		}
		turned := q
		turned.turn += hypTolTurn + 1
		if f.agrees(&turned) {
			t.Error("another turn agrees")
		}
	})
}

func TestSeedsAreTheBestPairings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &workspace{}
		var order []int
		for i := range rapid.IntRange(0, 40).Draw(t, "pairings") {
			s.pairings = append(s.pairings, pairing{weight: float32(rapid.IntRange(1, 9).Draw(t, "weight"))})
			order = append(order, i)
			s.offer(i)
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(s.pairings[b].weight - s.pairings[a].weight) })
		if len(s.seeds) != min(len(order), hypSeeds) {
			t.Fatalf("%d seeds of %d pairings", len(s.seeds), len(order))
		}
		for k, c := range s.seeds {
			if c.at != order[k] {
				t.Errorf("seed %d is pairing %d, want %d", k, c.at, order[k])
			}
		}
	})
}

// Which of two prints asks may matter little: in nine of ten pairs of one finger by less than a fourteenth, and whose pairs
// come out far apart must be rare.
func TestSidesMayBeExchanged(t *testing.T) {
	var off []float64
	for seed := range uint64(60) {
		finger := syntheticFinger(seed)
		a, b := impress(finger, usual(newRand(seed)), seed), impress(finger, usual(newRand(seed+900)), seed+900)
		ab, ba := scoreOf(a, b), scoreOf(b, a)
		off = append(off, math.Abs(ab-ba)/max(ab, ba))
	}
	slices.Sort(off)
	if off[30] > 0.02 || off[54] > 0.07 {
		t.Errorf("scores differ by %.3f in the median, by more than %.3f in one of ten", off[30], off[54])
	}
	t.Logf("median %.4f, nine of ten within %.4f, at most %.4f", off[30], off[54], off[59])
}

// Anybody's minutiae may lie at one place, on one line, at the corners of the largest print, or as many as there can be.
func TestDegeneratePrintsCompare(t *testing.T) {
	odd := map[string]func(i int) (x, y int, angle uint8){
		"on a line":  func(i int) (int, int, uint8) { return 40 * i, 7, 0 },
		"on a slope": func(i int) (int, int, uint8) { return 50 * i, 50 * i, 32 },
		"at four corners": func(i int) (int, int, uint8) {
			return i % 2 * (maxPrintSide - 1), i / 2 % 2 * (maxPrintSide - 1), uint8(i)
		},
		"at two places":    func(i int) (int, int, uint8) { return 100 + i%2, 100, uint8(i) },
		"far and isolated": func(i int) (int, int, uint8) { return i % 16 * 1000, i / 16 * 1000, uint8(3 * i) },
		"below row 1,024":  func(i int) (int, int, uint8) { return 10 * (i % 20), maxPrintSide - 1 - 9*(i/20), uint8(5 * i) },
	}
	prints := map[string]Print{"a finger": syntheticFinger(1)}
	for name, place := range odd {
		for _, n := range []int{1, 6, 64, maxPrintMinutiae} {
			p := Print{Width: maxPrintSide, Height: maxPrintSide}
			for i := range n {
				x, y, angle := place(i)
				p.Minutiae = append(p.Minutiae, Minutia{X: int16(x), Y: int16(y), Angle: angle, Quality: uint8(i % 101)})
			}
			prints[name+" "+string(rune('a'+n%26))] = p
		}
	}
	for a, p := range prints {
		q := newProbe(p, matcher.Unknown)
		for b, r := range prints {
			if s := similarity(q, newReference(r, matcher.Unknown)); math.IsNaN(s) || math.IsInf(s, 0) {
				t.Errorf("%s against %s: score %v", a, b, s)
			}
		}
	}
}
