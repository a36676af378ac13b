package imaging

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// waves are ridges of 9 pixels around a centre, with some noise: about what a finger gives.
func waves(w, h int) *image.Gray {
	r := rand.New(rand.NewPCG(1, 2))
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			d := math.Hypot(float64(x)-0.4*float64(w), 1.3*(float64(y)-0.6*float64(h)))
			img.Pix[y*w+x] = uint8(128 + 80*math.Sin(2*math.Pi*d/9) + max(-40, min(40, 8*r.NormFloat64())))
		}
	}
	return img
}

func flat(w, h int, v byte) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	fill(img.Pix, v)
	return img
}

// rmse is the root mean square error in grey levels.
func rmse(a, b []byte) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(a)))
}

func wantWSQ(t *testing.T, name string, data []byte, want *image.Gray, most float64) {
	t.Helper()
	got, err := DecodeGrey(data, "image/wsq")
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got.Width != want.Rect.Dx() || got.Height != want.Rect.Dy() || len(got.Pix) != len(want.Pix) {
		t.Fatalf("%s: %dx%d, want %v", name, got.Width, got.Height, want.Rect)
	}
	if e := rmse(got.Pix, want.Pix); e > most {
		t.Errorf("%s: error %.2f in %d bytes, want at most %.2f", name, e, len(data), most)
	}
}

var wsqSizes = [][2]int{
	{64, 64}, {61, 43}, {97, 130}, {33, 32}, {32, 33}, {31, 65}, {129, 63}, {17, 2}, {16, 257}, {1, 40}, {40, 1}, {1, 1}, {2, 2}, {3, 5}, {5, 3},
}

// With bins far narrower than a grey level every size and kind of filter gives the picture back.
func TestWSQRoundTrip(t *testing.T) {
	for name, filters := range map[string]analysis{"9/7": filters97, "8/8": filters88, "Haar": haar} {
		for _, size := range wsqSizes {
			img := waves(size[0], size[1])
			data := encodeWSQ(t, img, wsqOptions{filters: filters, quant: evenBins(0.5)})
			wantWSQ(t, fmt.Sprintf("%s %v", name, size), data, img, 0.2)
		}
	}
}

// An orthonormal transform keeps the error of the coefficients: bins of width b, and a bin of 1.2 b around zero, give one of
// b/sqrt(12) to 1.2 b/sqrt(12) where coefficients are spread evenly. The 9/7 filters are close to orthonormal.
func TestWSQErrorIsThatOfTheBins(t *testing.T) {
	img := waves(200, 150)
	_, _, scale := normalized(img.Pix)
	for _, bin := range []float64{2, 5, 10} {
		data := encodeWSQ(t, img, wsqOptions{filters: filters97, quant: evenBins(bin)})
		wantWSQ(t, fmt.Sprintf("bins of %v", bin), data, img, 1.2*scale*bin/math.Sqrt(12)+0.3)
	}
}

func TestWSQAtTheRateOfTheFBI(t *testing.T) {
	img := waves(500, 400)
	data := encodeWSQ(t, img, wsqOptions{filters: filters97, quant: fbiBins(0.05)})
	if rate := 8 * float64(len(data)) / (500 * 400); rate > 1.5 {
		t.Errorf("%.2f bits a pixel", rate)
	}
	wantWSQ(t, "as the FBI's encoder", data, img, 9) // the noise, about
}

func TestWSQFlatPictures(t *testing.T) {
	for _, v := range []byte{0, 1, 127, 254, 255} {
		data := encodeWSQ(t, flat(70, 50, v), wsqOptions{filters: filters97, quant: fbiBins(0.05)})
		wantWSQ(t, fmt.Sprint("flat ", v), data, flat(70, 50, v), 0)
	}
}

func TestWSQGreyIsRoundedAndClipped(t *testing.T) {
	f := func(shift float64, want byte) {
		t.Helper()
		bare := newWSQFile().frame(3, 2, shift, 1).filters(haar).quantizer(&wsqQuantizer{}).end()
		wantWSQ(t, fmt.Sprint("shift ", shift), bare, flat(3, 2, want), 0)
	}
	f(0, 0)
	f(0.49, 0)
	f(0.5, 1)
	f(127.49, 127)
	f(254.5, 255)
	f(255.5, 255)
	f(60000, 255)
}

// oneCoefficientWSQ is a file in which every subband is coded, with bins of 1 and a zero bin of 1.2, and all indices are
// zero but the first of one subband.
func oneCoefficientWSQ(a analysis, w, h, band, index int) []byte {
	q := evenBins(1)([wsqSubbands]float64{})
	at := 0
	for _, b := range newWSQPlane(w, h).bands[:band] {
		at += b.w * b.h
	}
	all := make([]int, w*h)
	all[at] = index
	list := symbols(all)
	c := huffmanOf(list)
	return newWSQFile().filters(a).quantizer(q).frame(w, h, 128, 4).huffman(3, c).block(3, c.write(list)).end()
}

// The basis functions of the Haar filters are blocks of one size, which can be written down. A subband's second half in x has
// the higher frequency also where the transform made it of what a high pass left, turned round by the decimation.
func TestWSQBasisFunctions(t *testing.T) {
	const index = 20
	coefficient := index - 0.44 + 0.6
	f := func(band int, columns, rows []float64) {
		t.Helper()
		want := flat(32, 32, 128)
		size := math.Sqrt(float64(len(columns) * len(rows)))
		for y, down := range rows {
			for x, across := range columns {
				want.Pix[32*y+x] = byte(128 + 4*across*down*coefficient/size + 0.5)
			}
		}
		wantWSQ(t, fmt.Sprint("subband ", band), oneCoefficientWSQ(haar, 32, 32, band, index), want, 0)
	}
	ones := func(n int) []float64 { return slices.Repeat([]float64{1}, n) }
	f(0, ones(32), ones(32))
	f(19, []float64{1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, 1, 1}, ones(16))
	f(35, ones(16), []float64{1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, 1, 1})
	f(51, []float64{-1, -1, 1, 1}, []float64{-1, -1, 1, 1})
	f(52, []float64{1, -1, -1, 1}, ones(4))
	f(53, []float64{-1, 1, -1, 1}, ones(4))
	f(54, []float64{1, -1, -1, 1}, []float64{-1, -1, 1, 1})
	f(56, ones(4), []float64{1, -1, -1, 1})
	f(57, []float64{-1, -1, 1, 1}, []float64{1, -1, -1, 1})
	f(58, ones(4), []float64{-1, 1, -1, 1})
	f(60, []float64{1, -1, -1, 1}, []float64{1, -1, -1, 1})
	f(63, []float64{-1, 1, -1, 1}, []float64{-1, 1, -1, 1})
}

// The FBI's low-pass filter passes a constant by the root of 2, five times in both directions.
func TestWSQConstant(t *testing.T) {
	want := flat(32, 32, byte(math.Floor(128+4*(100-0.44+0.6)/32+0.5)))
	wantWSQ(t, "one coefficient", oneCoefficientWSQ(filters97, 32, 32, 0, 100), want, 0)
}

// The 64 subbands tile the picture, whatever its size; those of a picture of 41x58 were worked out by hand.
func TestWSQSubbandsTileThePicture(t *testing.T) {
	for _, size := range wsqSizes {
		w, h := size[0], size[1]
		covered := make([]int, w*h)
		bands := newWSQPlane(w, h).bands
		for _, b := range bands {
			for y := range b.h {
				for x := range b.w {
					covered[(b.y+y)*w+b.x+x]++
				}
			}
		}
		if len(bands) != wsqSubbands || slices.Min(covered) != 1 || slices.Max(covered) != 1 {
			t.Errorf("%dx%d: %d subbands, pixels covered %d to %d times", w, h, len(bands), slices.Min(covered), slices.Max(covered))
		}
	}
	bands := newWSQPlane(41, 58).bands
	for k, want := range map[int][4]int{ // x, y, w, h
		0: {0, 0, 2, 2}, 3: {2, 2, 1, 2}, 4: {3, 0, 3, 4}, 18: {8, 11, 3, 4}, 19: {11, 0, 3, 4}, 22: {14, 4, 2, 4},
		23: {16, 0, 2, 4}, 24: {18, 0, 3, 4}, 35: {0, 15, 3, 4}, 51: {11, 15, 10, 14}, 52: {21, 0, 10, 15}, 63: {31, 43, 10, 15},
	} {
		if b := bands[k]; [4]int{b.x, b.y, b.w, b.h} != want {
			t.Errorf("subband %d is at %d,%d and %dx%d, want %v", k, b.x, b.y, b.w, b.h, want)
		}
	}
}

// Codes of luminance DC differences: ITU-T T.81, table K.3.
func TestWSQHuffmanCodesAreThoseOfJPEG(t *testing.T) {
	h, err := newWSQHuffman([]byte{0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0}, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{"00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110", "11111110", "111111110"}
	for symbol, code := range codes {
		var bits uint32
		for i := range 16 {
			bits <<= 1
			if i < len(code) {
				bits |= uint32(code[i] - '0')
			}
		}
		if length, got := h.next(bits); length != len(code) || int(got) != symbol {
			t.Errorf("%s: symbol %d in %d bits, want %d", code, got, length, symbol)
		}
	}
	if length, _ := h.next(0xFFFF); length != 0 {
		t.Errorf("all ones are a code of %d bits", length)
	}
}

// One symbol in each of the ways that there are, with codes of up to 16 bits.
func TestWSQSymbols(t *testing.T) {
	indices := []int{74, -73, 75, -74, 255, -255, 256, -256, 65535, -65535, 1, -1}
	for run := range 103 {
		indices = append(append(indices, make([]int, run)...), 1)
	}
	indices = append(append(indices, make([]int, 255)...), -1)
	indices = append(append(indices, make([]int, 256)...), -1)
	indices = append(append(indices, make([]int, 70000)...), 2)
	const w = 300
	h := (len(indices) + w - 1) / w
	indices = append(indices, make([]int, w*h-len(indices))...)
	q := evenBins(1)([wsqSubbands]float64{})
	q.zero[3] = 0.25
	list := symbols(indices)
	code := skewed(list)
	p := newWSQPlane(w, h)
	table, err := newWSQHuffman(code.counts[:], code.symbols)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.decode(code.write(list), &p, q); err != nil || !p.complete(q) {
		t.Fatalf("complete %v, %v", p.complete(q), err)
	}
	for k, b := range p.bands {
		for i := range b.w * b.h {
			got := p.samples[(b.y+i/b.w)*w+b.x+i%b.w]
			want := 0.0
			if v := float64(indices[0]); v > 0 {
				want = v - q.centre + q.zero[k]/2
			} else if v < 0 {
				want = v + q.centre - q.zero[k]/2
			}
			if math.Abs(got-want) > 1e-9 {
				t.Fatalf("subband %d, coefficient %d is %v, want %v", k, i, got, want)
			}
			indices = indices[1:]
		}
	}
}

// skewed gives the symbols in use codes of 2 to 16 bits, the longest to most of them.
func skewed(list []wsqSymbol) huffmanCode {
	var length [257]int
	next := 2
	for _, s := range list {
		if length[s.code] == 0 {
			length[s.code] = min(next, 16)
			next++
		}
	}
	return canonical(length)
}

func TestWSQRestartsChangeNothing(t *testing.T) {
	img := waves(80, 60)
	plain := encodeWSQ(t, img, wsqOptions{filters: filters97, quant: evenBins(6)})
	want, err := DecodeGrey(plain, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, every := range []int{1, 97, 1000} {
		data := encodeWSQ(t, img, wsqOptions{filters: filters97, quant: evenBins(6), restart: every})
		if got, err := DecodeGrey(data, ""); err != nil || !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("restart every %d: %v", every, err)
		}
	}
}

// A table holds until another comes: blocks may redefine the Huffman table that they use, and the bins of what is to come.
func TestWSQTablesBetweenBlocks(t *testing.T) {
	const w, h = 32, 32 // every subband of the last three quarters has 8x8
	bins := func(v float64) *wsqQuantizer { return evenBins(v)([wsqSubbands]float64{}) }
	first, second := make([]int, w*h-8*8), make([]int, 8*8)
	first[0], second[0] = 20, 20
	a, b := huffmanOf(symbols(first)), huffmanOf(symbols(second))
	data := newWSQFile().quantizer(bins(1)).frame(w, h, 128, 4).filters(filters97).huffman(0, a).block(0, a.write(symbols(first))).
		segment(wsqCOM, []byte("between")).quantizer(bins(2)).huffman(0, b).filters(haar).block(0, b.write(symbols(second))).
		segment(wsqCOM, nil).end()
	got, err := DecodeGrey(data, "")
	if err != nil {
		t.Fatal(err)
	}
	mean, fine := (20-0.44+0.6)/32, 2*(20-0.44+0.6)/4
	for x, sign := range []float64{1, -1, 1, -1} {
		if want := byte(128 + 4*(mean+sign*fine) + 0.5); got.Pix[x] != want {
			t.Errorf("pixel %d is %d, want %d", x, got.Pix[x], want)
		}
	}
}

type brokenWSQ struct {
	data []byte
	says string
}

// hostileWSQ is every way in which a file can be broken, and what is to be said of it.
func hostileWSQ() map[string]brokenWSQ {
	const w, h = 24, 16
	q := evenBins(1)([wsqSubbands]float64{})
	list := symbols(append(make([]int, w*h-1), 1))
	code := huffmanOf(list)
	coded := code.write(list)
	tables := newWSQFile().filters(haar).quantizer(q)
	ready := tables.frame(w, h, 128, 1).huffman(0, code)
	with := func(f wsqFile, parts ...[]byte) wsqFile { return slices.Concat(append([][]byte{f}, parts...)...) }
	table := func(counts [16]byte, n int) []byte { return slices.Concat([]byte{0}, counts[:], make([]byte, n)) }
	wide := haar
	wide.low = make([]float64, wsqMaxTaps/2+1)
	dqt := lastBody(newWSQFile().quantizer(q))
	dqt[3] = 25
	dtt := lastBody(newWSQFile().filters(haar))
	mixed := append([]byte{2, 1}, dtt[2:]...)
	return map[string]brokenWSQ{
		"start alone":                   {append(newWSQFile(), 0xFF), "it is cut off"},
		"nothing in it":                 {newWSQFile().end(), "it has no frame header"},
		"16 MP of nothing":              {newWSQFile().filters(haar).quantizer(&wsqQuantizer{}).frame(4000, 4000, 0, 0).end(), "it announces 4000x4000 pixels and is far too short for them"},
		"no width":                      {newWSQFile().frame(0, 10, 0, 0).end(), "announces a picture of 0x10 pixels"},
		"no height":                     {newWSQFile().frame(10, 0, 0, 0).end(), "announces a picture of 10x0 pixels"},
		"frame header short":            {newWSQFile().segment(wsqSOF, make([]byte, 14)).end(), "its frame header has 14 bytes"},
		"two frame headers":             {ready.frame(w, h, 128, 1).block(0, coded).end(), "it has a second frame header"},
		"frame header of another size":  {ready.block(0, coded).frame(w, 2*h, 128, 1).end(), "it has a second frame header"},
		"block before frame":            {tables.huffman(0, code).block(0, coded).frame(w, h, 128, 1).end(), "it has no frame header"},
		"block before quantization":     {newWSQFile().filters(haar).frame(w, h, 0, 1).huffman(0, code).block(0, coded).quantizer(q).end(), "a block comes before the quantization table"},
		"no quantization":               {newWSQFile().filters(haar).frame(w, h, 0, 1).end(), "it lacks a quantization or transform table"},
		"no transform":                  {newWSQFile().quantizer(&wsqQuantizer{}).frame(w, h, 0, 1).end(), "it lacks a quantization or transform table"},
		"no block":                      {ready.end(), "it ends before its last subband does"},
		"block without header":          {ready.segment(wsqSOB, nil).end(), "a block names no Huffman table"},
		"block with a long header":      {with(ready.segment(wsqSOB, []byte{0, 0}), coded).end(), "a block names no Huffman table"},
		"table that is not there":       {ready.block(1, coded).end(), "a block names no Huffman table"},
		"table 255":                     {ready.block(255, coded).end(), "a block names no Huffman table"},
		"table 8 defined":               {ready.huffman(8, code).block(0, coded).end(), "it defines Huffman table 8 with 3 codes"},
		"empty Huffman segment":         {ready.segment(wsqDHT, nil).block(0, coded).end(), "a segment for Huffman tables is empty"},
		"Huffman table cut":             {ready.segment(wsqDHT, make([]byte, 16)).block(0, coded).end(), "a Huffman table is cut off"},
		"Huffman table without symbols": {ready.segment(wsqDHT, table([16]byte{}, 0)).block(0, coded).end(), "it defines Huffman table 0 with 0 codes"},
		"Huffman symbols cut":           {ready.segment(wsqDHT, table([16]byte{7: 9}, 8)).block(0, coded).end(), "it defines Huffman table 0 with 9 codes"},
		"Huffman codes 3 of 1 bit":      {ready.segment(wsqDHT, table([16]byte{3}, 3)).block(0, coded).end(), "a Huffman table has too many codes of 1 bits"},
		"Huffman code behind a full":    {ready.segment(wsqDHT, table([16]byte{2, 15: 1}, 3)).block(0, coded).end(), "a Huffman table has too many codes of 16 bits"},
		"Huffman table of 510":          {ready.segment(wsqDHT, table([16]byte{14: 255, 15: 255}, 510)).block(0, coded).end(), "it defines Huffman table 0 with 510 codes"},
		"filters of 0 taps":             {newWSQFile().segment(wsqDTT, []byte{0, 0}).quantizer(q).frame(w, h, 0, 1).end(), "its filters have 0 and 0 taps"},
		"filters without numbers":       {newWSQFile().segment(wsqDTT, nil).quantizer(q).frame(w, h, 0, 1).end(), "its transform table has 0 bytes"},
		"filters of 22 taps":            {newWSQFile().filters(wide).quantizer(&wsqQuantizer{}).frame(w, h, 0, 1).end(), "its filters have 22 and 2 taps"},
		"filters cut":                   {newWSQFile().segment(wsqDTT, dtt[:13]).quantizer(&wsqQuantizer{}).frame(w, h, 0, 1).end(), "its transform table has 13 bytes"},
		"filters odd and even":          {newWSQFile().segment(wsqDTT, mixed).quantizer(&wsqQuantizer{}).frame(w, h, 0, 1).end(), "its filters have 2 and 1 taps"},
		"filters scaled to nothing":     {newWSQFile().segment(wsqDTT, []byte{2, 2, 0, 25, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}).quantizer(&wsqQuantizer{}).frame(w, h, 0, 1).end(), "a table scales a value by 10^-25"},
		"quantization cut":              {newWSQFile().filters(haar).segment(wsqDQT, dqt[:386]).frame(w, h, 0, 1).end(), "its quantization table has 386 bytes"},
		"quantization scaled away":      {newWSQFile().filters(haar).segment(wsqDQT, dqt).frame(w, h, 0, 1).end(), "a table scales a value by 10^-25"},
		"frame scaled to nothing":       {newWSQFile().segment(wsqSOF, []byte{0, 255, 0, 9, 0, 9, 25, 0, 1, 0, 0, 1, 0, 0, 0}).end(), "a table scales a value by 10^-25"},
		"quantization within a subband": {ready.segment(wsqDHT, append(table([16]byte{1}, 0), 100)).block(0, []byte{0x7F}).quantizer(q).huffman(0, code).block(0, coded).end(), "its quantization table changes within a subband"},
		"one coefficient missing":       {ready.block(0, code.write(symbols(make([]int, w*h-1)))).end(), "it ends before its last subband does"},
		"one coefficient too many":      {ready.block(0, code.write(symbols(append(make([]int, w*h), 1)))).end(), "it holds more coefficients than its subbands"},
		"a run too long":                {ready.block(0, code.write([]wsqSymbol{list[0], list[0]})).end(), "it holds more coefficients than its subbands"},
		"no code":                       {ready.block(0, []byte{0xFF, 0, 0xFF, 0, 0xFF, 0}).end(), "its coded data has bits that are no code"},
		"symbol 0":                      {ready.segment(wsqDHT, table([16]byte{1}, 1)).block(0, []byte{0}).end(), "its coded data has the symbol 0"},
		"symbol 255":                    {ready.segment(wsqDHT, append(table([16]byte{1}, 0), 255)).block(0, []byte{0}).end(), "its coded data has the symbol 255"},
		"number cut":                    {ready.segment(wsqDHT, append(table([16]byte{1}, 0), wsqRun16)).block(0, []byte{0, 0}).end(), "its coded data ends within a number"},
		"restart interval short":        {ready.segment(wsqDRT, []byte{1}).block(0, coded).end(), "its restart interval has 1 bytes"},
		"coded data without a block":    {with(ready, coded).end(), "bytes 40 5F stand where a marker belongs"},
		"another marker":                {with(ready, []byte{0xFF, 0xC4, 0, 2}).block(0, coded).end(), "bytes FF C4 stand where a marker belongs"},
		"second start":                  {with(ready, []byte{0xFF, wsqSOI}).block(0, coded).end(), "bytes FF A0 stand where a marker belongs"},
		"restart outside a block":       {with(ready, []byte{0xFF, wsqRST0}).block(0, coded).end(), "bytes FF B0 stand where a marker belongs"},
		"segment of length 1":           {with(ready, []byte{0xFF, wsqCOM, 0, 1}).block(0, coded).end(), "a segment states a length of 1 bytes"},
		"segment past the end":          {with(newWSQFile(), []byte{0xFF, wsqCOM, 0xFF, 0xFF}).frame(w, h, 0, 1).end(), "it is cut off"},
		"a thousand comments":           {with(ready, bytes.Repeat([]byte{0xFF, wsqCOM, 0, 2}, wsqMaxSegments)).block(0, coded).end(), "it has more than 1000 marker segments"},
		"end of a marker":               {append(ready.block(0, coded), 0xFF), "it is cut off"},
		"fill bytes to the end":         {append(ready.block(0, coded), 0xFF, 0xFF, 0xFF, 0xFF), "it is cut off"},
	}
}

func TestBrokenWSQIsRefusedForWhatIsBroken(t *testing.T) {
	for name, c := range hostileWSQ() {
		if _, err := DecodeGrey(c.data, ""); codeOf(err) != CodeUndecodable || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

// What the hostile files are variations of is sound.
func TestWSQFillBytesAndBareFile(t *testing.T) {
	list := symbols(append(make([]int, 24*16-1), 1))
	code := huffmanOf(list)
	f := newWSQFile().filters(haar).quantizer(evenBins(1)([wsqSubbands]float64{})).frame(24, 16, 128, 1)
	f = append(f, 0xFF, 0xFF, 0xFF).huffman(0, code).block(0, code.write(list))
	wantWSQ(t, "fill bytes", append(f, 0xFF, 0xFF, 0xFF, wsqEOI), flat(24, 16, 128), 0.5)
}
