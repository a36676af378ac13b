package intake

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// BenchmarkForms reads one capture of 30 KB in each form.
func BenchmarkForms(b *testing.B) {
	data := make([]byte, 30_000)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(data)
	ask := `"subject":"a","audience":"https://rp.example"`
	forms := []struct {
		name string
		body Body
	}{
		{"json", jsonBody(`{` + ask + `,"captures":[{"modality":"finger","dpi":500,"data":"` + base64.StdEncoding.EncodeToString(data) + `"}]}`)},
		{"multipart", form(b, formPart{"request", "", `{` + ask + `}`}, formPart{"finger", "image/png", string(data)})},
		{"raw", Body{ContentType: "image/png", Query: "subject=a&audience=https://rp.example&modality=finger&dpi=500", Bytes: data}},
	}
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Verify(f.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
