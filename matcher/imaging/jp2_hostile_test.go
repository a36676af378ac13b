package imaging

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
)

// j2kForm is a codestream of a picture without data: every packet says that it is empty.
type j2kForm struct {
	width, height, components int
	tileWidth, tileHeight     int // 0: one tile
	precision                 byte
	capabilities              int
	layers                    int
	levels                    int
	filter                    byte // 0: 9-7
	blocks                    byte // exponents of their sides, less two: across in the upper half
	precincts                 byte // size of all, 0: not stated
	style, mixed              byte
	segments                  []byte // behind the main header
	packets                   []byte // of each tile
	filler                    int
}

func blankJ2K(width, height, components int) j2kForm {
	return j2kForm{
		width: width, height: height, components: components, precision: 7, layers: 1, levels: 5, filter: 1, blocks: 0x44,
		packets: make([]byte, 6*components),
	}
}

func j2kMarker(marker uint16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, marker)
	return append(binary.BigEndian.AppendUint16(b, uint16(2+len(body))), body...)
}

func (f j2kForm) bytes() []byte {
	tw, th := f.tileWidth, f.tileHeight
	if tw == 0 {
		tw, th = f.width, f.height
	}
	var siz []byte
	siz = binary.BigEndian.AppendUint16(siz, uint16(f.capabilities))
	for _, v := range []int{f.width, f.height, 0, 0, tw, th, 0, 0} {
		siz = binary.BigEndian.AppendUint32(siz, uint32(v))
	}
	siz = binary.BigEndian.AppendUint16(siz, uint16(f.components))
	for range f.components {
		siz = append(siz, f.precision, 1, 1)
	}
	cod := []byte{0, j2kRPCL, byte(f.layers >> 8), byte(f.layers), f.mixed, byte(f.levels), f.blocks >> 4, f.blocks & 15, f.style, f.filter}
	qcd := []byte{0xE0} // seven guard bits
	for r := range f.levels + 1 {
		if f.precincts != 0 {
			cod[0] = 1
			cod = append(cod, f.precincts)
		}
		qcd = append(qcd, bytes.Repeat([]byte{24 << 3}, min(3, 1+2*r))...)
	}
	b := append([]byte{0xFF, 0x4F}, j2kMarker(j2kSIZ, siz...)...)
	b = slices.Concat(b, j2kMarker(j2kCOD, cod...), j2kMarker(j2kQCD, qcd...), f.segments)
	for i := range min(ceilDiv(f.width, tw)*ceilDiv(f.height, th), 5000) {
		length := binary.BigEndian.AppendUint32([]byte{byte(i >> 8), byte(i)}, uint32(14+len(f.packets)+f.filler))
		b = slices.Concat(b, j2kMarker(j2kSOT, append(length, 0, 1)...), []byte{0xFF, 0x93}, f.packets, make([]byte, f.filler))
	}
	return append(b, 0xFF, 0xD9)
}

// j2kBits writes a packet header.
type j2kBits struct {
	out []byte
	n   int // bits of its last byte that are free
}

func (b *j2kBits) put(v, n int) {
	for n--; n >= 0; n-- {
		if b.n == 0 {
			b.n = 8
			if len(b.out) > 0 && b.out[len(b.out)-1] == 0xFF {
				b.n = 7
			}
			b.out = append(b.out, 0)
		}
		b.n--
		b.out[len(b.out)-1] |= byte(v>>n&1) << b.n
	}
}

// allPasses is the one packet of a plane in blocks of 64 by 64: each has all passes that 30 bit-planes need, and no data.
func allPasses(width, height int) []byte {
	across, down := ceilDiv(width, 64), ceilDiv(height, 64)
	tree := newJ2KTagTree(across, down)
	var b j2kBits
	b.put(1, 1)
	for i := range across * down {
		fresh := 0
		for at := int32(i); at >= 0 && !tree[at].known; at = tree[at].parent {
			tree[at].known = true
			fresh++
		}
		for range 2 { // it is there from layer 0 on, and lacks no bit-plane
			for range fresh {
				b.put(1, 1)
			}
		}
		b.put(0b111111111, 9)
		b.put(3*30-2-37, 7)
		b.put(0, 1+3+6) // in 0 bytes
	}
	if b.out[len(b.out)-1] == 0xFF {
		b.out = append(b.out, 0)
	}
	return b.out
}

func passesJ2K(width, height, components int) j2kForm {
	f := blankJ2K(width, height, components)
	f.levels, f.packets = 0, nil
	for range components {
		f.packets = append(f.packets, allPasses(width, height)...)
	}
	return f
}

type hostileFile struct {
	data []byte
	code string
}

func hostileJPEG2000() map[string]hostileFile {
	form := func(change func(*j2kForm)) []byte {
		f := blankJ2K(64, 64, 1)
		change(&f)
		return f.bytes()
	}
	segment := func(marker uint16, body ...byte) []byte {
		return form(func(f *j2kForm) { f.segments = j2kMarker(marker, body...) })
	}
	blank := blankJ2K(64, 64, 1).bytes()
	wrapped := func(boxes ...[]byte) []byte { return jp2Around(blank, 64, 64, 1, boxes...) }
	tile := bytes.Index(blank, []byte{0xFF, 0x90})
	patched := func(at int, v ...byte) []byte {
		b := bytes.Clone(blank)
		copy(b[at:], v)
		return b
	}
	mapping := jp2Box("cmap", []byte{0, 0, 1, 0})
	return map[string]hostileFile{
		"bomb":                {blankJ2K(65000, 65000, 3).bytes(), CodeTooLarge},
		"20 MP":               {form(func(f *j2kForm) { *f = blankJ2K(5000, 4000, 3); f.filler = 40000 }), CodeTooLarge},
		"9 MP of nothing":     {blankJ2K(3000, 3000, 1).bytes(), CodeUndecodable},
		"tiles of a pixel":    {form(func(f *j2kForm) { f.width, f.height, f.tileWidth, f.tileHeight = 100, 100, 1, 1 }), CodeTooLarge},
		"65,535 layers":       {form(func(f *j2kForm) { f.layers = 65535 }), CodeTooLarge},
		"blocks of 4 by 4":    {form(func(f *j2kForm) { *f = blankJ2K(1600, 1200, 3); f.blocks = 0 }), CodeTooLarge},
		"precincts of 2 by 2": {form(func(f *j2kForm) { *f = blankJ2K(800, 600, 1); f.precincts = 0x11 }), CodeTooLarge},
		"passes without data": {passesJ2K(1600, 1200, 3).bytes(), CodeTooLarge},
		"layers by blocks": {form(func(f *j2kForm) {
			*f = blankJ2K(1400, 1400, 1)
			f.blocks = 0
			f.layers = 1024
			f.packets = bytes.Repeat([]byte{0x80, 0}, 4000)
		}), CodeTooLarge},
		"no layers":              {form(func(f *j2kForm) { f.layers = 0 }), CodeUndecodable},
		"33 levels":              {form(func(f *j2kForm) { f.levels = 33 }), CodeUndecodable},
		"blocks of 2^13":         {form(func(f *j2kForm) { f.blocks = 0x83 }), CodeUndecodable},
		"a colour transform":     {form(func(f *j2kForm) { f.mixed = 1 }), CodeUndecodable},
		"no components":          {blankJ2K(64, 64, 0).bytes(), CodeUndecodable},
		"five components":        {blankJ2K(64, 64, 5).bytes(), CodeFormat},
		"38 bits":                {form(func(f *j2kForm) { f.precision = 37 }), CodeFormat},
		"signed":                 {form(func(f *j2kForm) { f.precision = 0x87 }), CodeFormat},
		"high throughput":        {form(func(f *j2kForm) { f.capabilities = 0x4000 }), CodeFormat},
		"high throughput blocks": {form(func(f *j2kForm) { f.style = 0x40 }), CodeFormat},
		"Part 2":                 {form(func(f *j2kForm) { f.capabilities = 0x8000 }), CodeFormat},
		"a filter of Part 2":     {form(func(f *j2kForm) { f.filter = 2 }), CodeFormat},
		"a region of Part 2":     {segment(j2kRGN, 0, 1, 9), CodeFormat},
		"a region of 31 bits":    {segment(j2kRGN, 0, 0, 31), CodeFormat},
		"a region of nothing":    {segment(j2kRGN, 7, 0, 9), CodeUndecodable},
		"a region cut off":       {segment(j2kRGN, 0, 0), CodeUndecodable},
		"packed headers":         {segment(j2kPPM, 0, 0), CodeFormat},
		"coding of no component": {segment(j2kCOC, 7, 0, 5, 4, 4, 0, 1), CodeUndecodable},
		"quantization of none":   {segment(j2kQCC, 7, 0x40, 8), CodeUndecodable},
		"no bit-planes":          {form(func(f *j2kForm) { *f = passesJ2K(64, 64, 1); f.segments = j2kMarker(j2kQCD, 0, 0) }), CodeUndecodable},
		"too few steps":          {segment(j2kQCD, 0x40, 8), CodeUndecodable},
		"no progression":         {segment(j2kPOC, 3, 0, 0, 1, 2, 1, 0), CodeUndecodable},
		"packets left out":       {segment(j2kPOC, 0, 0, 0, 1, 2, 1, 0), CodeUndecodable},
		"sizes twice":            {segment(j2kSIZ), CodeUndecodable},
		"no marker":              {segment(0x1234), CodeUndecodable},
		"tile 1 of 1":            {patched(tile+4, 0, 1), CodeUndecodable},
		"tile-part of nothing":   {patched(tile+6, 0, 0, 0, 1), CodeUndecodable},
		"tile-part past the end": {patched(tile+6, 0xFF, 0xFF, 0xFF, 0xFF), CodeUndecodable},
		"no tile":                {slices.Concat(blank[:tile], []byte{0xFF, 0xD9}), CodeUndecodable},
		"too few packets":        {form(func(f *j2kForm) { f.packets = f.packets[:5] }), CodeUndecodable},
		"no header":              {[]byte("\xff\x4f\xff\x51"), CodeUndecodable},

		"JP2 of another size":      {jp2Around(blank, 64, 63, 1), CodeUndecodable},
		"JP2 of no size":           {jp2Around(blank, 0, 0, 1), CodeUndecodable},
		"JP2 without a codestream": {jp2Around(nil, 64, 64, 1), CodeUndecodable},
		"JP2 in CMYK":              {wrapped(jp2Box("colr", []byte{1, 0, 0, 0, 0, 0, 12})), CodeFormat},
		"JP2 of too few colours":   {wrapped(jp2Box("colr", []byte{1, 0, 0, 0, 0, 0, j2kRGB})), CodeUndecodable},
		"JP2 with a palette alone": {wrapped(jp2Box("pclr", []byte{0, 1, 1, 7, 0})), CodeUndecodable},
		"JP2 with a mapping alone": {wrapped(mapping), CodeUndecodable},
		"JP2 mapped to nothing":    {wrapped(jp2Box("pclr", []byte{0, 1, 1, 7, 0}), jp2Box("cmap", []byte{0, 0, 1, 1})), CodeUndecodable},
		"JP2 palette of 60,000":    {wrapped(jp2Box("pclr", []byte{0xEA, 0x60, 1, 7}), mapping), CodeFormat},
		"JP2 palette of words":     {wrapped(jp2Box("pclr", []byte{0, 1, 1, 15, 0, 0}), mapping), CodeFormat},
		"JP2 with a role for none": {wrapped(jp2Box("cdef", []byte{0, 1, 0, 4, 0, 0, 0, 1})), CodeUndecodable},
		"JP2 of endless mappings":  {wrapped(jp2Box("cmap", make([]byte, 16<<20))), CodeFormat},
		"JP2 of endless roles":     {wrapped(bytes.Repeat(jp2Box("cdef", []byte{0, 1, 0, 0, 0, 0, 0, 1}), 1<<20)), CodeFormat},
		"JP2 with a cut box":       {wrapped(jp2Box("cdef", []byte{0, 9, 0, 0})), CodeUndecodable},
		"JP2 box too long":         {wrapped([]byte{0, 0, 1, 0, 'x', 'x', 'x', 'x'}), CodeUndecodable},
		"JP2 box of 2^64":          {wrapped(append([]byte{0, 0, 0, 1, 'x', 'x', 'x', 'x'}, bytes.Repeat([]byte{0xFF}, 8)...)), CodeUndecodable},
	}
}

func TestBlankJPEG2000(t *testing.T) {
	for _, filter := range []byte{0, 1} {
		f := blankJ2K(100, 70, 3)
		f.filter = filter
		got, err := DecodeRGB(f.bytes(), "")
		if err != nil || worst(got.Pix, bytes.Repeat([]byte{128}, 3*100*70)) > 0 {
			t.Errorf("filter %d: %v", filter, err)
		}
	}
}

func TestLargeJPEG2000Fit(t *testing.T) {
	tiled := blankJ2K(7000, 5000, 3)
	tiled.tileWidth, tiled.tileHeight = 512, 512
	for name, f := range map[string]j2kForm{
		"12 MP in colour":      blankJ2K(4032, 3024, 3),
		"29 MP in grey":        blankJ2K(6000, 4900, 1),
		"35 MP in small tiles": tiled,
	} {
		f.filler = f.width * f.height / j2kPixelsAByte
		if f.tileWidth > 0 {
			f.filler /= 100 // in each of 140
		}
		if h, err := ReadHeader(f.bytes(), ""); err != nil || h.Width != f.width {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func TestHostileJPEG2000(t *testing.T) {
	var before, after runtime.MemStats
	for name, c := range hostileJPEG2000() {
		runtime.ReadMemStats(&before)
		_, err := DecodeRGB(c.data, "")
		runtime.ReadMemStats(&after)
		if codeOf(err) != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 2*j2kLayoutBytes {
			t.Errorf("%s: refusing it took %d bytes", name, spent)
		}
	}
}

// Packets of all passes over nothing cost the most time a byte.
func TestPassesWithoutData(t *testing.T) {
	if _, err := DecodeGrey(passesJ2K(300, 200, 1).bytes(), ""); err != nil {
		t.Error(err)
	}
}

func TestTruncatedJPEG2000IsRefused(t *testing.T) {
	for _, encoded := range []string{j2kLossless, j2kTiled, j2kLossy, j2kTerminated, j2kReordered} {
		bare := fromBase64(t, encoded)
		for _, data := range [][]byte{bare, jp2Around(bare, 26, 20, 3)} {
			for n := range data {
				if _, err := DecodeRGB(data[:n], ""); codeOf(err) == "" {
					t.Errorf("%d of %d bytes: %v", n, len(data), err)
				}
			}
		}
		if _, err := DecodeRGB(append(bare, "behind the end"...), ""); err != nil {
			t.Errorf("bytes behind the end: %v", err)
		}
	}
}

// Whatever a byte is changed to, decoding ends with a picture of that size or with a code.
func TestDamagedJPEG2000(t *testing.T) {
	for _, encoded := range []string{j2kTiled, j2kTerminated, j2kReordered} {
		whole := fromBase64(t, encoded)
		for i := 2; i < len(whole); i += 3 {
			for _, v := range []byte{0xFF, whole[i] ^ 1<<(i%8)} {
				data := bytes.Clone(whole)
				data[i] = v
				img, err := DecodeRGB(data, "")
				if err != nil && codeOf(err) == "" || err == nil && len(img.Pix) != 3*img.Width*img.Height {
					t.Fatalf("byte %d as %d: %v", i, v, err)
				}
			}
		}
	}
}

func FuzzJPEG2000(f *testing.F) {
	for _, encoded := range []string{j2kLossless, j2kTiled, j2kTerminated, j2kLossy, j2kReordered, j2kSixteen, j2kSubsampled, j2kFour} {
		data := fromBase64(f, encoded)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add(jp2Around(fromBase64(f, j2kIndices), 8, 8, 1, jp2Box("pclr", []byte{0, 1, 1, 7, 9}), jp2Box("cmap", []byte{0, 0, 1, 0})))
	for _, c := range hostileJPEG2000() {
		if len(c.data) < 1<<12 {
			f.Add(c.data)
		}
	}
	fuzz(f, "image/jp2")
}

// Tiles with filters of their own take turns in the memory of one.
func TestFiltersShareMemory(t *testing.T) {
	f := blankJ2K(64, 32, 3)
	f.tileWidth, f.tileHeight = 32, 32
	data := f.bytes()
	own := j2kMarker(j2kCOD, 0, j2kRPCL, 0, 1, 0, 5, 4, 4, 0, 0)
	second := bytes.LastIndex(data, []byte{0xFF, 0x90})
	data = slices.Insert(data, second+12, own...)
	binary.BigEndian.PutUint32(data[second+6:], binary.BigEndian.Uint32(data[second+6:])+uint32(len(own)))
	s, err := readJ2K(data)
	if err != nil {
		t.Fatal(err)
	}
	planes := make([]j2kSamples, 3)
	for c := range planes {
		planes[c] = j2kSamples{s.area, 1, 1, make([]byte, 64*32)}
	}
	budget := newJ2KBudget()
	d := j2kTileDecoder{budget: &budget}
	for i, reversible := range []bool{true, false} {
		if err := d.tile(s, i, planes); err != nil {
			t.Fatal(err)
		}
		for c := range planes {
			if held := [2]bool{d.ints[c] != nil, d.floats[c] != nil}; held != [2]bool{reversible, !reversible} {
				t.Errorf("tile %d, component %d: holds integers, floats: %v", i, c, held)
			}
		}
	}
}

// All that decoding allocates, garbage included, stays within the estimate that the limit is checked with.
func TestJPEG2000HoldsNoMoreThanEstimated(t *testing.T) {
	const w, h = 1600, 1000
	for name, c := range map[string]struct {
		change func(*j2kForm)
		layout bool // it has as many code-blocks as are allowed
	}{
		"colour":           {func(f *j2kForm) { *f = blankJ2K(w, h, 3) }, false},
		"colour, lossy":    {func(f *j2kForm) { *f = blankJ2K(w, h, 3); f.filter = 0 }, false},
		"grey":             {func(f *j2kForm) { *f = blankJ2K(w, h, 1) }, false},
		"tiles":            {func(f *j2kForm) { *f = blankJ2K(w, h, 3); f.tileWidth, f.tileHeight = 400, 500 }, false},
		"blocks of 4 by 4": {func(f *j2kForm) { *f = blankJ2K(w, h, 1); f.blocks, f.levels, f.packets = 0, 0, []byte{0} }, true},
		"precincts of 8 by 8": {func(f *j2kForm) {
			*f = blankJ2K(w, h, 1)
			f.precincts, f.blocks, f.levels, f.packets = 0x33, 0, 0, make([]byte, 25000)
		}, true},
	} {
		var form j2kForm
		c.change(&form)
		data := form.bytes()
		file, err := readJP2(data)
		if err != nil {
			t.Fatal(name, err)
		}
		most := file.work() + resultBytes
		if !c.layout {
			most = 1.05*(most-float64(j2kLayoutBytes)/(w*h)) + 0.2
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := DecodeRGB(data, "")
		runtime.ReadMemStats(&after)
		if err != nil || len(p.Pix) != 3*w*h {
			t.Fatalf("%s: %d bytes, %v", name, len(p.Pix), err)
		}
		if got := float64(after.TotalAlloc-before.TotalAlloc) / (w * h); got > most {
			t.Errorf("%s: %.2f bytes a pixel, estimated %.2f", name, got, most)
		}
	}
}
