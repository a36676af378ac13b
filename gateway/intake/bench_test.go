package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"testing"
)

// BenchmarkForms reads one capture of 30 KB in each form, and in two of them with the standard library for comparison.
func BenchmarkForms(b *testing.B) {
	data := make([]byte, 30_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	ask := `"subject":"a","audience":"https://rp.example"`
	asJSON := jsonBody(`{` + ask + `,"captures":[{"modality":"finger","dpi":500,"data":"` + base64.StdEncoding.EncodeToString(data) + `"}]}`)
	asForm := form(b, formPart{"request", "", `{` + ask + `}`}, formPart{"finger", "image/png", string(data)})
	asRaw := Body{ContentType: "image/png", Query: "subject=a&audience=https://rp.example&modality=finger&dpi=500", Bytes: data}
	verify := func(body Body) error {
		_, err := Verify(body)
		return err
	}
	for _, f := range []struct {
		name string
		body Body
		read func(Body) error
	}{
		{"json", asJSON, verify},
		{"json/encoding-json", asJSON, stdJSON},
		{"multipart", asForm, verify},
		{"multipart/mime-multipart", asForm, stdMultipart},
		{"raw", asRaw, verify},
	} {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f.read(f.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func stdJSON(body Body) error {
	var ask struct {
		Subject, Audience, Nonce string
		Captures                 []struct {
			Modality, Position, Format string
			DPI                        int
			Data                       []byte
		}
	}
	d := json.NewDecoder(bytes.NewReader(body.Bytes))
	d.DisallowUnknownFields()
	return d.Decode(&ask)
}

func stdMultipart(body Body) error {
	_, params, err := mime.ParseMediaType(body.ContentType)
	if err != nil {
		return err
	}
	for r := multipart.NewReader(bytes.NewReader(body.Bytes), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.ReadAll(p); err != nil {
			return err
		}
	}
}
