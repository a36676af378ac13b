package gallery

import (
	"slices"
	"strings"

	"biogate/matcher"
)

// Ranking keeps the best candidates that it is offered.
type Ranking struct {
	list  []matcher.Candidate
	start int // of the candidates in list: a heap, worst on top
	k     int
}

// NewRanking keeps at most k candidates, appended to dst.
func NewRanking(dst []matcher.Candidate, k int) Ranking {
	return Ranking{list: dst, start: len(dst), k: k}
}

// Offer takes c in if it is among the best k so far.
func (r *Ranking) Offer(c matcher.Candidate) {
	heap := r.list[r.start:]
	if len(heap) < r.k {
		r.list = append(r.list, c)
		rise(r.list[r.start:], byRank)
		return
	}
	if len(heap) > 0 && byRank(c, heap[0]) < 0 {
		heap[0] = c
		sink(heap, byRank)
	}
}

// Sorted returns dst with the candidates, best first and equal scores by subject. Nothing may be offered afterwards.
func (r *Ranking) Sorted() []matcher.Candidate {
	slices.SortFunc(r.list[r.start:], byRank)
	return r.list
}

// byRank orders candidates best first.
func byRank(a, b matcher.Candidate) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return strings.Compare(a.Subject, b.Subject)
}

// rise moves the last element of a heap, which has the one that ranks last on top, up to its place.
func rise[T any](heap []T, rank func(a, b T) int) {
	for i := len(heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if rank(heap[i], heap[parent]) < 0 {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

// sink moves the first element of a heap down to its place.
func sink[T any](heap []T, rank func(a, b T) int) {
	for i := 0; ; {
		worst := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(heap) && rank(heap[child], heap[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		heap[i], heap[worst] = heap[worst], heap[i]
		i = worst
	}
}
