package accuracy

import "math"

// dyads keeps the sums behind the variance of a false match rate whose comparisons share subjects: two comparisons are
// dependent when they have a subject in common (Fafchamps and Gubert 2007). With e = 1 for a false match and 0 otherwise,
// less the rate p,
//
//	Var(p) = [ sum over subjects (sum of e over its comparisons)^2 - sum over pairs of subjects (sum of e of the pair)^2 ] / N^2
//
// A bootstrap over subjects would count the chance of each single comparison three times, because the weights of its two
// subjects multiply, and rare false matches are mostly that chance.
type dyads struct {
	subjects int
	n        float64   // comparisons
	all, hit marginals // of every comparison; of false matches so far
	cross    [2]float64
}

// marginals are counts by subject and by pair of subjects, with the sums of their squares.
type marginals struct {
	one            []float64
	two            []float32 // whole numbers; the square of the subjects is what takes memory
	oneSum, twoSum float64
}

func newMarginals(subjects int) marginals {
	return marginals{one: make([]float64, subjects), two: make([]float32, subjects*subjects)}
}

func (m *marginals) add(a, b, pair int) {
	m.oneSum += 2*(m.one[a]+m.one[b]) + 2
	m.twoSum += 2*float64(m.two[pair]) + 1
	m.one[a]++
	m.one[b]++
	m.two[pair]++
}

// newDyads counts the comparisons of every subject.
func newDyads(s *Scores) *dyads {
	d := &dyads{n: float64(len(s.Impostor))}
	for _, subject := range s.drawn {
		d.subjects = max(d.subjects, int(subject)+1)
	}
	d.all, d.hit = newMarginals(d.subjects), newMarginals(d.subjects)
	for _, c := range s.Impostor {
		d.all.add(d.index(s, c))
	}
	return d
}

func (d *dyads) index(s *Scores, c Comparison) (a, b, pair int) {
	a, b = int(s.subject[c.Reference]), int(s.subject[c.Probe])
	a, b = min(a, b), max(a, b)
	return a, b, a*d.subjects + b
}

// falseMatch counts one more.
func (d *dyads) falseMatch(a, b, pair int) {
	d.hit.add(a, b, pair)
	d.cross[0] += d.all.one[a] + d.all.one[b]
	d.cross[1] += float64(d.all.two[pair])
}

// effective is the number of independent comparisons that would leave the rate p as uncertain as it is, at most n.
func (d *dyads) effective(p float64) float64 {
	one := d.hit.oneSum - 2*p*d.cross[0] + p*p*d.all.oneSum
	two := d.hit.twoSum - 2*p*d.cross[1] + p*p*d.all.twoSum
	variance := (one - two) / (d.n * d.n)
	if variance <= p*(1-p)/d.n {
		return d.n
	}
	return p * (1 - p) / variance
}

// wilson is the score interval (Wilson 1927) of a rate p seen in n independent trials, n not necessarily whole.
func wilson(p, n float64) Interval {
	const z = 1.96
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	return Interval{max(0, (middle-half)/scale), min(1, (middle+half)/scale)}
}
