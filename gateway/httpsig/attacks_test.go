package httpsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"biogate/internal/eddsa"
)

// wire is a request that a test changes on its way.
type wire struct {
	method, authority, path, query string
	header                         map[string][]string
}

func (w wire) message() Message {
	return Message{w.method, w.authority, w.path, w.query, func(name string) []string { return w.header[name] }}
}

// onWire is a signed request with everything that is ever covered.
func onWire(t testing.TB, key crypto.Signer, body []byte) wire {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://gate.example/v1/verifications?a=1", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", "once")
	req.Header.Set("DPoP", "e30.e30.AA")
	req.Header.Set("Content-Type", "application/json")
	if err := Sign(req, body, SignOptions{KeyID: "kiosk-17", Key: key, Now: testNow, Nonce: testNonce}); err != nil {
		t.Fatal(err)
	}
	return wireOf(outgoing(req, len(body)))
}

var allFields = []string{
	"content-digest", "content-type", "content-encoding", "content-length", "transfer-encoding", "idempotency-key", "dpop", "signature", "signature-input",
}

func wireOf(m Message) wire {
	w := wire{m.Method, m.Authority, m.Path, m.Query, map[string][]string{}}
	for _, name := range allFields {
		if lines := m.Header(name); len(lines) > 0 {
			w.header[name] = slices.Clone(lines)
		}
	}
	return w
}

// taken says whether a server that does all that it must takes the request.
func taken(w wire, body []byte, key crypto.PublicKey) error {
	s, err := Parse(w.message())
	if err != nil {
		return err
	}
	return errors.Join(s.Verify(key), s.Digest.Check(body))
}

func TestEveryChangeBreaksTheSignature(t *testing.T) {
	body := []byte(`{"subject":"s"}`)
	for _, key := range []crypto.Signer{edKey(t), ecKey(t)} {
		good := onWire(t, key, body)
		if err := taken(good, body, key.Public()); err != nil {
			t.Fatal(err)
		}
		try := func(what string, w wire, body []byte) {
			t.Helper()
			if err := taken(w, body, key.Public()); err == nil {
				t.Errorf("taken with another %s", what)
			}
		}
		each := func(what, value string, put func(*wire, string)) {
			t.Helper()
			for i := range value {
				for _, other := range []string{value[:i] + string(rune(value[i]^1)) + value[i+1:], value[:i] + value[i+1:], value[:i] + "\n" + value[i:]} {
					w := good
					w.header = map[string][]string{}
					for name, lines := range good.header {
						w.header[name] = lines
					}
					put(&w, other)
					try(what, w, body)
				}
			}
		}
		each("method", good.method, func(w *wire, v string) { w.method = v })
		each("authority", good.authority, func(w *wire, v string) { w.authority = v })
		each("path", good.path, func(w *wire, v string) { w.path = v })
		each("query", good.query, func(w *wire, v string) { w.query = v })
		for name, lines := range good.header {
			if name != "content-length" {
				each(name, lines[0], func(w *wire, v string) { w.header[name] = []string{v} })
			}
		}
		for i := range body {
			other := bytes.Clone(body)
			other[i] ^= 1
			try("body", good, other)
			try("shorter body", good, body[:i])
		}
		for name := range good.header {
			w := wireOf(good.message())
			w.header[name] = append(w.header[name], w.header[name][0])
			if name != "content-length" {
				try("second "+name, w, body)
			}
			delete(w.header, name)
			if name != "content-length" { // without it the body counts all the same
				try("missing "+name, w, body)
			}
		}
	}
}

// What the signature does not cover must not be there: whoever adds it would change what was signed.
func TestNothingCanBeAddedToASignedRequest(t *testing.T) {
	_, m := signed(t, edKey(t), http.MethodGet, "https://gate.example/v1/galleries/g", nil)
	for name, value := range map[string]string{
		"idempotency-key": "x", "dpop": "x", "content-encoding": "gzip", "content-type": "text/plain", "content-digest": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
		"content-length": "7", "transfer-encoding": "chunked",
	} {
		w := wireOf(m)
		w.header[name] = []string{value}
		if _, err := Parse(w.message()); !errors.Is(err, ErrUncovered) {
			t.Errorf("%s added: %v", name, err)
		}
	}
	w := wireOf(m)
	delete(w.header, "content-length") // a body that nobody announced
	s, err := Parse(w.message())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Verify(edKey(t).Public()), s.Digest.Check([]byte("x"))); !errors.Is(err, ErrDigest) {
		t.Errorf("a body added: %v", err)
	}
}

const goodInput = `sig1=("@method" "@authority" "@path" "@query");created=1800000000;nonce="abcdefghijklmnop";keyid="k"`

// Each is a spelling or a claim outside of the profile, whatever was signed.
func TestInputsThatAreRefused(t *testing.T) {
	if _, err := parseInput(goodInput); err != nil {
		t.Fatal(err)
	}
	swap := func(old, with string) string {
		out := strings.Replace(goodInput, old, with, 1)
		if out == goodInput {
			t.Fatalf("%q is not in the input", old)
		}
		return out
	}
	for name, input := range map[string]string{
		"empty":                   "",
		"two signatures":          goodInput + ", sig2" + strings.TrimPrefix(goodInput, "sig1"),
		"the same label twice":    goodInput + ", " + goodInput,
		"a comma behind":          goodInput + ",",
		"a blank behind":          goodInput + " ",
		"a blank before":          " " + goodInput,
		"a label in capitals":     swap("sig1", "Sig1"),
		"no label":                swap("sig1=", ""),
		"a long label":            swap("sig1", strings.Repeat("s", maxName+1)),
		"a component twice":       swap(`"@path"`, `"@path" "@path"`),
		"a field twice":           swap(`"@path"`, `"@path" "date" "date"`),
		"two blanks":              swap(` "@path"`, `  "@path"`),
		"a tab":                   swap(` "@path"`, "\t\"@path\""),
		"a blank in the list":     swap(`("@`, `( "@`),
		"a component as a token":  swap(`"@path"`, `path`),
		"an escape":               swap(`"@path"`, `"\@path"`),
		"a field in capitals":     swap(`"@path"`, `"@path" "Date"`),
		"an unknown component":    swap(`"@path"`, `"@path" "@target-uri"`),
		"a response's component":  swap(`"@path"`, `"@path" "@status"`),
		"its own field":           swap(`"@path"`, `"@path" "signature-input"`),
		"req":                     swap(`"@path"`, `"@path";req`),
		"tr":                      swap(`"@path"`, `"@path" "date";tr`),
		"sf":                      swap(`"@path"`, `"@path" "date";sf`),
		"bs":                      swap(`"@path"`, `"@path" "date";bs`),
		"key":                     swap(`"@path"`, `"@path" "date";key="a"`),
		"name":                    swap(`"@path"`, `"@path" "@query-param";name="a"`),
		"too many components":     swap(`"@path"`, `"@path" "a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l" "m"`),
		"no created":              swap(`;created=1800000000`, ``),
		"no nonce":                swap(`;nonce="abcdefghijklmnop"`, ``),
		"no key id":               swap(`;keyid="k"`, ``),
		"an empty key id":         swap(`"k"`, `""`),
		"a short nonce":           swap(`abcdefghijklmnop`, `abcdefghijklmno`),
		"a long nonce":            swap(`abcdefghijklmnop`, strings.Repeat("n", maxNonce+1)),
		"a nonce with a blank":    swap(`abcdefghijklmnop`, `abcdefghijklm op`),
		"a nonce beyond ASCII":    swap(`abcdefghijklmnop`, `abcdefghijklmnopé`),
		"a nonce as a token":      swap(`"abcdefghijklmnop"`, `abcdefghijklmnop`),
		"created twice":           goodInput + ";created=1800000001",
		"a nonce twice":           goodInput + `;nonce="abcdefghijklmnoq"`,
		"a key id twice":          goodInput + `;keyid="l"`,
		"alg twice":               goodInput + `;alg="ed25519";alg="ed25519"`,
		"expires twice":           goodInput + ";expires=1800000001;expires=1800000002",
		"expires before created":  goodInput + ";expires=1799999999",
		"a tag":                   goodInput + `;tag="app"`,
		"an unknown parameter":    goodInput + ";x=1",
		"a flag":                  goodInput + ";x",
		"a blank before one":      swap(`;created`, `; created`),
		"created with a zero":     swap(`1800000000`, `01800000000`),
		"created below zero":      swap(`1800000000`, `-1800000000`),
		"created at zero":         swap(`1800000000`, `0`),
		"created as a fraction":   swap(`1800000000`, `1800000000.5`),
		"created as text":         swap(`1800000000`, `"1800000000"`),
		"created beyond all time": swap(`1800000000`, `99999999999999999999999`),
		"created empty":           swap(`1800000000`, ``),
		"cut short":               goodInput[:len(goodInput)-1],
		"a list never closed":     `sig1=("@method"`,
	} {
		if _, err := parseInput(input); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, input := range []string{goodInput + `;alg="ed25519"`, goodInput + ";expires=1800000060"} {
		if _, err := parseInput(input); err != nil {
			t.Errorf("%s: %v", input, err)
		}
	}
}

// A line feed in a value would be another line of what is signed.
func TestControlCharactersAreRefused(t *testing.T) {
	for _, value := range []string{"a\n\"@path\": /v1/subjects", "a\r", "a\x00", "a\x7f", "a\u00e9"} {
		w := onWire(t, edKey(t), nil)
		w.header["idempotency-key"] = []string{value}
		if _, err := Parse(w.message()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// What is too long is not read at all.
func TestLongFieldsAreNotRead(t *testing.T) {
	for _, name := range []string{"signature-input", "signature", "content-digest"} {
		w := onWire(t, edKey(t), []byte("{}"))
		w.header[name] = []string{w.header[name][0] + strings.Repeat(" ", maxFields)}
		if _, err := Parse(w.message()); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := onWire(t, edKey(t), nil)
	w.path = "/" + strings.Repeat("a", maxBase)
	if _, err := Parse(w.message()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a long path: %v", err)
	}
}

func TestEveryRequiredComponentIsRequired(t *testing.T) {
	for _, name := range required {
		w := onWire(t, edKey(t), nil)
		w.header["signature-input"] = []string{strings.Replace(w.header["signature-input"][0], `"`+name+`"`, `"x-`+name[1:]+`"`, 1)}
		w.header["x-"+name[1:]] = []string{"x"}
		if _, err := Parse(w.message()); !errors.Is(err, ErrUncovered) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestSignaturesThatAreRefused(t *testing.T) {
	good := onWire(t, edKey(t), nil)
	value := good.header["signature"][0]
	for name, c := range map[string]struct {
		put  []string
		want error
	}{
		"none":           {nil, ErrMalformed},
		"two lines":      {[]string{value, value}, ErrMalformed},
		"two members":    {[]string{value + ", sig2" + value[4:]}, ErrMalformed},
		"another label":  {[]string{"sig2" + value[4:]}, ErrMalformed},
		"a parameter":    {[]string{value + ";x"}, ErrMalformed},
		"no padding":     {[]string{strings.Replace(value, "==:", ":", 1)}, ErrMalformed},
		"base64url":      {[]string{"sig1=:" + strings.Repeat("-_", 43) + "==:"}, ErrMalformed},
		"too short":      {[]string{"sig1=:AAAA:"}, ErrMalformed},
		"another length": {[]string{"sig1=:" + strings.Repeat("A", 88) + ":"}, ErrMalformed},
		"unused bits":    {[]string{"sig1=:" + strings.Repeat("A", 85) + "B==:"}, ErrMalformed},
		"a line break":   {[]string{"sig1=:\n" + strings.Repeat("A", 85) + "==:"}, ErrMalformed},
		"zeros":          {[]string{"sig1=:" + strings.Repeat("A", 86) + "==:"}, ErrSignature},
		"too long":       {[]string{value + strings.Repeat(" ", maxFields)}, ErrMalformed},
	} {
		w := wireOf(good.message())
		w.header["signature"] = c.put
		if err := taken(w, nil, edKey(t).Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse(Message{Header: func(string) []string { return nil }}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no signature: %v", err)
	}
}

// The algorithm that a request names never chooses how a key is read.
func TestAlgorithmMustFitTheKey(t *testing.T) {
	ed, ec := edKey(t), ecKey(t)
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	for _, c := range []struct {
		signer crypto.Signer
		key    crypto.PublicKey
		want   error
	}{
		{ed, ec.Public(), ErrKey},
		{ec, ed.Public(), ErrKey},
		{ed, nil, ErrKey},
		{ed, ed, ErrKey}, // a private key
		{ed, ed25519.PublicKey{1, 2, 3}, ErrKey},
		{ed, (*ecdsa.PublicKey)(nil), ErrKey},
		{ed, (*eddsa.Key)(nil), ErrKey},
		{ec, tabled(t, ed), ErrKey},
		{ed, tabled(t, other), ErrSignature},
		{ec, &ecdsa.PublicKey{Curve: elliptic.P384()}, ErrKey},
		{ec, ecKey(t).Public(), ErrSignature},
	} {
		if err := taken(onWire(t, c.signer, nil), nil, c.key); !errors.Is(err, c.want) {
			t.Errorf("%T for %T: %v", c.key, c.signer, err)
		}
	}
	s, err := Parse(onWire(t, ed, nil).message())
	if err != nil {
		t.Fatal(err)
	}
	s.algorithm = "rsa-pss-sha512"
	if err := s.Verify(ed.Public()); !errors.Is(err, ErrKey) {
		t.Errorf("another algorithm: %v", err)
	}
}

func TestDigestsThatAreRefused(t *testing.T) {
	const sum = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
	for _, field := range []string{
		"", "sha-256", "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", sum + ", " + sum, sum + "," + sum, sum + ", md5=:1B2M2Y8AsgTpgAmY7PhCfg==:",
		sum + ",", sum + " ", "sha-512" + sum[7:], "SHA-256" + sum[7:], sum + ";x", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=:",
	} {
		if _, err := digestOf(Message{Header: func(string) []string { return []string{field} }}); err == nil {
			t.Errorf("%q is taken", field)
		}
	}
	both := sum + ", sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:"
	d, err := digestOf(Message{Header: func(string) []string { return []string{both} }})
	if err := errors.Join(err, d.Check(nil)); err != nil {
		t.Errorf("both: %v", err)
	}
	d.sum512[0] ^= 1 // one that fits does not excuse the other
	if err := d.Check(nil); !errors.Is(err, ErrDigest) {
		t.Errorf("half of both: %v", err)
	}
}

// Whatever a client asks for: what Sign makes is taken, and is the request's alone.
func TestPropertySigned(t *testing.T) {
	key := edKey(t)
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringMatching(`[a-z0-9._~%-]{0,12}`)
		w := func() *http.Request {
			req, err := http.NewRequest(rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(r, "method"),
				"https://"+rapid.StringMatching(`[a-zA-Z]{1,8}(:[1-9][0-9]{0,4})?`).Draw(r, "host"), nil)
			if err != nil {
				r.Fatal(err)
			}
			req.URL.Path, req.URL.RawQuery = "/"+text.Draw(r, "path"), text.Draw(r, "query")
			return req
		}
		body := rapid.SliceOf(rapid.Byte()).Draw(r, "body")
		req, other := w(), w()
		req.Header.Set("Content-Type", "application/json")
		if err := Sign(req, body, SignOptions{KeyID: "k", Key: key, Now: testNow, Nonce: testNonce}); err != nil {
			r.Fatal(err)
		}
		signed := wireOf(outgoing(req, len(body)))
		if err := taken(signed, body, key.Public()); err != nil {
			r.Fatal(err)
		}
		moved := wireOf(outgoing(other, len(body)))
		moved.header = signed.header
		same := moved.method == signed.method && authority(moved.authority) == authority(signed.authority) && moved.path == signed.path && moved.query == signed.query
		if err := taken(moved, body, key.Public()); (err == nil) != same {
			r.Fatalf("moved from %+v to %+v: %v", signed, moved, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	key := edKey(f)
	good := onWire(f, key, []byte("{}"))
	f.Add(good.header["signature-input"][0], good.header["signature"][0], good.header["content-digest"][0], "once", "a=1")
	f.Add(goodInput, good.header["signature"][0], "", "", "")
	f.Fuzz(func(t *testing.T, input, value, digest, once, query string) {
		w := wireOf(good.message())
		w.query = query
		for name, line := range map[string]string{"signature-input": input, "signature": value, "content-digest": digest, "idempotency-key": once} {
			if w.header[name] = []string{line}; line == "" {
				delete(w.header, name)
			}
		}
		s, err := Parse(w.message())
		if err != nil {
			return
		}
		if len(s.Nonce) < minNonce || len(s.Nonce) > maxNonce || s.KeyID == "" || s.Created.IsZero() || bytes.Count(s.base, []byte("\n")) > maxComponents {
			t.Errorf("taken: %+v", s)
		}
		same := input == good.header["signature-input"][0] && digest == good.header["content-digest"][0] && strings.Trim(once, " \t") == "once" && query == "a=1"
		if s.Verify(key.Public()) == nil && !same {
			t.Errorf("a forgery: %s", s.base)
		}
	})
}

func tabled(t testing.TB, key crypto.Signer) *eddsa.Key {
	t.Helper()
	out, err := eddsa.Prepare(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func BenchmarkParseVerify(b *testing.B) {
	ed, ec := edKey(b), ecKey(b)
	for _, c := range []struct {
		name   string
		signer crypto.Signer
		key    crypto.PublicKey
	}{{Ed25519, ed, ed.Public()}, {Ed25519 + "-table", ed, tabled(b, ed)}, {ECDSAP256, ec, ec.Public()}} {
		m := onWire(b, c.signer, []byte(`{"subject":"s"}`)).message()
		b.Run(c.name+"/parse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/parse+verify", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := Parse(m)
				if err != nil || s.Verify(c.key) != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
