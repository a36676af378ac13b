package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"biogate/bench/accuracy"
	"biogate/matcher"
	"biogate/models"
)

type accuracyCmd struct {
	faceFlags `embed:""`
	Modality  string   `required:"" enum:"finger,face" help:"finger or face."`
	Dataset   []string `sep:"none" placeholder:"DIR" help:"Data set: fingers DIR/<finger>_<impression>.<ext>, faces DIR/<person>/<image>.<ext>. May be repeated."`
	Protocol  string   `default:"full" enum:"fvc,full,pairs" help:"full: every capture against every other; fvc: impostors are first impressions only; pairs: those of FILE."`
	File      string   `arg:"" optional:"" help:"CSV file_x,file_y,Decision, for --protocol pairs; paths in it are relative to --dataset, or else to its own folder."`
	DPI       int      `name:"dpi" help:"Resolution of the captures; usual: 500, for sets of FVC what their organisers state."`
	Ext       string   `help:"Kind of file to read, like png, or iso for standard minutiae records; usual: pictures."`

	Replicates int    `default:"400" help:"Bootstrap replicates (${default})."`
	Seed       uint64 `default:"1" help:"Seed of the bootstrap (${default})."`

	DET    string  `name:"det" short:"o" placeholder:"FILE" help:"Draw DET curves into FILE (.png, .svg, .pdf)."`
	Scores string  `placeholder:"DIR" help:"Write every score to DIR/<data set>.tsv."`
	EDC    string  `name:"edc" placeholder:"FILE" help:"Draw error against rejection by quality into FILE (.png, .svg, .pdf)."`
	Peers  string  `placeholder:"DIR" help:"Compare pair by pair with other matchers: DIR/<rival>_<data set>.tsv, lines of reference, probe and score."`
	Worst  int     `placeholder:"N" help:"Name the N genuine pairs with the lowest and the N impostor pairs with the highest scores; with --peers, who matches them."`
	MaxEER float64 `name:"max-eer" default:"1" help:"Exit with 1 when the (mean) EER is above this fraction."`

	Calibrated bool     `help:"Also report FMR and FNMR at the served threshold, with calibrations made without the data they are measured on."`
	FMR        float64  `name:"fmr" default:"1e-4" help:"The rate for --calibrated (${default})."`
	Calibrate  string   `placeholder:"MODEL_DIR" help:"Write MODEL_DIR/calibration.json from all data sets together, captures of different sets compared too."`
	Synthetic  int      `placeholder:"N" help:"With --calibrate: check the tail against all pairs of N synthetic fingers."`
	Check      []string `sep:"none" placeholder:"DIR" help:"With --calibrate: check the tail against all pairs of one capture a subject of a further data set. May be repeated."`
}

var plotFormats = []string{".png", ".svg", ".pdf"}

// accuracyReport is the JSON document. The result at its top is that of the one data set, or of all pooled.
type accuracyReport struct {
	Modality    matcher.Modality `json:"modality"`
	Model       string           `json:"model"`
	Protocol    string           `json:"protocol"`
	Environment string           `json:"environment"`
	accuracy.Result
	MeanEER         *float64                  `json:"mean_eer,omitempty"`
	MeanEERInterval *accuracy.Interval        `json:"mean_eer_interval,omitempty"`
	Sets            []accuracy.Result         `json:"sets,omitempty"`
	Peers           []accuracy.PeerComparison `json:"peers,omitempty"`
	Worst           []accuracy.WorstPair      `json:"worst,omitempty"`
	HeldOut         *accuracy.HeldOut         `json:"held_out,omitempty"`
	Calibration     string                    `json:"calibration,omitempty"` // file written
	TailChecks      []models.TailTest         `json:"tail_checks,omitempty"`
}

func (c *accuracyCmd) run(ctx context.Context, s *console) error {
	if err := c.check(); err != nil {
		return err
	}
	e, closeEngine, err := openEngine(matcher.Modality(c.Modality), c.engine())
	if err != nil {
		return err
	}
	defer closeEngine()
	report, err := c.measure(ctx, e, newProgress(s.err).say)
	if err != nil {
		return err
	}
	if err := s.printAccuracy(report); err != nil {
		return err
	}
	if !s.json {
		s.printEvaluation(report)
	}
	if eer := report.headline(); eer > c.MaxEER {
		return &negative{fmt.Sprintf("EER %.4f is above --max-eer %g", eer, c.MaxEER)}
	}
	return nil
}

func (c *accuracyCmd) check() error {
	switch {
	case c.Protocol == accuracy.ProtocolPairs && c.File == "":
		return &misuse{"--protocol pairs needs the FILE with the pairs after it"}
	case c.Protocol == accuracy.ProtocolPairs && len(c.Dataset) > 1:
		return &misuse{"the paths in a file of pairs are relative to one folder: say --dataset once or not at all"}
	case c.Protocol != accuracy.ProtocolPairs && c.File != "":
		return &misuse{fmt.Sprintf("%s: a file of pairs goes with --protocol pairs", c.File)}
	case c.Protocol != accuracy.ProtocolPairs && len(c.Dataset) == 0:
		return &misuse{"no data set: say --dataset DIR"}
	case c.Protocol != accuracy.ProtocolFull && c.calibrates():
		return &misuse{"calibrations use every pair: say --protocol full"}
	case c.DET != "" && !slices.Contains(plotFormats, filepath.Ext(c.DET)):
		return &misuse{fmt.Sprintf("--det %s: the name must end in one of %s", c.DET, strings.Join(plotFormats, " "))}
	case c.EDC != "" && !slices.Contains(plotFormats, filepath.Ext(c.EDC)):
		return &misuse{fmt.Sprintf("--edc %s: the name must end in one of %s", c.EDC, strings.Join(plotFormats, " "))}
	case c.Calibrate == "" && (c.Synthetic > 0 || len(c.Check) > 0):
		return &misuse{"--synthetic and --check test the tail of what --calibrate makes"}
	case c.Synthetic > 0 && c.Modality != string(matcher.Finger):
		return &misuse{"--synthetic makes fingers; check faces with --check DIR"}
	case c.DPI < 0 || c.Synthetic < 0 || c.Workers < 0 || c.Worst < 0 || c.Replicates < 1 || !(c.FMR >= models.Bottom && c.FMR < 1):
		return &misuse{"--dpi, --workers, --worst and --synthetic must not be negative, --replicates at least 1, --fmr between 1e-9 and 1"}
	}
	return nil
}

func (c *accuracyCmd) calibrates() bool { return c.Calibrate != "" || c.Calibrated }

func (c *accuracyCmd) options(say accuracy.Progress) accuracy.Options {
	return accuracy.Options{
		Workers:   c.Workers,
		Bootstrap: accuracy.Bootstrap{Replicates: c.Replicates, Seed: c.Seed, Workers: c.Workers},
		Progress:  say,
	}
}

func (c *accuracyCmd) measure(ctx context.Context, e matcher.Engine, say accuracy.Progress) (accuracyReport, error) {
	report := accuracyReport{Modality: e.Modality(), Model: e.Model(), Protocol: c.Protocol, Environment: environment()}
	o := c.options(say)
	tests, err := c.tests(ctx, e, o)
	if err != nil {
		return report, err
	}
	if err := report.summarise(ctx, tests, o.Bootstrap); err != nil {
		return report, err
	}
	if c.Scores != "" {
		if err := writeScores(c.Scores, tests); err != nil {
			return report, err
		}
	}
	if err := c.draw(report.Model+", protocol "+c.Protocol, tests); err != nil {
		return report, err
	}
	if err := c.pairByPair(ctx, &report, tests, o.Bootstrap); err != nil {
		return report, err
	}
	if c.calibrates() {
		err = c.calibrate(ctx, e, &report, tests, o)
	}
	return report, err
}

// draw writes the plots that were asked for.
func (c *accuracyCmd) draw(title string, tests []accuracy.Test) error {
	if c.DET != "" {
		if err := accuracy.PlotDET(c.DET, title, accuracy.Curves(tests)); err != nil {
			return err
		}
	}
	if c.EDC != "" {
		return accuracy.PlotEDC(c.EDC, title, tests)
	}
	return nil
}

// pairByPair looks at single comparisons, beside those of others.
func (c *accuracyCmd) pairByPair(ctx context.Context, report *accuracyReport, tests []accuracy.Test, b accuracy.Bootstrap) error {
	var peers []accuracy.Peer
	var err error
	if c.Peers != "" {
		if peers, err = accuracy.LoadPeers(c.Peers, tests); err != nil {
			return err
		}
		if report.Peers, err = accuracy.ComparePeers(ctx, tests, peers, b); err != nil {
			return err
		}
	}
	if c.Worst > 0 {
		report.Worst = accuracy.Worst(tests, peers, c.Worst)
	}
	return nil
}

// tests runs the engine over every data set.
func (c *accuracyCmd) tests(ctx context.Context, e matcher.Engine, o accuracy.Options) ([]accuracy.Test, error) {
	if c.Protocol == accuracy.ProtocolPairs {
		set, plan, err := accuracy.LoadPairs(c.File, strings.Join(c.Dataset, ""), e.Modality(), c.DPI)
		if err != nil {
			return nil, err
		}
		t, err := accuracy.Run(ctx, e, set, plan, o)
		return []accuracy.Test{t}, err
	}
	var sets []accuracy.Dataset
	for _, dir := range c.Dataset { // all of them, before the long work
		set, err := accuracy.Load(dir, e.Modality(), c.Ext, c.DPI)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	if c.calibrates() {
		if _, err := accuracy.Pool(sets); err != nil {
			return nil, &misuse{err.Error()}
		}
	}
	var tests []accuracy.Test
	for _, set := range sets {
		plan, err := accuracy.NewPlan(c.Protocol, set)
		if err != nil {
			return nil, err
		}
		t, err := accuracy.Run(ctx, e, set, plan, o)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return tests, nil
}

func (r *accuracyReport) summarise(ctx context.Context, tests []accuracy.Test, b accuracy.Bootstrap) error {
	if len(tests) == 1 {
		var err error
		r.Result, err = tests[0].Result(ctx, b)
		return err
	}
	all, err := accuracy.Summarise(ctx, tests, b)
	r.Result, r.Sets, r.MeanEER, r.MeanEERInterval = all.Pooled, all.Sets, &all.MeanEER, &all.MeanInterval
	return err
}

// headline is the EER, the mean over data sets when there are several.
func (r *accuracyReport) headline() float64 {
	if r.MeanEER != nil {
		return *r.MeanEER
	}
	return r.EER
}

// calibrate compares the captures of all data sets with each other and makes what was asked for from it.
func (c *accuracyCmd) calibrate(ctx context.Context, e matcher.Engine, report *accuracyReport, tests []accuracy.Test, o accuracy.Options) error {
	set, scores, folds, err := crossed(ctx, tests, o, c.Seed)
	if err != nil {
		return err
	}
	if c.Calibrated {
		h, err := accuracy.HoldOut(ctx, scores, folds, c.FMR, o.Bootstrap)
		if err != nil {
			return err
		}
		report.HeldOut = &h
	}
	if c.Calibrate == "" {
		return nil
	}
	calibration, err := accuracy.Calibrate(ctx, scores, accuracy.About{
		Model: report.Model, DataSet: describe(set, tests), Environment: report.Environment, Made: time.Now(),
	}, o.Bootstrap)
	if err != nil {
		return err
	}
	if err := c.checkTail(ctx, e, calibration, o); err != nil {
		return err
	}
	report.TailChecks = calibration.Tail.Checks
	report.Calibration, err = writeCalibration(c.Calibrate, calibration)
	return err
}

// crossed is every pair of all captures, labels corrected, and how to split it for held-out figures: by data set, or by
// subject when there is only one.
func crossed(ctx context.Context, tests []accuracy.Test, o accuracy.Options, seed uint64) (accuracy.Dataset, *accuracy.Scores, accuracy.Folds, error) {
	var sets []accuracy.Dataset
	var acquired []accuracy.Acquired
	for _, t := range tests {
		sets = append(sets, t.Set)
		acquired = append(acquired, t.Acquired...)
	}
	set, err := accuracy.Pool(sets)
	if err != nil {
		return set, nil, accuracy.Folds{}, err
	}
	plan, err := accuracy.NewPlan(accuracy.ProtocolFull, set)
	if err != nil {
		return set, nil, accuracy.Folds{}, err
	}
	scores, err := accuracy.Compare(ctx, set, acquired, plan, o.Workers, o.Progress)
	if len(sets) == 1 {
		return set, scores, accuracy.FoldsBySubject(set, seed), err
	}
	return set, scores, accuracy.FoldsBySet(sets), err
}

// describe says what a calibration was made from.
func describe(set accuracy.Dataset, tests []accuracy.Test) string {
	var names []string
	for _, t := range tests {
		names = append(names, t.Set.Name)
	}
	text := fmt.Sprintf("%s: %d captures of %d subjects, every pair once", strings.Join(names, ", "), len(set.Captures), len(set.Subjects))
	if n := mislabelled(set); n > 0 {
		text += fmt.Sprintf(", without %d known to be mislabelled", n)
	}
	if len(tests) > 1 {
		text += ", captures of different sets compared too"
	}
	return text
}

func mislabelled(set accuracy.Dataset) int {
	n := 0
	for _, c := range set.Captures {
		if c.Wrong {
			n++
		}
	}
	return n
}

// writeCalibration replaces the model's calibration whole or not at all.
func writeCalibration(dir string, c *models.Calibration) (string, error) {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	if _, err := models.ParseCalibration(data); err != nil {
		return "", fmt.Errorf("the calibration would not load: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "calibration.json")
	if err := os.WriteFile(name+".new", append(data, '\n'), 0o644); err != nil {
		return "", err
	}
	return name, os.Rename(name+".new", name)
}

func writeScores(dir string, tests []accuracy.Test) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, t := range tests {
		if err := writeTSV(filepath.Join(dir, t.Set.Name+".tsv"), t); err != nil {
			return err
		}
	}
	return nil
}

func writeTSV(name string, t accuracy.Test) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := t.WriteTSV(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
}

// environment names what a figure depends on beside the data.
func environment() string {
	text := fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text += ", revision " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " with changes"
		}
	}
	return text
}
