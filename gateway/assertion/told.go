package assertion

import (
	"math"
	"slices"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// What an assertion says in numbers is coarse on purpose. A rate or a score of full precision is a fingerprint of a capture: two
// audiences that were shown the same one would find the same digits, whatever its subject is called. Steps are few enough that
// many people share each, and each is rounded to the side that claims less.
const (
	rateStep     = 3                // decades: 1e-3, 1e-6, 1e-9, 1e-12
	qualityStep  = 50               // 0, 50, 100: poor, fair, perfect
	padSteps     = 2                // 0, 0.5, 1
	clockStep    = 10 * time.Second // of iat, nbf and auth_time
	clockPortion = 10               // and at most this part of the lifetime
)

// coarseRate is the third power of ten at or above a rate: it claims no more than was found. most is the rate that was demanded
// and was reached; it is never exceeded.
func coarseRate(rate, most float64) float64 {
	coarse := math.Pow10(rateStep * int(math.Ceil(math.Log10(rate)/rateStep-1e-9))) // a hair, so that 1e-6 stays what it is
	if rate <= most {
		return min(coarse, most)
	}
	return min(coarse, 1)
}

// coarseCount is n with one significant digit, rounded up.
func coarseCount(n int) int {
	unit := 1
	for n/unit >= 10 {
		unit *= 10
	}
	return (n + unit - 1) / unit * unit
}

func coarseQuality(q int) int { return q / qualityStep * qualityStep }

func coarseScore(score float64) float64 { return math.Floor(score*padSteps) / padSteps }

// tick is the step, in seconds, by which the times in an assertion go: those who hold assertions cannot tell whose was first, and
// a lifetime loses no more than a tenth.
func tick(lifetime int64) int64 {
	return max(1, min(int64(clockStep/time.Second), lifetime/clockPortion))
}

// coarseTime is the last tick, in seconds since the epoch.
func coarseTime(t time.Time, step int64) int64 { return t.Unix() / step * step }

// told is what a party is told of the evidence.
func told(a gateway.AssertionFacts) Evidence {
	e := Evidence{Decision: string(decision.Match), Mode: a.Mode, Degraded: orEmpty(a.Degraded)}
	if a.Party.Tells(gateway.ClaimChallenge) {
		e.Challenge = a.Challenge
	}
	if a.Party.Tells(gateway.ClaimFMR) {
		e.FMR, e.Extrapolated = coarseRate(a.FMR, a.Party.Policy.MaxFMR), a.Extrapolated
	}
	if a.Party.Tells(gateway.ClaimGallery) {
		e.Gallery, e.Group, e.Searched = a.Gallery, a.Group, coarseCount(a.Searched)
	}
	if a.Party.Tells(gateway.ClaimDevice) {
		e.Device = a.Caller.Device
	}
	for _, m := range a.Modalities {
		e.Modalities = append(e.Modalities, toldOf(m, a.Party))
	}
	slices.SortStableFunc(e.Modalities, func(a, b Modality) int { return rank(a.Modality) - rank(b.Modality) })
	return e
}

// toldOf is what a party is told of a modality.
func toldOf(m gateway.ModalityFacts, party gateway.Party) Modality {
	out := Modality{Modality: string(m.Modality)}
	if party.Tells(gateway.ClaimModel) {
		out.Model = m.Model
	}
	if party.Tells(gateway.ClaimFMR) {
		out.FMR, out.Extrapolated = coarseRate(m.FMR, party.Policy.MaxFMR), m.Extrapolated
	}
	if party.Tells(gateway.ClaimQuality) {
		quality := coarseQuality(m.Quality)
		out.Quality = &quality
	}
	if party.Tells(gateway.ClaimPAD) {
		judgement := Judgement(judged(m.PAD))
		out.PAD = &judgement
	}
	return out
}

// rank is the place of a modality in an assertion: its order in a request is the sender's, and could carry a mark.
func rank(modality string) int {
	for i, row := range amr {
		if string(row.modality) == modality {
			return i
		}
	}
	return len(amr)
}

func judged(p *matcher.PAD) *PAD {
	if p == nil {
		return nil
	}
	out := &PAD{Score: coarseScore(p.Score), Suspect: p.Suspect, Advisory: p.Advisory}
	for _, e := range p.Evidence {
		out.Evidence = append(out.Evidence, PADEvidence{Name: e.Name, Suspect: e.Suspect, Advisory: e.Advisory})
	}
	return out
}

// Judgement is the member "pad": nil, and null in JSON, when nothing was judged. Where it is absent, the audience is not told; a
// null that is read looks the same.
type Judgement *PAD
