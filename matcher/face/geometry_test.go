package face

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher/imaging"
)

func anySimilarity(t *rapid.T) similarity {
	scale := rapid.Float64Range(0.05, 20).Draw(t, "scale")
	turn := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "turn")
	return similarity{
		scale * math.Cos(turn), scale * math.Sin(turn),
		rapid.Float64Range(-500, 500).Draw(t, "tx"), rapid.Float64Range(-500, 500).Draw(t, "ty"),
	}
}

func anyPoint(t *rapid.T) point {
	return point{rapid.Float64Range(-300, 300).Draw(t, "x"), rapid.Float64Range(-300, 300).Draw(t, "y")}
}

func TestInverseUndoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySimilarity(t), anyPoint(t)
		if back := s.inverse().apply(s.apply(p)); distance(back, p) > 1e-6 {
			t.Errorf("%v came back as %v", p, back)
		}
	})
}

func TestFitFindsAKnownSimilarity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anySimilarity(t)
		var dst [5]point
		for i, p := range usual {
			dst[i] = want.apply(p)
		}
		got, ok := fit(usual, dst)
		if !ok || !near(got.a, want.a, 1e-6) || !near(got.b, want.b, 1e-6) || !near(got.tx, want.tx, 1e-4) || !near(got.ty, want.ty, 1e-4) {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// residual is what fit makes least.
func residual(s similarity, src, dst [5]point) (sum float64) {
	for i := range src {
		d := distance(s.apply(src[i]), dst[i])
		sum += d * d
	}
	return sum
}

func TestFitIsTheLeastSquares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var src, dst [5]point
		for i := range src {
			src[i], dst[i] = anyPoint(t), anyPoint(t)
		}
		s, ok := fit(src, dst)
		if !ok {
			t.Skip("no similarity")
		}
		least := residual(s, src, dst)
		for i, step := range []float64{1e-3, -1e-3} {
			for k, other := range []similarity{
				{s.a + step, s.b, s.tx, s.ty}, {s.a, s.b + step, s.tx, s.ty}, {s.a, s.b, s.tx + step, s.ty}, {s.a, s.b, s.tx, s.ty + step},
			} {
				if residual(other, src, dst) < least-1e-6 {
					t.Errorf("step %d of parameter %d fits better", i, k)
				}
			}
		}
	})
}

func TestFitRefusesOnePoint(t *testing.T) {
	var one [5]point
	if _, ok := fit(one, usual); ok {
		t.Error("one point was fitted to five")
	}
	if _, ok := fit(usual, one); ok {
		t.Error("five points were fitted to one")
	}
	one[2].x = math.NaN()
	if _, ok := fit(one, usual); ok {
		t.Error("no number was fitted")
	}
}

// slope is a picture whose colours grow linearly, which bilinear interpolation must give back exactly.
// sceneOf is a decoded picture as a scene.
func sceneOf(p imaging.RGB) *scene {
	return &scene{extent: extent{p.Width, p.Height}, views: []imaging.View{{RGB: p, Scale: 1}}}
}

func slope(w, h int) imaging.RGB {
	p := imaging.RGB{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	for y := range h {
		for x := range w {
			i := 3 * (y*w + x)
			p.Pix[i], p.Pix[i+1], p.Pix[i+2] = byte(x), byte(y), byte(x/2+y/2)
		}
	}
	return p
}

func TestSampleGivesBackASlope(t *testing.T) {
	src := slope(240, 240)
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.Float64Range(0.1, 6).Draw(t, "scale") // above 2 by way of averaged blocks
		turn := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "turn")
		s := similarity{scale * math.Cos(turn), scale * math.Sin(turn), 0, 0}
		c := s.apply(point{10, 10})
		s.tx, s.ty = 120-c.x, 120-c.y // the sample's middle shows the picture's
		got := sample(src, s, 21, 21, repeatEdge)
		for y := range 21 {
			for x := range 21 {
				p := s.apply(point{float64(x), float64(y)})
				if p.x < 12 || p.y < 12 || p.x > 227 || p.y > 227 {
					continue
				}
				// Averaged blocks are rounded to whole values.
				if i := y*21 + x; !near(float64(got.r[i]), p.x, 0.51) || !near(float64(got.g[i]), p.y, 0.51) {
					t.Fatalf("scale %.2f: pixel (%d, %d) shows (%.2f, %.2f), want (%.2f, %.2f)", scale, x, y, got.r[i], got.g[i], p.x, p.y)
				}
			}
		}
	})
}

func TestSampleBeyondTheEdges(t *testing.T) {
	src := slope(100, 50)
	for _, s := range []float64{1, 5} {
		out := similarity{s, 0, -1000, -1000}
		if p := sample(src, out, 3, 3, repeatEdge); p.r[0] > float32(s) || p.g[0] > float32(s) {
			t.Errorf("scale %v: beyond the corner: %v, want the corner's colour", s, p.r[0])
		}
		if p := sample(src, out, 3, 3, margin(127)); p.r[0] != 127 || p.b[8] != 127 {
			t.Errorf("scale %v: beyond the corner: %v, want neutral", s, p.r[0])
		}
	}
}

// drawUpright finds places once for all rows, and must find those of drawTurned.
func TestUprightSamplesAreThoseOfAnyOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := slope(rapid.IntRange(1, 40).Draw(t, "w"), rapid.IntRange(1, 40).Draw(t, "h"))
		for i := range src.Pix {
			src.Pix[i] = src.Pix[i]*37 ^ byte(i)
		}
		from := anySimilarity(t)
		from.b = 0
		from.tx, from.ty = from.tx/10, from.ty/10
		beyond := rapid.SampledFrom([]margin{repeatEdge, 0, 127}).Draw(t, "beyond")
		fast, slow := newPlanes(13, 9), newPlanes(13, 9)
		fast.drawUpright(src, from, beyond)
		slow.drawTurned(src, from, beyond)
		if !slices.Equal(fast.room, slow.room) {
			t.Errorf("%v, not %v", fast.room, slow.room)
		}
	})
}

// Whatever the networks say, no sample may reach beyond a picture's memory.
func TestSampleOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := slope(rapid.IntRange(1, 40).Draw(t, "w"), rapid.IntRange(1, 40).Draw(t, "h"))
		sample(src, anySimilarity(t), 7, 5, repeatEdge)
		b := box{x0: rapid.Float64Range(-100, 100).Draw(t, "x0"), y0: rapid.Float64Range(-100, 100).Draw(t, "y0")}
		b.x1, b.y1 = b.x0+rapid.Float64Range(1, 100).Draw(t, "bw"), b.y0+rapid.Float64Range(1, 100).Draw(t, "bh")
		s := sceneOf(src)
		part := surroundings(s.extent, b, 2.7)
		if cut, err := s.cut(part, 9, 9); err != nil || part.Empty() || !part.In(s.all()) || cut.Width != part.Dx() || len(cut.Pix) != 3*cut.Width*cut.Height {
			t.Errorf("surroundings %v of %dx%d with %d bytes, %v", part, cut.Width, cut.Height, len(cut.Pix), err)
		}
	})
}

func TestAlignedPutsTheEyesInPlace(t *testing.T) {
	var marks landmarks
	turn := similarity{1.5 * math.Cos(0.4), 1.5 * math.Sin(0.4), 60, 30}
	for i, p := range fakeMarks() {
		marks[i] = turn.apply(point{p.x * featureSide, p.y * featureSide})
	}
	s, ok := fit(marks.five(), usual)
	if !ok {
		t.Fatal("no fit")
	}
	for i, p := range marks.five() {
		if got := s.apply(p); distance(got, usual[i]) > 1e-6 {
			t.Errorf("point %d lands on %v, want %v", i, got, usual[i])
		}
	}
	src := slope(250, 250)
	face, err := newFake(t, fakeNets()).aligned(sceneOf(src), s)
	if err != nil {
		t.Fatal(err)
	}
	eye := marks.five()[0]
	x, y := int(usual[0].x), int(usual[0].y)
	if i := y*featureSide + x; !near(float64(face.r[i]), eye.x, 2) || !near(float64(face.g[i]), eye.y, 2) {
		t.Errorf("the eye's pixel shows (%v, %v), want %v", face.r[i], face.g[i], eye)
	}
}
