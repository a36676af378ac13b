package accuracy

import (
	"cmp"
	"slices"

	"biogate/matcher"
)

// WorstPair is a comparison that goes wrong, or nearly.
type WorstPair struct {
	Kind      string  `json:"kind"` // genuine or impostor
	Dataset   string  `json:"dataset"`
	Reference string  `json:"reference"`
	Probe     string  `json:"probe"`
	Score     float64 `json:"score"`
	Margin    float64 `json:"margin"` // score less the threshold for FMR 1e-3 on the data set
	// Quality of reference and probe.
	Quality [2]int `json:"quality"`
	// MatchedBy are the rivals whose own threshold for FMR 1e-3 the pair reaches.
	MatchedBy []string `json:"matched_by"`
}

// Kinds of a comparison.
const (
	KindGenuine  = "genuine"
	KindImpostor = "impostor"
)

// Worst are the n genuine pairs with the least margin and the n impostor pairs with the most, worst first, over all tests.
// Pairs that a failure to acquire prevented are not among them: Result lists those captures.
func Worst(tests []Test, peers []Peer, n int) []WorstPair {
	var genuine, impostor []WorstPair
	for i, t := range tests {
		rivals := slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return p.Test != i })
		g, im := made(t.Scores.Genuine), t.Scores.Impostor
		genuine = append(genuine, t.pairs(KindGenuine, g[max(0, len(g)-n):], rivals)...)
		impostor = append(impostor, t.pairs(KindImpostor, made(im)[:min(n, len(made(im)))], rivals)...)
	}
	slices.SortStableFunc(genuine, func(a, b WorstPair) int { return cmp.Compare(a.Margin, b.Margin) })
	slices.SortStableFunc(impostor, func(a, b WorstPair) int { return cmp.Compare(b.Margin, a.Margin) })
	return append(genuine[:min(n, len(genuine))], impostor[:min(n, len(impostor))]...)
}

// pairs names comparisons and says who matches them.
func (t Test) pairs(kind string, list []Comparison, rivals []Peer) []WorstPair {
	threshold := t.Scores.thresholds()[1]
	matched := map[[2]int32][]string{}
	for _, r := range rivals {
		theirs, their := r.Genuine, r.thresholds()[1]
		if kind == KindImpostor {
			theirs = r.Impostor
		}
		for _, c := range theirs[:countAtLeast(theirs, their)] {
			pair := unordered(c.Reference, c.Probe)
			matched[pair] = append(matched[pair], r.Rival)
		}
	}
	var pairs []WorstPair
	for _, c := range list {
		p := WorstPair{
			Kind: kind, Dataset: t.Set.Name, Reference: t.Set.Captures[c.Reference].Name, Probe: t.Set.Captures[c.Probe].Name,
			Score: round(c.Score), Margin: round(c.Score - threshold), MatchedBy: matched[unordered(c.Reference, c.Probe)],
			Quality: [2]int{t.quality(c.Reference).Score, t.quality(c.Probe).Score},
		}
		if p.MatchedBy == nil {
			p.MatchedBy = []string{}
		}
		pairs = append(pairs, p)
	}
	return pairs
}

func (t Test) quality(capture int32) matcher.Quality {
	if t.Acquired == nil {
		return matcher.Quality{}
	}
	return t.Acquired[capture].Quality
}
