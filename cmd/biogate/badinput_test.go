package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"biogate/gateway/config"
	"biogate/matcher"
)

// bomb is a PNG that says it has 65,000 x 65,000 pixels.
func bomb() []byte {
	chunk := func(name string, data []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
		b = append(append(b, name...), data...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 65000), 65000)
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 0, 0, 0, 0)), chunk("IEND", nil)}, nil)
}

// iso makes an ISO/IEC 19794-2:2005 record of 20 minutiae whose header says that it has `says` bytes, 0: the truth.
func iso(says int) []byte {
	var body []byte
	rng := rand.New(rand.NewPCG(19794, 2))
	for range 20 { // endings, strewn as in a finger and not as on a lattice
		x, y := 40+rng.IntN(200), 60+rng.IntN(200)
		body = append(body, 0x40, byte(x), 0, byte(y), byte(rng.IntN(180)), 80)
	}
	b := append([]byte("FMR\x00 20\x00"), make([]byte, 16)...)
	b[22] = 1                                                  // one view
	binary.BigEndian.PutUint16(b[14:], 400)                    // pixels across
	binary.BigEndian.PutUint16(b[16:], 400)                    // pixels down
	binary.BigEndian.PutUint16(b[18:], 197)                    // pixels per centimetre
	binary.BigEndian.PutUint16(b[20:], 197)                    //
	b = append(append(b, 2, 0, 80, 20), append(body, 0, 0)...) // right index, view 0, quality, minutiae; no extended data
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)))
	if says != 0 {
		binary.BigEndian.PutUint32(b[8:], uint32(says))
	}
	return b
}

func TestBadInputGetsAClearErrorAndLeavesNothingBehind(t *testing.T) {
	h := newHouse(t)
	h.needFaces(t)
	good := impression(t, 0, 0)
	portrait := person(t, 0, 1)
	otherModel, err := matcher.Template{Modality: matcher.Finger, Model: "finger-minutiae-0", Payload: make([]byte, 64)}.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString(good)
	with := func(m map[string]any, more ...any) map[string]any {
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	const enrol = "/v1/subjects/bad/templates"
	for _, c := range []struct {
		name   string
		body   any
		status int
		code   string
	}{
		{"empty body", "", 400, "body-empty"},
		{"cut off JSON", `{"captures":[`, 400, "json-invalid"},
		{"no captures", `{"captures":[]}`, 400, "captures-missing"},
		{"unknown field", `{"captures":[{"modality":"finger","data":"` + b64 + `","colour":"red"}]}`, 400, "unknown-field"},
		{"NaN for a number", `{"captures":[{"modality":"finger","dpi":NaN,"data":"` + b64 + `"}]}`, 400, "field-invalid"},
		{"text for a number", `{"captures":[{"modality":"finger","dpi":"500","data":"` + b64 + `"}]}`, 400, "field-invalid"},
		{"a fraction of a dot", `{"captures":[{"modality":"finger","dpi":500.5,"data":"` + b64 + `"}]}`, 400, "parameter-invalid"},
		{"broken base64", `{"captures":[{"modality":"face","data":"%%%"}]}`, 400, "base64-invalid"},
		{"empty data", captures(faceCapture(nil)), 400, "capture-empty"},
		{"unknown modality", captures(map[string]any{"modality": "iris", "data": good}), 400, "modality-unknown"},
		{"unknown position", captures(with(fingerCapture(good), "position", "sixth-finger")), 400, "position-unknown"},
		{"negative dpi", captures(with(fingerCapture(good), "dpi", -5)), 400, "parameter-invalid"},
		{"dpi of a telescope", captures(with(fingerCapture(good), "dpi", 5000)), 400, "parameter-invalid"},
		{"17 captures", captures(manyCaptures(good, 17)...), 400, "captures-too-many"},
		{"20 MB body", strings.Repeat("x", 20<<20+1), 413, "body-too-large"},
		{"truncated JPEG", captures(faceCapture(portrait[:len(portrait)/3])), 400, "capture-undecodable"},
		{"truncated PNG", captures(fingerCapture(good[:len(good)/2])), 400, "capture-undecodable"},
		{"PNG bomb", captures(fingerCapture(bomb())), 413, "capture-too-large"},
		{"text named .png", captures(with(fingerCapture([]byte(strings.Repeat("hello ", 100))), "format", "image/png")), 415, "format-mismatch"},
		{"text", captures(fingerCapture([]byte(strings.Repeat("hello ", 100)))), 415, "format-unsupported"},
		{"JPEG that says it is a PNG", captures(with(faceCapture(portrait), "format", "image/png")), 415, "format-mismatch"},
		{"a face sent as a finger", captures(fingerCapture(portrait)), 422, "capture-unusable"},
		{"a finger sent as a face", captures(faceCapture(good)), 422, "capture-unusable"},
		{"a blank fingerprint", captures(fingerCapture(blank(t, 300, 300))), 422, "capture-unusable"},
		{"no face", captures(faceCapture(blank(t, 300, 300))), 422, "capture-unusable"},
		{"three faces", captures(faceCapture(photo(t, "sample3.jpg"))), 422, "capture-unusable"},
		{"ISO template with a lying length", captures(fingerCapture(iso(0xffff))), 400, "template-malformed"},
		{"ISO template cut off", captures(fingerCapture(iso(0)[:60])), 400, "template-malformed"},
		{"template of another model", captures(fingerCapture(otherModel)), 422, "model-mismatch"},
		{"template with a changed byte", captures(fingerCapture(flip(otherModel, 30))), 400, "template-malformed"},
		{"one bad capture among good ones", captures(fingerCapture(good), fingerCapture(blank(t, 300, 300))), 422, "capture-unusable"},
	} {
		a, err := h.call("POST", enrol, c.body)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if a.status != c.status || a.Code != c.code {
			t.Errorf("%s: %d %s instead of %d %s: %s", c.name, a.status, a.Code, c.status, c.code, a.body)
		}
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: content type %q", c.name, got)
		}
		if a.Code == "capture-unusable" && len(a.Reasons) == 0 {
			t.Errorf("%s: no reasons: %s", c.name, a.body)
		}
	}
	if a := h.want(t, 404, "GET", "/v1/subjects/bad", nil); a.Code != "subject-unknown" {
		t.Errorf("a refused enrolment left a subject: %s", a.body)
	}
	if a := h.want(t, 404, "POST", "/v1/verifications", verification("nobody", fingerCapture(good))); a.Code != "subject-unknown" {
		t.Errorf("unknown subject: %s", a.body)
	}
	h.want(t, 200, "GET", "/readyz", nil)
}

func manyCaptures(data []byte, n int) (out []map[string]any) {
	for range n {
		out = append(out, fingerCapture(data))
	}
	return out
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func TestISORecordsAreCaptures(t *testing.T) {
	h := newHouse(t)
	h.want(t, 201, "POST", "/v1/subjects/iso/templates", captures(map[string]any{"modality": "finger", "data": iso(0)}))
	a := h.want(t, 200, "POST", "/v1/verifications", verification("iso", map[string]any{"modality": "finger", "data": iso(0)}))
	if a.Decision != "match" {
		t.Errorf("the same record: %s", a.body)
	}
}

func TestEmptyOrArbitraryBiometricsNeverMatch(t *testing.T) {
	h := newHouse(t)
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	for name, data := range map[string][]byte{
		"blank": blank(t, 300, 300), "one pixel": blank(t, 1, 1), "zeroes": make([]byte, 4096), "text": []byte("biometrics"),
	} {
		a, err := h.call("POST", "/v1/verifications", verification("p0", fingerCapture(data)))
		if err != nil {
			t.Fatal(err)
		}
		if a.Decision == "match" || a.Assertion != "" || (a.status == http.StatusOK && a.Decision != "inconclusive") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	h := newHouse(t)
	const enrol = "/v1/subjects/p0/templates"
	first := h.want(t, 201, "POST", enrol, captures(fingerCapture(impression(t, 0, 0))), "Idempotency-Key", "k1")
	again := h.want(t, 201, "POST", enrol, captures(fingerCapture(impression(t, 0, 0))), "Idempotency-Key", "k1")
	if !bytes.Equal(first.body, again.body) {
		t.Errorf("another answer to the same request:\n%s\n%s", first.body, again.body)
	}
	if a := h.want(t, 409, "POST", enrol, captures(fingerCapture(impression(t, 0, 1))), "Idempotency-Key", "k1"); a.Code != "idempotency-key-reused" {
		t.Errorf("%s", a.body)
	}
	info := h.want(t, 200, "GET", "/v1/subjects/p0", nil)
	if n := strings.Count(string(info.body), `"id"`); n != 1 {
		t.Errorf("%d templates are held: %s", n, info.body)
	}
}

func TestWithoutNetworksFacesAreAnswered501AndFingersGoOn(t *testing.T) {
	h := newHouse(t, func(c *config.Config) { c.Models = t.TempDir() })
	a := h.want(t, 501, "POST", "/v1/subjects/p0/templates", captures(faceCapture(blank(t, 300, 300))))
	if a.Code != "engine-unavailable" {
		t.Errorf("%s", a.body)
	}
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
}
