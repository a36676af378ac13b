package accuracy

import "fmt"

// Plan says which templates meet: Plan[probe] lists the references, all by capture index.
type Plan [][]int32

// Protocols that follow from the data set alone.
const (
	ProtocolFVC   = "fvc"   // genuine: every capture against the later ones of its subject; impostor: first captures
	ProtocolFull  = "full"  // every capture against every other, each pair once; in a pool, one subject's captures of different sets do not meet
	ProtocolPairs = "pairs" // the pairs of a file
)

// NewPlan makes the plan of protocol fvc or full.
func NewPlan(protocol string, d Dataset) (Plan, error) {
	switch protocol {
	case ProtocolFull:
		return planAll(d.Captures, meetInFull), nil
	case ProtocolFVC:
		first := firstNumbers(d)
		return planAll(d.Captures, func(r, p Capture) bool {
			return r.Subject == p.Subject || r.Number == first[r.Subject] && p.Number == first[p.Subject]
		}), nil
	}
	return nil, fmt.Errorf("protocol %q is not one of %s, %s, %s", protocol, ProtocolFVC, ProtocolFull, ProtocolPairs)
}

// meetInFull keeps captures that show somebody else out of pooled sets, and the captures of one subject in different sets
// apart: nobody published those as genuine comparisons.
func meetInFull(reference, probe Capture) bool {
	return !reference.Wrong && !probe.Wrong && (reference.Subject != probe.Subject || reference.Set == probe.Set)
}

func planAll(captures []Capture, meet func(reference, probe Capture) bool) Plan {
	plan := make(Plan, len(captures))
	for probe := range captures {
		refs := make([]int32, 0, probe)
		for ref := range probe {
			if meet(captures[ref], captures[probe]) {
				refs = append(refs, int32(ref))
			}
		}
		plan[probe] = refs
	}
	return plan
}

// firstNumbers is the lowest capture number of each subject.
func firstNumbers(d Dataset) []int {
	first := make([]int, len(d.Subjects))
	for i := len(d.Captures) - 1; i >= 0; i-- {
		first[d.Captures[i].Subject] = d.Captures[i].Number
	}
	return first
}

// with adds one comparison.
func (p Plan) with(probe, reference int) Plan {
	p = p.sized(probe + 1)
	p[probe] = append(p[probe], int32(reference))
	return p
}

// sized makes p cover n probes.
func (p Plan) sized(n int) Plan {
	for len(p) < n {
		p = append(p, nil)
	}
	return p
}

// Pairs is how many comparisons p asks for.
func (p Plan) Pairs() int {
	n := 0
	for _, refs := range p {
		n += len(refs)
	}
	return n
}
