package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"biogate/gateway"
)

// FuzzJSON: no input panics, and what is accepted is JSON that encoding/json reads to the same values.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"subject":"a","audience":"b","nonce":"c","captures":[{"modality":"finger","position":"right-index","dpi":500,"data":"aGVsbG8="}]}`))
	f.Add([]byte(`{"captures":[{"modality":"face","at":{"x":1e2,"y":-0.5},"data":"-_\/+\u0041","format":"image/png"}],"x":[null,true,"\ud83d\ude00"]}`))
	f.Add([]byte(`{"captures":[{"width":2,"height":NaN}]} `))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Verify(jsonBody(string(text)))
		if err != nil {
			wantRefusal(t, err)
			return
		}
		var want struct {
			Subject, Audience, Nonce string
			Captures                 []struct{ Data string }
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		if got.Subject != want.Subject || got.Audience != want.Audience || got.Nonce != want.Nonce || len(got.Captures) != len(want.Captures) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		for i, c := range want.Captures {
			std := strings.NewReplacer("-", "+", "_", "/", "=", "", "\n", "", "\r", "").Replace(c.Data)
			if b, err := base64.RawStdEncoding.DecodeString(std); err != nil || !bytes.Equal(b, got.Captures[i].Data) {
				t.Fatalf("capture %d: %v", i, err)
			}
		}
	})
}

// FuzzMultipart: no input panics, and the parts of what is accepted are those that mime/multipart finds.
func FuzzMultipart(f *testing.F) {
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"finger:left-thumb\"\r\nContent-Type: image/png\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=request\r\n\r\n{}\r\n--b--\r\n"))
	f.Add("multipart/form-data; boundary=b", []byte("\r\n--b \t\r\nContent-Disposition: form-data; name=face\r\n\r\n\r\n--b--"))
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=face\r\n\n:\r\n\r\n00\r\n--b--"))                                                         // a bare line feed
	f.Add("multipart/form-data; boundary=b", []byte("x\n--b\r\nContent-Disposition: form-data; name=face\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name=face\r\n\r\nb\r\n--b--")) // a line feed ends the preamble
	f.Add("multipart/form-data; boundary=\"a b\"", []byte("--a b\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got, err := Enroll("s", Body{ContentType: contentType, Bytes: body})
		mediaType, params, _ := mime.ParseMediaType(contentType)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if mediaType != "multipart/form-data" {
			return
		}
		var want [][]byte
		for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Skip("mime/multipart is stricter here")
			}
			data, _ := io.ReadAll(p)
			if p.FormName() != "request" {
				want = append(want, data)
			}
		}
		if len(got.Captures) != len(want) {
			t.Fatalf("%d parts, want %d", len(got.Captures), len(want))
		}
		for i := range want {
			if !bytes.Equal(got.Captures[i].Data, want[i]) {
				t.Fatalf("part %d: %q, want %q", i, got.Captures[i].Data, want[i])
			}
		}
	})
}

func FuzzRaw(f *testing.F) {
	f.Add("image/png", "modality=finger&dpi=500&position=right-index&at=1,2&subject=a&audience=b&nonce=c", []byte("x"))
	f.Add("application/vnd.biogate.raw-grey", "modality=finger&width=1&height=1&dpi=NaN", []byte("x"))
	f.Fuzz(func(t *testing.T, contentType, query string, body []byte) {
		got, err := Verify(Body{ContentType: contentType, Query: query, Bytes: body})
		if err != nil {
			wantRefusal(t, err)
		} else if len(got.Captures) == 0 || Subject(got.Subject) != nil || got.Audience == "" {
			t.Fatalf("accepted %+v", got)
		}
	})
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte("{\"subject\":\"a\"}\n\n{\"subject\":\"b\",\"group\":\"c\"}\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Members(Body{ContentType: "application/x-ndjson", Bytes: text})
		if err != nil {
			wantRefusal(t, err)
		}
		for _, m := range got {
			if Subject(m.Subject) != nil || m.Group != "" && GroupName(m.Group) != nil {
				t.Fatalf("accepted %q", m)
			}
		}
	})
}

func FuzzIntrospect(f *testing.F) {
	f.Add([]byte("token=a.b.c&token_type_hint=access_token"))
	f.Add([]byte("token=%61&token=b"))
	f.Fuzz(func(t *testing.T, form []byte) {
		token, err := Introspect(Body{ContentType: "application/x-www-form-urlencoded", Bytes: form})
		if err != nil {
			wantRefusal(t, err)
		} else if token == "" || len(token) > gateway.MaxTokenBytes {
			t.Fatalf("accepted a token of %d bytes", len(token))
		}
	})
}

// wantRefusal: whatever a client sends is the client's fault, and is said in few words.
func wantRefusal(t *testing.T, err error) {
	t.Helper()
	var e *gateway.Error
	if !errors.As(err, &e) || e.Kind == gateway.Internal || e.Code == "" || e.Detail == "" || len(e.Detail) > 600 {
		t.Fatalf("a poor refusal: %v", err)
	}
}
