package face

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
	"biogate/models"
)

// faultless measures score 100.
var faultless = measures{clarity: 5, eyes: 100, sharpness: 0.3, mean: 128, contrast: 40, open: 1, inside: 1, eyesCovered: -5, mouthCovered: -5}

func TestQualityReasons(t *testing.T) {
	clear := models.Anchors{Bad: 2, Good: 4}
	if q := faultless.quality(&clear); q.Score != 100 || len(q.Reasons) != 0 || q.Hint != "" || q.Unreliable {
		t.Errorf("faultless: %+v", q)
	}
	for _, c := range []struct {
		reason     string
		unreliable bool
		change     func(*measures)
	}{
		{"indistinct", true, func(m *measures) { m.clarity = 2.2 }},
		{"indistinct", false, func(m *measures) { m.clarity = 2.8 }},
		{"small-face", false, func(m *measures) { m.eyes = 12 }},
		{"small-face", true, func(m *measures) { m.eyes = 8 }},
		{"blurred", true, func(m *measures) { m.sharpness = 0.06 }},
		{"underexposed", true, func(m *measures) { m.mean = 25 }},
		{"overexposed", true, func(m *measures) { m.mean = 240 }},
		{"low-contrast", true, func(m *measures) { m.contrast = 6 }},
		{"uneven-light", false, func(m *measures) { m.shade = 0.65 }},
		{"uneven-light", true, func(m *measures) { m.shade = 0.75 }},
		{"head-turned", true, func(m *measures) { m.yaw = -65 }},
		{"head-turned", true, func(m *measures) { m.pitch = 65 }},
		{"head-tilted", true, func(m *measures) { m.roll = -55 }},
		{"eyes-closed", true, func(m *measures) { m.open = 0.1 }},
		{"face-cut-off", true, func(m *measures) { m.inside = 0.6 }},
		{"sunglasses", true, func(m *measures) { m.eyesCovered, m.open = 0.1, 0 }},
		{"mouth-covered", true, func(m *measures) { m.mouthCovered, m.shade = 0.1, 0.75 }},
	} {
		m := faultless
		c.change(&m)
		q := m.quality(&clear)
		if !slices.Equal(q.Reasons, []string{c.reason}) || q.Score >= 85 || q.Unreliable != c.unreliable || q.Hint != hint(c.reason) || q.Hint == "" {
			t.Errorf("%+v, want reason %s alone, unreliable %v", q, c.reason, c.unreliable)
		}
	}
	m := faultless
	m.clarity = 0.1
	if q := m.quality(nil); q.Score != 100 {
		t.Errorf("a length that says nothing was judged: %+v", q)
	}
	m = faultless
	m.eyes, m.sharpness = 10, 0.05
	if q := m.quality(&clear); q.Score != 0 || !slices.Equal(q.Reasons, []string{"blurred", "small-face"}) || q.Hint != "Hold still." {
		t.Errorf("%+v, want the worst reason first", q)
	}
	m = faultless
	m.clarity, m.open = 2.1, 0.2
	if q := m.quality(&clear); q.Hint != "Open your eyes." || q.Reasons[0] != "indistinct" {
		t.Errorf("%+v, want the hint of the cause", q)
	}
	m = faultless
	m.other = 0.5
	if q := m.quality(&clear); q.Score != 100 || !slices.Equal(q.Reasons, []string{"other-faces"}) || q.Hint == "" || q.Unreliable {
		t.Errorf("%+v, want others named and nothing lowered", q)
	}
}

// A measure that gets worse never raises the score, and never takes away a reason or a doubt.
func TestQualityIsMonotone(t *testing.T) {
	clear := models.Anchors{Bad: 2, Good: 4}
	share := rapid.Float64Range(0, 1)
	draw := func(t *rapid.T, name string, bad, good float64) float64 { return bad + share.Draw(t, name)*(good-bad) }
	rapid.Check(t, func(t *rapid.T) {
		m := measures{
			clarity: draw(t, "clarity", 1, 5), eyes: draw(t, "eyes", 0, 40), sharpness: draw(t, "sharpness", 0, 0.4), mean: draw(t, "mean", 0, 130),
			contrast: draw(t, "contrast", 0, 60), shade: draw(t, "shade", 1, 0), yaw: draw(t, "yaw", 90, 0), pitch: draw(t, "pitch", 90, 0),
			roll: draw(t, "roll", 90, 0), open: share.Draw(t, "open"), inside: share.Draw(t, "inside"),
			eyesCovered: draw(t, "glasses", 5, -5), mouthCovered: draw(t, "mask", 5, -5), other: draw(t, "other", 1, 0),
		}
		worse, by := m, share.Draw(t, "by")
		switch rapid.IntRange(0, 11).Draw(t, "which") {
		case 0:
			worse.clarity -= 3 * by
		case 1:
			worse.eyes -= 30 * by
		case 2:
			worse.sharpness -= by
		case 3:
			worse.mean -= 100 * by
		case 4:
			worse.contrast -= 40 * by
		case 5:
			worse.shade += by
		case 6:
			worse.yaw += 90 * by
		case 7:
			worse.pitch += 90 * by
		case 8:
			worse.roll += 90 * by
		case 9:
			worse.open -= by
		case 10:
			worse.inside -= by
		case 11:
			worse.other += by
		}
		q, w := m.quality(&clear), worse.quality(&clear)
		if w.Score > q.Score || w.Score < 0 || q.Score > 100 || q.Unreliable && !w.Unreliable {
			t.Fatalf("%+v became %+v", q, w)
		}
		for _, r := range q.Reasons {
			if !slices.Contains(w.Reasons, r) {
				t.Fatalf("%+v became %+v", q, w)
			}
		}
		if (len(q.Reasons) > 0) != (q.Hint != "") {
			t.Fatalf("reasons and a hint belong together: %+v", q)
		}
	})
}

func TestOtherFaces(t *testing.T) {
	own, nearby, far := box{10, 10, 110, 110, 0.9}, box{120, 10, 190, 60, 0.8}, box{300, 10, 320, 40, 0.99}
	for _, c := range []struct {
		faces []box
		at    point
		want  float64
	}{
		{nil, point{60, 60}, 0},
		{[]box{own}, point{60, 60}, 0},
		{[]box{own}, point{200, 60}, 0},
		{[]box{far, own, nearby}, point{60, 60}, 0.5},
		{[]box{far, own, nearby}, point{150, 30}, 2},
	} {
		if got := otherFace(c.faces, c.at); !near(got, c.want, 1e-9) {
			t.Errorf("%v of %v: %v, want %v", c.at, c.faces, got, c.want)
		}
	}
	e := newFake(t, fakeNets())
	x := extract(t, e, picture(t, 600, 400, portrait{1, 40, 40, 150}, portrait{4, 300, 200, 50}))
	if !slices.Contains(x.Quality.Reasons, "other-faces") {
		t.Errorf("somebody behind is not named: %+v", x.Quality)
	}
	if _, err := e.Extract(t.Context(), picture(t, 600, 400), nil); !errors.Is(err, &matcher.Error{Code: matcher.CodeUnusable}) || err.(*matcher.Error).Hint == "" {
		t.Errorf("no face: %v, want a hint", err)
	}
}

// Light from a side makes a face uneven, more light everywhere does not.
func TestShade(t *testing.T) {
	lit := func(gain, aside float64) float64 {
		p := planes{w: featureSide, h: featureSide, r: make([]float32, 112*112), g: make([]float32, 112*112), b: make([]float32, 112*112)}
		for i := range p.g {
			x := float64(i%featureSide)/featureSide - 0.5
			v := float32(gain * (100 + 10*math.Sin(float64(i))) * (1 + aside*x))
			p.r[i], p.g[i], p.b[i] = v, v, v
		}
		return mosaicOf(p).shade()
	}
	even, bright, left, right := lit(1, 0), lit(2, 0), lit(1, -1.6), lit(1, 1.6)
	if even > 0.05 || !near(even, bright, 0.01) || left < 0.2 || !near(left, right, 0.05) {
		t.Errorf("even %.3f, brighter %.3f, from the left %.3f, from the right %.3f", even, bright, left, right)
	}
	if s := lit(0, 0); s != 0 {
		t.Errorf("black: %v", s)
	}
}

// What a cover is told by depends neither on the brightness nor on which side is which, and hardly on how many pixels
// show the face.
func TestCoverMargins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var height [16]float64
		for i := range height {
			height[i] = 40 * rng.Float64()
		}
		face := func(side int, more float64, mirrored bool) planes {
			n := side * side
			p := planes{w: side, h: side, r: make([]float32, n), g: make([]float32, n), b: make([]float32, n)}
			for i := range p.g {
				x, y := (float64(i%side)+0.5)/float64(side), (float64(i/side)+0.5)/float64(side)
				if mirrored {
					x = 1 - x
				}
				v := more + 100.0
				for k := range 4 {
					v += height[k]*math.Sin(float64(k+1)*5*x+height[4+k]) + height[8+k]*math.Sin(float64(k+1)*5*y+height[12+k])
				}
				p.r[i], p.g[i], p.b[i] = float32(v), float32(v), float32(v)
			}
			return p
		}
		margins := func(p planes) (glasses, mask float64) {
			_, contrast, _ := tones(p)
			m := mosaicOf(p)
			return darkGlasses().margin(m, contrast), faceMask().margin(m, contrast)
		}
		g, k := margins(face(112, 0, false))
		for name, p := range map[string]planes{"brighter": face(112, 50, false), "mirrored": face(112, 0, true), "larger": face(224, 0, false)} {
			if g2, k2 := margins(p); math.Abs(g-g2) > 0.4 || math.Abs(k-k2) > 0.4 {
				t.Fatalf("%s: margins %.2f and %.2f became %.2f and %.2f", name, g, k, g2, k2)
			}
		}
	})
	flat := planes{w: 8, h: 8, r: make([]float32, 64), g: make([]float32, 64), b: make([]float32, 64)}
	if m := darkGlasses().margin(mosaicOf(flat), 0); math.IsNaN(m) || math.IsInf(m, 0) {
		t.Errorf("a face without texture or enough pixels: %v", m)
	}
}

// turned is the template's five points as a head turned by an angle to a side shows them, by a nose that stands out.
func turned(shift, drop float64) [5]point {
	five := usual
	five[2].x += shift
	five[2].y += drop
	return five
}

func TestHeadPose(t *testing.T) {
	ahead, _ := headPose(turned(0, 0), similarity{a: 1})
	left, _ := headPose(turned(-8, 0), similarity{a: 1})
	right, _ := headPose(turned(8, 0), similarity{a: 1})
	if math.Abs(ahead) > 3 || left*right > 0 || !near(math.Abs(right-ahead), math.Abs(left-ahead), 1e-6) || math.Abs(right) < 15 {
		t.Errorf("yaw %.1f ahead, %.1f and %.1f aside", ahead, left, right)
	}
	_, up := headPose(turned(0, -8), similarity{a: 1})
	_, down := headPose(turned(0, 8), similarity{a: 1})
	if up*down > 0 || math.Abs(up-down) < 20 {
		t.Errorf("pitch %.1f up, %.1f down", up, down)
	}
	scaled, _ := headPose(turned(8, 0), similarity{a: 2, tx: 40})
	if !near(scaled, right, 1e-6) {
		t.Errorf("yaw %.1f, twice as large %.1f", right, scaled)
	}
	if yaw, pitch := headPose([5]point{}, similarity{a: 1}); !math.IsNaN(yaw) || !math.IsNaN(pitch) {
		t.Errorf("of no face: yaw %v, pitch %v", yaw, pitch)
	}
}

func TestTones(t *testing.T) {
	flat := planes{w: featureSide, h: featureSide, r: make([]float32, 112*112), g: make([]float32, 112*112), b: make([]float32, 112*112)}
	if mean, contrast, sharp := tones(flat); mean != 0 || contrast != 0 || sharp != 0 {
		t.Errorf("black: %v, %v, %v", mean, contrast, sharp)
	}
	fine, coarse := flat, flat
	fine.g, coarse.g = make([]float32, 112*112), make([]float32, 112*112)
	for i := range fine.g {
		x := float64(i % featureSide)
		fine.g[i], coarse.g[i] = float32(128+100*math.Sin(x)), float32(128+100*math.Sin(x/4))
	}
	_, c1, s1 := tones(fine)
	_, c2, s2 := tones(coarse)
	if s1 < 5*s2 || math.Abs(c1-c2) > 5 {
		t.Errorf("fine %v, %v; coarse %v, %v", c1, s1, c2, s2)
	}
}

func BenchmarkMeasure(b *testing.B) {
	p := sample(slope(350, 350), similarity{a: 2, b: 0.1}, featureSide, featureSide, repeatEdge)
	f := alignedFace{toTemplate: similarity{a: 1}, pixels: p}
	for i, s := range fakeMarks() {
		f.marks[i] = point{s.x * featureSide, s.y * featureSide}
	}
	b.ReportAllocs()
	for b.Loop() {
		measure(extent{350, 350}, f)
	}
}
