package finger

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
	"biogate/matcher/enginetest"
)

// refusedAsInvented says whether both ways for templates refuse p.
func refusedAsInvented(t *testing.T, p Print) bool {
	t.Helper()
	stored, err := matcher.Template{Modality: matcher.Finger, Model: Model, Payload: mustPayload(t, p)}.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, data := range [][]byte{stored, mustISO(t, p, matcher.Unknown, ISO2005)} {
		_, err := extractFrom(matcher.Sample{Data: data})
		var refusal *matcher.Error
		switch {
		case err == nil:
		case errors.As(err, &refusal) && refusal.Code == matcher.CodeUnusable && refusal.Reasons[0] == reasonImplausible:
			refused++
		default:
			t.Fatalf("error %v", err)
		}
	}
	if refused == 1 {
		t.Error("template and record are judged differently")
	}
	return refused == 2
}

// grid lays minutiae out in rows, each shifted by skew pixels.
func grid(step, skew, columns, rows int, angle func(i int) uint8) Print {
	p := Print{Width: 1000, Height: 1000}
	for i := range columns * rows {
		x, y := 20+i%columns*step+i/columns*skew%step, 20+i/columns*step
		p.Minutiae = append(p.Minutiae, Minutia{X: int16(x), Y: int16(y), Angle: angle(i), Kind: Ending, Quality: 100})
	}
	return p
}

func TestInventedMinutiaeAreRefused(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rng := newRand(rapid.Uint64().Draw(r, "seed"))
		turned := func(int) uint8 { return uint8(rng.IntN(256)) }
		step := rapid.IntRange(8, 50).Draw(r, "step")
		columns, rows := rapid.IntRange(3, 15).Draw(r, "columns"), rapid.IntRange(3, 16).Draw(r, "rows")
		p := grid(step, rapid.IntRange(0, step-1).Draw(r, "skew"), columns, rows, turned)
		if !refusedAsInvented(t, p) {
			r.Error("a lattice passes")
		}
		for i := range p.Minutiae { // strewn, but of one direction
			p.Minutiae[i].X, p.Minutiae[i].Y = int16(rng.IntN(400)), int16(rng.IntN(500))
			p.Minutiae[i].Angle = uint8(64 + 6*rng.NormFloat64())
		}
		if !refusedAsInvented(t, p) {
			r.Error("minutiae of one direction pass")
		}
		side := rapid.IntRange(20, 120).Draw(r, "side")
		p.Minutiae = nil
		for len(p.Minutiae) < maxPrintMinutiae {
			p.Minutiae = append(p.Minutiae, Minutia{X: int16(rng.IntN(side)), Y: int16(rng.IntN(side)), Angle: turned(0), Kind: Ending})
		}
		if !refusedAsInvented(t, p) {
			r.Error("a crowd passes")
		}
	})
	if !refusedAsInvented(t, grid(20, 0, 15, 17, func(int) uint8 { return 64 })) {
		t.Error("a dense grid of one direction passes")
	}
}

// Minutiae laid along the ridges of an arch are as many fingers', if all point the same way along them. Turning half of them
// round makes them plausible; poor minutiae strewn beside them do not.
func TestMinutiaeOneWayAlongRidgesAreRefused(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rng := newRand(rapid.Uint64().Draw(r, "seed"))
		p := Print{Width: 700, Height: 600}
		for len(p.Minutiae) < 45 {
			x, y := rng.IntN(260), rng.IntN(300)
			angle := uint8(64 * math.Cos(float64(x)/260*math.Pi)) // up one side, down the other
			m := Minutia{X: int16(x), Y: int16(y), Angle: angle, Kind: Ending, Quality: 80}
			if nearest(p, m) > 8 {
				p.Minutiae = append(p.Minutiae, m)
			}
		}
		if !refusedAsInvented(t, p) {
			r.Error("an arch of one way passes")
		}
		for range 30 {
			p.Minutiae = append(p.Minutiae, Minutia{X: int16(400 + rng.IntN(200)), Y: int16(rng.IntN(500)), Angle: uint8(rng.IntN(256)), Kind: Ending, Quality: 1})
		}
		if !refusedAsInvented(t, p) {
			r.Error("an arch of one way passes among poor minutiae")
		}
		for i := 0; i < 45; i += 2 {
			p.Minutiae[i].Angle += 128
		}
		if refusedAsInvented(t, p) {
			r.Error("an arch of both ways is refused")
		}
	})
}

func TestHonestMinutiaeArePlausible(t *testing.T) {
	for i := range uint64(300) {
		p := syntheticFinger(i)
		if refusedAsInvented(t, p) || refusedAsInvented(t, impress(p, usual(newRand(i)), i)) {
			t.Errorf("synthetic finger %d is refused", i)
		}
	}
	few := grid(20, 0, 4, 2, func(int) uint8 { return 64 }) // what a cut-off record of a real finger could look like
	if refusedAsInvented(t, few) {
		t.Error("too few minutiae to tell are refused")
	}
}

// TestRealMinutiaeArePlausible sends all records, and the extractor's own prints of the same pictures.
func TestRealMinutiaeArePlausible(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dataDir(t), "fvc*/*.iso"))
	if err != nil || len(files) == 0 {
		t.Skipf("no records (%v)", err)
	}
	step := 5
	if enginetest.Racing {
		step = 50 // an extraction takes most of a second
	}
	crowd, agree, even, same := 0, 0.0, math.Inf(1), 0.0
	for i, file := range files {
		record, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := ReadISO19794(record)
		if err != nil {
			t.Fatal(err)
		}
		prints := []Print{p}
		if i%step == 0 || os.Getenv("BIOGATE_ACCURACY") != "" {
			img := greyOf(t, file[:len(file)-len("iso")]+"png")
			if own, _, err := extractPrint(img.Pix, img.Rect.Dx(), img.Rect.Dy(), 500, nil); err == nil {
				prints = append(prints, own)
			}
		}
		for _, p := range prints {
			if refusedAsInvented(t, p) {
				t.Errorf("%s is refused", filepath.Base(file))
			}
			if len(p.Minutiae) >= plausibleFrom {
				c, e := spacing(p.Minutiae)
				crowd, agree, even = max(crowd, c), max(agree, agreement(p.Minutiae)), min(even, e)
				if pairs, share := sameWay(p.Minutiae); pairs >= enoughPairs {
					same = max(same, share)
				}
			}
		}
	}
	t.Logf("%d records: crowd at most %d of %d, agreement %.2f of %.2f, spread at least %.2f of %.2f, same way at most %.2f of %.2f",
		len(files), crowd, mostCrowd, agree, mostAgreement, even, leastSpread, same, mostSameWay)
}
