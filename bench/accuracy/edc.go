package accuracy

import (
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// drawnStep is the distance of the points of a drawn curve.
const drawnStep = 0.01

// PlotEDC draws into file how the FNMR at FMR 1e-3 falls as the worst share of the genuine comparisons is left out: one line a
// test, their pool in black, the pool with captures left out instead in dashes, and what a quality that knew every error
// would reach. The extension picks the format (png, svg, pdf).
func PlotEDC(file, title string, tests []Test) error {
	var scores []*Scores
	for _, t := range tests {
		if !t.Scores.hasQuality() {
			return fmt.Errorf("%s: captures without different qualities have no error against rejection", t.Set.Name)
		}
		scores = append(scores, t.Scores)
	}
	if len(tests) == 0 {
		return errors.New("no test to draw")
	}
	p := frame(title, "share of comparisons left out, worst quality first", "false non-match rate at FMR 1e-3")
	p.Legend.Left = true
	p.Y.Min = 0
	if len(tests) > 1 {
		for i, t := range tests {
			if err := drawRejection(p, t.Set.Name, t.Scores.errorVsReject(byComparison, drawnStep), palette[i%len(palette)], 1.5, false); err != nil {
				return err
			}
		}
	}
	all := pool(scores)
	points := all.errorVsReject(byComparison, drawnStep)
	for _, c := range []struct {
		name   string
		points []Rejection
		color  color.Color
		width  float64
		dashed bool
	}{
		{"all", points, black, 2.5, false},
		{"all, captures left out", all.errorVsReject(byCapture, drawnStep), black, 1.5, true},
		{"all, if quality knew every error", perfect(points), faint, 1.5, true},
	} {
		if err := drawRejection(p, c.name, c.points, c.color, c.width, c.dashed); err != nil {
			return err
		}
	}
	p.Y.Max = max(0.01, 1.5*p.Y.Max) // room for the legend
	return p.Save(plotSide, plotSide, file)
}

func drawRejection(p *plot.Plot, name string, points []Rejection, c color.Color, width float64, dashed bool) error {
	var xys plotter.XYs
	for _, r := range points {
		xys = append(xys, plotter.XY{X: r.Rejected, Y: r.FNMR1000})
	}
	line, err := plotter.NewLine(xys)
	if err != nil {
		return fmt.Errorf("error against rejection of %s: %w", name, err)
	}
	line.Width, line.Color = vg.Points(width), c
	if dashed {
		line.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	}
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

// perfect leaves out the missed comparisons first.
func perfect(points []Rejection) []Rejection {
	var best []Rejection
	for _, r := range points {
		left := max(0, points[0].FNMR1000-r.Rejected) / (1 - r.Rejected)
		best = append(best, Rejection{Rejected: r.Rejected, FNMR1000: left})
	}
	return best
}
