package accuracy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"biogate/bench/parallel"
)

// Peer is another matcher's scores of the very comparisons of a test.
type Peer struct {
	Rival string
	Test  int // index into the tests
	*Scores
}

// LoadPeers reads `<rival>_<data set>.tsv` of dir for every test: `reference probe score`, as WriteTSV writes it. A file
// must have every comparison of the test, either way round; more are passed over, and so are files of other sets.
func LoadPeers(dir string, tests []Test) ([]Peer, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("scores of peers: %w", err)
	}
	var peers []Peer
	for i, t := range tests {
		found := false
		for _, e := range entries {
			rival, ok := strings.CutSuffix(e.Name(), "_"+t.Set.Name+".tsv")
			if !ok || rival == "" || e.IsDir() {
				continue
			}
			s, err := loadPeer(filepath.Join(dir, e.Name()), t)
			if err != nil {
				return nil, fmt.Errorf("scores of peers: %s: %w", e.Name(), err)
			}
			found, peers = true, append(peers, Peer{Rival: rival, Test: i, Scores: s})
		}
		if !found {
			return nil, fmt.Errorf("scores of peers: no file <rival>_%s.tsv in %s", t.Set.Name, dir)
		}
	}
	slices.SortStableFunc(peers, func(a, b Peer) int { return strings.Compare(a.Rival, b.Rival) })
	return peers, nil
}

func loadPeer(file string, t Test) (*Scores, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scores, err := parsePeer(f, t.Set)
	if err != nil {
		return nil, err
	}
	genuine, err := scoresFor(t, t.Scores.Genuine, scores)
	if err != nil {
		return nil, err
	}
	impostor, err := scoresFor(t, t.Scores.Impostor, scores)
	if err != nil {
		return nil, err
	}
	return NewScores(genuine, impostor, t.Scores.subject), nil
}

// scoresFor takes the peer's scores for the comparisons of list.
func scoresFor(t Test, list []Comparison, scores map[[2]int32]float64) ([]Comparison, error) {
	theirs := slices.Clone(list)
	for i, c := range list {
		score, ok := scores[unordered(c.Reference, c.Probe)]
		if !ok {
			return nil, fmt.Errorf("no score for %s and %s", t.Set.Captures[c.Reference].Name, t.Set.Captures[c.Probe].Name)
		}
		theirs[i].Score = score
	}
	return theirs, nil
}

func unordered(a, b int32) [2]int32 { return [2]int32{min(a, b), max(a, b)} }

const peerHeader = "reference\tprobe\tscore"

// parsePeer reads `reference probe score`, separated by tabs, under an optional header. -Inf is a comparison that a failure
// to acquire prevented.
func parsePeer(r io.Reader, d Dataset) (map[[2]int32]float64, error) {
	captures := make(map[string]int32, len(d.Captures))
	for i, c := range d.Captures {
		captures[c.Name] = int32(i)
	}
	scores := map[[2]int32]float64{}
	in := bufio.NewScanner(r)
	for line := 1; in.Scan(); line++ {
		text := strings.TrimRight(in.Text(), "\r")
		if line == 1 && text == peerHeader || text == "" {
			continue
		}
		pair, score, err := peerLine(text, captures)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if _, twice := scores[pair]; twice {
			return nil, fmt.Errorf("line %d: these two captures have a score already", line)
		}
		scores[pair] = score
	}
	return scores, in.Err()
}

func peerLine(text string, captures map[string]int32) (pair [2]int32, score float64, err error) {
	fields := strings.Split(text, "\t")
	if len(fields) != 3 {
		return pair, 0, fmt.Errorf("%d fields, want reference, probe and score, separated by tabs", len(fields))
	}
	score, err = strconv.ParseFloat(fields[2], 64)
	if err != nil || math.IsNaN(score) || math.IsInf(score, 1) {
		return pair, 0, fmt.Errorf("%q is no comparison score", fields[2])
	}
	a, knownA := captures[fields[0]]
	b, knownB := captures[fields[1]]
	switch {
	case !knownA:
		return pair, 0, fmt.Errorf("the data set has no capture %q", fields[0])
	case !knownB:
		return pair, 0, fmt.Errorf("the data set has no capture %q", fields[1])
	case a == b:
		return pair, 0, errors.New("a capture is compared with itself")
	}
	return unordered(a, b), score, nil
}

// PeerComparison sets two matchers side by side over the same genuine comparisons, each at its own threshold for
// FMR 1e-3 on the data set (a rival with coarse scores may stay below that rate, which is its loss).
type PeerComparison struct {
	Rival         string  `json:"rival"`
	Dataset       string  `json:"dataset"` // "all": rates are means of the sets, counts are sums
	EER           float64 `json:"eer"`     // the rival's
	FMR1000       float64 `json:"fmr1000"`
	OurEER        float64 `json:"our_eer"`
	OurFMR1000    float64 `json:"our_fmr1000"`
	Genuine       int     `json:"genuine"`
	BothMiss      int     `json:"both_miss"`
	OnlyRivalHits int     `json:"only_rival_matches"`
	OnlyWeHit     int     `json:"only_we_match"`
	// McNemar is the two-sided exact test (McNemar 1947) on the comparisons that only one of the two matches. It takes them
	// for independent, which those of a finger are not: read it as an upper bound of the evidence, beside the next two.
	McNemar float64 `json:"mcnemar_p"`
	// Of the subjects on which the two miss different numbers: how many are better with whom, and the exact sign test.
	SubjectsRival int     `json:"subjects_rival_better"`
	SubjectsOurs  int     `json:"subjects_ours_better"`
	Sign          float64 `json:"sign_p"`
	// Difference of the FNMRs, ours less the rival's, with the interval that resampling subjects gives.
	Difference float64  `json:"difference"`
	Interval   Interval `json:"difference_interval"`

	subjects []missed
}

// missed counts a subject's genuine comparisons that were missed.
type missed struct{ of, ours, theirs int }

// ComparePeers tests every rival on each data set, and on all of them together when it has scores for several.
func ComparePeers(ctx context.Context, tests []Test, peers []Peer, b Bootstrap) ([]PeerComparison, error) {
	var list []PeerComparison
	for i, p := range peers {
		list = append(list, sideBySide(tests[p.Test], p))
		last := i == len(peers)-1 || peers[i+1].Rival != p.Rival
		if all := ofRival(list, p.Rival); last && len(all) > 1 {
			list = append(list, together(all))
		}
	}
	for i := range list {
		if err := list[i].test(ctx, b); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func ofRival(list []PeerComparison, rival string) []PeerComparison {
	return slices.DeleteFunc(slices.Clone(list), func(c PeerComparison) bool { return c.Rival != rival })
}

func sideBySide(t Test, p Peer) PeerComparison {
	ours, theirs := t.Scores.Rates(), p.Rates()
	c := PeerComparison{
		Rival: p.Rival, Dataset: t.Set.Name, Genuine: len(p.Genuine),
		EER: theirs.EER, FMR1000: theirs.FMR1000, OurEER: ours.EER, OurFMR1000: ours.FMR1000,
		subjects: make([]missed, len(t.Set.Subjects)),
	}
	weMatch, theyMatch := t.Scores.matchedPairs(), p.matchedPairs()
	for _, g := range p.Genuine {
		pair := unordered(g.Reference, g.Probe)
		s := &c.subjects[t.Set.Captures[g.Probe].Subject]
		s.of++
		switch us, them := weMatch[pair], theyMatch[pair]; {
		case us && !them:
			c.OnlyWeHit++
			s.theirs++
		case them && !us:
			c.OnlyRivalHits++
			s.ours++
		case !us:
			c.BothMiss++
			s.ours++
			s.theirs++
		}
	}
	return c
}

// matchedPairs are the genuine pairs that reach the threshold for FMR 1e-3.
func (s *Scores) matchedPairs() map[[2]int32]bool {
	threshold, pairs := s.thresholds()[1], map[[2]int32]bool{}
	for _, c := range s.Genuine {
		pairs[unordered(c.Reference, c.Probe)] = c.Score >= threshold
	}
	return pairs
}

// together sums the sets of one rival up.
func together(sets []PeerComparison) PeerComparison {
	all := PeerComparison{Rival: sets[0].Rival, Dataset: "all"}
	n := float64(len(sets))
	for _, s := range sets {
		all.EER += s.EER / n
		all.FMR1000 += s.FMR1000 / n
		all.OurEER += s.OurEER / n
		all.OurFMR1000 += s.OurFMR1000 / n
		all.Genuine += s.Genuine
		all.BothMiss += s.BothMiss
		all.OnlyRivalHits += s.OnlyRivalHits
		all.OnlyWeHit += s.OnlyWeHit
		all.subjects = append(all.subjects, s.subjects...)
	}
	return all
}

// test fills in what says whether the difference may be chance.
func (c *PeerComparison) test(ctx context.Context, b Bootstrap) error {
	c.McNemar = evenOdds(c.OnlyRivalHits, c.OnlyWeHit)
	for _, s := range c.subjects {
		switch {
		case s.theirs < s.ours:
			c.SubjectsRival++
		case s.ours < s.theirs:
			c.SubjectsOurs++
		}
	}
	c.Sign = evenOdds(c.SubjectsRival, c.SubjectsOurs)
	c.Difference = differenceOf(c.subjects, func(i int) int { return i })
	differences := make([]float64, b.replicates())
	err := parallel.Each(ctx, len(differences), b.Workers, func(r int) error {
		rng := rand.New(rand.NewPCG(b.Seed, uint64(r)))
		differences[r] = differenceOf(c.subjects, func(int) int { return rng.IntN(len(c.subjects)) })
		return nil
	})
	c.Interval = percentiles(differences)
	return err
}

// differenceOf is our FNMR less theirs over the subjects that draw picks; NaN when they have no genuine comparison.
func differenceOf(subjects []missed, draw func(i int) int) float64 {
	var n, more int
	for i := range subjects {
		s := subjects[draw(i)]
		n += s.of
		more += s.ours - s.theirs
	}
	return float64(more) / float64(n)
}

// evenOdds is the two-sided exact probability of a split at least as uneven as a to b when both sides are as likely.
func evenOdds(a, b int) float64 {
	n, tail := a+b, 0.0
	for k := range min(a, b) + 1 {
		tail += math.Exp(logChoose(n, k) - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}

// logChoose is the logarithm of the binomial coefficient n over k.
func logChoose(n, k int) float64 {
	f := func(n int) float64 { l, _ := math.Lgamma(float64(n + 1)); return l }
	return f(n) - f(k) - f(n-k)
}
