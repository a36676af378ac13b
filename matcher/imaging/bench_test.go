package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"testing"
)

func BenchmarkDecodeGrey(b *testing.B) {
	for _, media := range readMedia {
		b.Run(media, func(b *testing.B) {
			data := encoded(b, media, gradient(640, 480))
			b.SetBytes(640 * 480)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeGrey(data, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPhoto looks at a camera's picture of 12 megapixels: whole at each scale, and then once more at a part of it.
func BenchmarkPhoto(b *testing.B) {
	for name, s := range map[string]jpegSpec{
		"one scan": mildJPEG(4000, 3000, [2]int{2, 2}, false), "progressive": mildJPEG(4000, 3000, [2]int{2, 2}, true),
	} {
		data := s.bytes()
		for _, scale := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("%s/whole/%d", name, scale), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					p, err := Open(data, "")
					if err != nil {
						b.Fatal(err)
					}
					if _, err := p.Whole(scale); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(name+"/part of a twelfth/2", func(b *testing.B) {
			p, err := Open(data, "")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := p.Region(image.Rect(1500, 1000, 2500, 2000), 2); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/image jpeg", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRefusePNGBomb(b *testing.B) {
	data := rawPNG(65000, 65000, 8, 0, 0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		DecodeGrey(data, "")
	}
}

func BenchmarkResize(b *testing.B) {
	grey := Grey{Width: 640, Height: 480, Pix: make([]byte, 640*480)}
	rgb := RGB{Width: 640, Height: 480, Pix: make([]byte, 3*640*480)}
	for _, to := range [][2]int{{320, 240}, {112, 112}, {800, 600}} {
		b.Run(fmt.Sprintf("grey/%dx%d", to[0], to[1]), func(b *testing.B) {
			for b.Loop() {
				ResizeGrey(grey, to[0], to[1])
			}
		})
		b.Run(fmt.Sprintf("rgb/%dx%d", to[0], to[1]), func(b *testing.B) {
			for b.Loop() {
				ResizeRGB(rgb, to[0], to[1])
			}
		})
	}
}

func BenchmarkDecodeWSQ(b *testing.B) {
	for _, size := range [][2]int{{300, 300}, {500, 500}, {800, 750}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			data := encodeWSQ(b, waves(size[0], size[1]), wsqOptions{filters: filters97, quant: fbiBins(0.05)})
			b.SetBytes(int64(size[0] * size[1]))
			b.ReportMetric(8*float64(len(data))/float64(size[0]*size[1]), "bits/px")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeGrey(data, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
