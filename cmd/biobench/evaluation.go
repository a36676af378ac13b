package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"biogate/bench/accuracy"
)

// printEvaluation shows what quality predicts, and single pairs beside those of other matchers.
func (s *console) printEvaluation(r accuracyReport) {
	s.printFailureRates(r.Result)
	s.printReject(r)
	s.printReasons(r.Reasons)
	s.printPeers(r.Peers)
	s.printWorst(r.Worst)
}

// printFailureRates tells the two kinds of rates apart where they differ.
func (s *console) printFailureRates(r accuracy.Result) {
	if r.FTA == 0 {
		return
	}
	for _, o := range r.OperatingPoints {
		fmt.Fprintf(s.out, "at FMR %g: GFRR %s %%, GFAR %.4f %% with failures to acquire; FNMR %s %%, FMR %.4f %% of the comparisons made\n",
			o.At, percent(o.GFRR), 100*o.GFAR, percent(o.FNMR), 100*o.FMR)
	}
}

// printReject shows how FNMR falls without the worst tenth.
func (s *console) printReject(r accuracyReport) {
	if r.Reject10 == nil {
		return
	}
	fmt.Fprintf(s.out, "\nFNMR at FMR 1e-3 without the worst tenth by quality:\n")
	w := s.rightAligned()
	fmt.Fprintln(w, "data set\tall %\tcomparisons left out %\tcut %\t95 %\tcaptures left out %\tcut %\t95 %\t")
	for _, set := range r.Sets {
		rejectRow(w, set.Dataset, set.Reject10)
	}
	name := r.Dataset
	if len(r.Sets) > 0 {
		name = "pooled"
	}
	rejectRow(w, name, r.Reject10)
	_ = w.Flush()
}

func rejectRow(w *tabwriter.Writer, name string, r *accuracy.Reject10) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\t%s\t%s\t%.0f\t%s\t\n", name, percent(r.Comparisons.FNMR),
		percent(r.Comparisons.Left), 100*r.Comparisons.Cut, wholes(r.Comparisons.Interval),
		percent(r.Captures.Left), 100*r.Captures.Cut, wholes(r.Captures.Interval))
}

func wholes(i accuracy.Interval) string { return fmt.Sprintf("%.0f to %.0f", 100*i.Low, 100*i.High) }

// printReasons shows what a reason for poor quality stands for.
func (s *console) printReasons(reasons []accuracy.ReasonRate) {
	if len(reasons) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\nreasons for poor quality, FNMR at FMR 1e-3 of comparisons with such a capture and of the others:\n")
	w := s.rightAligned()
	fmt.Fprintln(w, "reason\tcaptures\tcomparisons\tFNMR %\tothers %\t")
	for _, r := range reasons {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t\n", r.Reason, r.Captures, r.Genuine, percent(r.With), percent(r.Without))
	}
	_ = w.Flush()
}

func (s *console) printPeers(peers []accuracy.PeerComparison) {
	if len(peers) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\ngenuine pairs matched, each side at its own threshold for FMR 1e-3:\n")
	w := s.rightAligned()
	fmt.Fprintln(w, "rival\tdata set\ttheir EER %\tFMR1000 %\tour EER %\tFMR1000 %\tonly they\tonly we\tMcNemar p\tsubjects they:we\tsign p\tour FNMR less theirs %\t")
	for _, p := range peers {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%.2g\t%d:%d\t%.2g\t%+.1f (%+.1f to %+.1f)\t\n", p.Rival, p.Dataset, percent(p.EER), percent(p.FMR1000),
			percent(p.OurEER), percent(p.OurFMR1000), p.OnlyRivalHits, p.OnlyWeHit, p.McNemar, p.SubjectsRival, p.SubjectsOurs, p.Sign,
			100*p.Difference, 100*p.Interval.Low, 100*p.Interval.High)
	}
	_ = w.Flush()
	fmt.Fprintln(s.out, "pairs of one subject are not independent: McNemar's p is too small, the sign test and the interval count subjects")
}

func (s *console) printWorst(worst []accuracy.WorstPair) {
	if len(worst) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\nworst pairs, margin to the threshold for FMR 1e-3:\n")
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kind\tdata set\treference\tprobe\tscore\tmargin\tquality\tmatched by")
	for _, p := range worst {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.2f\t%+.2f\t%d %d\t%s\n", p.Kind, p.Dataset, p.Reference, p.Probe, p.Score, p.Margin, p.Quality[0], p.Quality[1], strings.Join(p.MatchedBy, " "))
	}
	_ = w.Flush()
}
