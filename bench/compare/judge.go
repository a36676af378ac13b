package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Limits of what a change may cost.
const (
	slower    = 1.3 // times, of the best runs and of the medians
	more      = 1.1 // times the allocations or bytes
	slackMost = 2   // allocations, and
	slackSize = 128 // bytes that pools and maps make of chance
)

// sample is one run of a benchmark.
type sample struct{ ns, bytes, allocs float64 }

// results are the runs of each benchmark by its name.
type results map[string][]sample

// read takes the lines that "go test -bench" prints.
func (r results) read(text string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		var s sample
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				break
			}
			switch f[i+1] {
			case "ns/op":
				s.ns = v
			case "B/op":
				s.bytes = v
			case "allocs/op":
				s.allocs = v
			}
		}
		if s.ns > 0 {
			r[f[0]] = append(r[f[0]], s)
		}
	}
}

func (r results) names() []string { return slices.Sorted(maps.Keys(r)) }

// verdict is what two lists of runs come to. Times are the best: other processes make a run slower and never faster.
type verdict struct {
	base, change   sample
	medians, pairs float64 // ratio of the medians; part of the pairs of runs of which the change's is slower
}

// judge compares runs that were made in turn.
func judge(base, change []sample) verdict {
	v := verdict{base: best(base), change: best(change), medians: median(change) / median(base)}
	n := min(len(base), len(change))
	for i := range n {
		if change[i].ns > base[i].ns {
			v.pairs += 1 / float64(n)
		}
	}
	return v
}

// worse: by time only when the best runs, the medians and three pairs of four say so.
func (v verdict) worse() bool {
	slow := v.change.ns > slower*v.base.ns && v.medians > slower && v.pairs >= 0.75
	return slow || v.change.allocs > more*v.base.allocs+slackMost || v.change.bytes > more*v.base.bytes+slackSize
}

func (v verdict) String() string {
	return fmt.Sprintf("%.0f -> %.0f ns, %.0f -> %.0f allocations, %.0f -> %.0f bytes", v.base.ns, v.change.ns, v.base.allocs, v.change.allocs, v.base.bytes, v.change.bytes)
}

func best(runs []sample) sample {
	b := runs[0]
	for _, s := range runs {
		b = sample{min(b.ns, s.ns), min(b.bytes, s.bytes), min(b.allocs, s.allocs)}
	}
	return b
}

func median(runs []sample) float64 {
	ns := make([]float64, 0, len(runs))
	for _, s := range runs {
		ns = append(ns, s.ns)
	}
	slices.Sort(ns)
	return (ns[(len(ns)-1)/2] + ns[len(ns)/2]) / 2
}
