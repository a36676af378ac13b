package gallery

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"biogate/matcher"
)

func heap() float64 {
	runtime.GC()
	runtime.GC() // what pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// With subjects of 16 bytes and groups, a gallery of 512 dimensions takes at most 1.15 times the bytes of the vectors, whatever
// was changed before.
func TestVectorsAreSmall(t *testing.T) {
	const n, dims, most = 200_000, 512, 1.15
	rng := rand.New(rand.NewPCG(1, 2))
	refs := make([]matcher.Reference, 100)
	for i := range refs {
		refs[i] = randomVector(t, rng, dims)
	}
	before := heap()
	ix := NewVectors(model, dims, Config{})
	set := func(i int) {
		m := matcher.Member{Subject: fmt.Sprintf("%016x", i), Group: fmt.Sprint(i % 500), References: refs[i%len(refs):][:1]}
		if err := ix.Set(m); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		size := (heap() - before) / (dims * float64(ix.Len()))
		t.Logf("%s: %d subjects, %.3f times the vectors", when, ix.Len(), size)
		if size > most {
			t.Errorf("%s: %.3f times the vectors", when, size)
		}
	}
	for i := range n {
		set(i)
	}
	check("filled")
	for range n / 4 {
		set(rng.IntN(n))
	}
	check("replaced at random")
	for i := range n / 8 {
		ix.Remove(fmt.Sprintf("%016x", i))
		set(n + i)
	}
	check("turned over in order")
	for _, i := range rng.Perm(n) {
		if i%3 > 0 {
			ix.Remove(fmt.Sprintf("%016x", n/8+i))
		}
	}
	check("two thirds removed at random")
	runtime.KeepAlive(ix)
}
