package accuracy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"biogate/bench/parallel"
	"biogate/matcher"
)

// Comparison is one score between two captures; -Inf when one of them gave no template.
type Comparison struct {
	Score            float64
	Reference, Probe int32 // capture indices
}

// Scores is what a test came to, best scores first.
type Scores struct {
	Genuine, Impostor []Comparison
	subject           []int32           // of each capture
	drawn             []int32           // the subjects that took part: what a bootstrap draws from
	quality           []matcher.Quality // of each capture; nil when not known
}

// NewScores orders comparisons; subject is that of each capture.
func NewScores(genuine, impostor []Comparison, subject []int32) *Scores {
	s := &Scores{Genuine: genuine, Impostor: impostor, subject: subject, drawn: distinct(subject)}
	bestFirst(s.Genuine)
	bestFirst(s.Impostor)
	return s
}

func bestFirst(list []Comparison) {
	slices.SortFunc(list, func(a, b Comparison) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Probe, b.Probe), cmp.Compare(a.Reference, b.Reference))
	})
}

// Compare carries a plan out. Pairs of one subject are genuine, all others impostor.
func Compare(ctx context.Context, d Dataset, acquired []Acquired, plan Plan, workers int, progress Progress) (*Scores, error) {
	rows := make([][]Comparison, len(plan))
	pairs := plan.Pairs()
	var done atomic.Int64
	err := parallel.Each(ctx, len(plan), workers, func(probe int) error {
		var err error
		rows[probe], err = compareRow(acquired, int32(probe), plan[probe])
		if err != nil {
			return fmt.Errorf("comparing %s: %w", d.Captures[probe].Name, err)
		}
		progress.say("compare "+d.Name, int(done.Add(int64(len(rows[probe])))), pairs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	subject := subjectsOf(d)
	var genuine, impostor []Comparison
	for _, row := range rows {
		for _, c := range row {
			if subject[c.Reference] == subject[c.Probe] {
				genuine = append(genuine, c)
			} else {
				impostor = append(impostor, c)
			}
		}
	}
	if len(genuine) == 0 || len(impostor) == 0 {
		return nil, fmt.Errorf("data set %s: %d genuine and %d impostor comparisons: both kinds are needed", d.Name, len(genuine), len(impostor))
	}
	s := NewScores(genuine, impostor, subject)
	for _, a := range acquired {
		s.quality = append(s.quality, a.Quality)
	}
	return s, nil
}

var errNaN = errors.New("the engine's comparison score is not a number")

func compareRow(acquired []Acquired, probe int32, refs []int32) ([]Comparison, error) {
	row := make([]Comparison, len(refs))
	p := acquired[probe]
	for i, ref := range refs {
		row[i] = Comparison{Score: math.Inf(-1), Reference: ref, Probe: probe}
		r := acquired[ref]
		if p.Err != nil || r.Err != nil {
			continue
		}
		score, err := p.Probe.Compare(r.Reference)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(score) {
			return nil, errNaN
		}
		row[i].Score = score
	}
	return row, nil
}

func subjectsOf(d Dataset) []int32 {
	subject := make([]int32, len(d.Captures))
	for i, c := range d.Captures {
		subject[i] = int32(c.Subject)
	}
	return subject
}

func distinct(values []int32) []int32 {
	d := slices.Clone(values)
	slices.Sort(d)
	return slices.Compact(d)
}

// Subjects is how many took part.
func (s *Scores) Subjects() int { return len(s.drawn) }

// among keeps the comparisons whose captures both satisfy keep.
func (s *Scores) among(keep func(capture int32) bool) *Scores {
	var kept []int32
	for capture, subject := range s.subject {
		if keep(int32(capture)) {
			kept = append(kept, subject)
		}
	}
	return &Scores{Genuine: filter(s.Genuine, keep), Impostor: filter(s.Impostor, keep), subject: s.subject, drawn: distinct(kept), quality: s.quality}
}

// acquired keeps the comparisons that were made.
func (s *Scores) acquired() *Scores {
	return &Scores{Genuine: made(s.Genuine), Impostor: made(s.Impostor), subject: s.subject, drawn: s.drawn, quality: s.quality}
}

// made cuts the -Inf off, which stand last.
func made(list []Comparison) []Comparison {
	return list[:countAtLeast(list, -math.MaxFloat64)]
}

func filter(list []Comparison, keep func(int32) bool) []Comparison {
	var kept []Comparison
	for _, c := range list {
		if keep(c.Reference) && keep(c.Probe) {
			kept = append(kept, c)
		}
	}
	return kept
}

// countAtLeast is how many of list, best first, reach a threshold.
func countAtLeast(list []Comparison, threshold float64) int {
	n, _ := slices.BinarySearchFunc(list, threshold, func(c Comparison, t float64) int {
		if c.Score >= t {
			return -1
		}
		return 1
	})
	return n
}

// pool joins tests over different captures into one.
func pool(tests []*Scores) *Scores {
	var genuine, impostor []Comparison
	var subject []int32
	var quality []matcher.Quality
	var subjects int32
	for _, t := range tests {
		captures := int32(len(subject))
		genuine = appendMoved(genuine, t.Genuine, captures)
		impostor = appendMoved(impostor, t.Impostor, captures)
		for _, s := range t.subject {
			subject = append(subject, s+subjects)
		}
		subjects += slices.Max(t.subject) + 1
		quality = append(quality, t.quality...)
	}
	s := NewScores(genuine, impostor, subject)
	if len(quality) == len(subject) { // known of every test
		s.quality = quality
	}
	return s
}

// appendMoved appends list with its captures counted from first.
func appendMoved(dst, list []Comparison, first int32) []Comparison {
	for _, c := range list {
		dst = append(dst, Comparison{Score: c.Score, Reference: c.Reference + first, Probe: c.Probe + first})
	}
	return dst
}
