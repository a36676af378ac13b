package face

import (
	"context"
	"image"

	"biogate/matcher"
	"biogate/matcher/imaging"
)

// attack runs presentation attack detection on the face's surroundings. It is advisory: the network lets through half of
// simulated screens and three quarters of prints. nil when there is no such network.
func (e *Engine) attack(ctx context.Context, src *scene, b box) (*matcher.PAD, error) {
	if e.liveness.Network == nil {
		return nil, nil
	}
	want := e.contract.Liveness
	w, h := e.liveness.Input.Width(), e.liveness.Input.Height()
	part, err := src.cut(surroundings(src.extent, b, want.Zoom), w, h)
	if err != nil {
		return nil, err
	}
	out, err := e.liveness.see(ctx, split(imaging.ResizeRGB(part, w, h)))
	if err != nil {
		return nil, err
	}
	bonaFide := softmax(out[0])[want.BonaFide]
	return &matcher.PAD{Score: bonaFide, Suspect: bonaFide < want.Least, Advisory: true}, nil
}

// surroundings is the box enlarged zoom times, or as much as the picture allows, moved to lie inside it.
func surroundings(src extent, b box, zoom float64) image.Rectangle {
	zoom = min(zoom, float64(src.Width)/b.width(), float64(src.Height)/b.height())
	c := b.centre()
	x0, w := inside(c.x, zoom*b.width(), src.Width)
	y0, h := inside(c.y, zoom*b.height(), src.Height)
	return image.Rect(x0, y0, x0+w, y0+h)
}

// inside places a stretch of a length around a centre into [0, size), in whole pixels.
func inside(centre, length float64, size int) (from, n int) {
	n = min(max(int(length), 1), size)
	from = int(min(max(centre-length/2, 0), float64(size-n)))
	return from, n
}
