package finger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

func explainPrints(a, b Print) *explanation {
	return explain(newProbe(a, matcher.Unknown), newReference(b, matcher.Unknown))
}

// checkExplanation holds x against itself and against the score of its prints.
func checkExplanation(t rapid.TB, x *explanation, score float64) {
	t.Helper()
	if x.Score != score {
		t.Fatalf("explained score %v, the comparison says %v", x.Score, score)
	}
	if (x.Outcome == outcomePlaced) != (x.Placement != nil) {
		t.Fatalf("outcome %s, placement %v", x.Outcome, x.Placement)
	}
	if x.Outcome == outcomePlaced && math.Abs(x.Worth-x.Cost-score) > 1e-9 {
		t.Fatalf("worth %v less cost %v is not the score %v", x.Worth, x.Cost, score)
	}
	worth, cost := 0.0, 0.0
	seen := [2]map[int]bool{{}, {}}
	for _, q := range x.Pairs {
		worth += q.Worth
		if seen[0][q.Probe] || seen[1][q.Reference] || x.Probe[q.Probe].Role != rolePaired || x.Reference[q.Reference].Role != rolePaired {
			t.Fatalf("pair %+v is not the only one of its minutiae", q)
		}
		seen[0][q.Probe], seen[1][q.Reference] = true, true
	}
	for i, side := range [][]explainedPoint{x.Probe, x.Reference} {
		for k, q := range side {
			cost += q.Cost
			if (q.Role == rolePaired) != seen[i][k] || (q.Cost > 0) != (q.Role == roleMissed) || (q.Role == roleNotPlaced) != (x.Placement == nil) {
				t.Fatalf("minutia %+v of side %d does not fit %s", q, i, x.Outcome)
			}
		}
	}
	if math.Abs(worth-x.Worth) > 1e-9 || math.Abs(cost-x.Cost) > 1e-9 {
		t.Fatalf("parts are worth %v and cost %v, the sums say %v and %v", worth, cost, x.Worth, x.Cost)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Fatal(err)
	}
}

func TestExplainedScoreIsTheScore(t *testing.T) {
	outcomes := map[string]int{}
	for i := range uint64(16) {
		a := impress(syntheticFinger(i), usual(newRand(i)), i)
		for j := range uint64(16) {
			b := impress(syntheticFinger(j), usual(newRand(j+50)), j+50)
			x := explainPrints(a, b)
			checkExplanation(t, x, scoreOf(a, b))
			outcomes[x.Outcome]++
		}
	}
	if outcomes[outcomePlaced] < 16 || outcomes[outcomeTooFewVotes] == 0 {
		t.Errorf("outcomes %v: this test saw no variety", outcomes)
	}
}

func TestAnyPrintsAreExplained(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Print {
			rng := newRand(rapid.Uint64().Draw(t, name))
			side := rapid.SampledFrom([]int{1, 2, 40, 300, 2000, maxPrintSide}).Draw(t, name+" side")
			return randomPrint(rng, side, 1+rng.IntN(side), rapid.IntRange(0, 255).Draw(t, name+" minutiae"))
		}
		a, b := draw("probe"), draw("reference")
		checkExplanation(t, explainPrints(a, b), scoreOf(a, b))
	})
}

func TestExplainedPlacement(t *testing.T) {
	finger := syntheticFinger(4)
	reference := impress(finger, wear{}, 1)
	for _, degrees := range []float64{0, 20, -75, 140} {
		probe := impress(finger, wear{turn: degrees * math.Pi / 180, dx: 31, dy: -22}, 1)
		x := explainPrints(probe, reference)
		if x.Outcome != outcomePlaced || math.Abs(x.Placement.Rotation-degrees) > 2 || len(x.Pairs) < 35 {
			t.Fatalf("turned by %v: %s %+v with %d pairs", degrees, x.Outcome, x.Placement, len(x.Pairs))
		}
		if best := x.Proposals[0]; !best.Best || !best.Followed || *best.Score != x.Score || best.Pairs != len(x.Pairs) {
			t.Errorf("turned by %v: first proposal %+v", degrees, best)
		}
		for _, q := range x.Pairs {
			p, r := x.Probe[q.Probe], x.Reference[q.Reference]
			if rx, ry := x.unplace(float64(p.X), float64(p.Y)); math.Hypot(rx-float64(r.X), ry-float64(r.Y)) > 3 {
				t.Errorf("turned by %v: (%d, %d) came from (%.1f, %.1f), its partner is at (%d, %d)", degrees, p.X, p.Y, rx, ry, r.X, r.Y)
			}
		}
	}
}

func TestExplainShowsPicturesAndTemplates(t *testing.T) {
	picture := matcher.Sample{Data: ridgePNG(t)}
	record := matcher.Sample{Data: mustISO(t, syntheticFinger(1), matcher.Unknown, ISO2005)}
	for name, c := range map[string]struct {
		probe, reference matcher.Sample
		same             bool
	}{
		"pictures":           {picture, picture, true},
		"record and picture": {record, picture, false},
		"records":            {record, record, true},
	} {
		seen := map[string]any{}
		score, err := New().Explain(context.Background(), c.probe, c.reference, func(name string, v any) { seen[name] = v })
		if want := scoreOf(extracted(t, c.probe), extracted(t, c.reference)); err != nil || score != want {
			t.Fatalf("%s: score %v, error %v, want %v", name, score, err, want)
		}
		if x := seen[traceComparison].(*explanation); x.Score != score || c.same && len(x.Pairs) != len(x.Probe) {
			t.Errorf("%s: %d of %d minutiae found themselves", name, len(x.Pairs), len(x.Probe))
		}
		if n := colours(seen[tracePairs].(image.Image)); n < 3 {
			t.Errorf("%s: pairs have %d colours", name, n)
		}
		if overlay, ok := seen[traceOverlay].(image.Image); c.same && (!ok || colours(overlay) < 3) {
			t.Errorf("%s: overlay %T is missing or empty", name, overlay)
		}
	}
}

func extracted(t *testing.T, s matcher.Sample) Print {
	t.Helper()
	x, err := extractFrom(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePayload(x.Template.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// colours counts those of every fifth pixel.
func colours(img image.Image) int {
	seen := map[[3]uint32]bool{}
	b := img.Bounds()
	for i := b.Min.Y * b.Dx(); i < b.Max.Y*b.Dx(); i += 5 {
		r, g, b, _ := img.At(i%b.Dx(), i/b.Dx()).RGBA()
		seen[[3]uint32{r, g, b}] = true
	}
	return len(seen)
}

// Prints of any size are drawn within bounds, those without a placement too.
func TestDrawnPrintsAreBounded(t *testing.T) {
	huge, small := randomPrint(newRand(1), maxPrintSide, maxPrintSide, 60), randomPrint(newRand(2), 30, 200, 20)
	for _, c := range [][2]Print{{huge, huge}, {huge, small}, {small, huge}, {small, small}} {
		x := explainPrints(c[0], c[1])
		a, b := exhibit{print: c[0]}, exhibit{print: c[1]}
		size := x.pairsPicture(a, b).Rect.Size()
		if x.Placement != nil {
			size = size.Add(x.overlayPicture(a, b).Rect.Size())
		}
		if size.X > 3*mostSide+panelGap || size.Y > 2*mostSide || size.X < panelGap {
			t.Errorf("%d x %d and %d x %d are drawn in %v", c[0].Width, c[0].Height, c[1].Width, c[1].Height, size)
		}
	}
}

func TestExplainRefuses(t *testing.T) {
	sound, blank := matcher.Sample{Data: ridgePNG(t)}, matcher.Sample{Data: flatPNG(t, 300, 400)}
	for _, c := range [][2]matcher.Sample{{sound, blank}, {blank, sound}} {
		_, err := New().Explain(context.Background(), c[0], c[1], func(name string, _ any) { t.Errorf("%s was shown", name) })
		if !errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) {
			t.Errorf("error %v", err)
		}
	}
}

// Impressions of real fingers, pictures and records of another vendor: the explained score is the score.
func TestExplainedScoreIsTheScoreOnRealPrints(t *testing.T) {
	list := loadISO(t, "fvc2002_db1_b", 3)
	for _, a := range list {
		for _, b := range list {
			checkExplanation(t, explain(a.probe, b.reference), similarity(a.probe, b.reference))
		}
	}
}

// The frame brings every minutia back to the end of a line in the pictures, wherever on the sensor the finger lay and whatever its
// resolution.
func TestFrameLeadsBackToThePicture(t *testing.T) {
	const w, h, side = 500, 420, 220
	small, pix := ridgeImage{w: side, h: side, period: 9, planted: scattered(side, side)}.draw(), bytes.Repeat([]byte{250}, w*h)
	for y := range side {
		copy(pix[(y+150)*w+240:], small[y*side:(y+1)*side])
	}
	for _, dpi := range []int{500, 517, 700} {
		seen := map[string]any{}
		p, _, err := extractPrint(pix, w, h, dpi, func(name string, v any) { seen[name] = v })
		if err != nil {
			t.Fatal(err)
		}
		place := seen[traceFrame].(pictureFrame)
		for _, m := range p.Minutiae {
			lines := seen[traceRidgeSkeleton].(*image.Gray)
			if m.Kind == Bifurcation {
				lines = seen[traceValleySkeleton].(*image.Gray)
			}
			x, y := int(math.Round(place.x(float64(m.X)))), int(math.Round(place.y(float64(m.Y))))
			if darkest(lines, image.Rect(x-1, y-1, x+2, y+2)) != 0 {
				t.Errorf("%d dpi: minutia (%d, %d) is off every line, at (%d, %d) of the picture", dpi, m.X, m.Y, x, y)
			}
		}
	}
}

func darkest(img *image.Gray, r image.Rectangle) uint8 {
	least := uint8(255)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if image.Pt(x, y).In(img.Rect) {
				least = min(least, img.GrayAt(x, y).Y)
			}
		}
	}
	return least
}

// What a trace makes must not be made when nobody asks: every place where an extraction would show something is here.
func TestNoTraceCostsNothing(t *testing.T) {
	r := ridgeImage{w: 250, h: 250, period: 9, planted: scattered(250, 250)}
	print := mustExtract(t, r.draw(), r.w, r.h, 500)
	x := extractors.Get().(*extractor)
	defer extractors.Put(x)
	found := make([]candidate, 30)
	if n := testing.AllocsPerRun(20, func() {
		x.traceFields(nil)
		x.traceEnhanced(nil)
		x.skel.trace(nil, Ending)
		x.traceMinutiae(nil, found)
		tracePrint(nil, print, pictureFrame{Scale: 1})
		traceStated(nil, print)
	}); n != 0 {
		t.Errorf("tracing that is off allocates %v times", n)
	}
}
