package imaging

// block is 8x8 coefficients, or steps of a quantiser, row by row.
type block [64]int32

// unzigzag leads from the order of a file to rows (ITU-T T.81 figure A.6).
var unzigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// lowestRow is the last row that a block with a given last zigzag index has coefficients in.
var lowestRow = [64]uint8{
	0, 0, 1, 2, 2, 2, 2, 2, 2, 3, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
	6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
}

// inverse turns the coefficients of b into w x h pixels at dst, each the mean of the 8/w x 8/h pixels that the whole
// block has there; w and h are 1, 2, 4 or 8. last is the highest zigzag index with a coefficient. b is left changed.
func (b *block) inverse(last, w, h int, dst []byte, stride int) {
	switch {
	case last == 0 || w == 1 && h == 1:
		fillBlock(flatLevel(b[0]), w, h, dst, stride)
	case w == 8 && h == 8:
		b.full(last, dst, stride)
	default:
		b.means(last, w, h, dst, stride)
	}
}

func fillBlock(v byte, w, h int, dst []byte, stride int) {
	for y := range h {
		row := dst[y*stride : y*stride+w]
		for x := range row {
			row[x] = v
		}
	}
}

// flatLevel is every pixel of a block that has a DC coefficient alone, and the mean of all pixels of any block.
func flatLevel(dc int32) byte { return level((dc<<17 + 1<<19) >> 20) }

// level adds the middle of the range and cuts to it.
func level(v int32) byte {
	v += 128
	if uint32(v) > 255 {
		return byte(^(v >> 31))
	}
	return byte(v)
}

// Factors of the inverse transform of eight values (Loeffler, Ligtenberg and Moschytz 1989) in fixed point of so many
// bits. They, and where bits are dropped, are those of Go's image/jpeg, whose pixels this gives to the last bit.
const (
	half8  = 181 // sqrt(1/2)
	half14 = 11585

	even18cos, even18sin = 70936, 171254 // sqrt(1/2) cos(6 pi/16), sqrt(1/2) sin(6 pi/16)
	even12cos, even12sin = 1108, 2676
	cos3, sin3           = 3406, 2276 // of 3 pi/16 and pi/16, 12 bits
	cos1, sin1           = 4017, 799
)

// full is the whole inverse transform: rows into 17 fractional bits, then columns.
func (b *block) full(last int, dst []byte, stride int) {
	for y := 0; y <= int(lowestRow[last]); y++ {
		r := (*[8]int32)(b[8*y:])
		if r[1]|r[2]|r[3]|r[4]|r[5]|r[6]|r[7] == 0 {
			v := r[0] << 17
			*r = [8]int32{v, v, v, v, v, v, v, v}
			continue
		}
		plus, minus := (r[0]+r[4])<<17, (r[0]-r[4])<<17
		low, high := even18cos*r[2]-even18sin*r[6], even18cos*r[6]+even18sin*r[2]
		e0, e3, e1, e2 := plus+high, plus-high, minus+low, minus-low

		sum, diff := (r[1]+r[7])<<7, (r[1]-r[7])<<7
		o3, o5 := half8*r[3], half8*r[5]
		a, c := (diff+o5)>>2, (sum+o3)>>2
		d, f := (sum-o3)>>2, (diff-o5)>>2
		a, c = cos3*a-sin3*c, cos3*c+sin3*a
		d, f = cos1*d-sin1*f, cos1*f+sin1*d
		*r = [8]int32{e0 + c, e1 + f, e2 + d, e3 + a, e3 - a, e2 - d, e1 - f, e0 - c}
	}
	for x := range 8 {
		v := (*[57]int32)(b[x:])
		c0 := v[0] + 1<<19
		plus, minus := (c0+v[32])>>2, (c0-v[32])>>2
		c2, c6 := v[16]>>13, v[48]>>13
		low, high := even12cos*c2-even12sin*c6, even12cos*c6+even12sin*c2
		e0, e3, e1, e2 := plus+high, plus-high, minus+low, minus-low

		sum, diff := v[8]+v[56], v[8]-v[56]
		o3, o5 := (v[24]>>13)*half14, (v[40]>>13)*half14
		a, c := (diff+o5)>>14, (sum+o3)>>14
		d, f := (sum-o3)>>14, (diff-o5)>>14
		a, c = cos3*a-sin3*c, cos3*c+sin3*a
		d, f = cos1*d-sin1*f, cos1*f+sin1*d

		to := dst[x : x+7*stride+1]
		to[0], to[7*stride] = level((e0+c)>>18), level((e0-c)>>18)
		to[stride], to[6*stride] = level((e1+f)>>18), level((e1-f)>>18)
		to[2*stride], to[5*stride] = level((e2+d)>>18), level((e2-d)>>18)
		to[3*stride], to[4*stride] = level((e3+a)>>18), level((e3-a)>>18)
	}
}

// means is the inverse transform at a smaller size. The mean of 2, 4 or 8 neighbours of a cosine is again a cosine, of a
// wave so much longer or its mirror image, so that the means of pixels follow from few sums over the coefficients.
func (b *block) means(last, w, h int, dst []byte, stride int) {
	var column, row [8]int32
	for x := range min(int(lowestRow[last])+2, 8) { // a block reaches one column further than down, at most
		for y := range column {
			column[y] = b[8*y+x] << meanKeep
		}
		meansOf(&column, h)
		for y := range h {
			b[8*y+x] = column[y]
		}
	}
	for y := range h {
		row = [8]int32(b[8*y:])
		meansOf(&row, w)
		to := dst[y*stride : y*stride+w]
		for x := range to {
			to[x] = level((row[x] + 4<<meanKeep) >> (3 + meanKeep))
		}
	}
}

const (
	meanBits = 12 // of the factors in meansOf
	meanKeep = 4  // fractional bits between columns and rows
)

// meansOf turns 8 coefficients c into n means, sqrt(8) times too large. Each is the sum over k of c[k] times
// sqrt(2) cos((2m+1)k pi/2n) prod cos(k pi/16), cos(k pi/8)..., one factor for every halving of 8 to n.
func meansOf(c *[8]int32, n int) {
	const round = 1 << (meanBits - 1)
	switch n {
	case 2:
		odd := (3711*c[1] - 1303*c[3] + 871*c[5] - 738*c[7] + round) >> meanBits
		c[0], c[1] = c[0]+odd, c[0]-odd
	case 4:
		even := (3784*c[2] - 1567*c[6] + round) >> meanBits
		outer := (5249*c[1] + 1843*c[3] - 1232*c[5] - 1044*c[7] + round) >> meanBits
		inner := (2174*c[1] - 4450*c[3] + 2973*c[5] - 432*c[7] + round) >> meanBits
		c[0], c[1], c[2], c[3] = c[0]+even+outer, c[0]-even+inner, c[0]-even-inner, c[0]+even-outer
	case 8:
		var out [8]int32
		for m := range 4 {
			even, odd := c[0]<<meanBits+round, int32(0)
			for k := 1; k < 8; k += 2 {
				odd += cosines[m][k] * c[k]
			}
			for k := 2; k < 8; k += 2 {
				even += cosines[m][k] * c[k]
			}
			out[m], out[7-m] = (even+odd)>>meanBits, (even-odd)>>meanBits
		}
		*c = out
	}
}

// cosines[m][k] is sqrt(2) cos((2m+1)k pi/16) in meanBits bits.
var cosines = [4][8]int32{
	{4096, 5681, 5352, 4816, 4096, 3218, 2217, 1130},
	{4096, 4816, 2217, -1130, -4096, -5681, -5352, -3218},
	{4096, 3218, -2217, -5681, -4096, 1130, 5352, 4816},
	{4096, 1130, -5352, -3218, 4096, 4816, -2217, -5681},
}
