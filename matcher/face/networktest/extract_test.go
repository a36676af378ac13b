//go:build cgo && !noopencv

package networktest_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"biogate/adapters/opencvnet"
	"biogate/adapters/ortnet"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
)

// BenchmarkExtract takes a picture of 640x480 to a template with quality and presentation attack detection, with -cpu 1,2
// by as many callers as processors. cpu-ms is processor time; that of a stage is the shortest seen, by the clock on the
// wall, which on a busy machine is nearest to what it takes.
func BenchmarkExtract(b *testing.B) {
	m, dir := networktest.Prepared(b)
	s := camera(b)
	for _, runtime := range []struct {
		name string
		load func(sessions int) (face.Networks, func(), error)
	}{
		{"ort", func(sessions int) (face.Networks, func(), error) {
			n, err := ortnet.Load(m, dir, sessions)
			if err != nil {
				return face.Networks{}, nil, err
			}
			return n.Networks, n.Close, nil
		}},
		{"opencv", func(sessions int) (face.Networks, func(), error) {
			n, err := opencvnet.Load(m, dir, sessions)
			if err != nil {
				return face.Networks{}, nil, err
			}
			return n.Networks, n.Close, nil
		}},
	} {
		b.Run(runtime.name, func(b *testing.B) {
			nets, closeAll, err := runtime.load(2)
			if err != nil {
				b.Skip(err)
			}
			defer closeAll()
			engine, err := face.New(m, nets)
			if err != nil {
				b.Fatal(err)
			}
			benchExtract(b, engine, s)
		})
	}
}

func benchExtract(b *testing.B, engine *face.Engine, s matcher.Sample) {
	shortest := map[string]time.Duration{}
	var lock sync.Mutex
	b.ReportAllocs()
	b.ResetTimer()
	start := networktest.CPU(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			x, err := engine.Extract(context.Background(), s, nil)
			if err != nil {
				b.Error(err)
				return
			}
			lock.Lock()
			for _, stage := range x.Stages {
				if was, seen := shortest[stage.Name]; !seen || stage.Took < was {
					shortest[stage.Name] = stage.Took
				}
			}
			lock.Unlock()
		}
	})
	b.ReportMetric(float64(networktest.CPU(b)-start)/float64(b.N)/1e6, "cpu-ms/op")
	for name, took := range shortest {
		b.ReportMetric(float64(took)/1e6, name+"-ms")
	}
}

// camera is a JPEG of 640x480 in colour with a face of some 200 pixels in it, as a kiosk's camera takes it.
func camera(b *testing.B) matcher.Sample {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(networktest.Root(b), "..", "shared", "data", "face", "lfw_tuning", "*", "*.jpg"))
	if err != nil || len(files) == 0 {
		b.Skip("needs the face pictures in ../shared/data/face/lfw_tuning")
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	face, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	scene := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 { // neither flat, which a decoder has for nothing, nor noise
			scene.SetRGBA(x, y, color.RGBA{uint8(x/4 + 5*(x/8%3)), uint8(y/3 + 7*(y/8%3)), uint8(90 + (x*y)%37), 255})
		}
	}
	draw.Draw(scene, image.Rect(145, 65, 495, 415), face, face.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, scene, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	return matcher.Sample{Modality: matcher.Face, Data: out.Bytes()}
}
