package finger

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"biogate/matcher"
)

// randomPrint scatters n minutiae over an impression of w x h pixels.
func randomPrint(rng *rand.Rand, w, h, n int) Print {
	p := Print{Width: w, Height: h}
	for range n {
		p.Minutiae = append(p.Minutiae, Minutia{
			X: int16(rng.IntN(w)), Y: int16(rng.IntN(h)), Angle: uint8(rng.IntN(256)),
			Kind: Kind(1 + rng.IntN(2)), Quality: uint8(1 + rng.IntN(100)),
		})
	}
	return p
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2005)) }

func mustPayload(t testing.TB, p Print) []byte {
	t.Helper()
	b, err := AppendPayload(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func inOrder(p Print) Print {
	p.Minutiae = slices.SortedFunc(slices.Values(p.Minutiae), canonical)
	return p
}

func equalPrints(a, b Print) bool {
	return a.Width == b.Width && a.Height == b.Height && slices.Equal(a.Minutiae, b.Minutiae)
}

func TestPayloadRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		rng := newRand(seed)
		p := randomPrint(rng, 1+rng.IntN(900), 1+rng.IntN(900), rng.IntN(256))
		got, err := ParsePayload(mustPayload(t, p))
		if err != nil || !equalPrints(got, inOrder(p)) {
			t.Fatalf("seed %d: came back changed, error %v", seed, err)
		}
	}
}

func TestPayloadDoesNotDependOnOrder(t *testing.T) {
	rng := newRand(1)
	p := randomPrint(rng, 300, 400, 60)
	want := mustPayload(t, p)
	rng.Shuffle(len(p.Minutiae), func(i, j int) { p.Minutiae[i], p.Minutiae[j] = p.Minutiae[j], p.Minutiae[i] })
	if got := mustPayload(t, p); !bytes.Equal(got, want) {
		t.Fatal("the same minutiae in another order made another payload")
	}
	if len(want) > 6*61 {
		t.Fatalf("60 minutiae take %d bytes", len(want))
	}
}

func TestAppendPayloadRefuses(t *testing.T) {
	good := Minutia{X: 5, Y: 5, Kind: Ending, Quality: 50}
	with := func(m Minutia) Print { return Print{Width: 10, Height: 10, Minutiae: []Minutia{m}} }
	for name, p := range map[string]Print{
		"no width":          {Height: 10, Minutiae: []Minutia{good}},
		"too wide":          {Width: 1 << 14, Height: 10},
		"too many":          {Width: 10, Height: 10, Minutiae: slices.Repeat([]Minutia{good}, 256)},
		"outside to right":  with(Minutia{X: 10}),
		"outside to bottom": with(Minutia{Y: 10}),
		"negative":          with(Minutia{X: -1}),
		"kind":              with(Minutia{Kind: 3}),
		"quality":           with(Minutia{Quality: 101}),
	} {
		if _, err := AppendPayload(nil, p); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestParsePayloadRefuses(t *testing.T) {
	good := mustPayload(t, randomPrint(newRand(2), 300, 400, 20))
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	swapped := bytes.Clone(good)
	copy(swapped[6:12], good[12:18])
	copy(swapped[12:18], good[6:12])
	cases := map[string][]byte{
		"empty":           {},
		"header alone":    good[:5],
		"version":         change(0, 2),
		"count too high":  change(5, 21),
		"count too low":   change(5, 19),
		"trailing byte":   append(bytes.Clone(good), 0),
		"undefined kind":  change(6, 0xc0|good[6]),
		"undefined grade": change(11, 101),
		"out of order":    swapped,
	}
	cases["zero height"] = append(append(bytes.Clone(good[:3]), 0, 0), good[5:]...)
	for name, b := range cases {
		if _, err := ParsePayload(b); !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for n := range good {
		if _, err := ParsePayload(good[:n]); err == nil {
			t.Errorf("cut after %d bytes: accepted", n)
		}
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(mustPayload(f, randomPrint(newRand(3), 300, 400, 12)))
	f.Add([]byte{payloadVersion, 0, 1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePayload(b)
		if err != nil {
			mustBeBadTemplate(t, err)
			return
		}
		for i := range p.Minutiae { // reserved bits of y are not kept
			b[payloadHeader+i*minutiaBytes+2] &= 0x3f
		}
		if again := mustPayload(t, p); !bytes.Equal(again, b) {
			t.Fatal("accepted bytes are not what the writer makes")
		}
	})
}

func mustBeBadTemplate(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, &matcher.Error{Code: matcher.CodeBadTemplate}) {
		t.Fatalf("error %v is no %s", err, matcher.CodeBadTemplate)
	}
}
