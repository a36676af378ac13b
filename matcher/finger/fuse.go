package finger

import (
	"cmp"
	"math"
	"slices"
)

const (
	// fuseBound is the comparison score, in nats, from which on two impressions are taken to show one finger: the highest of
	// 49,856 pairs of different fingers is 23.7. An impression wrongly left out costs a comparison; one wrongly taken in, or
	// hardly alike and so badly placed, spoils the reference.
	fuseBound = 35.0
	// fusedSide is the largest extent of two mosaics together, in pixels: far beyond any finger, well within a stored print.
	fusedSide = maxPrintSide / 2
)

// Fused is a print and the impressions that it was made of.
type Fused struct {
	Print Print
	Of    []int // indices, ascending
}

// Fuse makes one print, a mosaic, of all impressions that show one finger. What only one of them shows is in it (Jain and Ross
// 2002, Fingerprint mosaicking); what several show lies at its mean place, and what one shows where others show
// nothing weighs less (Jiang and Ser 2002, Online fingerprint template improvement). The two mosaics most alike are merged
// until no two reach fuseBound. A print that is alike no other comes back as it is.
//
// The prints must be such as ParsePayload returns. Each is part of exactly one result; results of most impressions come
// first. The order of the prints does not matter. The time grows with the square of their number: 2 take about as long as 20
// comparisons, 8 as 300.
func Fuse(prints []Print) []Fused {
	mosaics := distinct(prints)
	links := map[[2]*mosaic]link{}
	for len(mosaics) > 1 {
		a, b, best := closest(mosaics, links)
		if best.score < fuseBound {
			break
		}
		mosaics[a] = merge(mosaics[a], mosaics[b], best.ties)
		mosaics = slices.Delete(mosaics, b, b+1)
	}
	slices.SortStableFunc(mosaics, func(a, b *mosaic) int { return cmp.Compare(len(b.of), len(a.of)) })
	out := make([]Fused, len(mosaics))
	for i, m := range mosaics {
		out[i] = Fused{Print: m.print, Of: m.of}
		if len(m.views) == 1 {
			out[i].Print = prints[m.of[0]]
		}
	}
	return out
}

// distinct makes a mosaic of every print, one of equal ones: twice the same bytes prove nothing twice. Those with more
// minutiae come first, and lend the mosaic their frame.
func distinct(prints []Print) []*mosaic {
	sorted := make([]Print, len(prints))
	order := make([]int, len(prints))
	for i, p := range prints {
		sorted[i] = Print{p.Width, p.Height, slices.SortedFunc(slices.Values(p.Minutiae), canonical)}
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return byContent(sorted[i], sorted[j]) })
	var out []*mosaic
	for k, i := range order {
		if k > 0 && byContent(sorted[order[k-1]], sorted[i]) == 0 {
			last := out[len(out)-1]
			last.of = append(last.of, i)
			continue
		}
		out = append(out, newMosaic(i, sorted[i]))
	}
	return out
}

func byContent(a, b Print) int {
	return cmp.Or(cmp.Compare(len(b.Minutiae), len(a.Minutiae)), slices.CompareFunc(a.Minutiae, b.Minutiae, canonical),
		cmp.Compare(a.Width, b.Width), cmp.Compare(a.Height, b.Height))
}

// link is the comparison of two mosaics.
type link struct {
	score float64
	ties  []tie // best first
}

// tie is a pair of corresponding minutiae of two mosaics: indices of their tracks.
type tie struct {
	a, b int
	cost float32
}

// closest finds the two mosaics with the highest score; links remembers the comparisons made.
func closest(mosaics []*mosaic, links map[[2]*mosaic]link) (a, b int, best link) {
	best.score = math.Inf(-1)
	for i := range mosaics {
		for j := i + 1; j < len(mosaics); j++ {
			key := [2]*mosaic{mosaics[i], mosaics[j]}
			l, known := links[key]
			if !known {
				l = newLink(mosaics[i], mosaics[j])
				links[key] = l
			}
			if l.score > best.score {
				a, b, best = i, j, l
			}
		}
	}
	return a, b, best
}

// newLink compares two mosaics both ways and keeps the better.
func newLink(a, b *mosaic) link {
	if a.extent()+b.extent() > fusedSide {
		return link{score: noPlacement}
	}
	l := corresponding(b.probe, a.reference)
	if back := corresponding(a.probe, b.reference); back.score > l.score {
		l = back
		for i, t := range l.ties {
			l.ties[i].a, l.ties[i].b = t.b, t.a
		}
	}
	for i, t := range l.ties {
		l.ties[i].a, l.ties[i].b = a.slots[t.a], b.slots[t.b]
	}
	slices.SortStableFunc(l.ties, func(s, t tie) int { return cmp.Compare(s.cost, t.cost) })
	return l
}

// corresponding is the score of the best placement together with the pairs that it rests on: a of the reference, b of the
// probe. Unlike compare it gives no placement up for few votes: impressions are fused rarely, and one in some thousands needs it.
func corresponding(p *probe, r *reference) link {
	s := workspaces.Get().(*workspace)
	defer workspaces.Put(s)
	s.findPairings(p, r)
	s.pickSeeds()
	s.area.of(&r.layout)
	best := link{score: noPlacement}
	for range hypVerified {
		m, votes := s.nextMotion(p, r)
		if votes == 0 {
			break
		}
		s.pairUp(p, r, m)
		if score := s.score(p, r); score > best.score {
			best = link{score, s.ties()}
		}
	}
	return best
}

// ties are the pairs of the last pairing.
func (s *workspace) ties() []tie {
	var out []tie
	for i := range s.points[:s.n] {
		if c := &s.points[i]; c.pair >= 0 {
			out = append(out, tie{i, int(c.pair), c.cost})
		}
	}
	return out
}

// draw makes the print of m, its minutiae of best quality moved so that no coordinate is negative, and prepares it.
func (m *mosaic) draw() {
	var list []drawn
	for i := range m.tracks {
		if t := &m.tracks[i]; len(t.seen) > 0 {
			list = append(list, drawn{slot: i, quality: m.quality(t)})
		}
	}
	slices.SortStableFunc(list, func(a, b drawn) int { return cmp.Compare(b.quality, a.quality) })
	list = list[:min(len(list), comparedMinutiae)]
	left, top := math.Inf(1), math.Inf(1)
	for _, d := range list {
		left, top = min(left, m.tracks[d.slot].x), min(top, m.tracks[d.slot].y)
	}
	for i := range list {
		list[i].minutia = m.tracks[list[i].slot].minutia(left, top, list[i].quality)
	}
	slices.SortStableFunc(list, func(a, b drawn) int { return canonical(a.minutia, b.minutia) })
	list = slices.CompactFunc(list, func(a, b drawn) bool { return a.minutia.X == b.minutia.X && a.minutia.Y == b.minutia.Y })
	for _, d := range list {
		m.slots = append(m.slots, d.slot)
		m.print.Minutiae = append(m.print.Minutiae, d.minutia)
		m.print.Width, m.print.Height = max(m.print.Width, int(d.minutia.X)+1), max(m.print.Height, int(d.minutia.Y)+1)
	}
	m.prepare()
}

// drawn is a track on its way into the print.
type drawn struct {
	slot    int
	quality float64
	minutia Minutia
}

// quality of a track is the mean of its sightings, times the square of the share that they are of the impressions which
// show its place. More than the mean it never is, so that a mosaic's scores keep the scale of single prints.
func (m *mosaic) quality(t *track) float64 {
	sum, covering := 0.0, 0
	for _, s := range t.seen {
		sum += s.view.quality[s.i]
	}
	for _, v := range m.views {
		if t.seenBy(v) || v.covers(t.x, t.y) {
			covering++
		}
	}
	seen := float64(len(t.seen))
	share := seen / float64(covering)
	return sum / seen * share * share
}

// minutia is t as it is stored. Angle and kind are those of its sightings, by trust.
func (t *track) minutia(left, top, quality float64) Minutia {
	var votes [Bifurcation + 1]float32
	for _, s := range t.seen {
		votes[s.point().kind()] += s.point().trust()
	}
	kind := Other
	for k := range votes {
		if votes[k] > votes[kind] {
			kind = Kind(k)
		}
	}
	return Minutia{
		X: int16(math.Round(t.x - left)), Y: int16(math.Round(t.y - top)),
		Angle: t.angle(), Kind: kind, Quality: uint8(max(math.Round(quality), 1)),
	}
}
