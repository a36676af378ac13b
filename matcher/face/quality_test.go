package face

import (
	"math"
	"slices"
	"testing"

	"biogate/models"
)

// faultless measures score 100.
var faultless = measures{clarity: 5, eyes: 100, sharpness: 0.3, mean: 128, contrast: 40, open: 1, inside: 1}

func TestQualityReasons(t *testing.T) {
	clear := models.Anchors{Bad: 2, Good: 4}
	if q := faultless.quality(&clear); q.Score != 100 || len(q.Reasons) != 0 {
		t.Errorf("faultless: %+v", q)
	}
	for _, c := range []struct {
		reason string
		change func(*measures)
	}{
		{"indistinct", func(m *measures) { m.clarity = 2.2 }},
		{"small-face", func(m *measures) { m.eyes = 12 }},
		{"blurred", func(m *measures) { m.sharpness = 0.06 }},
		{"underexposed", func(m *measures) { m.mean = 25 }},
		{"overexposed", func(m *measures) { m.mean = 240 }},
		{"low-contrast", func(m *measures) { m.contrast = 6 }},
		{"head-turned", func(m *measures) { m.yaw = -65 }},
		{"head-turned", func(m *measures) { m.pitch = 65 }},
		{"head-tilted", func(m *measures) { m.roll = -55 }},
		{"eyes-closed", func(m *measures) { m.open = 0.1 }},
		{"face-cut-off", func(m *measures) { m.inside = 0.52 }},
	} {
		m := faultless
		c.change(&m)
		q := m.quality(&clear)
		if !slices.Equal(q.Reasons, []string{c.reason}) || q.Score >= 50 {
			t.Errorf("%+v, want reason %s alone", q, c.reason)
		}
	}
	m := faultless
	m.clarity = 0.1
	if q := m.quality(nil); q.Score != 100 {
		t.Errorf("a length that says nothing was judged: %+v", q)
	}
	m = faultless
	m.eyes, m.sharpness = 10, 0.05
	if q := m.quality(&clear); q.Score != 0 || !slices.Equal(q.Reasons, []string{"blurred", "small-face"}) {
		t.Errorf("%+v, want the worst reason first", q)
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
	if yaw, pitch := headPose([5]point{}, similarity{a: 1}); yaw != 90 || pitch != 90 {
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
