package kernel

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// naiveFilterCell is the definition, a pixel at a time.
func naiveFilterCell(out, in []byte, stride int, start uint16, taps []Tap) {
	for r := range 4 {
		for i := range 4 {
			at, sum := r*stride+2*i, int(start)
			for _, t := range taps {
				sum += int(t.Weight) * int(binary.LittleEndian.Uint16(in[at+int(t.At):]))
			}
			binary.LittleEndian.PutUint16(out[at:], uint16(sum/256))
		}
	}
}

// checkFilterCell runs every usable row, and what dispatch has chosen, into guarded memory.
func checkFilterCell(t *testing.T, in []byte, stride int, start uint16, taps []Tap) {
	t.Helper()
	const guard = 16
	var f CellFilter
	f.Lay(taps)
	in = in[: 3*stride+8+f.far : 3*stride+8+f.far]
	size := 3*stride + 8
	want := bytes.Repeat([]byte{0xa5}, size+2*guard)
	naiveFilterCell(want[guard:][:size], in, stride, start, taps)
	run := row[filterCellFunc]{"dispatch", true, func(out, in []byte, stride int, start uint16, _ []Tap) {
		FilterCell(out, in, stride, start, &f)
	}}
	for _, r := range append(filterCellRows(), run) {
		if !r.usable {
			continue
		}
		got := bytes.Repeat([]byte{0xa5}, size+2*guard)
		r.fn(got[guard:][:size:size], in, stride, start, taps)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: stride %d, start %d, %d taps:\n%x, want\n%x", r.name, stride, start, len(taps), got, want)
		}
	}
}

// randomTaps lie within reach bytes; the sums of pixels of one byte stay in their 16 bits with the start that comes with them.
func randomTaps(rng *rand.Rand, n, reach int) (taps []Tap, start uint16) {
	const most = 65535 / 255
	var above, below int
	for range n {
		w := rng.IntN(2*most/max(n, 1)+3) - most/max(n, 1) - 1
		if above+max(w, 0)+below+max(-w, 0) > most {
			w = 0
		}
		above, below = above+max(w, 0), below+max(-w, 0)
		taps = append(taps, Tap{int32(rng.IntN(reach + 1)), int16(w)})
	}
	return taps, uint16(255*below + rng.IntN(65535-255*(above+below)+1))
}

func bytePixels(rng *rand.Rand, n int, extreme bool) []byte {
	p := make([]byte, n)
	for i := 0; i < n; i += 2 {
		p[i] = byte(rng.IntN(256))
		if extreme {
			p[i] = byte(255 * rng.IntN(2))
		}
	}
	return p
}

func TestFilterCellRowsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 100 {
		stride := 2 * (4 + rng.IntN(60))
		reach := 2 * rng.IntN(400)
		in := bytePixels(rng, 3*stride+8+reach, n%2 == 0)
		taps, start := randomTaps(rng, n, reach/2)
		for i := range taps {
			taps[i].At *= 2
		}
		checkFilterCell(t, in, stride, start, taps)
	}
}

// The largest sums: all pixels 255 under weights that sum to 256, and to 128 and -128 about the middle.
func TestFilterCellExtremes(t *testing.T) {
	in := bytes.Repeat([]byte{255, 0}, 400)
	checkFilterCell(t, in, 64, 0, []Tap{{0, 256}})
	checkFilterCell(t, in, 64, 255, []Tap{{0, 128}, {12, 127}, {480, 1}})
	checkFilterCell(t, in, 64, 32640, []Tap{{0, -128}})
	checkFilterCell(t, in, 64, 32640, []Tap{{480, 128}})
	checkFilterCell(t, in, 8, 32896, []Tap{{10, 125}, {0, -125}})
}

func TestFilterCellRefuses(t *testing.T) {
	var f CellFilter
	f.Lay([]Tap{{0, 1}, {20, 2}, {4, 3}})
	room := make([]byte, 3*16+8+20)
	for name, call := range map[string]func(){
		"short input":     func() { FilterCell(room, room[1:], 16, 0, &f) },
		"short output":    func() { FilterCell(room[:3*16+7], room, 16, 0, &f) },
		"negative stride": func() { FilterCell(room, room, -16, 0, &f) },
		"negative tap":    func() { new(CellFilter).Lay([]Tap{{-2, 1}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			call()
		}()
	}
	FilterCell(room, room, 16, 0, &f)
}

func FuzzFilterCell(f *testing.F) {
	f.Add(uint64(1), uint8(40), uint8(46), uint16(600))
	f.Add(uint64(2), uint8(4), uint8(0), uint16(0))
	f.Fuzz(func(t *testing.T, seed uint64, half, n uint8, reach uint16) {
		rng := rand.New(rand.NewPCG(seed, 7))
		stride, far := 2*max(int(half), 4), int(reach%2000)
		taps, start := randomTaps(rng, int(n), far)
		for i := range taps {
			taps[i].At &^= 1
		}
		checkFilterCell(t, bytePixels(rng, 3*stride+8+far, seed%2 == 0), stride, start, taps)
	})
}

func BenchmarkFilterCell(b *testing.B) {
	for _, r := range Rows() {
		if r.Op != "FilterCell" || !r.Usable {
			continue
		}
		b.Run(r.Name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n += r.Work()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/cell")
		})
	}
}
