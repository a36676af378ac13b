package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"biogate/bench/accuracy"
	"biogate/models"
)

// rightAligned makes a table of figures; every cell ends with a tab. Flush shows it.
func (s *console) rightAligned() *tabwriter.Writer {
	return tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
}

func (s *console) printAccuracy(r accuracyReport) error {
	if s.json {
		return s.printJSON(r)
	}
	fmt.Fprintf(s.out, "%s, protocol %s, %s\n\n", r.Model, r.Protocol, r.Environment)
	w := s.rightAligned()
	fmt.Fprintln(w, "data set\tEER %\t95 %\tFMR100 %\tFMR1000 %\tFMR10000 %\tZeroFMR %\tFTA\tgenuine\timpostor\textract ms\tmatch us\tbytes\t")
	for _, set := range r.Sets {
		row(w, set.Dataset, set)
	}
	name := r.Dataset
	if len(r.Sets) > 0 {
		name = "pooled"
	}
	row(w, name, r.Result)
	if err := w.Flush(); err != nil {
		return err
	}
	if r.MeanEER != nil {
		fmt.Fprintf(s.out, "\nmean EER of %d sets: %s %%, 95 %%: %s\n", len(r.Sets), percent(*r.MeanEER), span(*r.MeanEERInterval))
	}
	s.printNotes(r.Result)
	if r.HeldOut != nil {
		s.printHeldOut(*r.HeldOut)
	}
	s.printTailChecks(r.TailChecks)
	if r.Calibration != "" {
		fmt.Fprintf(s.out, "\nwritten: %s\n", r.Calibration)
	}
	return nil
}

func row(w *tabwriter.Writer, name string, r accuracy.Result) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.1f\t%.2f\t%d\t\n", name, percent(r.EER), span(r.Intervals["eer"]),
		mark(r, "fmr100", r.FMR100), mark(r, "fmr1000", r.FMR1000), mark(r, "fmr10000", r.FMR10000), percent(r.ZeroFMR),
		len(r.Failures), r.Genuine, r.Impostor, r.ExtractMS, r.MatchUS, r.Bytes)
}

// mark puts a star on what the number of impostors cannot show.
func mark(r accuracy.Result, key string, rate float64) string {
	for _, name := range r.Unsupported {
		if name == key {
			return percent(rate) + "*"
		}
	}
	return percent(rate)
}

func percent(rate float64) string { return fmt.Sprintf("%.2f", 100*rate) }

func span(i accuracy.Interval) string { return percent(i.Low) + "-" + percent(i.High) }

func (s *console) printNotes(r accuracy.Result) {
	if len(r.Unsupported) > 0 {
		fmt.Fprintf(s.out, "* too few impostor comparisons for one false match at this rate\n")
	}
	if r.WithoutFailures != nil {
		fmt.Fprintf(s.out, "without failures to acquire: EER %s %%, FMR100 %s %%, FMR1000 %s %%\n",
			percent(r.WithoutFailures.EER), percent(r.WithoutFailures.FMR100), percent(r.WithoutFailures.FMR1000))
	}
	for _, f := range r.Failures {
		fmt.Fprintf(s.out, "failure to acquire: %s: %s\n", f.Capture, f.Reason)
	}
}

func (s *console) printHeldOut(h accuracy.HeldOut) {
	fmt.Fprintf(s.out, "\nserved FMR <= %g, %s:\n", h.Served, h.Method)
	w := s.rightAligned()
	fmt.Fprintln(w, "left out\tthreshold\tfalse matches\timpostor\tFMR %\tFNMR %\tgenuine\t")
	for _, f := range h.Folds {
		note := ""
		if f.Extrapolated {
			note = " (extrapolated)"
		}
		fmt.Fprintf(w, "%s\t%.4g%s\t%d\t%d\t%.4f\t%s\t%d\t\n", f.LeftOut, f.Threshold, note, f.FalseMatches, f.Impostor, 100*f.FMR, percent(f.FNMR), f.Genuine)
	}
	_ = w.Flush()
	fmt.Fprintf(s.out, "together: FMR %.2e, 95 %%: %s; FNMR %s %%, 95 %%: %s\n", h.FMR, exponents(h.FMRInterval), percent(h.FNMR), span(h.FNMRInterval))
}

func (s *console) printTailChecks(checks []models.TailTest) {
	for _, c := range checks {
		verdict := "holds"
		if !c.Holds {
			verdict = "DOES NOT HOLD"
		}
		fmt.Fprintf(s.out, "\ntail against %s: %d pairs, %s\n", c.Against, c.Pairs, verdict)
		for _, l := range c.Levels {
			fmt.Fprintf(s.out, "  served FMR %.0e: at most %.4g false matches expected, %d seen\n", l.Served, l.Expected, l.Observed)
		}
	}
}

func exponents(i accuracy.Interval) string {
	return strings.TrimSpace(fmt.Sprintf("%.1e-%.1e", i.Low, i.High))
}
