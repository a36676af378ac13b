package finger

import "math"

const reasonImplausible = "implausible-minutiae"

// checkPlausible refuses minutiae that no finger has. Whoever may send templates can invent one that is alike many fingers:
// a dense grid of minutiae pointing one way reaches a threshold several times as often as a stranger does. What helps
// such a template is exactly what real minutiae never are: crowded, so that every minutia of a finger finds a partner; of one
// direction, so that one turn suits all; laid along the ridges of a usual finger but always the same way along them; evenly spaced,
// so that many displacements suit. The bounds in params_match.go lie
// far outside all real records; a forger who keeps within them has to make something like a finger, and gains little (docs/finger.md, Limits).
// The picture path needs no such check: there the extractor decides what a minutia is.
func checkPlausible(p Print) error {
	if len(p.Minutiae) < plausibleFrom {
		return nil
	}
	crowd, evenness := spacing(p.Minutiae)
	pairs, same := sameWay(p.Minutiae)
	switch {
	case crowd > mostCrowd:
		return unusable("more minutiae on a small area than any finger has", reasonImplausible)
	case agreement(p.Minutiae) > mostAgreement:
		return unusable("nearly all minutiae point one way", reasonImplausible)
	case pairs >= enoughPairs && same > mostSameWay:
		return unusable("neighbouring minutiae point the same way more often than any finger's", reasonImplausible)
	case evenness < leastSpread:
		return unusable("the minutiae are as evenly spaced as no finger's", reasonImplausible)
	}
	return nil
}

// spacing returns the most minutiae within crowdReach of one, itself left out, and the coefficient of variation of the
// distances to the nearest minutia at another place: 0 in a lattice, 0.5 where points fall at random.
func spacing(list []Minutia) (crowd int, variation float64) {
	var sum, squares float64
	for i, m := range list {
		near, nearest := 0, math.MaxInt
		for j, other := range list {
			dx, dy := int(m.X)-int(other.X), int(m.Y)-int(other.Y)
			d := dx*dx + dy*dy
			if i != j && d <= crowdReach*crowdReach {
				near++
			}
			if d > 0 {
				nearest = min(nearest, d)
			}
		}
		crowd = max(crowd, near)
		sum += math.Sqrt(float64(nearest))
		squares += float64(nearest)
	}
	n := float64(len(list))
	mean := sum / n
	return crowd, math.Sqrt(max(0, squares/n-mean*mean)) / mean
}

// agreement is the mean resultant length of the directions: 1 when all are equal, near 0 when they cancel out.
func agreement(list []Minutia) float64 {
	var x, y float64
	for _, m := range list {
		sin, cos := math.Sincos(float64(m.Angle) * (2 * math.Pi / 256))
		x, y = x+cos, y+sin
	}
	return math.Hypot(x, y) / float64(len(list))
}

// sameWay counts the pairs of minutiae within crowdReach of each other, and says what share of them points the same way, less
// than a quarter turn apart. Minutiae lie along the ridges, but either way: 56 of 100 pairs agree in real prints. A pair counts by the
// quality of both, so that poor minutiae thrown in hide nothing.
func sameWay(list []Minutia) (pairs int, share float64) {
	var same, all float64
	for i := range list {
		m := &list[i]
		for j := range list[:i] {
			other := &list[j]
			dx, dy := int(m.X)-int(other.X), int(m.Y)-int(other.Y)
			if dx*dx+dy*dy > crowdReach*crowdReach {
				continue
			}
			weight := m.stated() * other.stated()
			pairs++
			all += weight
			if apart(m.Angle, other.Angle) < 64 {
				same += weight
			}
		}
	}
	return pairs, same / max(all, 1e-9)
}
