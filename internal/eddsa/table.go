package eddsa

import "filippo.io/edwards25519"

// table holds multiples of a point P: in row i, 2^(window spacing i) P times 1 to 2^(window-1).
type table struct {
	window, spacing int
	points          []edwards25519.Point // row after row
}

// maxDigits is what the smallest window, 4 bits, needs.
const maxDigits = 64

// digits are a scalar in base 2^window, the lowest first, each from -2^(window-1) to 2^(window-1)-1.
type digits struct {
	each [maxDigits]int16
	n    int
}

// digitCount is enough for 255 bits: two more than a scalar has, so that nothing is carried out of the highest digit.
func digitCount(window int) int { return (255 + window - 1) / window }

func digitsOf(s *edwards25519.Scalar, window int) (d digits) {
	var text [34]byte // what lies behind a scalar's 32 bytes is zero
	copy(text[:], s.Bytes())
	d.n = digitCount(window)
	carry := 0
	for i := range d.n {
		bit := i * window
		v := (int(text[bit/8])|int(text[bit/8+1])<<8)>>(bit%8)&(1<<window-1) + carry
		carry = (v + 1<<(window-1)) >> window // the upper half of the digits is negative
		d.each[i] = int16(v - carry<<window)
	}
	return d
}

func newTable(p *edwards25519.Point, window, spacing int) *table {
	rows, half := (digitCount(window)+spacing-1)/spacing, 1<<(window-1)
	first := new(edwards25519.Point).Set(p)
	points := make([]edwards25519.Point, rows*half)
	for row := range rows {
		multiple := edwards25519.NewIdentityPoint()
		for i := range half {
			multiple.Add(multiple, first)
			points[row*half+i].Set(multiple)
		}
		for range window * spacing {
			first.Double(first)
		}
	}
	return &table{window, spacing, points}
}

// times sets sum = s P.
func (t *table) times(sum *edwards25519.Point, s *edwards25519.Scalar) {
	d := digitsOf(s, t.window)
	sum.Set(edwards25519.NewIdentityPoint())
	for offset := t.spacing - 1; offset >= 0; offset-- {
		if offset < t.spacing-1 {
			for range t.window {
				sum.Double(sum)
			}
		}
		t.add(sum, &d, offset)
	}
}

// add adds every digit times its row: those that stand offset above a row's first one. With spacing 1 that is all of s P.
func (t *table) add(sum *edwards25519.Point, d *digits, offset int) {
	half := 1 << (t.window - 1)
	for i := offset; i < d.n; i += t.spacing {
		row := t.points[i/t.spacing*half:][:half]
		switch v := d.each[i]; {
		case v > 0:
			sum.Add(sum, &row[v-1])
		case v < 0:
			sum.Subtract(sum, &row[-v-1])
		}
	}
}
