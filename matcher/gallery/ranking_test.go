package gallery

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"biogate/matcher"
)

// A ranking keeps what sorting all that was offered would put first, behind what its slice held before.
func TestRankingIsTheSortedBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(-1, 12).Draw(t, "k")
		before := []matcher.Candidate{{Subject: "before", Score: math.Inf(1)}}[:rapid.IntRange(0, 1).Draw(t, "before")]
		best := NewRanking(before, k)
		var all []matcher.Candidate
		for i := range rapid.IntRange(0, 40).Draw(t, "offers") {
			c := matcher.Candidate{Subject: string(rune('a' + i)), Score: rapid.SampledFrom([]float64{math.Inf(-1), -3, 0, 0.5, 7}).Draw(t, "score"), Comparisons: i}
			best.Offer(c)
			all = append(all, c)
		}
		slices.SortFunc(all, byRank)
		got := best.Sorted()
		if !slices.Equal(got[:len(before)], before) || !slices.Equal(got[len(before):], all[:max(0, min(k, len(all)))]) {
			t.Fatalf("k %d: kept %v of %v", k, got, all)
		}
	})
}

func TestRankingDoesNotAllocate(t *testing.T) {
	dst := make([]matcher.Candidate, 0, 10)
	if n := testing.AllocsPerRun(100, func() {
		best := NewRanking(dst, 10)
		for i := range 100 {
			best.Offer(matcher.Candidate{Score: float64(i * 37 % 100)})
		}
		best.Sorted()
	}); n != 0 {
		t.Errorf("%.0f allocations with room for all", n)
	}
}
