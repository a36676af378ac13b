package face

import (
	"context"

	"biogate/matcher"
	"biogate/matcher/imaging"
)

// attack runs presentation attack detection on the face's surroundings. It is advisory: the network lets through half of
// simulated screens and three quarters of prints. nil when there is no such network.
func (e *Engine) attack(ctx context.Context, src imaging.RGB, b box) (*matcher.PAD, error) {
	if e.liveness.Network == nil {
		return nil, nil
	}
	want := e.contract.Liveness
	part := imaging.ResizeRGB(surroundings(src, b, want.Zoom), e.liveness.Input.Width(), e.liveness.Input.Height())
	out, err := e.liveness.see(ctx, split(part))
	if err != nil {
		return nil, err
	}
	bonaFide := softmax(out[0])[want.BonaFide]
	return &matcher.PAD{Score: bonaFide, Suspect: bonaFide < want.Least, Advisory: true}, nil
}

// surroundings cuts out the box enlarged zoom times, or as much as the picture allows, moved to lie inside it.
func surroundings(src imaging.RGB, b box, zoom float64) imaging.RGB {
	zoom = min(zoom, float64(src.Width)/b.width(), float64(src.Height)/b.height())
	c := b.centre()
	x0, w := inside(c.x, zoom*b.width(), src.Width)
	y0, h := inside(c.y, zoom*b.height(), src.Height)
	cut := imaging.RGB{Width: w, Height: h, Pix: make([]byte, 0, 3*w*h)}
	for y := y0; y < y0+h; y++ {
		cut.Pix = append(cut.Pix, src.Pix[3*(y*src.Width+x0):3*(y*src.Width+x0+w)]...)
	}
	return cut
}

// inside places a stretch of a length around a centre into [0, size), in whole pixels.
func inside(centre, length float64, size int) (from, n int) {
	n = min(max(int(length), 1), size)
	from = int(min(max(centre-length/2, 0), float64(size-n)))
	return from, n
}
