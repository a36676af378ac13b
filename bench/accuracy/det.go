package accuracy

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Curve is a named DET curve.
type Curve struct {
	Name   string
	Points []Operating
	Pooled bool // of several data sets together: drawn to stand out
}

// Curves are those of the tests and, when there are several, the one of all their scores under one threshold.
func Curves(tests []Test) []Curve {
	var curves []Curve
	var scores []*Scores
	for _, t := range tests {
		curves, scores = append(curves, t.Scores.Curve(t.Set.Name)), append(scores, t.Scores)
	}
	if len(tests) > 1 {
		all := pool(scores).Curve("pooled")
		all.Pooled = true
		curves = append(curves, all)
	}
	return curves
}

const (
	curvePoints = 400
	plotSide    = 16 * vg.Centimeter
)

// Curve is the detection error trade-off of a test.
func (s *Scores) Curve(name string) Curve { return Curve{Name: name, Points: s.curve(curvePoints)} }

// palette is Okabe and Ito's, told apart by colour-blind readers too.
var palette = []color.Color{
	color.RGBA{0, 114, 178, 255},
	color.RGBA{230, 159, 0, 255},
	color.RGBA{0, 158, 115, 255},
	color.RGBA{204, 121, 167, 255},
	color.RGBA{86, 180, 233, 255},
	color.RGBA{213, 94, 0, 255},
}

var (
	black = color.RGBA{0, 0, 0, 255}
	faint = color.RGBA{150, 150, 150, 255}
)

// PlotDET writes curves to file as ISO/IEC 19795-1 draws them, FNMR over FMR, both logarithmic; the extension picks the format
// (png, svg, pdf).
// A test without a threshold that has errors of both kinds has no curve.
func PlotDET(file, title string, curves []Curve) error {
	p := frame(title, "false match rate", "false non-match rate") // longer ones push the frame inwards
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.X.Max, p.Y.Max = 1, 1
	p.Legend.Left = true
	p.X.Min, p.Y.Min = 0.1, 0.1
	least := 0.1
	for i, c := range curves {
		xys := positive(c.Points)
		if len(xys) == 0 {
			continue
		}
		line, err := plotter.NewLine(xys)
		if err != nil {
			return fmt.Errorf("DET curve of %s: %w", c.Name, err)
		}
		line.Width, line.Color = vg.Points(1.5), palette[i%len(palette)]
		if c.Pooled {
			line.Width, line.Color = vg.Points(2.5), black
		}
		least = min(least, max(xys[0].X, xys[len(xys)-1].Y))
		p.Add(line)
		p.Legend.Add(c.Name, line)
	}
	equal, err := plotter.NewLine(plotter.XYs{{X: least, Y: least}, {X: 1, Y: 1}})
	if err != nil {
		return err
	}
	equal.Color, equal.Dashes = faint, []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(equal)
	p.Legend.Add("equal error rates", equal)
	return p.Save(plotSide, plotSide, file)
}

// frame is an empty drawing: a grid, a legend in the upper corner, letters that stay legible in any font.
func frame(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Legend.Top = true // text to the right of its line: a viewer's font may be wider than ours
	p.Legend.XOffs, p.Legend.YOffs, p.Legend.Padding, p.Title.Padding = vg.Points(8), vg.Points(-20), vg.Points(2), vg.Points(6)
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.Legend.TextStyle.Font,
		&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
	} {
		f.Variant = "Sans"
	}
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = vg.Points(10), vg.Points(10)
	p.Add(plotter.NewGrid())
	return p
}

// positive keeps what logarithmic axes can show.
func positive(points []Operating) plotter.XYs {
	var xys plotter.XYs
	for _, o := range points {
		if o.FMR > 0 && o.FNMR > 0 && !math.IsNaN(o.FMR+o.FNMR) {
			xys = append(xys, plotter.XY{X: o.FMR, Y: o.FNMR})
		}
	}
	return xys
}
