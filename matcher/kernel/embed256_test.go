package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// naiveEmbed256 is the definition, feature by feature.
func naiveEmbed256(terms []Term256, phases *Phases256) (signature [4]uint64) {
	for k := range 256 {
		sum := 0
		for _, t := range terms {
			phase := (int(phases.U[t.U][k]) + int(phases.V[t.V][k]) + int(phases.A[t.A][k])) % 256
			wave := phase - 64 // rises to 63 at half a turn
			if phase >= 128 {
				wave = 191 - phase
			}
			sum += int(t.Weight) * wave
		}
		if sum > 0 {
			signature[k/64] |= 1 << (k % 64)
		}
	}
	return signature
}

// checkEmbed256 holds every usable row, and what dispatch has chosen, to the definition. The terms lie off the
// alignment of a vector, between others that would change the result.
func checkEmbed256(t *testing.T, terms []Term256, phases *Phases256) {
	t.Helper()
	strange := Term256{U: 63, V: 1, A: 62, Weight: 200}
	around := append([]Term256{strange}, terms...)
	inside := append(around, strange, strange)[1:][:len(terms)]
	want := naiveEmbed256(terms, phases)
	for _, r := range append(embed256Rows(), row[embed256Func]{"dispatch", true, Embed256}) {
		if !r.usable {
			continue
		}
		if got := r.fn(inside, phases); got != want {
			t.Fatalf("%s: %d terms: %016x, want %016x", r.name, len(terms), got, want)
		}
	}
}

func randomPhases(rng *rand.Rand) *Phases256 {
	phases := new(Phases256)
	for _, table := range []*[Steps256][256]uint8{&phases.U, &phases.V, &phases.A} {
		for step := range table {
			for k := range table[step] {
				table[step][k] = uint8(rng.Uint32())
			}
		}
	}
	return phases
}

func randomTerms(rng *rand.Rand, n int) []Term256 {
	terms := make([]Term256, n)
	for i := range terms {
		terms[i] = Term256{
			U: uint8(rng.IntN(Steps256)), V: uint8(rng.IntN(Steps256)), A: uint8(rng.IntN(Steps256)),
			Weight: uint8(rng.IntN(Weight256 + 1)),
		}
	}
	return terms
}

func TestEmbed256RowsAgree(t *testing.T) {
	for _, r := range embed256Rows() {
		if !r.usable {
			t.Logf("%s: not usable on this machine", r.name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	phases := randomPhases(rng)
	for n := range Terms256 + 1 {
		for range 8 {
			checkEmbed256(t, randomTerms(rng, n), phases)
		}
	}
	for u := range Steps256 { // every row of every table is found
		u := uint8(u)
		checkEmbed256(t, []Term256{{U: u, V: 63 - u, A: u ^ 21, Weight: 1}, {U: u ^ 42, V: u, A: 63 - u, Weight: 1}}, phases)
	}
}

// Every phase at every place of a vector, alone and as one of the largest and smallest sums that are possible.
func TestEmbed256EveryPhase(t *testing.T) {
	phases := new(Phases256)
	for step := range Steps256 {
		for k := range 256 {
			phases.U[step][k] = uint8(4*step + k)
			phases.V[step][k] = uint8(step)
		}
	}
	for phase := range 256 {
		for _, n := range []int{1, 2, 62, Terms256} {
			for _, weight := range []uint8{0, 1, Weight256} {
				terms := make([]Term256, n)
				for i := range terms {
					terms[i] = Term256{U: uint8(phase / 4), V: uint8(phase % 4), Weight: weight}
				}
				checkEmbed256(t, terms, phases)
			}
		}
	}
}

// The bounds of the coordinates and of the weights, and sums that are exactly 0 and next to it.
func TestEmbed256Extremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	phases := randomPhases(rng)
	for _, n := range []int{0, 1, 2, 3, 16, 62, Terms256} {
		for _, term := range []Term256{{}, {Weight: Weight256}, {63, 63, 63, Weight256}, {0, 63, 0, Weight256}, {63, 0, 63, 1}} {
			terms := make([]Term256, n)
			for i := range terms {
				terms[i] = term
			}
			checkEmbed256(t, terms, phases)
			weightless := randomTerms(rng, n)
			for i := range weightless {
				weightless[i].Weight = 0
			}
			checkEmbed256(t, weightless, phases)
			checkEmbed256(t, append(weightless[:n/2], terms[n/2:]...), phases)
		}
	}
	flat := new(Phases256)
	for k := range 256 {
		flat.U[1][k], flat.U[2][k], flat.U[3][k] = 64, 63, 65 // waves of 0, -1 and 1
	}
	for _, steps := range [][]uint8{{1}, {2}, {3}, {2, 3}, {1, 1}, {3, 1, 2}, {3, 1, 1}, {2, 1, 1}} {
		terms := make([]Term256, len(steps))
		for i, step := range steps {
			terms[i] = Term256{U: step, Weight: Weight256}
		}
		checkEmbed256(t, terms, flat)
	}
}

func TestEmbed256RefusesWhatIsOutOfRange(t *testing.T) {
	phases := new(Phases256)
	taken := func(terms []Term256) (taken bool) {
		defer func() { taken = recover() == nil }()
		Embed256(terms, phases)
		return true
	}
	if taken(make([]Term256, Terms256+1)) {
		t.Error("64 terms were taken")
	}
	for value := range 256 {
		v := uint8(value)
		for _, term := range []Term256{{U: v}, {V: v}, {A: v}, {63, 63, v, 8}} {
			if got := taken([]Term256{{}, term, {}}); got != (v < Steps256) {
				t.Errorf("%+v: taken %t", term, got)
			}
		}
		if got := taken([]Term256{{63, 63, 63, v}, {}}); got != (v <= Weight256) {
			t.Errorf("a weight of %d: taken %t", v, got)
		}
	}
}

func TestEmbed256AllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	terms, phases := randomTerms(rng, 7), randomPhases(rng)
	for _, r := range append(embed256Rows(), row[embed256Func]{"dispatch", true, Embed256}) {
		if !r.usable {
			continue
		}
		if n := testing.AllocsPerRun(10, func() { r.fn(terms, phases) }); n != 0 {
			t.Errorf("%s: %v allocations", r.name, n)
		}
	}
}

func FuzzEmbed256(f *testing.F) {
	f.Add([]byte{}, uint64(1))
	f.Add(make([]byte, 4*Terms256), uint64(2))
	seed := make([]byte, 4*17)
	for i := range seed {
		seed[i] = byte(i * i * i)
	}
	f.Add(seed, uint64(3))
	f.Fuzz(func(t *testing.T, data []byte, phaseSeed uint64) {
		terms := make([]Term256, min(len(data)/4, Terms256))
		for i := range terms {
			d := data[4*i:]
			terms[i] = Term256{U: d[0] % Steps256, V: d[1] % Steps256, A: d[2] % Steps256, Weight: d[3] % (Weight256 + 1)}
		}
		checkEmbed256(t, terms, randomPhases(rand.New(rand.NewPCG(phaseSeed, 0))))
	})
}

func BenchmarkEmbed256(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	phases := randomPhases(rng)
	rows := append(embed256Rows(), row[embed256Func]{"dispatch", true, Embed256})
	for _, n := range []int{16, Terms256} {
		sets := make([][]Term256, 64) // the whole table is in use
		for i := range sets {
			sets[i] = randomTerms(rng, n)
		}
		for _, r := range rows {
			b.Run(fmt.Sprintf("%s/terms=%d", r.name, n), func(b *testing.B) {
				if !r.usable {
					b.Skip("not usable on this machine")
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					r.fn(sets[i%len(sets)], phases)
				}
			})
		}
	}
}
