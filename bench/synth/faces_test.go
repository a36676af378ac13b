package synth

import (
	"math"
	"slices"
	"testing"
)

func cosineOf(a, b []int8) float64 {
	dot, aa, bb := 0, 0, 0
	for i := range a {
		dot, aa, bb = dot+int(a[i])*int(b[i]), aa+int(a[i])*int(a[i]), bb+int(b[i])*int(b[i])
	}
	return float64(dot) / math.Sqrt(float64(aa)*float64(bb))
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	t.Logf("%s: %.4f", what, got)
	if math.Abs(got-want) > within {
		t.Errorf("%s: %.4f, want %.4f within %.4f", what, got, want, within)
	}
}

// Scores are those of a real network: the figures stand above the parameters.
func TestFacesScoreLikeANetwork(t *testing.T) {
	const people = 900
	f := NewFaces(1, 512)
	first, second := make([][]int8, people), make([][]int8, people)
	for i := range people {
		first[i], second[i] = f.Capture(i, 0), f.Capture(i, 1)
	}
	var genuine, impostor []float64
	for i := range people {
		genuine = append(genuine, cosineOf(first[i], second[i]))
		for j := range i {
			impostor = append(impostor, cosineOf(first[i], second[j]))
		}
	}
	slices.Sort(genuine)
	slices.Sort(impostor)
	mean, deviation := meanDeviation(genuine)
	near(t, "genuine mean", mean, 0.651, 0.015)
	near(t, "genuine deviation", deviation, 0.136, 0.015)
	near(t, "genuine 5 %", genuine[people/20], 0.431, 0.05)
	mean, deviation = meanDeviation(impostor)
	near(t, "impostor mean", mean, 0.023, 0.006)
	near(t, "impostor deviation", deviation, 0.099, 0.006)
	for at, want := range map[float64]float64{1e-2: 0.265, 1e-3: 0.356, 1e-4: 0.429} {
		near(t, "impostor quantile", impostor[int((1-at)*float64(len(impostor)))], want, 0.025)
	}
}

func meanDeviation(l []float64) (mean, deviation float64) {
	for _, x := range l {
		mean += x / float64(len(l))
	}
	for _, x := range l {
		deviation += (x - mean) * (x - mean) / float64(len(l))
	}
	return mean, math.Sqrt(deviation)
}

func TestFacesAreSeeded(t *testing.T) {
	for _, dims := range []int{64, 192, 512} {
		a, b := NewFaces(7, dims), NewFaces(7, dims)
		v := a.Capture(3, 1)
		if !slices.Equal(v, b.Capture(3, 1)) {
			t.Error("the same seed gave another capture")
		}
		top := 0
		for _, x := range v {
			top = max(top, int(x), -int(x))
		}
		if len(v) != dims || top != 127 {
			t.Errorf("%d elements, the largest %d in size", len(v), top)
		}
		for _, other := range [][]int8{a.Capture(3, 2), a.Capture(4, 1), NewFaces(8, dims).Capture(3, 1)} {
			if slices.Equal(v, other) {
				t.Error("two captures are the same")
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("100 dimensions were taken")
		}
	}()
	NewFaces(1, 100)
}

func BenchmarkFaces(b *testing.B) {
	f := NewFaces(1, 512)
	for i := 0; b.Loop(); i++ {
		f.Capture(i, 0)
	}
}
