package search

import (
	"context"
	"math/rand/v2"

	"biogate/bench/accuracy"
	"biogate/bench/parallel"
	"biogate/matcher"
	"biogate/models"
)

// RealFaces is how searches among real people end. Galleries are drawn at random several times; who is not drawn is a
// stranger.
type RealFaces struct {
	Datasets []string  `json:"datasets"`
	Model    string    `json:"model"`
	People   int       `json:"people"`   // with a capture that can be used
	Captures int       `json:"captures"` // that can be used
	Failures int       `json:"failures"` // captures without a template, which are neither enrolled nor searched
	Draws    int       `json:"draws"`    // of a gallery; the counts of searches are those of all
	OpenSet  []OpenSet `json:"open_set"`
}

// realDraws galleries of each size are drawn.
const realDraws = 10

// MeasureRealFaces enrols one capture each of a quarter and of half of the people, and searches everything else.
func MeasureRealFaces(ctx context.Context, e matcher.Engine, sets []accuracy.Dataset, c *models.Calibration, o Options) (*RealFaces, error) {
	set, err := accuracy.Pool(sets)
	if err != nil {
		return nil, err
	}
	acquired, err := accuracy.Acquire(ctx, e, set, o.Workers, o.Progress)
	if err != nil {
		return nil, err
	}
	r := &RealFaces{Model: e.Model(), Draws: realDraws}
	for _, d := range sets {
		r.Datasets = append(r.Datasets, d.Name)
	}
	people := map[int][]int{} // captures that can be used
	for i, capture := range set.Captures {
		switch {
		case acquired[i].Err != nil:
			r.Failures++
		case !capture.Wrong:
			people[capture.Subject] = append(people[capture.Subject], i)
			r.Captures++
		}
	}
	r.People = len(people)
	d := draw{e: e, set: set, acquired: acquired, people: people, o: o}
	for _, n := range []int{r.People / 4, r.People / 2} {
		var s searches
		for i := range realDraws {
			if err := d.search(ctx, n, uint64(i), &s); err != nil {
				return nil, err
			}
		}
		r.OpenSet = append(r.OpenSet, s.openSet(n, realDraws, c))
	}
	return r, nil
}

// draw makes galleries of real people.
type draw struct {
	e        matcher.Engine
	set      accuracy.Dataset
	acquired []accuracy.Acquired
	people   map[int][]int
	o        Options
}

// search enrols the first capture of n people drawn by seed, and searches the others of all.
func (d *draw) search(ctx context.Context, n int, seed uint64, s *searches) error {
	index := d.e.NewIndex()
	var asking []int // captures
	enrolled := map[int]bool{}
	for _, subject := range rand.New(rand.NewPCG(d.o.Seed, seed)).Perm(len(d.set.Subjects)) {
		captures := d.people[subject]
		if len(captures) > 0 && len(enrolled) < n {
			enrolled[subject] = true
			ref := d.acquired[captures[0]].Reference
			if err := index.Set(matcher.Member{Subject: d.set.Subjects[subject], References: []matcher.Reference{ref}}); err != nil {
				return err
			}
			captures = captures[1:]
		}
		asking = append(asking, captures...)
	}
	lists := make([][]matcher.Candidate, len(asking))
	err := parallel.Each(ctx, len(asking), d.o.Workers, func(i int) (err error) {
		lists[i], err = index.Search(ctx, matcher.Query{Probe: d.acquired[asking[i]].Probe, K: candidates}, nil)
		return err
	})
	for i, list := range lists {
		if subject := d.set.Captures[asking[i]].Subject; enrolled[subject] {
			s.mate(d.set.Subjects[subject], list)
		} else {
			s.stranger(list)
		}
	}
	return err
}
