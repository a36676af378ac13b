package accuracy

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The sums kept on the way give the variance that its definition gives.
func TestDyadicVarianceByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subject := rapid.SliceOfN(rapid.Int32Range(0, 5), 4, 12).Draw(t, "subject of each capture")
		var impostor []Comparison
		for p := range subject {
			for r := range p {
				if subject[p] != subject[r] && rapid.Float64Range(0, 1).Draw(t, "met") < 0.8 {
					impostor = append(impostor, Comparison{float64(rapid.IntRange(0, 3).Draw(t, "score")), int32(r), int32(p)})
				}
			}
		}
		if len(impostor) < 2 {
			t.Skip("nothing to compare")
		}
		s := NewScores(nil, impostor, subject)
		d := newDyads(s)
		matches := countAtLeast(s.Impostor, 2)
		for _, c := range s.Impostor[:matches] {
			d.falseMatch(d.index(s, c))
		}
		n, p := float64(len(impostor)), float64(matches)/float64(len(impostor))
		var sum float64
		for _, a := range s.Impostor {
			for _, b := range s.Impostor {
				if share(subject, a, b) {
					sum += (falseMatch(a) - p) * (falseMatch(b) - p)
				}
			}
		}
		want := n
		if variance := sum / (n * n); variance > p*(1-p)/n {
			want = p * (1 - p) / variance
		}
		if got := d.effective(p); math.Abs(got-want) > 1e-6*want {
			t.Fatalf("effective %g, by definition %g", got, want)
		}
	})
}

func falseMatch(c Comparison) float64 {
	if c.Score >= 2 {
		return 1
	}
	return 0
}

func share(subject []int32, a, b Comparison) bool {
	for _, x := range []int32{subject[a.Reference], subject[a.Probe]} {
		if x == subject[b.Reference] || x == subject[b.Probe] {
			return true
		}
	}
	return false
}

func TestWilson(t *testing.T) {
	if i := wilson(0.1, 100); math.Abs(i.Low-0.0552) > 1e-3 || math.Abs(i.High-0.1744) > 1e-3 {
		t.Errorf("10 of 100: %+v", i)
	}
	if i := wilson(0, 50); i.Low != 0 || i.High < 0.05 {
		t.Errorf("none of 50: %+v", i)
	}
}
