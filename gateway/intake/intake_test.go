package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/matcher"
)

func jsonBody(text string) Body { return Body{ContentType: "application/json", Bytes: []byte(text)} }

// codeOf returns the code of a refusal, "" for none.
func codeOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *gateway.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *gateway.Error", err)
	}
	if e.Detail == "" {
		t.Errorf("%s says no detail", e.Code)
	}
	return e.Code
}

func TestJSONForm(t *testing.T) {
	got, err := Verify(jsonBody(`{
		"subject": "a", "audience": "https://rp.example", "nonce": "n\u002d1", "challenge": "bg1_x",
		"captures": [
			{"modality":"finger", "position":"right-index", "dpi":500, "data":"aGVs\/bG8"},
			{"data":"-_-_", "modality":"face", "format":"Image/JPEG", "at":{"x":1.5,"y":2e2}, "position":null},
			{"modality":"finger","position":"unknown","format":"application/vnd.biogate.raw-grey","width":2,"height":1,"data":"AAA"}
		]}`))
	want := gateway.VerifyRequest{
		Subject: "a", Audience: "https://rp.example", Nonce: "n-1", Challenge: "bg1_x",
		Captures: []matcher.Sample{
			{Modality: "finger", Position: "right-index", DPI: 500, Data: []byte{0x68, 0x65, 0x6c, 0xfd, 0xb1, 0xbc}},
			{Modality: "face", Format: "image/jpeg", At: &matcher.Point{X: 1.5, Y: 200}, Data: []byte{0xfb, 0xff, 0xbf}},
			{Modality: "finger", Format: matcher.FormatRawGrey, Width: 2, Height: 1, Data: []byte{0, 0}},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
}

// TestBadJSON: one line a bad request to enrol, the code it gets, and what the detail must name.
func TestBadJSON(t *testing.T) {
	capture := func(fields string) string { return `{"captures":[{"modality":"finger","data":"AAAA"` + fields + `}]}` }
	for _, c := range []struct{ text, code, names string }{
		{``, CodeBodyEmpty, ""},
		{" \n", CodeBodyEmpty, ""},
		{`null`, CodeField, ""},
		{`[]`, CodeField, ""},
		{`{}`, CodeNoCaptures, ""},
		{`{"captures":[]}`, CodeNoCaptures, ""},
		{`{"captures":null}`, CodeNoCaptures, ""},
		{`{"captures":[`, CodeJSON, "captures[0]"},
		{`{"captures":`, CodeJSON, "captures"},
		{`{"captures"`, CodeJSON, ""},
		{`{"captures":[{"dpi":`, CodeJSON, "captures[0].dpi"},
		{`{"captures":[{}]`, CodeJSON, ""},
		{`{"captures":[{}],}`, CodeJSON, ""},
		{`{"captures":[{}]}x`, CodeJSON, ""},
		{`{"captures":[{},]}`, CodeField, "captures[1]"},
		{`{"captures":{}}`, CodeField, "captures"},
		{`{"captures":[1]}`, CodeField, "captures[0]"},
		{`{"captures":[{}]}`, CodeModality, "capture 1"},
		{`{"kaptures":[]}`, CodeUnknownField, "kaptures"},
		{`{"subject":"a","captures":[]}`, CodeUnknownField, "subject"},
		{`{"captures":[],"captures":[]}`, CodeDuplicateField, "captures"},
		{`{"captures":[],"c\u0061ptures":[]}`, CodeDuplicateField, "captures"},
		{`{captures:[]}`, CodeJSON, ""},
		{`{"Captures":[]}`, CodeUnknownField, "Captures"},
		{`{"captures":[{"modality":"finger"}]}`, CodeEmptyCapture, ""},
		{`{"captures":[{"modality":"finger","data":""}]}`, CodeEmptyCapture, ""},
		{`{"captures":[{"modality":"iris","data":"AAAA"}]}`, CodeModality, "captures[0].modality"},
		{`{"captures":[{"modality":1,"data":"AAAA"}]}`, CodeField, "captures[0].modality"},
		{`{"captures":[{"modality":"face","data":"%%%"}]}`, CodeBase64, "captures[0].data"},
		{`{"captures":[{"modality":"face","data":"A"}]}`, CodeBase64, "captures[0].data"},
		{`{"captures":[{"modality":"face","data":"AA=A"}]}`, CodeBase64, "byte"},
		{`{"captures":[{"modality":"face","data":"+_AA"}]}`, CodeBase64, "byte"},
		{`{"captures":[{"modality":"face","data":"data:image/png;base64,AAAA"}]}`, CodeBase64, ""},
		{"{\"captures\":[{\"modality\":\"face\",\"data\":\"AA\nAA\"}]}", CodeJSON, "captures[0].data"},
		{`{"captures":[{"modality":"face","data":["AAAA"]}]}`, CodeField, "captures[0].data"},
		{`{"captures":[{"modality":"face","data":"AAAA`, CodeJSON, "captures[0].data"},
		{`{"captures":[{"modality":"face","data":"AAAA\"`, CodeJSON, "captures[0].data"},
		{`{"captures":[{"modality":"face","data":"\x"}]}`, CodeJSON, "captures[0].data"},
		{"{\"captures\":[{\"modality\":\"f\xffce\"}]}", CodeJSON, "captures[0].modality"},
		{capture(`,"dpi":-5`), CodeParameter, "captures[0].dpi"},
		{capture(`,"dpi":0`), CodeParameter, "captures[0].dpi"},
		{capture(`,"dpi":199`), CodeParameter, "captures[0].dpi"},
		{capture(`,"dpi":1001`), CodeParameter, "captures[0].dpi"},
		{capture(`,"dpi":500.5`), CodeParameter, "captures[0].dpi"},
		{capture(`,"dpi":NaN`), CodeField, "captures[0].dpi"},
		{capture(`,"dpi":Infinity`), CodeField, "captures[0].dpi"},
		{capture(`,"dpi":-`), CodeField, "captures[0].dpi"},
		{capture(`,"dpi":0500`), CodeField, "captures[0].dpi"},
		{capture(`,"dpi":5e999`), CodeField, "captures[0].dpi"},
		{capture(`,"dpi":"500"`), CodeField, "captures[0].dpi"},
		{capture(`,"dpi":true`), CodeField, "captures[0].dpi"},
		{capture(`,"at":[1,2]`), CodeField, "captures[0].at"},
		{capture(`,"at":{"x":1}`), CodeParameter, "captures[0].at"},
		{capture(`,"at":{"x":1,"y":NaN}`), CodeField, "captures[0].at.y"},
		{capture(`,"at":{"x":1,"y":-1}`), CodeParameter, "captures[0].at"},
		{capture(`,"at":{"x":1,"y":2,"z":3}`), CodeUnknownField, `captures[0].at: there is no field "z"`},
		{capture(`,"position":"nose"`), CodePosition, "captures[0].position"},
		{capture(`,"at":{"x":1,"y":2}`), CodeParameter, "capture 1: at"},
		{capture(`,"width":2`), CodeParameter, "width"},
		{capture(`,"format":"application/vnd.biogate.raw-grey"`), CodeParameter, "width"},
		{capture(`,"format":"` + strings.Repeat("x", 200) + `"`), CodeParameter, "captures[0].format"},
		{capture(`,"finger":1`), CodeUnknownField, "captures[0]: there is no field \"finger\""},
		{capture(`,"data":"AAAA"`), CodeDuplicateField, "data"},
		{`{"captures":[{"modality":"face","position":"right-index","data":"AAAA"}]}`, CodeParameter, "position"},
		{`{"captures":[` + strings.Repeat(`{"modality":"face","data":"AAAA"},`, 16) + `{}]}`, CodeManyCaptures, "16"},
		{strings.Repeat("[", 1<<20), CodeField, ""},
		{`{"captures":` + strings.Repeat("[", 1<<20), CodeField, ""},
		{`{"` + strings.Repeat("x", 1<<20) + `":1}`, CodeUnknownField, "xxx..."},
	} {
		_, err := Enroll("s", jsonBody(c.text))
		if code := codeOf(t, err); code != c.code || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%.80s: got %v, want %s that names %q", c.text, err, c.code, c.names)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%.80s: an error of %d bytes", c.text, len(err.Error()))
		}
	}
}

func TestBadAsk(t *testing.T) {
	const captures = `"captures":[{"modality":"face","data":"AAAA"}]`
	long := strings.Repeat("x", 600)
	for _, c := range []struct{ text, code string }{
		{`{"audience":"x",` + captures + `}`, CodeSubject},
		{`{"subject":"a b","audience":"x",` + captures + `}`, CodeSubject},
		{`{"subject":"..","audience":"x",` + captures + `}`, CodeSubject},
		{`{"subject":"` + long + `","audience":"x",` + captures + `}`, CodeSubject},
		{`{"subject":"a",` + captures + `}`, CodeAudience},
		{`{"subject":"a","audience":"",` + captures + `}`, CodeAudience},
		{`{"subject":"a","audience":"a\u0000b",` + captures + `}`, CodeAudience},
		{`{"subject":"a","audience":"` + long + `",` + captures + `}`, CodeAudience},
		{`{"subject":"a","audience":"x","nonce":"",` + captures + `}`, CodeNonce},
		{`{"subject":"a","audience":"x","challenge":"",` + captures + `}`, CodeNonce},
		{`{"subject":"a","audience":"x","challenge":"` + long + `",` + captures + `}`, CodeNonce},
		{`{"subject":"a","audience":"x","nonce":"` + long + `",` + captures + `}`, CodeNonce},
		{`{"subject":"a","audience":"x","gallery":"g",` + captures + `}`, CodeUnknownField},
		{`{"subject":"a","audience":"x",` + captures + `}`, ""},
	} {
		_, err := Verify(jsonBody(c.text))
		if code := codeOf(t, err); code != c.code {
			t.Errorf("%.80s: got %v, want %s", c.text, err, c.code)
		}
	}
	for _, c := range []struct{ text, code string }{
		{`{"audience":"x",` + captures + `}`, CodeGallery},
		{`{"gallery":"g","audience":"x","max_candidates":0,` + captures + `}`, CodeParameter},
		{`{"gallery":"g","audience":"x","max_candidates":101,` + captures + `}`, CodeParameter},
		{`{"gallery":"g","audience":"x","max_candidates":1e300,` + captures + `}`, CodeParameter},
		{`{"gallery":"g","audience":"x","max_candidates":5,` + captures + `}`, ""},
	} {
		got, err := Identify(jsonBody(c.text))
		if code := codeOf(t, err); code != c.code {
			t.Errorf("%.80s: got %v, want %s", c.text, err, c.code)
		}
		if err == nil && got.MaxCandidates != 5 {
			t.Errorf("%+v", got)
		}
	}
	for _, subject := range []string{"", "a/b", "a b", "ä", ".", strings.Repeat("x", 129)} {
		if _, err := Enroll(subject, jsonBody(`{`+captures+`}`)); codeOf(t, err) != CodeSubject {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for _, c := range []struct {
		contentType, query, body, code string
	}{
		{"", "", "", CodeBodyEmpty},
		{"", "", "{}", CodeMediaType},
		{"text/plain", "", "{}", CodeMediaType},
		{"application/json; charset=utf-16", "", "{}", CodeMediaType},
		{"application/json; charset=UTF-8", "", "{}", CodeNoCaptures},
		{"application/x-www-form-urlencoded", "", "a=b", CodeMediaType},
		{";;", "", "{}", CodeMediaType},
		{"application/json", "dpi=500", "{}", CodeUnknownField},
		{"image/png", "modality=face", "x", ""},
		{"image/png", "modality=face", "", CodeBodyEmpty},
		{"image/png", "", "x", CodeModality},
		{"image/png", "modality=iris", "x", CodeModality},
		{"image/png", "modality=face&modality=face", "x", CodeDuplicateField},
		{"image/png", "modality=face&x=%zz", "x", CodeQuery},
		{"image/png", "modality=face&nose=1", "x", CodeUnknownField},
		{"image/png", "modality=face&subject=a", "x", CodeUnknownField},
		{"image/png", "modality=finger&dpi=NaN", "x", CodeField},
		{"image/png", "modality=finger&dpi=-5", "x", CodeParameter},
		{"image/png", "modality=finger&position=nose", "x", CodePosition},
		{"image/png", "modality=face&at=1", "x", CodeField},
		{"image/png", "modality=face&at=1,NaN", "x", CodeField},
		{"image/png", "modality=face&at=1,Inf", "x", CodeParameter},
		{"image/png", "modality=face&at=1,2", "x", ""},
		{"image/png", "modality=finger&at=1,2", "x", CodeParameter},
		{"image/png", "modality=finger&position=", "x", ""},
		{"image/png", "modality=face&format=image/jpeg", "x", CodeParameter},
		{"application/octet-stream", "modality=face&format=image/jpeg", "x", ""},
		{"image/png", "modality=face&width=3", "x", CodeParameter},
		{"image/png", "modality=face&" + strings.Repeat("x", 5000), "x", CodeQuery},
		{matcher.FormatRawGrey, "modality=finger&width=1&height=1&dpi=500&position=left-thumb", "x", ""},
		{matcher.FormatRawGrey, "modality=finger&width=0&height=1", "x", CodeParameter},
	} {
		_, err := Enroll("s", Body{ContentType: c.contentType, Query: c.query, Bytes: []byte(c.body)})
		if code := codeOf(t, err); code != c.code {
			t.Errorf("%q ?%.60s %q: got %v, want %q", c.contentType, c.query, c.body, err, c.code)
		}
	}
}

func TestRawFormOfAVerification(t *testing.T) {
	got, err := Verify(Body{
		ContentType: "application/octet-stream", Bytes: []byte("pixels"),
		Query: "subject=a&audience=https%3A%2F%2Frp.example&nonce=n&challenge=c&modality=finger&position=left-little&dpi=1000",
	})
	want := gateway.VerifyRequest{
		Subject: "a", Audience: "https://rp.example", Nonce: "n", Challenge: "c",
		Captures: []matcher.Sample{{Modality: "finger", Position: "left-little", DPI: 1000, Data: []byte("pixels")}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
}

type formPart struct{ name, mediaType, body string }

func form(t testing.TB, parts ...formPart) Body {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename="x"`, p.name)}}
		if p.mediaType != "" {
			h.Set("Content-Type", p.mediaType)
		}
		pw, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = pw.Write([]byte(p.body))
	}
	_ = w.Close()
	return Body{ContentType: w.FormDataContentType(), Bytes: b.Bytes()}
}

func TestMultipartForm(t *testing.T) {
	got, err := Verify(form(
		t,
		formPart{"finger:right-index", "image/png", "one\r\n--two"},
		formPart{"face", "application/octet-stream", "three"},
		formPart{"request", "application/json", `{"subject":"a","audience":"b","captures":[{"dpi":300},{"at":{"x":1,"y":2}}]}`},
	))
	want := gateway.VerifyRequest{Subject: "a", Audience: "b", Captures: []matcher.Sample{
		{Modality: "finger", Position: "right-index", Format: "image/png", DPI: 300, Data: []byte("one\r\n--two")},
		{Modality: "face", At: &matcher.Point{X: 1, Y: 2}, Data: []byte("three")},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
}

func TestBadMultipart(t *testing.T) {
	face := formPart{"face", "image/png", "x"}
	for _, c := range []struct {
		name string
		body Body
		code string
	}{
		{"no captures", form(t, formPart{"request", "", "{}"}), CodeNoCaptures},
		{"unknown part", form(t, formPart{"iris", "", "x"}), CodeUnknownField},
		{"unknown position", form(t, formPart{"finger:nose", "", "x"}), CodePosition},
		{"empty position", form(t, formPart{"finger:", "", "x"}), CodePosition},
		{"finger with a point", form(t, formPart{"finger", "", "x"}, formPart{"request", "", `{"captures":[{"at":{"x":1,"y":2}}]}`}), CodeParameter},
		{"face with a position", form(t, formPart{"face:right-index", "", "x"}), CodeParameter},
		{"empty part", form(t, formPart{"face", "", ""}), CodeEmptyCapture},
		{"two requests", form(t, face, formPart{"request", "", "{}"}, formPart{"request", "", "{}"}), CodeDuplicateField},
		{"data in the request", form(t, face, formPart{"request", "", `{"captures":[{"data":"AAAA"}]}`}), CodeUnknownField},
		{"bad JSON in the request", form(t, face, formPart{"request", "", `{`}), CodeJSON},
		{"too few descriptions", form(t, face, face, formPart{"request", "", `{"captures":[{}]}`}), CodeMultipart},
		{"too many descriptions", form(t, face, formPart{"request", "", `{"captures":[{},{}]}`}), CodeMultipart},
		{"contradiction", form(t, face, formPart{"request", "", `{"captures":[{"modality":"finger"}]}`}), CodeMultipart},
		{"17 parts", form(t, slicesOf(17, face)...), CodeManyCaptures},
		{"16 parts", form(t, slicesOf(16, face)...), ""},
		{"no boundary", Body{ContentType: "multipart/form-data", Bytes: []byte("x")}, CodeMultipart},
		{"boundary nowhere", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("x")}, CodeMultipart},
		{"no end", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("--b\r\nContent-Disposition: form-data; name=face\r\n\r\nx")}, CodeMultipart},
		{"no header end", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("--b\r\nContent-Disposition: form-data; name=face\r\nx\r\n--b--")}, CodeMultipart},
		{"long header", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("--b\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\nx\r\n--b--")}, CodeMultipart},
		{"no name", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--")}, CodeMultipart},
		{"no colon", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("--b\r\nhello\r\n\r\nx\r\n--b--")}, CodeMultipart},
		{"base64 part", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("--b\r\nContent-Disposition: form-data; name=face\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--")}, CodeMultipart},
		{"preamble", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("hi\r\n--b \r\nContent-Disposition: form-data; name=face\r\n\r\nx\r\n--b--")}, CodeMultipart},
		{"a line before and text behind", Body{ContentType: "multipart/form-data; boundary=b", Bytes: []byte("\r\n--b \r\nContent-Disposition: form-data; name=face\r\n\r\nx\r\n--b--\r\nbye")}, ""},
	} {
		_, err := Enroll("s", c.body)
		if code := codeOf(t, err); code != c.code {
			t.Errorf("%s: got %v, want %q", c.name, err, c.code)
		}
	}
}

func slicesOf(n int, p formPart) (out []formPart) {
	for range n {
		out = append(out, p)
	}
	return out
}

func TestTimes(t *testing.T) {
	body := func(times ...string) string {
		var list []string
		for _, text := range times {
			modality := "face"
			if strings.HasPrefix(text, "f") {
				modality, text = "finger", text[1:]
			}
			if text != "" {
				text = `"time_ms":` + text + `,`
			}
			list = append(list, `{`+text+`"modality":"`+modality+`","data":"aGVs"}`)
		}
		return `{"subject":"a","audience":"b","captures":[` + strings.Join(list, ",") + `]}`
	}
	for _, c := range []struct {
		times []string
		code  string
	}{
		{[]string{"0", "f", "40", "10000"}, ""},
		{[]string{"f", "0", "7"}, ""},
		{[]string{"7"}, CodeSequence},
		{[]string{"f", "7", "40"}, CodeSequence},
		{[]string{"", "f", ""}, ""},
		{[]string{"0", ""}, CodeSequence},
		{[]string{"", "0"}, CodeSequence},
		{[]string{"0", "0"}, CodeSequence},
		{[]string{"0", "f", "20", "10"}, CodeSequence},
		{[]string{"10001"}, CodeParameter},
		{[]string{"-1"}, CodeParameter},
		{[]string{"0.5"}, CodeParameter},
		{[]string{`"1"`}, CodeField},
		{[]string{"f0"}, CodeParameter},
	} {
		if _, err := Verify(jsonBody(body(c.times...))); codeOf(t, err) != c.code {
			t.Errorf("%v: %v, want %q", c.times, err, c.code)
		}
	}
	got, err := Verify(jsonBody(body("0", "f", "40")))
	if err != nil || got.Captures[2].Taken != 40*time.Millisecond || got.Captures[0].Taken != 0 {
		t.Errorf("%+v %v", got, err)
	}
	got, err = Verify(form(t, formPart{"face", "image/png", "x"}, formPart{"face", "image/png", "y"},
		formPart{"request", "", `{"subject":"a","audience":"b","captures":[{"time_ms":0},{"time_ms":100}]}`}))
	if err != nil || got.Captures[1].Taken != 100*time.Millisecond {
		t.Errorf("%+v %v", got, err)
	}
}

func TestIdentifyAmong(t *testing.T) {
	ask := func(more string) (gateway.IdentifyRequest, error) {
		return Identify(jsonBody(`{"gallery":"g","audience":"b",` + more + `"captures":[{"modality":"face","data":"aGVs"}]}`))
	}
	got, err := ask(`"group":"crew","subjects":["a","b"],`)
	if err != nil || !reflect.DeepEqual(got.Among, matcher.Filter{Group: "crew", Subjects: []string{"a", "b"}}) {
		t.Errorf("%+v %v", got.Among, err)
	}
	many := strings.Repeat(`"a",`, gateway.MaxAmong)
	for more, code := range map[string]string{
		`"group":"a b",`: CodeGroup, `"group":"",`: CodeGroup, `"group":1,`: CodeField, `"subjects":[],`: CodeSubjects, `"subjects":["a b"],`: CodeSubject,
		`"subjects":[1],`: CodeField, `"subjects":"a",`: CodeField, `"subjects":[` + many + `"a"],`: CodeSubjects, `"subjects":[` + strings.TrimSuffix(many, ",") + `],`: "",
		`"subjects":null,`: CodeField, `"group":null,`: CodeField, `"max_candidates":null,`: "",
	} {
		if _, err := ask(more); codeOf(t, err) != code {
			t.Errorf("%.40s: %v, want %q", more, err, code)
		}
	}
}

func TestChallenge(t *testing.T) {
	for _, c := range []struct {
		contentType, text string
		want              gateway.ChallengeRequest
		code              string
	}{
		{"", "", gateway.ChallengeRequest{Kind: "nonce"}, ""},
		{"application/json", "{}", gateway.ChallengeRequest{Kind: "nonce"}, ""},
		{"application/json", `{"kind":null}`, gateway.ChallengeRequest{Kind: "nonce"}, ""},
		{"application/json", `{"kind":"head-turn"}`, gateway.ChallengeRequest{Kind: "head-turn"}, ""},
		{"application/json", `{"audience":"https://rp.example","subject":"p0"}`, gateway.ChallengeRequest{Kind: "nonce", Audience: "https://rp.example", Subject: "p0"}, ""},
		{"application/json", `{"gallery":"vn123"}`, gateway.ChallengeRequest{Kind: "nonce", Gallery: "vn123"}, ""},
		{"application/json", `{"kind":""}`, gateway.ChallengeRequest{}, CodeChallenge},
		{"application/json", `{"kind":"blink"}`, gateway.ChallengeRequest{}, CodeChallenge},
		{"application/json", `{"steps":[]}`, gateway.ChallengeRequest{}, CodeUnknownField},
		{"application/json", `{"audience":null}`, gateway.ChallengeRequest{}, CodeField}, // else the nonce would serve for any
		{"application/json", `{"subject":""}`, gateway.ChallengeRequest{}, CodeSubject},
		{"application/json", `{"subject":"undefined"}`, gateway.ChallengeRequest{}, CodeSubject},
		{"application/json", `{"gallery":"a b"}`, gateway.ChallengeRequest{}, CodeGallery},
		{"text/plain", "colour", gateway.ChallengeRequest{}, CodeMediaType},
	} {
		got, err := Challenge(Body{ContentType: c.contentType, Bytes: []byte(c.text)})
		if codeOf(t, err) != c.code || got != c.want {
			t.Errorf("%s: %+v %v", c.text, got, err)
		}
	}
}

// TestPlaceholders: what a program sends that forgot to put a value in is no subject, no audience and no nonce.
func TestPlaceholders(t *testing.T) {
	const captures = `"captures":[{"modality":"finger","data":"aGVsbG8="}]`
	verify := func(subject, audience, nonce string) error {
		text, err := json.Marshal(map[string]string{"subject": subject, "audience": audience, "nonce": nonce})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Verify(jsonBody(string(text[:len(text)-1]) + "," + captures + "}"))
		return err
	}
	for _, s := range []string{"null", "NULL", "undefined", "None", "nil", "string", "NaN", "00000000-0000-0000-0000-000000000000", "00"} {
		if code := codeOf(t, verify(s, "https://rp.example", "n")); code != CodeSubject {
			t.Errorf("subject %q: %q", s, code)
		}
		if _, err := Enroll(s, jsonBody(`{`+captures+`}`)); codeOf(t, err) != CodeSubject {
			t.Errorf("enrolment of %q: %v", s, err)
		}
		if code := codeOf(t, verify("p0", s, "n")); code != CodeAudience {
			t.Errorf("audience %q: %q", s, code)
		}
		if code := codeOf(t, verify("p0", "https://rp.example", s)); code != CodeNonce {
			t.Errorf("nonce %q: %q", s, code)
		}
	}
	for _, s := range []string{"", "{{nonce}}", "${nonce}", "<nonce>", "[object Object]", "%s", "<% nonce %>", "a\nb"} {
		if s != " " && codeOf(t, verify("p0", "https://rp.example", strings.ReplaceAll(s, `\n`, "\n"))) != CodeNonce {
			t.Errorf("nonce %q is taken", s)
		}
	}
	for _, s := range []string{"n", "0", "Null-Nguyen", "null.1", "nullable", "-", "1000", "string-1"} {
		if err := verify(s, s, s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestMember(t *testing.T) {
	m, err := Member("a", jsonBody(`{"group":"crew"}`))
	if err != nil || m != (gateway.Membership{Subject: "a", Group: "crew"}) {
		t.Errorf("%+v %v", m, err)
	}
	for _, c := range []struct{ subject, contentType, text, code string }{
		{"a", "", "", ""},
		{"a", "application/json", `{"group":null}`, ""},
		{"a b", "", "", CodeSubject},
		{"a", "text/plain", "crew", CodeMediaType},
		{"a", "application/json", `{"group":""}`, CodeGroup},
		{"a", "application/json", `{"subject":"b"}`, CodeUnknownField},
	} {
		if _, err := Member(c.subject, Body{ContentType: c.contentType, Bytes: []byte(c.text)}); codeOf(t, err) != c.code {
			t.Errorf("%q %s: %v, want %q", c.subject, c.text, err, c.code)
		}
	}
}

func TestGallery(t *testing.T) {
	g, err := Gallery("vn123", jsonBody(`{"purpose":"boarding","expires_at":"2099-01-01T07:00:00+07:00"}`))
	if err != nil || g.Name != "vn123" || g.Purpose != "boarding" || g.ExpiresAt.String() != "2099-01-01 00:00:00 +0000 UTC" {
		t.Errorf("%+v %v", g, err)
	}
	for _, c := range []struct{ name, contentType, text, code string }{
		{"g", "", "", ""},
		{"g h", "", "", CodeGallery},
		{"g", "text/plain", "{}", CodeMediaType},
		{"g", "application/json", `{"expires_at":"tomorrow"}`, CodeParameter},
		{"g", "application/json", `{"expires_at":1}`, CodeField},
		{"g", "application/json", `{"purpose":"a\nb"}`, CodeParameter},
		{"g", "application/json", `{"members":[]}`, CodeUnknownField},
	} {
		if _, err := Gallery(c.name, Body{ContentType: c.contentType, Bytes: []byte(c.text)}); codeOf(t, err) != c.code {
			t.Errorf("%q %s: got %v, want %q", c.name, c.text, err, c.code)
		}
	}
}

func TestMembers(t *testing.T) {
	ndjson := func(text string) Body { return Body{ContentType: "application/x-ndjson", Bytes: []byte(text)} }
	got, err := Members(ndjson("{\"subject\":\"a\",\"group\":\"crew\"}\r\n\n{\"subject\":\"b\"}"))
	if err != nil || !reflect.DeepEqual(got, []gateway.Membership{{Subject: "a", Group: "crew"}, {Subject: "b"}}) {
		t.Errorf("%v %v", got, err)
	}
	for _, c := range []struct{ text, code, names string }{
		{"", CodeBodyEmpty, ""},
		{"\n\n", CodeBodyEmpty, ""},
		{"{\"subject\":\"a\"}\nx", CodeField, "line 2"},
		{"{\"subject\":\"a b\"}", CodeSubject, "line 1"},
		{"{}", CodeSubject, "line 1"},
		{"{\"subject\":\"a\",\"group\":\"a b\"}", CodeGroup, "line 1"},
		{"{\"subject\":\"a\",\"group\":\"\"}", CodeGroup, "line 1"},
		{"{\"subject\":\"a\",\"group\":1}", CodeField, "line 1"},
		{"\n{\"subject\":\"a\",\"x\":1}", CodeUnknownField, "line 2"},
		{strings.Repeat("{\"subject\":\"a\"}\n", maxMembers+1), CodeManyMembers, ""},
	} {
		_, err := Members(ndjson(c.text))
		if codeOf(t, err) != c.code || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%.40q: got %v, want %s", c.text, err, c.code)
		}
	}
	if _, err := Members(jsonBody("{}")); codeOf(t, err) != CodeMediaType {
		t.Error(err)
	}
}

// A query is read as net/url reads it, and no parameter counts twice, however it is written.
func TestQueriesAreReadAsOthersReadThem(t *testing.T) {
	var pairs []string
	for _, name := range []string{"nonce", "%6eonce", "%6Eonce", "dpi", "x", "", "non+ce"} {
		pairs = append(pairs, name)
		for _, value := range []string{"a", "%61", "500", "a+b", "%zz", "a;b", "", "a=b", "%26subject=b"} {
			pairs = append(pairs, name+"="+value)
		}
	}
	for _, first := range append(pairs, "") {
		for _, second := range append(pairs, "") {
			query := first + "&modality=face&subject=a&audience=https%3A%2F%2Frp.example&" + second
			want, bad := url.ParseQuery(query)
			got, err := Verify(Body{ContentType: "application/octet-stream", Query: query, Bytes: []byte("x")})
			if err != nil {
				if first == "%6Eonce=%61" && second == "" {
					t.Fatalf("%s is refused: %v", query, err)
				}
				continue
			}
			if bad != nil || len(want["nonce"]) > 1 || len(want["dpi"]) > 1 || want["x"] != nil || want[""] != nil || want["non ce"] != nil {
				t.Fatalf("%s is accepted", query)
			}
			if got.Subject != "a" || got.Audience != want.Get("audience") || got.Nonce != want.Get("nonce") {
				t.Fatalf("%s is read as %+v", query, got)
			}
		}
	}
}
