package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// opj runs OpenJPEG's tools, which are the reference where they are installed (package libopenjp2-tools).
type opj struct{ dir string }

func newOPJ(t testing.TB) opj {
	for _, tool := range []string{"opj_compress", "opj_decompress"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (package libopenjp2-tools)", tool)
		}
	}
	return opj{t.TempDir()}
}

// compress returns nil where the encoder refuses the options.
func (o opj) compress(t testing.TB, pnm []byte, suffix string, args ...string) []byte {
	t.Helper()
	in, out := filepath.Join(o.dir, "in.ppm"), filepath.Join(o.dir, "out"+suffix)
	if bytes.HasPrefix(pnm, []byte("P5")) {
		in = filepath.Join(o.dir, "in.pgm")
	}
	os.Remove(out)
	if err := os.WriteFile(in, pnm, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("opj_compress", append([]string{"-i", in, "-o", out}, args...)...).Run(); err != nil {
		return nil
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// decompress returns the samples of OpenJPEG's own decoder.
func (o opj) decompress(t testing.TB, data []byte, suffix string, args ...string) (width, height int, pix []byte) {
	t.Helper()
	in, out := filepath.Join(o.dir, "data"+suffix), filepath.Join(o.dir, "back.ppm")
	os.Remove(out)
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := exec.Command("opj_decompress", append([]string{"-i", in, "-o", out}, args...)...).CombinedOutput()
	back, missing := os.ReadFile(out)
	if err := errors.Join(err, missing); err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	return parsePNM(t, back)
}

func parsePNM(t testing.TB, data []byte) (width, height int, pix []byte) {
	t.Helper()
	var fields []string
	for len(fields) < 4 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if !bytes.HasPrefix(line, []byte("#")) {
			fields = append(fields, strings.Fields(string(line))...)
		}
	}
	width, _ = strconv.Atoi(fields[1])
	height, _ = strconv.Atoi(fields[2])
	return width, height, data
}

// portrait is a drawing with smooth shades, edges, fine texture and noise.
func portrait(w, h int) RGB {
	p := RGB{Width: w, Height: h, Pix: make([]byte, 3*w*h)}
	noise := uint32(1)
	for y := range h {
		for x := range w {
			u, v := float64(x)/float64(w)-0.5, float64(y)/float64(h)-0.5
			noise = noise*1664525 + 1013904223
			grain := float64(noise>>24)/64 - 2
			c := [3]float64{200 - 40*v, 205 - 30*v, 215}
			if u*u/0.09+v*v/0.16 < 1 {
				shade := 1 - 2*(u*u+v*v) + 0.1*math.Sin(40*u)*math.Sin(31*v)
				c = [3]float64{220 * shade, 170 * shade, 140 * shade}
			}
			if v < -0.25 && u*u/0.1+v*v/0.2 < 1 {
				c = [3]float64{60 + 30*math.Sin(300*u+20*v), 40, 30}
			}
			for i := range 3 {
				p.Pix[3*(y*w+x)+i] = byte(min(max(c[i]+grain, 0), 255))
			}
		}
	}
	return p
}

func (p RGB) pnm() []byte {
	return append(fmt.Appendf(nil, "P6\n%d %d\n255\n", p.Width, p.Height), p.Pix...)
}

// worst is the largest difference.
func worst(a, b []byte) (d int) {
	if len(a) != len(b) {
		return 1 << 20
	}
	for i := range a {
		d = max(d, int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return d
}

func TestAsOpenJPEGDecodes(t *testing.T) {
	o := newOPJ(t)
	compared := 0
	for _, size := range [][2]int{{1, 9}, {5, 1}, {37, 61}, {130, 97}} {
		for _, args := range []string{
			"", "-n 1", "-n 2", "-n 8", "-b 4,4", "-b 16,64", "-b 1024,4", "-b 4,1024", "-r 20,10,1", "-r 30,12,5", "-r 40",
			"-p LRCP", "-p RLCP -r 9,3", "-p RPCL -r 9,3", "-p PCRL -r 9,3", "-p CPRL -r 9,3",
			"-p RPCL -c [32,32],[16,16] -r 9,3", "-p PCRL -c [64,64],[32,32] -r 9,3", "-p CPRL -c [16,32],[32,16],[8,8] -r 9,3",
			"-t 32,24", "-t 33,47 -p PCRL -r 9,3", "-t 64,64 -TP R", "-t 50,50 -TP L -r 8,2", "-TP C -p CPRL",
			"-d 7,11", "-d 5,3 -T 2,1 -t 29,31", "-d 101,200 -T 90,77 -t 40,51 -c [32,32]",
			"-M 1", "-M 2", "-M 4", "-M 8", "-M 32", "-M 63", "-M 1 -r 9,6,3,1", "-M 5 -r 9,6,3,1", "-M 9 -r 4", "-M 63 -r 20,5",
			"-SOP", "-EPH", "-SOP -EPH -r 9,3 -t 40,40", "-mct 0", "-mct 0 -r 9", "-PLT", "-TLM",
			"-t 64,64 -POC T0=0,0,1,2,3,RLCP/T0=0,0,2,6,3,CPRL -n 6 -r 20,10",
			"-C comment",
		} {
			for _, suffix := range []string{".jp2", ".j2k"} {
				options, lossy := strings.Fields(args), suffix == ".j2k"
				if lossy {
					options = append(options, "-I")
				}
				if !strings.Contains(args, "-n") { // no more levels than a side can be halved
					options = append(options, "-n", strconv.Itoa(min(6, bits.Len(uint(min(size[0], size[1]))))))
				}
				data := o.compress(t, portrait(size[0], size[1]).pnm(), suffix, options...)
				if data == nil {
					continue // of a picture too small for the options
				}
				compared++
				for discard := range 2 {
					o.agree(t, fmt.Sprint(size, options), data, suffix, discard, lossy)
				}
			}
		}
	}
	if compared < 200 {
		t.Errorf("only %d pictures were compared", compared)
	}
}

// agree holds our picture against OpenJPEG's: equal, or one level off for lossy ones, in which numbers are rounded.
func (o opj) agree(t *testing.T, name string, data []byte, suffix string, discard int, lossy bool) {
	t.Helper()
	img, err := decodeJP2At(data, discard)
	if err != nil {
		if discard == 0 {
			t.Errorf("%s: %v", name, err)
		}
		return // it has no smaller resolution
	}
	w, h, want := o.decompress(t, data, suffix, "-r", strconv.Itoa(discard))
	gotW, gotH, got := picture{Image: img}.upright(3, rgbRows(img))
	tolerance := 0
	if lossy {
		tolerance = 1
	}
	if gotW != w || gotH != h || worst(got, want) > tolerance {
		t.Errorf("%s: without %d resolutions %dx%d, want %dx%d, %d levels off", name, discard, gotW, gotH, w, h, worst(got, want))
	}
}

// A portrait as chips hold it (15 to 40 kB), as archives do (lossless), and 12 megapixels at an eighth of their size.
func BenchmarkDecodeJPEG2000(b *testing.B) {
	o := newOPJ(b)
	for _, c := range []struct {
		name          string
		width, height int
		scale         int
		args          string
	}{
		{"portrait of 15 kB", 480, 640, 1, "-I -r 60"},
		{"portrait of 38 kB", 480, 640, 1, "-I -r 24"},
		{"portrait without loss", 480, 640, 1, ""},
		{"12 MP to an eighth", 3000, 4000, 8, "-I -r 24"},
	} {
		b.Run(c.name, func(b *testing.B) {
			data := o.compress(b, portrait(c.width, c.height).pnm(), ".jp2", strings.Fields(c.args)...)
			b.ReportAllocs()
			for b.Loop() {
				p, err := Open(data, "")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.Whole(c.scale); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(data)), "bytes")
		})
	}
}
