package search

import (
	"context"
	"math/rand/v2"

	"biogate/bench/accuracy"
	"biogate/matcher"
)

// measureReal puts one capture of each real finger into the gallery and asks with the others.
func (g *filled) measureReal(ctx context.Context) (*Real, error) {
	set, err := accuracy.Pool(g.o.Datasets)
	if err != nil {
		return nil, err
	}
	acquired, err := accuracy.Acquire(ctx, g.e, set, g.o.Workers, g.o.Progress)
	if err != nil {
		return nil, err
	}
	r := &Real{}
	for _, d := range g.o.Datasets {
		r.Datasets = append(r.Datasets, d.Name)
	}
	queries, err := g.enrolReal(set, acquired, r)
	if err != nil {
		return nil, err
	}
	// Exhaustive search is asked for the first of them: let these be of all data sets.
	rand.New(rand.NewPCG(g.o.Seed, 0)).Shuffle(len(queries), func(i, j int) { queries[i], queries[j] = queries[j], queries[i] })
	answers, err := g.askAll(ctx, queries, 1)
	if err != nil {
		return nil, err
	}
	v, err := g.judge(ctx, queries, answers)
	if err != nil {
		return nil, err
	}
	r.Exhaustive = v.ranked(ModeExhaustive)
	if _, staged := answers[ModeTwoStage]; staged {
		r.TwoStage = &Staged{v.ranked(ModeTwoStage), v.agreed()}
	}
	return r, nil
}

// enrolReal adds the first usable capture of each finger and makes queries of the other ones.
func (g *filled) enrolReal(set accuracy.Dataset, acquired []accuracy.Acquired, r *Real) ([]query, error) {
	var queries []query
	first := map[int]matcher.Reference{}
	for i, c := range set.Captures {
		if acquired[i].Err != nil {
			r.Failures++
			continue
		}
		if c.Wrong {
			continue
		}
		name := "real " + set.Subjects[c.Subject]
		ref, enrolled := first[c.Subject]
		if !enrolled {
			first[c.Subject] = acquired[i].Reference
			if err := g.index.Set(matcher.Member{Subject: name, References: []matcher.Reference{acquired[i].Reference}}); err != nil {
				return nil, err
			}
			continue
		}
		score, err := acquired[i].Probe.Compare(ref)
		if err != nil {
			return nil, err
		}
		queries = append(queries, query{probe: acquired[i].Probe, mate: name, mateScore: score})
	}
	r.References = len(first)
	return queries, nil
}
