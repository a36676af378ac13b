package accuracy

import (
	"context"
	"slices"
	"syscall"
	"time"

	"biogate/matcher"
)

// Timing holds medians on one thread.
type Timing struct {
	ExtractMS    float64 `json:"extract_ms"`     // wall clock, picture bytes in memory to template
	ExtractCPUMS float64 `json:"extract_cpu_ms"` // CPU time of the process meanwhile, its other threads included
	MatchUS      float64 `json:"match_us"`       // one comparison, probe prepared
	MatchCPUUS   float64 `json:"match_cpu_us"`
	Bytes        int     `json:"template_bytes"` // stored form
}

// Time measures an engine on captures that it can use, one thing at a time.
func Time(ctx context.Context, e matcher.Engine, d Dataset, acquired []Acquired, progress Progress) (Timing, error) {
	var usable []int
	var sizes []float64
	for i, a := range acquired {
		if a.Err == nil {
			usable = append(usable, i)
			sizes = append(sizes, float64(a.Bytes))
		}
	}
	if len(usable) == 0 {
		return Timing{}, nil
	}
	t := Timing{Bytes: int(median(sizes))}
	var err error
	if t.ExtractMS, t.ExtractCPUMS, err = timeExtract(ctx, e, d, spread(usable, timedCaptures), progress); err != nil {
		return t, err
	}
	t.MatchUS, t.MatchCPUUS, err = timeMatch(ctx, acquired, usable)
	return t, err
}

func timeExtract(ctx context.Context, e matcher.Engine, d Dataset, captures []int, progress Progress) (wall, cpu float64, err error) {
	var walls, cpus []float64
	for n, i := range captures {
		sample, err := readSample(d.Modality, d.Captures[i])
		if err != nil {
			return 0, 0, err
		}
		w, c := stopwatch(func() { _, err = e.Extract(ctx, sample, nil) })
		if err != nil {
			return 0, 0, err
		}
		walls, cpus = append(walls, 1e3*w.Seconds()), append(cpus, 1e3*c.Seconds())
		progress.say("time "+d.Name, n+1, len(captures))
	}
	return median(walls), median(cpus), nil
}

// timeMatch compares single probes with many references, enough of them for the CPU clock's resolution.
func timeMatch(ctx context.Context, acquired []Acquired, usable []int) (wall, cpu float64, err error) {
	refs := spread(usable, timedReferences)
	var walls, cpus []float64
	for _, p := range spread(usable, timedProbes) {
		if ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		probe, rounds := acquired[p].Probe, 0
		w, c := stopwatch(func() {
			for started := time.Now(); rounds == 0 || time.Since(started) < 2*time.Millisecond; rounds++ {
				for _, r := range refs {
					if _, err = probe.Compare(acquired[r].Reference); err != nil {
						return
					}
				}
			}
		})
		if err != nil {
			return 0, 0, err
		}
		n := float64(rounds * len(refs))
		walls, cpus = append(walls, 1e6*w.Seconds()/n), append(cpus, 1e6*c.Seconds()/n)
	}
	return median(walls), median(cpus), nil
}

func stopwatch(f func()) (wall, cpu time.Duration) {
	before, started := processTime(), time.Now()
	f()
	return time.Since(started), processTime() - before
}

// processTime is the CPU time, user and system, of all threads so far.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spread picks at most n of list, evenly.
func spread(list []int, n int) []int {
	if len(list) <= n {
		return list
	}
	picked := make([]int, n)
	for i := range picked {
		picked[i] = list[i*len(list)/n]
	}
	return picked
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return quantile(sorted, 0.5)
}
