package synth

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	dir := os.Getenv("SYNTH_LOOK")
	if dir == "" {
		t.Skip("set SYNTH_LOOK")
	}
	const n, k = 5, 3
	w, h := 388, 374
	sheet := image.NewGray(image.Rect(0, 0, w*n, h*k))
	for i := range n {
		t0 := time.Now()
		f := NewFinger(uint64(i))
		f.print()
		t1 := time.Now()
		for j := range k {
			g := f.Impression(j, Options{})
			for y := range h {
				copy(sheet.Pix[(j*h+y)*sheet.Stride+i*w:], g.Pix[y*w:(y+1)*w])
			}
		}
		fmt.Println(f.Class, t1.Sub(t0), time.Since(t1)/k)
	}
	out, _ := os.Create(dir + "/sheet.png")
	png.Encode(out, sheet)
	out.Close()
	m := NewFinger(2).print()
	mi := image.NewGray(image.Rect(0, 0, masterWidth, masterHeight))
	for i, v := range m.height {
		mi.Pix[i] = byte(clamp(128-110*v, 0, 255))
	}
	out, _ = os.Create(dir + "/master.png")
	png.Encode(out, mi)
	out.Close()
}
