package finger

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// impressions makes n impressions of a synthetic finger.
func impressions(finger uint64, n int) []Print {
	out := make([]Print, n)
	for k := range out {
		seed := 1000*finger + uint64(k)
		out[k] = impress(syntheticFinger(finger), usual(newRand(seed)), seed)
	}
	return out
}

func TestFusingOnePrintIsThatPrint(t *testing.T) {
	p := impressions(1, 1)[0]
	for _, prints := range [][]Print{{p}, {p, p}, {p, p, p}} {
		got := Fuse(prints)
		if len(got) != 1 || !equalPrints(got[0].Print, p) || len(got[0].Of) != len(prints) {
			t.Errorf("%d times the same print: %d results, of %v", len(prints), len(got), got[0].Of)
		}
	}
	if got := Fuse(nil); len(got) != 0 {
		t.Errorf("no print: %d results", len(got))
	}
}

func TestImpressionsOfOneFingerBecomeOnePrint(t *testing.T) {
	for finger := range uint64(10) {
		got := Fuse(impressions(finger, 4))
		if len(got) != 1 || !slices.Equal(got[0].Of, []int{0, 1, 2, 3}) {
			t.Fatalf("finger %d: %d results", finger, len(got))
		}
		if err := got[0].Print.check(); err != nil {
			t.Error(err)
		}
		data, err := AppendPayload(nil, got[0].Print)
		if err != nil {
			t.Fatal(err)
		}
		if data, err = (matcher.Template{Modality: matcher.Finger, Model: Model, Payload: data}).AppendBinary(nil); err != nil || len(data) > 500 {
			t.Errorf("finger %d: a template of %d bytes, error %v", finger, len(data), err)
		}
	}
}

func TestOrderOfImpressionsDoesNotMatter(t *testing.T) {
	prints := slices.Concat(impressions(1, 4), impressions(2, 2))
	want := Fuse(prints)
	rng := newRand(4)
	for range 6 {
		order := rng.Perm(len(prints))
		shuffled := make([]Print, len(prints))
		for k, i := range order {
			shuffled[k] = prints[i]
			shuffled[k].Minutiae = slices.Clone(prints[i].Minutiae)
			rng.Shuffle(len(shuffled[k].Minutiae), func(a, b int) {
				m := shuffled[k].Minutiae
				m[a], m[b] = m[b], m[a]
			})
		}
		got := Fuse(shuffled)
		for g := range got {
			of := make([]int, len(got[g].Of))
			for k, i := range got[g].Of {
				of[k] = order[i]
			}
			slices.Sort(of)
			if !equalPrints(got[g].Print, want[g].Print) || !slices.Equal(of, want[g].Of) {
				t.Errorf("order %v: result %d is another", order, g)
			}
		}
	}
}

// Fingers mixed up at enrolment, by mistake or on purpose, stay apart.
func TestFingersAreNotMixed(t *testing.T) {
	for first := uint64(0); first < 40; first += 4 {
		var prints []Print
		for finger := first; finger < first+4; finger++ {
			prints = append(prints, impressions(finger, 2)...)
		}
		for _, f := range Fuse(prints) {
			for _, i := range f.Of {
				if i/2 != f.Of[0]/2 {
					t.Errorf("impressions %v from finger %d on became one print", f.Of, first)
				}
			}
		}
	}
}

// patchwork makes templates for a forger: four fingers around a part that all share, so that they are fused.
func patchwork(seed uint64) []Print {
	shared := syntheticFinger(seed)
	out := make([]Print, 4)
	for k := range out {
		p := Print{Width: 900, Height: 900}
		for i, m := range syntheticFinger(1000*seed + uint64(k)).Minutiae {
			switch other := shared.Minutiae[i]; {
			case other.X > 70 && other.X < 230 && other.Y > 80 && other.Y < 320:
				p.add(float64(other.X)+300, float64(other.Y)+250, other.Angle, Minutia{Kind: other.Kind, Quality: maxQuality})
			case i < 30:
				p.add(float64(m.X)/2+float64(300+150*(2*(k%2)-1)), float64(m.Y)/2+float64(350+200*(k-k%2-1)), m.Angle, Minutia{Kind: m.Kind, Quality: maxQuality})
			}
		}
		out[k] = p
	}
	return out
}

// What a forger has fused matches strangers no more often than each of the parts does.
func TestPatchworksAreNoMasterPrints(t *testing.T) {
	var strangers []*probe
	for seed := range uint64(200) {
		strangers = append(strangers, newProbe(impress(syntheticFinger(50+seed), usual(newRand(seed)), seed), matcher.Unknown))
	}
	var parts, whole []float64
	for seed := range uint64(30) {
		prints := patchwork(seed)
		got := Fuse(prints)[0]
		if len(got.Of) < 3 {
			t.Fatalf("patchwork %d: %v were fused", seed, got.Of)
		}
		fused, part := newReference(got.Print, matcher.Unknown), make([]*reference, len(prints))
		for k, p := range prints {
			part[k] = newReference(p, matcher.Unknown)
		}
		for i, p := range strangers {
			whole = append(whole, similarity(p, fused))
			parts = append(parts, similarity(p, part[i%len(part)]))
		}
	}
	slices.Sort(parts)
	for _, fmr := range []float64{0.1, 0.01} {
		threshold := parts[len(parts)-1-int(fmr*float64(len(parts)))]
		if rate := 1 - shareBelow(whole, threshold); rate > 1.5*fmr+0.002 {
			t.Errorf("parts match %v of strangers at a score of %.1f, the whole %v", fmr, threshold, rate)
		}
	}
}

func TestTurnedCopiesFuseToTheSamePrint(t *testing.T) {
	finger := syntheticFinger(6)
	p := impress(finger, wear{}, 1)
	copies := []Print{p, impress(finger, wear{turn: 0.7, dx: 30}, 2), impress(finger, wear{turn: math.Pi, dy: -40}, 3)}
	got := Fuse(copies)
	if len(got) != 1 || len(got[0].Print.Minutiae) != len(p.Minutiae) {
		t.Fatalf("%d results, the first with %d minutiae of %d", len(got), len(got[0].Print.Minutiae), len(p.Minutiae))
	}
	if self, fused := scoreOf(p, p), scoreOf(p, got[0].Print); fused < 0.9*self {
		t.Errorf("the copy scores %.1f against the fused print, %.1f against itself", fused, self)
	}
}

// Two parts of a finger make a whole: a print of the whole is more alike it than either part.
func TestPartsMakeAWhole(t *testing.T) {
	for seed := range uint64(10) {
		finger := syntheticFinger(seed)
		upper := Print{Width: finger.Width, Height: finger.Height}
		lower := upper
		for _, m := range finger.Minutiae {
			if m.Y < 260 {
				upper.Minutiae = append(upper.Minutiae, m)
			}
			if m.Y > 140 {
				lower.Minutiae = append(lower.Minutiae, m)
			}
		}
		got := Fuse([]Print{impress(upper, wear{jitter: 1}, seed), impress(lower, wear{jitter: 1, turn: 0.4, dx: 20}, seed+50)})
		if len(got) != 1 {
			t.Errorf("finger %d: the parts stay apart", seed)
			continue
		}
		whole := impress(finger, usual(newRand(seed)), seed+100)
		if s, a, b := scoreOf(whole, got[0].Print), scoreOf(whole, upper), scoreOf(whole, lower); s <= max(a, b) {
			t.Errorf("finger %d: the fused print scores %.1f, its parts %.1f and %.1f", seed, s, a, b)
		}
	}
}

// What one impression shows where the others show nothing is likely false, and must weigh less than what all show.
func TestFalseMinutiaeWeighLess(t *testing.T) {
	const falseMinutia = 99 // quality that only the false ones have
	finger := syntheticFinger(2)
	for i := range finger.Minutiae {
		finger.Minutiae[i].Quality = 90
	}
	var prints []Print
	for k := range uint64(3) {
		p := impress(finger, wear{jitter: 1, turn: 0.1 * float64(k)}, k)
		p.add(350+20*float64(k), 350, uint8(40*k), Minutia{Kind: Ending, Quality: falseMinutia})
		prints = append(prints, p)
	}
	got := Fuse(prints)[0].Print
	weak := 0
	for _, m := range got.Minutiae {
		switch {
		case m.Quality <= falseMinutia/2+1:
			weak++
		case m.Quality < 60 || m.Quality > 90:
			t.Errorf("a minutia that several show has quality %d", m.Quality)
		}
	}
	if weak < 3 || weak > 5 {
		t.Errorf("%d minutiae weigh little, 3 are false", weak)
	}
}

// TestFusedReferencesOfSyntheticFingers: over a population, a fused reference scores higher with its own finger than any of
// its impressions does, and no higher with others.
func TestFusedReferencesOfSyntheticFingers(t *testing.T) {
	var own, ownSingle float64
	var other, otherSingle []float64
	for finger := range uint64(24) {
		prints := impressions(finger, 4)
		fused := Fuse(prints[:3])[0].Print
		own += scoreOf(prints[3], fused)
		for k := range 3 {
			ownSingle = ownSingle + scoreOf(prints[3], prints[k])/3
		}
		for stranger := range uint64(24) {
			if stranger == finger {
				continue
			}
			probe := impress(syntheticFinger(stranger), usual(newRand(stranger)), stranger+7)
			other = append(other, scoreOf(probe, fused))
			otherSingle = append(otherSingle, scoreOf(probe, prints[0]))
		}
	}
	if own < 1.15*ownSingle {
		t.Errorf("own finger: mean score %.1f fused, %.1f single", own/24, ownSingle/24)
	}
	slices.Sort(other)
	slices.Sort(otherSingle)
	for _, share := range []float64{0.9, 0.99, 1} {
		at := int(share*float64(len(other))) - 1
		if other[at] > max(otherSingle[at], 5)+2 { // what differs below 5 decides nothing
			t.Errorf("strangers: %v of them score below %.1f fused, %.1f single", share, other[at], otherSingle[at])
		}
	}
}

// Any prints fuse, degenerate ones included: every print is in one result, and every result can be stored.
func TestAnyPrintsFuse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var prints []Print
		for k := range rapid.IntRange(1, 4).Draw(t, "prints") {
			rng := newRand(rapid.Uint64().Draw(t, "seed"))
			side := rapid.SampledFrom([]int{1, 2, 40, 300, 2000, maxPrintSide}).Draw(t, "side")
			p := randomPrint(rng, side, 1+rng.IntN(side), rapid.IntRange(0, 255).Draw(t, "minutiae"))
			if k > 0 && rapid.Bool().Draw(t, "like the last") {
				p = nudged(rng, prints[k-1])
			}
			prints = append(prints, p)
		}
		var of []int
		for _, f := range Fuse(prints) {
			of = append(of, f.Of...)
			if err := f.Print.check(); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(of)
		for i := range of {
			if of[i] != i {
				t.Fatalf("%d prints, in results %v", len(prints), of)
			}
		}
		if len(of) != len(prints) {
			t.Fatalf("%d prints, in results %v", len(prints), of)
		}
	})
}

// nudged moves every minutia of p a little.
func nudged(rng *rand.Rand, p Print) Print {
	p.Minutiae = slices.Clone(p.Minutiae)
	for i := range p.Minutiae {
		m := &p.Minutiae[i]
		m.X = int16(min(max(int(m.X)+rng.IntN(5)-2, 0), p.Width-1))
		m.Y = int16(min(max(int(m.Y)+rng.IntN(5)-2, 0), p.Height-1))
	}
	return p
}

// TestFusedReferences compares what can be done with several enrolled impressions: three seeded choices of 2, 3 and 4 of every
// finger are enrolled, the others ask, strangers from all sets. "fused" is the best over what Fuse returns.
func TestFusedReferences(t *testing.T) {
	if os.Getenv("BIOGATE_ACCURACY") == "" {
		t.Skip("set BIOGATE_ACCURACY=1 to measure fused references")
	}
	var list []impression
	for _, set := range tuningSets {
		for _, im := range loadPictures(t, set, 8) {
			im.finger = set + "/" + im.finger
			list = append(list, im)
		}
	}
	rng := newRand(1)
	for n := 2; n <= 4; n++ {
		var e enrolled
		for range 3 {
			chosen := rng.Perm(8)[:n]
			for first := 0; first < len(list); first += 8 {
				e.ask(list, first, chosen)
			}
		}
		e.report(t, n)
	}
}

// enrolled collects the scores of each way to use the references.
type enrolled struct {
	genuine, impostor [4][]float64 // by way
	merged            []float64    // impostors against prints made of several
	references        int
	fingers           int
}

var ways = [4]string{"single", "best", "mean", "fused"}

// ask enrols the chosen impressions of the finger whose first is list[first], and asks with all others.
func (e *enrolled) ask(list []impression, first int, chosen []int) {
	var prints []Print
	for _, k := range chosen {
		prints = append(prints, list[first+k].print)
	}
	fused := Fuse(prints)
	refs := make([]*reference, len(fused))
	for i, f := range fused {
		refs[i] = newReference(f.Print, matcher.Unknown)
	}
	e.references += len(fused)
	e.fingers++
	for i, im := range list {
		own := i-first >= 0 && i-first < 8
		if own && slices.Contains(chosen, i-first) || sameFinger(im.finger, list[first].finger) && !own {
			continue
		}
		into := &e.impostor
		if own {
			into = &e.genuine
		}
		best, mean, top := noPlacement, 0.0, noPlacement
		for _, k := range chosen {
			s := similarity(im.probe, list[first+k].reference)
			into[0] = append(into[0], s)
			best, mean = max(best, s), mean+s/float64(len(chosen))
		}
		for g, r := range refs {
			s := similarity(im.probe, r)
			top = max(top, s)
			if !own && len(fused[g].Of) > 1 {
				e.merged = append(e.merged, s)
			}
		}
		into[1], into[2], into[3] = append(into[1], best), append(into[2], mean), append(into[3], top)
	}
}

// sameFinger knows the one finger that is in two sets.
func sameFinger(a, b string) bool {
	twins := []string{"fvc2002_db3_b/108", "fvc2004_db3_b/102"}
	return slices.Contains(twins, a) && slices.Contains(twins, b)
}

func (e *enrolled) report(t *testing.T, n int) {
	t.Logf("%d impressions became %.2f references", n, float64(e.references)/float64(e.fingers))
	for w, way := range ways {
		g, i := e.genuine[w], e.impostor[w]
		t.Logf("  %-6s EER %.2f %%, FNMR %.2f %% at FMR 1e-3, %.2f %% at 1e-4", way, 100*equalErrorRate(g, i), 100*missRate(g, i, 1e-3), 100*missRate(g, i, 1e-4))
	}
	single := slices.Sorted(slices.Values(e.impostor[0]))
	rates := ""
	for _, fmr := range []float64{1e-2, 1e-3, 1e-4} {
		threshold := single[len(single)-1-int(fmr*float64(len(single)))]
		rates += fmt.Sprintf(" %.2g", 1-shareBelow(e.merged, threshold))
	}
	t.Logf("  where single references have an FMR of 1e-2, 1e-3 and 1e-4, merged ones have%s", rates)
	if s, f := missRate(e.genuine[0], e.impostor[0], 1e-3), missRate(e.genuine[3], e.impostor[3], 1e-3); f > 0.7*s {
		t.Errorf("FNMR at FMR 1e-3: fused %.2f %%, single %.2f %%", 100*f, 100*s)
	}
}

func BenchmarkFuse(b *testing.B) {
	for _, n := range []int{2, 3, 8} {
		prints := impressions(1, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Fuse(prints)
			}
		})
	}
}
