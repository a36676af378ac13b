package eddsa

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"
)

// check wants of a key with a table what crypto/ed25519 says, and returns it.
func check(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, public, message, sig []byte,
) bool {
	t.Helper()
	want := len(public) == ed25519.PublicKeySize && ed25519.Verify(public, message, sig)
	key, err := Prepare(public)
	if got := err == nil && key.Verify(message, sig); got != want {
		t.Fatalf("key %x, message %x, signature %x: %v (%v), crypto/ed25519 says %v", public, message, sig, got, err, want)
	}
	return want
}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if got := check(t, unhex(t, f[2]), unhex(t, f[3]), unhex(t, f[4])); got != (f[1] == "valid") {
			t.Errorf("%s: %v", f[0], got)
		}
		seen++
	}
	if seen != 84 {
		t.Errorf("%d vectors", seen)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	out, err := hex.DecodeString(strings.TrimSuffix(s, "-"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// order of the base point, L of RFC 8032, section 5.1.
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// plusOrder adds L to S: the same point, and another signature, unless somebody forgot to look.
func plusOrder(sig []byte) []byte {
	out := slices.Clone(sig)
	slices.Reverse(out[32:])
	s := new(big.Int).SetBytes(out[32:])
	s.Add(s, order).FillBytes(out[32:])
	slices.Reverse(out[32:])
	return out
}

// A signature holds as it is, and not with any bit of it, of its message or of its key changed, nor with S + L, nor cut or prolonged.
func TestSignaturesThatHoldAndChangedOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		private := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		public := []byte(private.Public().(ed25519.PublicKey))
		message := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "message")
		sig := ed25519.Sign(private, message)
		if !check(t, public, message, sig) {
			t.Fatalf("refused")
		}
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		for name, field := range map[string][]byte{"R": sig[:32], "S": sig[32:], "A": public, "M": message} {
			if len(field) == 0 {
				continue
			}
			at := rapid.IntRange(0, len(field)-1).Draw(t, "byte of "+name)
			field[at] ^= bit
			if check(t, public, message, sig) {
				t.Fatalf("taken with another %s", name)
			}
			field[at] ^= bit
		}
		for name, other := range map[string][]byte{"S+L": plusOrder(sig), "cut": sig[:63], "prolonged": append(slices.Clone(sig), 0), "none": nil} {
			if check(t, public, message, other) {
				t.Fatalf("taken: %s", name)
			}
		}
	})
}

// encodings are those of the points of small order, and all that are not canonical (y >= p, or x = 0 with a sign): the odd keys.
func encodings() (out [][]byte) {
	add := func(y *big.Int) {
		for _, sign := range []byte{0, 0x80} {
			text := y.FillBytes(make([]byte, 32))
			slices.Reverse(text)
			text[31] |= sign
			if _, err := new(edwards25519.Point).SetBytes(text); err == nil {
				out = append(out, text)
			}
		}
	}
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for i := int64(0); i < 19; i++ {
		add(new(big.Int).Add(p, big.NewInt(i)))
	}
	add(big.NewInt(0))                             // order 4
	add(big.NewInt(1))                             // the identity
	add(new(big.Int).Sub(p, big.NewInt(1)))        // order 2
	for _, text := range []string{octic, octic2} { // order 8
		y, _ := hex.DecodeString(text)
		slices.Reverse(y)
		add(new(big.Int).SetBytes(y))
	}
	return out
}

// y of the points of order 8.
const (
	octic  = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
	octic2 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
)

func torsion(t interface{ Fatal(...any) }) (out []*edwards25519.Point) {
	y, _ := hex.DecodeString(octic)
	generator, err := new(edwards25519.Point).SetBytes(y)
	if err != nil {
		t.Fatal(err)
	}
	p := edwards25519.NewIdentityPoint()
	for range 8 {
		out = append(out, new(edwards25519.Point).Set(p))
		p.Add(p, generator)
	}
	if p.Equal(edwards25519.NewIdentityPoint()) != 1 || out[4].Equal(edwards25519.NewIdentityPoint()) == 1 {
		t.Fatal("that is no point of order 8")
	}
	return out
}

// Every odd key with every odd R, and S that some would take: 0 and what fits a key without a secret.
func TestSmallOrderAndNonCanonicalKeys(t *testing.T) {
	all, taken := encodings(), 0
	if len(all) < 30 {
		t.Fatalf("%d encodings", len(all))
	}
	for _, a := range all {
		for _, r := range all {
			for n := range byte(2) { // another message, another k
				if check(t, a, []byte{n}, slices.Concat(r, make([]byte, 32))) {
					taken++
				}
			}
		}
		s, _ := edwards25519.NewScalar().SetUniformBytes(bytes.Repeat([]byte{7}, 64))
		r := new(edwards25519.Point).ScalarBaseMult(s).Bytes()
		if check(t, a, nil, slices.Concat(r, s.Bytes())) {
			taken++
		}
	}
	if taken == 0 {
		t.Error("no such signature holds: this tests nothing")
	}
}

// craft makes a signature as the holder of a key may who breaks the rules, with points of small order in his key and in R. Whoever
// multiplies by the cofactor takes all of them; crypto/ed25519 takes those in which the points happen to cancel out.
func craft(t interface{ Fatal(...any) }, secret, nonce *edwards25519.Scalar, ofKey, ofR int, message []byte) (public, sig []byte) {
	points := torsion(t)
	a := new(edwards25519.Point).ScalarBaseMult(secret)
	public = a.Add(a, points[ofKey]).Bytes()
	r := new(edwards25519.Point).ScalarBaseMult(nonce)
	r.Add(r, points[ofR])
	sum := sha512.Sum512(slices.Concat(r.Bytes(), public, message))
	k, _ := edwards25519.NewScalar().SetUniformBytes(sum[:])
	s := edwards25519.NewScalar().MultiplyAdd(k, secret, nonce)
	return public, slices.Concat(r.Bytes(), s.Bytes())
}

// scalars are any, and those whose digits are all alike or at an end.
func scalars() *rapid.Generator[*edwards25519.Scalar] {
	return rapid.Custom(func(t *rapid.T) *edwards25519.Scalar {
		fill := rapid.SampledFrom([]byte{0, 1, 0x0f, 0x10, 0x77, 0x78, 0x7f, 0x80, 0x81, 0x87, 0x88, 0x89, 0xf0, 0xff}).Draw(t, "fill")
		text := bytes.Repeat([]byte{fill}, 32)
		for i, b := range rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "bytes") {
			text[i] = b
		}
		text[31] &= rapid.SampledFrom([]byte{0, 0x0f, 0x10}).Draw(t, "top")
		if s, err := edwards25519.NewScalar().SetCanonicalBytes(text); err == nil {
			return s
		}
		least, _ := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
		return least.Negate(least) // L - 1
	})
}

func TestCraftedSignatures(t *testing.T) {
	taken, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		secret, nonce := scalars().Draw(rt, "secret"), scalars().Draw(rt, "nonce")
		ofKey, ofR := rapid.IntRange(0, 7).Draw(rt, "of A"), rapid.IntRange(0, 7).Draw(rt, "of R")
		for n := range byte(4) {
			public, sig := craft(t, secret, nonce, ofKey, ofR, []byte{n})
			if check(rt, public, []byte{n}, plusOrder(sig)) {
				rt.Fatalf("S+L is taken")
			}
			if check(rt, public, []byte{n}, sig) {
				taken++
			} else {
				refused++
			}
		}
	})
	if taken == 0 || refused == 0 {
		t.Errorf("%d held, %d did not: this tests nothing", taken, refused)
	}
}

// Tables multiply as the library does, whatever the point, the scalar and the shape of the table.
func TestTablesMultiply(t *testing.T) {
	points := torsion(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := new(edwards25519.Point).ScalarBaseMult(scalars().Draw(rt, "point"))
		p.Add(p, points[rapid.IntRange(0, 7).Draw(rt, "torsion")])
		s := scalars().Draw(rt, "scalar")
		shape := rapid.SampledFrom([][2]int{{keyWindow, keySpacing}, {baseWindow, 1}, {5, 3}, {6, 2}}).Draw(rt, "shape")
		var sum edwards25519.Point
		newTable(p, shape[0], shape[1]).times(&sum, s)
		if want := new(edwards25519.Point).ScalarMult(s, p); sum.Equal(want) != 1 {
			rt.Fatalf("%x times %x is not %x", s.Bytes(), p.Bytes(), want.Bytes())
		}
	})
}

// What docs/adr/0069-device-key-tables.md says that a table takes: it decides what 4,096 of them do.
func TestTableBytes(t *testing.T) {
	key, err := Prepare(edwards25519.NewGeneratorPoint().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(key.minus.points) * int(reflect.TypeFor[edwards25519.Point]().Size()); got != 20<<10 {
		t.Errorf("%d bytes", got)
	}
}

func FuzzVerify(f *testing.F) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	f.Add([]byte(private.Public().(ed25519.PublicKey)), []byte("m"), ed25519.Sign(private, []byte("m")), byte(0), byte(0))
	for i, a := range encodings() {
		f.Add(a, []byte{byte(i)}, make([]byte, 64), byte(i%8), byte(i%7))
	}
	f.Fuzz(func(t *testing.T, public, message, sig []byte, ofKey, ofR byte) {
		check(t, public, message, sig) // bytes as they come
		sum := sha512.Sum512(slices.Concat(public, sig))
		secret, _ := edwards25519.NewScalar().SetUniformBytes(sum[:])
		nonce, _ := edwards25519.NewScalar().SetUniformBytes(append(sum[32:], sum[:32]...))
		crafted, signature := craft(t, secret, nonce, int(ofKey%8), int(ofR%8), message)
		check(t, crafted, message, signature)
		check(t, crafted, message, plusOrder(signature))
		for i, b := range sig[:min(len(sig), len(signature))] {
			signature[i] ^= b
		}
		check(t, crafted, message, signature)
	})
}

// Cost of a check with a table and without, and of making one.
func BenchmarkVerify(b *testing.B) {
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	message := make([]byte, 420) // of a signed request
	sig := ed25519.Sign(private, message)
	key, err := Prepare(public)
	if err != nil || !key.Verify(message, sig) { // the first check makes the base point's table
		b.Fatal(err)
	}
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !key.Verify(message, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("standard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !ed25519.Verify(public, message, sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("prepare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Prepare(public)
		}
	})
}
