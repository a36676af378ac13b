package httpapi

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime/multipart"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkVerify sends one capture of 30 KB in each form over loopback and gets a canned outcome: what the surface costs,
// client included.
func BenchmarkVerify(b *testing.B) {
	r := start(b, &fakeAPI{}, func(d *Deps) { d.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	data := make([]byte, 30_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	const ask = `"subject":"a","audience":"https://rp.example"`
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("request", "{"+ask+"}")
	p, _ := w.CreateFormFile("finger", "x")
	_, _ = p.Write(data)
	_ = w.Close()
	for _, c := range []struct {
		name, query, contentType string
		body                     []byte
	}{
		{"json", "", "application/json", []byte(`{` + ask + `,"captures":[{"modality":"finger","data":"` + base64.StdEncoding.EncodeToString(data) + `"}]}`)},
		{"multipart", "", w.FormDataContentType(), form.Bytes()},
		{"raw", "?subject=a&audience=https://rp.example&modality=finger", "application/octet-stream", data},
	} {
		b.Run(c.name, func(b *testing.B) {
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			req.SetRequestURI(r.url + "/v1/verifications" + c.query)
			req.Header.SetMethod("POST")
			req.Header.SetContentType(c.contentType)
			req.SetBodyRaw(c.body)
			b.ReportAllocs()
			for b.Loop() {
				if err := fasthttp.Do(req, res); err != nil || res.StatusCode() != 200 {
					b.Fatal(err, res.StatusCode())
				}
			}
		})
	}
}
