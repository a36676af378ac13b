package eddsa

import (
	"bytes"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// point is X/Z, Y/Z with T = XY/Z: the extended coordinates of RFC 8032, section 5.1.4. Its formulas hold for all points of the
// curve, those of small order included (Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited", sections 3.1 and 3.3).
type point struct{ x, y, z, t field.Element }

// affine is a point with Z = 1 in the form in which additions want it (section 3.1: seven multiplications, not nine).
type affine struct{ plus, minus, t2d field.Element } // y+x, y-x, 2dxy

// twoD is 2d of the curve, d = -121665/121666 (RFC 8032, section 5.1).
var twoD = func() *field.Element {
	one := new(field.Element).One()
	numerator := new(field.Element).Mult32(one, 2*121665)
	denominator := new(field.Element).Mult32(one, 121666)
	return numerator.Negate(numerator).Multiply(numerator, denominator.Invert(denominator))
}()

func (a *affine) set(x, y *field.Element) {
	a.plus.Add(y, x)
	a.minus.Subtract(y, x)
	a.t2d.Multiply(x, y)
	a.t2d.Multiply(&a.t2d, twoD)
}

func identity() (p point) {
	p.y.One()
	p.z.One()
	return p
}

func (p *point) add(q *affine) {
	var c, d field.Element
	c.Multiply(&p.t, &q.t2d)
	d.Add(&p.z, &p.z)
	var f, g field.Element
	f.Subtract(&d, &c)
	g.Add(&d, &c)
	p.sum(&q.minus, &q.plus, &f, &g)
}

// subtract adds -q, which is (-x, y): y+x and y-x change places, 2dxy changes its sign.
func (p *point) subtract(q *affine) {
	var c, d field.Element
	c.Multiply(&p.t, &q.t2d)
	d.Add(&p.z, &p.z)
	var f, g field.Element
	f.Add(&d, &c)
	g.Subtract(&d, &c)
	p.sum(&q.plus, &q.minus, &f, &g)
}

// sum is the second half of an addition; the letters are those of the paper.
func (p *point) sum(minus, plus, f, g *field.Element) {
	var a, b, e, h field.Element
	a.Subtract(&p.y, &p.x)
	a.Multiply(&a, minus)
	b.Add(&p.y, &p.x)
	b.Multiply(&b, plus)
	e.Subtract(&b, &a)
	h.Add(&b, &a)
	p.finish(&e, f, g, &h)
}

func (p *point) double() {
	var a, b, c, e, f, g, h field.Element
	a.Square(&p.x)
	b.Square(&p.y)
	c.Square(&p.z)
	c.Add(&c, &c)
	h.Add(&a, &b)
	e.Add(&p.x, &p.y)
	e.Square(&e)
	e.Subtract(&h, &e)
	g.Subtract(&a, &b)
	f.Add(&c, &g)
	p.finish(&e, &f, &g, &h)
}

func (p *point) finish(e, f, g, h *field.Element) {
	p.x.Multiply(e, f)
	p.y.Multiply(g, h)
	p.z.Multiply(f, g)
	p.t.Multiply(e, h)
}

// encodedAs says whether these bytes are the canonical encoding of p. It also looks whether p is on the curve: if the arithmetic
// above ever went wrong, the answer would be no.
func (p *point) encodedAs(text []byte) bool {
	q, err := new(edwards25519.Point).SetExtendedCoordinates(&p.x, &p.y, &p.z, &p.t)
	return err == nil && bytes.Equal(q.Bytes(), text)
}
