package accuracy

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"biogate/matcher"
)

// toyTest is two subjects with three captures each, whose scores are the toy's.
func toyTest(t testing.TB) Test {
	t.Helper()
	dir := write(t, map[string]string{"a_1.png": "1", "a_2.png": "1.5", "a_3.png": "4", "b_1.png": "9", "b_2.png": "9.2", "b_3.png": "9.1"})
	set, err := Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	set.Name = "toys"
	plan, err := NewPlan(ProtocolFull, set)
	if err != nil {
		t.Fatal(err)
	}
	test := Test{Set: set}
	if test.Acquired, err = Acquire(t.Context(), toyEngine{matcher.Finger}, set, 1, nil); err != nil {
		t.Fatal(err)
	}
	if test.Scores, err = Compare(t.Context(), set, test.Acquired, plan, 1, nil); err != nil {
		t.Fatal(err)
	}
	return test
}

// rivalFile gives every pair of the toys a score: genuine ones 50, impostors 1, but for those named.
func rivalFile(test Test, other map[string]string) string {
	var b strings.Builder
	b.WriteString("reference\tprobe\tscore\n")
	names := test.Set.Captures
	for i := range names {
		for j := range i {
			score := "1"
			if names[i].Subject == names[j].Subject {
				score = "50"
			}
			pair := names[j].Name + "\t" + names[i].Name
			if s, ok := other[pair]; ok {
				score = s
			}
			b.WriteString(pair + "\t" + score + "\n")
		}
	}
	return b.String()
}

func TestPeersPairByPair(t *testing.T) {
	test := toyTest(t)
	dir := write(t, map[string]string{
		// The best impostor pair is a_3 and b_1 with -5; we match all of b and the pairs of a. This rival misses b_1 b_2.
		"plain_toys.tsv": rivalFile(test, map[string]string{"b_1\tb_2": "0.5"}),
		// The order of the two does not matter, nor scores of -Inf and a missing header.
		"other_rival_toys.tsv": strings.ReplaceAll(strings.SplitN(rivalFile(test, map[string]string{"a_1\ta_2": "-Inf"}), "\n", 2)[1], "a_1\ta_3", "a_3\ta_1"),
		"plain_elsewhere.tsv":  "not read",
		"notes.txt":            "not read",
	})
	peers, err := LoadPeers(dir, []Test{test})
	if err != nil || len(peers) != 2 || peers[0].Rival != "other_rival" || peers[1].Rival != "plain" {
		t.Fatalf("peers %+v, %v", peers, err)
	}
	got, err := ComparePeers(context.Background(), []Test{test}, peers, Bootstrap{Replicates: 50, Seed: 3})
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	c := got[1]
	if c.Genuine != 6 || c.OnlyWeHit != 1 || c.OnlyRivalHits != 0 || c.BothMiss != 0 || c.McNemar != 1 || c.SubjectsOurs != 1 || c.SubjectsRival != 0 {
		t.Errorf("comparison %+v", c)
	}
	if !close(c.FMR1000, 1./6) || c.OurFMR1000 != 0 || !close(c.Difference, -1./6) || c.Interval.Low < -1./3-1e-9 || c.Interval.High > 1e-9 {
		t.Errorf("rates %+v", c)
	}
	worst := Worst([]Test{test}, peers, 2)
	if len(worst) != 4 || worst[0].Kind != KindGenuine || worst[0].Reference != "a_1" || worst[0].Probe != "a_3" || !close(worst[0].Score, -3) ||
		!slices.Equal(worst[0].MatchedBy, []string{"other_rival", "plain"}) {
		t.Errorf("worst %+v", worst)
	}
	if worst[2].Kind != KindImpostor || !close(worst[2].Score, -5) || worst[2].MatchedBy == nil || len(worst[2].MatchedBy) != 0 {
		t.Errorf("worst impostor %+v", worst[2])
	}
}

func TestPeersOfSeveralSetsAreAddedUp(t *testing.T) {
	one, two := toyTest(t), toyTest(t)
	two.Set.Name = "more"
	dir := write(t, map[string]string{
		"x_toys.tsv": rivalFile(one, map[string]string{"b_1\tb_2": "0"}),
		"x_more.tsv": rivalFile(two, map[string]string{"a_1\ta_2": "0", "a_1\ta_3": "0"}),
	})
	tests := []Test{one, two}
	peers, err := LoadPeers(dir, tests)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ComparePeers(context.Background(), tests, peers, Bootstrap{Replicates: 10})
	if err != nil || len(got) != 3 || got[2].Dataset != "all" {
		t.Fatalf("%+v, %v", got, err)
	}
	all := got[2]
	if all.Genuine != 12 || all.OnlyWeHit != 3 || !close(all.McNemar, 0.25) || all.SubjectsOurs != 2 || !close(all.Sign, 0.5) || !close(all.FMR1000, 0.25) {
		t.Errorf("together %+v", all)
	}
}

func TestBadPeerFilesAreNamed(t *testing.T) {
	test := toyTest(t)
	whole := rivalFile(test, nil)
	for want, files := range map[string]map[string]string{
		"no file <rival>_toys.tsv":          {"toys.tsv": whole, "_toys.tsv": whole, "x_other.tsv": whole},
		"x_toys.tsv: line 2: 2 fields":      {"x_toys.tsv": "reference\tprobe\tscore\na_1 a_2\t4\n"},
		`line 1: "high" is no comparison`:   {"x_toys.tsv": "a_1\ta_2\thigh\n"},
		`line 1: "NaN" is no comparison`:    {"x_toys.tsv": "a_1\ta_2\tNaN\n"},
		`line 1: "+Inf" is no comparison`:   {"x_toys.tsv": "a_1\ta_2\t+Inf\n"},
		`line 1: the data set has no`:       {"x_toys.tsv": "z_1\ta_2\t4\n"},
		`has no capture "a_2.png"`:          {"x_toys.tsv": "a_1\ta_2.png\t4\n"},
		"line 1: a capture is compared":     {"x_toys.tsv": "a_1\ta_1\t4\n"},
		"line 2: these two captures have":   {"x_toys.tsv": "a_1\ta_2\t4\na_2\ta_1\t4\n"},
		"no score for a_1 and a_2":          {"x_toys.tsv": strings.Replace(whole, "a_1\ta_2\t50\n", "", 1)},
		"token too long":                    {"x_toys.tsv": strings.Repeat("x", 1<<17)},
		"no score for a_1 and a_2 ":         nil, // no folder at all, see below
		"no score for a_3 and b_1":          {"x_toys.tsv": strings.Replace(whole, "a_3\tb_1\t1\n", "", 1)},
		"y_toys.tsv: no score for":          {"x_toys.tsv": whole, "y_toys.tsv": "reference\tprobe\tscore\n"},
		"line 4: the data set has no captu": {"x_toys.tsv": "reference\tprobe\tscore\n\n\nq\tr\t1\n"},
	} {
		if files == nil {
			if _, err := LoadPeers(filepath.Join(t.TempDir(), "none"), []Test{test}); err == nil || !strings.Contains(err.Error(), "none") {
				t.Errorf("no folder: %v", err)
			}
			continue
		}
		if _, err := LoadPeers(write(t, files), []Test{test}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func FuzzParsePeer(f *testing.F) {
	set := Dataset{Captures: []Capture{{Name: "a_1"}, {Name: "a_2"}, {Name: "b_1"}}}
	f.Add("reference\tprobe\tscore\na_1\ta_2\t5\r\n\na_1\tb_1\t-Inf\n")
	f.Add("a_1\ta_2\t1e400\n")
	f.Fuzz(func(t *testing.T, text string) {
		scores, err := parsePeer(strings.NewReader(text), set)
		if err != nil {
			return
		}
		for pair, score := range scores {
			if pair[0] < 0 || pair[0] >= pair[1] || int(pair[1]) >= len(set.Captures) || math.IsNaN(score) || math.IsInf(score, 1) {
				t.Fatalf("pair %v has %g", pair, score)
			}
		}
	})
}

// Exact values: 2 * sum of n over k / 2^n.
func TestEvenOdds(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want float64
	}{{0, 0, 1}, {1, 1, 1}, {0, 1, 1}, {0, 5, 0.0625}, {5, 0, 0.0625}, {1, 9, 22. / 1024}, {3, 7, 2 * 176. / 1024}, {0, 60, math.Exp2(-59)}} {
		if got := evenOdds(c.a, c.b); math.Abs(got-c.want) > 1e-12*math.Max(1, c.want) {
			t.Errorf("%d to %d: %g, want %g", c.a, c.b, got, c.want)
		}
	}
}

// A matcher against its own scores differs from itself nowhere; the files of the rivals read as they stand.
func TestRivalsFilesAreRead(t *testing.T) {
	dir := sharedData(t, "finger/peer_scores")
	set, err := Load(sharedData(t, "finger/fvc2002_db1_b"), matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "nbis_fvc2002_db1_b.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	scores, err := parsePeer(f, set)
	if err != nil || len(scores) != 3160 {
		t.Fatalf("%d scores, %v", len(scores), err)
	}
	plan, _ := NewPlan(ProtocolFull, set)
	var genuine, impostor []Comparison
	subject := subjectsOf(set)
	for probe, refs := range plan {
		for _, ref := range refs {
			c := Comparison{scores[unordered(ref, int32(probe))], ref, int32(probe)}
			if subject[ref] == subject[probe] {
				genuine = append(genuine, c)
			} else {
				impostor = append(impostor, c)
			}
		}
	}
	test := Test{Set: set, Scores: NewScores(genuine, impostor, subject)}
	peers, err := LoadPeers(dir, []Test{test})
	if err != nil || len(peers) != 5 {
		t.Fatalf("%d peers, %v", len(peers), err)
	}
	got, err := ComparePeers(context.Background(), []Test{test}, peers, Bootstrap{Replicates: 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got {
		if c.Rival == "nbis" && (c.OnlyWeHit+c.OnlyRivalHits != 0 || c.Difference != 0 || c.McNemar != 1) {
			t.Errorf("against itself: %+v", c)
		}
	}
}
