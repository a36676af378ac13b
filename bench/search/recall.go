package search

import (
	"context"

	"biogate/bench/accuracy"
	"biogate/matcher"
)

// verdict counts the queries whose mate came first.
type verdict struct {
	asked      int // of every mode
	exhaustive int
	twoStage   int
	both       int
}

// judge says how well the modes found the mates.
func (g *filled) judge(ctx context.Context, queries []query, answers map[string]asked) (verdict, error) {
	exhaustive := answers[ModeExhaustive].first
	two, staged := answers[ModeTwoStage]
	if !staged {
		return verdict{asked: len(exhaustive), exhaustive: mates(queries, exhaustive)}, nil
	}
	v := verdict{asked: len(queries), twoStage: mates(queries, two.first)}
	for j, q := range queries {
		atTop, err := g.mateAtTop(ctx, q, j, exhaustive, two.first[j])
		if err != nil {
			return v, err
		}
		if atTop {
			v.exhaustive++
			v.both += mates(queries[j:], two.first[j:j+1])
		}
	}
	return v, nil
}

func mates(queries []query, first []matcher.Candidate) (n int) {
	for j := range first {
		if first[j].Subject == queries[j].mate {
			n++
		}
	}
	return n
}

// ranked is how often a mode had the mate first.
func (v verdict) ranked(mode string) Ranked {
	hits := v.exhaustive
	if mode == ModeTwoStage {
		hits = v.twoStage
	}
	return Ranked{share(hits, v.asked), accuracy.Wilson(hits, v.asked), v.asked}
}

// agreed is what two-stage search loses.
func (v verdict) agreed() Agreed {
	return Agreed{share(v.both, v.exhaustive), accuracy.Wilson(v.both, v.exhaustive), v.exhaustive}
}

// mateAtTop says whether exhaustive search has the mate of query j at rank 1. Where it was not asked, it need not be: if
// two-stage search found the mate, exhaustive search is taken to find it too; if it found somebody whose score the mate does
// not reach, exhaustive search cannot find it either. Only what remains is asked now.
func (g *filled) mateAtTop(ctx context.Context, q query, j int, exhaustive []matcher.Candidate, two matcher.Candidate) (bool, error) {
	switch {
	case j < len(exhaustive):
		return exhaustive[j].Subject == q.mate, nil
	case two.Subject == q.mate:
		return true, nil
	case two.Subject != "" && two.Score > q.mateScore && !same(two.Score, q.mateScore):
		return false, nil
	}
	a, err := g.ask(ctx, "exhaustive search for a mate", []query{q}, g.modes()[0], 1)
	return err == nil && a.first[0].Subject == q.mate, err
}

// agreement is the share of the first queries for which exhaustive search has the best score of all comparisons.
func (g *filled) agreement(exhaustive []matcher.Candidate) Agreed {
	agree, of := 0, min(len(g.reference), len(exhaustive))
	for j := range of {
		if same(exhaustive[j].Score, g.reference[j].c.Score) {
			agree++
		}
	}
	return Agreed{share(agree, of), accuracy.Wilson(agree, of), of}
}

func share(hits, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(hits) / float64(of)
}
