package face

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDecodeBoxes(t *testing.T) {
	scores := []float32{0.1, 0.9, 0.9, 0.1, 0.3, 0.7, 0.2, 0.8}
	boxes := []float32{
		0.25, 0.25, 0.5, 0.75, // taken
		0, 0, 1, 1, // not confident
		0.5, 0.5, 0.5, 0.5, // no area
		0.5, 0.5, 0.25, 0.25, // inside out
	}
	got := frame{320, 240}.boxes(scores, boxes, similarity{a: 2, tx: 10, ty: 20}, 0.65)
	if len(got) != 1 {
		t.Fatalf("%d boxes, want 1", len(got))
	}
	b := got[0]
	// Shares of 320x240 run from pixel edge to pixel edge; pixel centres lie half a pixel in.
	if !near(b.x0, 2*79.5+10, 1e-6) || !near(b.y0, 2*59.5+20, 1e-6) || !near(b.x1, 2*159.5+10, 1e-6) || !near(b.y1, 2*179.5+20, 1e-6) || !near(b.confidence, 0.9, 1e-6) {
		t.Errorf("box %+v", b)
	}
}

func TestSuppress(t *testing.T) {
	at := func(x, y, side, confidence float64) box { return box{x, y, x + side, y + side, confidence} }
	for _, c := range []struct {
		name  string
		boxes []box
		want  []float64 // confidences that stay
	}{
		{"none", nil, nil},
		{"two apart", []box{at(0, 0, 10, 0.7), at(20, 0, 10, 0.9)}, []float64{0.9, 0.7}},
		{"one seen twice", []box{at(0, 0, 10, 0.7), at(1, 1, 10, 0.9)}, []float64{0.9}},
		{"touching", []box{at(0, 0, 10, 0.7), at(8, 0, 10, 0.9)}, []float64{0.9, 0.7}},
		{"one inside the other", []box{at(0, 0, 100, 0.9), at(30, 30, 20, 0.8)}, []float64{0.9}},
		{"one behind the shoulder", []box{at(0, 0, 100, 0.9), at(90, 10, 40, 0.8)}, []float64{0.9, 0.8}},
	} {
		got := suppress(c.boxes)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d stay, want %d", c.name, len(got), len(c.want))
			continue
		}
		for i := range got {
			if got[i].confidence != c.want[i] {
				t.Errorf("%s: %v at %d, want %v", c.name, got[i].confidence, i, c.want[i])
			}
		}
	}
}

// Every tiny face must be whole in one of the close-ups, or a close-up's edge could hide it.
func TestCloseUpsHideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(960, 12000).Draw(t, "w"), rapid.IntRange(960, 12000).Draw(t, "h")
		src := extent{w, h}
		see := frame{detectW, detectH}
		s := see.whole(src, 1.25).scale() / closeUpZoom
		side := min(s*tinyFace*closeUpZoom, float64(w), float64(h))
		x, y := rapid.Float64Range(0, float64(w)-side).Draw(t, "x")-0.5, rapid.Float64Range(0, float64(h)-side).Draw(t, "y")-0.5
		face := box{x0: x, y0: y, x1: x + side, y1: y + side}
		views := see.closeUps(src, s)
		if most := 2 * (1 + max(w, h)/min(w, h)); len(views) > most {
			t.Fatalf("%d views", len(views))
		}
		for _, v := range views {
			a, b := v.apply(point{-0.5, -0.5}), v.apply(point{detectW - 0.5, detectH - 0.5})
			if a.x <= face.x0+1e-6 && a.y <= face.y0+1e-6 && b.x >= face.x1-1e-6 && b.y >= face.y1-1e-6 && !see.cuts(face, v, src) {
				return
			}
		}
		t.Errorf("%dx%d: a face of %.0f at (%.0f, %.0f) is whole in none of %d views", w, h, side, x, y, len(views))
	})
}

func TestFirstLookIsTheWholePicture(t *testing.T) {
	for _, size := range [][2]int{{350, 350}, {640, 480}, {4000, 300}, {10, 2000}} {
		src := extent{size[0], size[1]}
		s := frame{detectW, detectH}.whole(src, 1)
		a, b := s.apply(point{-0.5, -0.5}), s.apply(point{detectW - 0.5, detectH - 0.5})
		if a.x > -0.5+1e-6 || a.y > -0.5+1e-6 || b.x < float64(size[0])-0.5-1e-6 || b.y < float64(size[1])-0.5-1e-6 {
			t.Errorf("%v: the view is %v to %v", size, a, b)
		}
	}
}
