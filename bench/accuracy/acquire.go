package accuracy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"biogate/bench/parallel"
	"biogate/matcher"
)

// Progress hears how far a stage is; it is called from many goroutines. nil is allowed.
type Progress func(stage string, done, total int)

func (p Progress) say(stage string, done, total int) {
	if p != nil {
		p(stage, done, total)
	}
}

// Acquired is a capture ready for comparison, or the reason why it is not.
type Acquired struct {
	Probe     matcher.Probe
	Reference matcher.Reference
	Quality   matcher.Quality
	Bytes     int // of the stored template
	Err       error
}

// Failure is a capture that gave no template.
type Failure struct {
	Capture string `json:"capture"`
	Reason  string `json:"reason"`
}

// Acquire makes a template of every capture with so many workers (0: one a core). A capture that the engine refuses is
// in the result with its reason; any other trouble ends the work.
func Acquire(ctx context.Context, e matcher.Engine, d Dataset, workers int, progress Progress) ([]Acquired, error) {
	out := make([]Acquired, len(d.Captures))
	var done atomic.Int64
	err := parallel.Each(ctx, len(out), workers, func(i int) error {
		var err error
		out[i], err = acquire(ctx, e, d.Modality, d.Captures[i])
		progress.say("extract "+d.Name, int(done.Add(1)), len(out))
		return err
	})
	return out, err
}

func acquire(ctx context.Context, e matcher.Engine, m matcher.Modality, c Capture) (Acquired, error) {
	sample, err := readSample(m, c)
	if err != nil {
		return Acquired{}, err
	}
	x, err := e.Extract(ctx, sample, nil)
	if err != nil {
		return refused(c, err)
	}
	stored, err := x.Template.AppendBinary(nil)
	if err != nil {
		return Acquired{}, fmt.Errorf("%s: the engine's template cannot be stored: %w", c.Path, err)
	}
	probe, err := e.Probe(x.Template)
	if err != nil {
		return refused(c, err)
	}
	ref, err := e.Reference(x.Template)
	if err != nil {
		return refused(c, err)
	}
	return Acquired{Probe: probe, Reference: ref, Quality: x.Quality, Bytes: len(stored)}, nil
}

func readSample(m matcher.Modality, c Capture) (matcher.Sample, error) {
	data, err := os.ReadFile(c.Path)
	return matcher.Sample{Modality: m, DPI: c.DPI, Data: data}, err
}

// refused tells a failure to acquire, which is a result, from an engine that does not work at all.
func refused(c Capture, err error) (Acquired, error) {
	var refusal *matcher.Error
	if !errors.As(err, &refusal) || refusal.Code == matcher.CodeEngineMissing {
		return Acquired{}, fmt.Errorf("%s: %w", c.Path, err)
	}
	return Acquired{Err: refusal}, nil
}

// failures lists the captures without a template.
func failures(d Dataset, acquired []Acquired) []Failure {
	list := []Failure{}
	for i, a := range acquired {
		if a.Err != nil {
			list = append(list, Failure{Capture: d.Captures[i].Name, Reason: a.Err.Error()})
		}
	}
	return list
}
