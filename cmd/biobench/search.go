package main

import (
	"context"
	"fmt"
	"strings"

	"biogate/bench/accuracy"
	"biogate/bench/search"
	"biogate/matcher"
	"biogate/matcher/finger"
	"biogate/models"
)

type searchCmd struct {
	Modality   string   `required:"" enum:"finger,face" help:"finger or face."`
	N          int      `name:"n" required:"" help:"Synthetic subjects in the gallery."`
	Probes     []int    `default:"1" placeholder:"P,..." help:"Probes in a batch, one or more sizes (${default})."`
	Queries    int      `default:"400" help:"Subjects that are looked for with another capture (${default})."`
	Exhaustive int      `default:"40" help:"How many of them exhaustive search is timed and checked with (${default})."`
	Threads    int      `default:"1" help:"Threads that share the probes of a batch, or of faces the pass over the gallery (${default})."`
	Workers    int      `help:"Threads that fill the gallery; usual: one a core."`
	Seed       uint64   `default:"1" help:"The population (${default})."`
	Dataset    []string `sep:"none" placeholder:"DIR" help:"Also ask with real captures. Fingers: hide one capture of each finger of DIR/<finger>_<impression>.<ext> in the gallery and ask with the others. Faces: enrol one capture each of some people of DIR/<person>/<image>.<ext>, in galleries of their own, and ask with all others. May be repeated."`
	MinRecall  float64  `name:"min-recall" default:"0" help:"Exit with 1 when two-stage search finds less than this share of the mates that exhaustive search finds."`

	Dims      int    `default:"512" help:"Faces: elements of an embedding, a multiple of 64 (${default})."`
	Strangers int    `default:"10000" help:"Faces: searches for somebody who is not enrolled, and as many for mates, at each size of the gallery; 0: none (${default})."`
	Models    string `default:"${models}" placeholder:"DIR" help:"Faces with --dataset: prepared weights of the networks (${default})."`
	FaceModel string `default:"${face_model}" env:"BIOGATE_FACE_MODEL" placeholder:"ID" help:"Faces: model whose calibration sets thresholds, and which reads --dataset (${default})."`
	Networks  string `default:"auto" enum:"auto,ort,opencv" env:"BIOGATE_NETWORKS" help:"Faces with --dataset: what the networks run in (${default})."`
}

// searchReport is the JSON document.
type searchReport struct {
	Environment string `json:"environment"`
	search.Result
}

func (c *searchCmd) run(ctx context.Context, s *console) error {
	if err := c.check(); err != nil {
		return err
	}
	o := search.Options{
		N: c.N, Seed: c.Seed, Probes: c.Probes, Queries: min(c.Queries, c.N), Exhaustive: c.Exhaustive,
		Threads: c.Threads, Workers: c.Workers, Progress: newProgress(s.err).say,
	}
	for _, dir := range c.Dataset {
		set, err := accuracy.Load(dir, matcher.Modality(c.Modality), "", 0)
		if err != nil {
			return err
		}
		o.Datasets = append(o.Datasets, set)
	}
	measure := c.faces
	if c.Modality == string(matcher.Finger) {
		measure = func(ctx context.Context, o search.Options) (search.Result, error) {
			return search.Run(ctx, finger.New(), o)
		}
	}
	result, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if err := s.printSearch(searchReport{environment(), result}); err != nil {
		return err
	}
	return c.judge(result)
}

// faces measures a synthetic gallery, then the real ones.
func (c *searchCmd) faces(ctx context.Context, o search.Options) (search.Result, error) {
	if _, err := models.Active(c.FaceModel); err != nil {
		return search.Result{}, &misuse{err.Error()}
	}
	calibration, err := models.LoadCalibration(c.FaceModel)
	if err != nil {
		return search.Result{}, err
	}
	r, err := search.RunFaces(ctx, search.FaceOptions{Options: o, Dims: c.Dims, Strangers: c.Strangers, Calibration: calibration})
	if err != nil || len(o.Datasets) == 0 {
		return r, err
	}
	e, closeEngine, err := openEngine(matcher.Face, engineOptions{models: c.Models, face: c.FaceModel, networks: c.Networks, workers: c.Workers})
	if err != nil {
		return r, err
	}
	defer closeEngine()
	r.RealFaces, err = search.MeasureRealFaces(ctx, e, o.Datasets, calibration, o)
	return r, err
}

const (
	mostSubjects  = 100_000_000 // 150 GB of fingers, 60 GB of faces
	mostStrangers = 60_000      // captures of a synthetic face have so many numbers
	mostDims      = 4096
)

func (c *searchCmd) check() error {
	if c.N < 1 || c.Queries < 1 || c.Exhaustive < 1 || c.Threads < 1 || c.Workers < 0 {
		return &misuse{"--n, --queries, --exhaustive and --threads must be 1 or more, --workers not negative"}
	}
	if c.N > mostSubjects {
		return &misuse{fmt.Sprintf("--n %d: at most %d fit the memory of a large machine", c.N, mostSubjects)}
	}
	if !(c.MinRecall >= 0 && c.MinRecall <= 1) {
		return &misuse{fmt.Sprintf("--min-recall %g: must be a share, 0 to 1", c.MinRecall)}
	}
	if c.Modality == string(matcher.Face) && (c.Dims < 64 || c.Dims > mostDims || c.Dims%64 != 0) {
		return &misuse{fmt.Sprintf("--dims %d: must be a multiple of 64, %d at most", c.Dims, mostDims)}
	}
	if c.Strangers < 0 || c.Strangers > mostStrangers {
		return &misuse{fmt.Sprintf("--strangers %d: must be 0 to %d", c.Strangers, mostStrangers)}
	}
	for _, p := range c.Probes {
		if p < 1 {
			return &misuse{fmt.Sprintf("--probes %d: a batch has 1 probe or more", p)}
		}
	}
	return nil
}

// judge is the answer no where a search is not what it should be.
func (c *searchCmd) judge(r search.Result) error {
	for _, row := range r.Results {
		switch {
		case row.Mode == search.ModeExhaustive && row.Recall < 1:
			return &negative{fmt.Sprintf("exhaustive search has the best of all comparisons for %g of the probes only", row.Recall)}
		case row.Mode == search.ModeTwoStage && row.Recall < c.MinRecall:
			return &negative{fmt.Sprintf("two-stage search finds %.4f of the mates, less than --min-recall %g", row.Recall, c.MinRecall)}
		}
	}
	return nil
}

func (s *console) printSearch(r searchReport) error {
	if s.json {
		return s.printJSON(r)
	}
	fmt.Fprintf(s.out, "%s, %d synthetic %ss (%s, seed %d), %s\n", r.Model, r.N, r.Modality, r.Population, r.Seed, r.Environment)
	fmt.Fprintf(s.out, "%.0f bytes a template, filled in %.1f s; this machine reads %.1f GB/s and counts ones in %.1f G words/s\n\n",
		r.BytesPerTemplate, r.BuildS, r.ReadGBS, r.PopcountGS)
	w := s.rightAligned()
	fmt.Fprintln(w, "mode\tprobes\tms/probe\tCPU ms/probe\tcomparisons/s\tper CPU s\tGB/s\tof reading %\tof counting %\trecall %\t95 %\trank 1 %\t95 %\t")
	for _, row := range r.Results {
		counting := "-" // exhaustive search does more than that
		if row.Mode == search.ModeTwoStage {
			counting = percent(row.PopcountShare)
		}
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%.0f\t%.0f\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\t\n", row.Mode, row.Probes, row.MSPerProbe, row.CPUMSPerProbe,
			row.ComparisonsPerS, row.PerCPUS, row.GBS, percent(row.ReadShare), counting,
			percent(row.Recall), span(row.RecallInterval), percent(row.Rank1), span(row.Rank1Interval))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Real != nil {
		s.printRealSearch(*r.Real)
	}
	s.printOpenSets("strangers among synthetic faces", r.OpenSet)
	if f := r.RealFaces; f != nil {
		s.printOpenSets(fmt.Sprintf("%d real people of %s by %s, %d galleries of each size", f.People, strings.Join(f.Datasets, ", "), f.Model, f.Draws), f.OpenSet)
	}
	return nil
}

func (s *console) printOpenSets(title string, sets []search.OpenSet) {
	if len(sets) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\n%s:\n", title)
	w := s.rightAligned()
	fmt.Fprintln(w, "enrolled\tmates\tstrangers\trank 1 %\tFPIR wanted %\tthreshold by\tscore\tFPIR %\t95 %\tFNIR %\t95 %\t")
	for _, set := range sets {
		for _, r := range set.Rates {
			by := r.By
			if r.Extrapolated {
				by += ", extrapolated"
			}
			fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\t%s\t%.3f\t%s\t%s\t%s\t%s\t\n", set.N, set.Mates, set.Strangers, percent(set.Rank1), percent(r.Target),
				by, r.Threshold, percent(r.FPIR), span(r.FPIRInterval), percent(r.FNIR), span(r.FNIRInterval))
		}
	}
	_ = w.Flush()
}

func (s *console) printRealSearch(r search.Real) {
	fmt.Fprintf(s.out, "\nreal fingers among them: %d, asked for %d times, %d captures could not be used\n", r.References, r.Exhaustive.Rank1Of, r.Failures)
	fmt.Fprintf(s.out, "exhaustive search has the mate at rank 1 in %s %% (%s)\n", percent(r.Exhaustive.Rank1), span(r.Exhaustive.Rank1Interval))
	if t := r.TwoStage; t != nil {
		fmt.Fprintf(s.out, "two-stage search in %s %% (%s), that is %s %% of those (%s)\n", percent(t.Rank1), span(t.Rank1Interval), percent(t.Recall), span(t.RecallInterval))
	}
}
