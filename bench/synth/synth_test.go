package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"biogate/matcher/finger"
	"biogate/matcher/imaging"
)

func TestSameSeedSamePicture(t *testing.T) {
	want := NewFinger(7).Impression(2, Options{})
	f := NewFinger(7)
	f.Impression(0, Options{}) // what came before must not matter
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := f.Impression(2, Options{}); !bytes.Equal(got.Pix, want.Pix) {
				t.Error("the same finger, impression and options gave another picture")
			}
		})
	}
	wg.Wait()
	if bytes.Equal(f.Impression(3, Options{}).Pix, want.Pix) {
		t.Error("two impressions are equal")
	}
	if bytes.Equal(NewFinger(8).Impression(2, Options{}).Pix, want.Pix) {
		t.Error("two fingers are equal")
	}
}

// What a seed gives is part of published results: whoever changes it gives Version a new number, and this test new sums.
func TestVersionStandsForTheseBytes(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the sums are those of amd64; other processors may differ in the last bit")
	}
	f := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s under %s: %s, want %s", name, Version, got, want)
		}
	}
	f("impression", fmt.Sprintf("%x", sha256.Sum256(Member(1, 2).Impression(3, Options{}).Pix))[:16], "3568f872102e5dc7")
	f("print", digest(t, PrintOf(1, 2)), "bd19cfe56f41be8f")
	f("another impression of it", digest(t, PatternOf(1, 2).Impression(3)), "9430b545d663cffb")
}

func digest(t *testing.T, p finger.Print) string {
	t.Helper()
	payload, err := finger.AppendPayload(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(payload))[:16]
}

func TestSizes(t *testing.T) {
	f := NewFinger(3)
	check := func(o Options, w, h, dpi int) {
		t.Helper()
		g := f.Impression(1, o)
		if g.Width != w || g.Height != h || g.DPI != dpi || len(g.Pix) != w*h {
			t.Errorf("%+v: %dx%d at %d dpi, %d bytes", o, g.Width, g.Height, g.DPI, len(g.Pix))
		}
	}
	check(Options{}, 388, 374, 500)
	check(Options{Width: 1, Height: 1}, 1, 1, 500)
	check(Options{Width: 301, Height: 7, DPI: 250}, 301, 7, 250)
	check(Options{Width: 900, Height: 1000, DPI: 1000, Difficulty: 4}, 900, 1000, 1000)
	check(Options{Width: 1 << 40, Height: -1, DPI: 1 << 40}, maxSide, defaultHeight, maxDPI)
}

// The ground is light, the touching part has dark ridges, and both make up a good share of the picture.
func TestImpressionsShowAFinger(t *testing.T) {
	for seed := range uint64(3) {
		g := NewFinger(seed).Impression(int(seed), Options{})
		dark, light := 0, 0
		for _, v := range g.Pix {
			if v < 110 {
				dark++
			} else if v > 180 {
				light++
			}
		}
		n := len(g.Pix)
		if dark < n/20 || dark > n/2 || light < n/4 {
			t.Errorf("seed %d: %d dark and %d light of %d pixels", seed, dark, light, n)
		}
	}
}

func TestClassesComeInNaturalShares(t *testing.T) {
	const n = 4000
	var count [len(classShares)]float64
	for seed := range uint64(n) {
		count[NewFinger(seed).Class]++
	}
	for c, share := range classShares {
		if got := count[c] / n; got < share*0.8-0.005 || got > share*1.2+0.005 {
			t.Errorf("%v: share %.3f, want about %.3f", Class(c), got, share)
		}
	}
}

func TestWriteDataset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	last := 0
	progress := func(done, total int) {
		if done != last+1 || total != 4 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	if err := WriteDataset(context.Background(), dir, 2, 2, 42, progress); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "2_1.png"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := imaging.DecodeGrey(data, "image/png")
	if err != nil {
		t.Fatal(err)
	}
	want := Member(42, 1).Impression(0, Options{})
	if !bytes.Equal(got.Pix, want.Pix) || got.DPI != 500 {
		t.Errorf("2_1.png is not the first impression of the second finger at 500 dpi (%d dpi)", got.DPI)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("%d files, want 4", len(entries))
	}
	if err := WriteDataset(context.Background(), dir, 2, 2, 42, nil); err != nil {
		t.Errorf("repeating it: %v", err)
	}
	if err := WriteDataset(context.Background(), dir, 2, 2, 43, nil); err == nil {
		t.Error("files of another seed were taken for this data set's")
	}
}

func TestWriteDatasetLeavesForeignFilesAlone(t *testing.T) {
	for _, name := range []string{"notes.txt", "1_1.jpg", "3_1.png", "01_1.png", "1_1.png"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := WriteDataset(context.Background(), dir, 1, 1, 1, nil); err == nil {
			t.Errorf("%s was not refused", name)
		}
		if got, _ := os.ReadFile(path); string(got) != "mine" {
			t.Errorf("%s was overwritten", name)
		}
	}
}

func TestWriteDatasetStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	err := WriteDataset(ctx, dir, 1000, 8, 1, func(int, int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, n := range []int{0, -1, MaxDataset + 1} {
		if err := WriteDataset(context.Background(), dir, n, 1, 1, nil); err == nil {
			t.Errorf("%d fingers were accepted", n)
		}
	}
}

func BenchmarkNewFinger(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		NewFinger(uint64(i)).ridges()
	}
}

func BenchmarkImpression(b *testing.B) {
	f := NewFinger(1)
	f.ridges()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Impression(i, Options{})
	}
}

func BenchmarkEncodePNG(b *testing.B) {
	g := NewFinger(1).Impression(0, Options{})
	for b.Loop() {
		EncodePNG(g)
	}
}
