// Package decision turns evidence into a verdict. It is pure: no clock, no I/O, no randomness.
package decision

import (
	"errors"
	"fmt"

	"biogate/matcher"
)

// Verdict is the outcome of a request.
type Verdict string

// The verdicts. Inconclusive means "could not compare", and is never NoMatch.
const (
	Match        Verdict = "match"
	NoMatch      Verdict = "no-match"
	Inconclusive Verdict = "inconclusive"
)

// Policy is what an audience demands before it is told of a match.
type Policy struct {
	MaxFMR        float64            // accept at this false match rate or below, 0 < MaxFMR < 1
	IdentifyFPIR  float64            // accept a candidate so that a stranger's search finds anybody at this rate or below
	MaxCandidates int                // of an identification
	PAD           PAD                // empty: PADAdvise
	Challenge     string             // kind of challenge without which nothing is decided; empty: none is demanded
	Fresh         bool               // nothing is decided without a challenge of some kind
	Modalities    []matcher.Modality // whose captures count; empty: all
	Level2        *Level             // the second level of assurance; nil: there is none
	RequireLevel  int                // a match below it is no match yet; 0 is 1
}

// Check names the settings that make no sense, an error each.
func (p Policy) Check() error {
	return errors.Join(p.checkRates(), p.checkCandidates(), p.checkPAD(), p.checkModalities(), p.checkLevels())
}

func (p Policy) checkRates() (err error) {
	if !(p.MaxFMR >= minFusedFMR && p.MaxFMR < 1) {
		err = fmt.Errorf("max_fmr is %v, it must lie between %g, the least that any evidence is given, and 1", p.MaxFMR, minFusedFMR)
	}
	if !(p.IdentifyFPIR > 0 && p.IdentifyFPIR < 1) {
		err = errors.Join(err, fmt.Errorf("identify_fpir is %v, it must lie between 0 and 1", p.IdentifyFPIR))
	}
	return err
}

func (p Policy) checkCandidates() error {
	if p.MaxCandidates < 1 {
		return fmt.Errorf("max_candidates is %d, it must be at least 1", p.MaxCandidates)
	}
	return nil
}

// CandidateFMR is the false match rate that one of n gallery members must reach. By the union bound, n comparisons with
// strangers at this rate find somebody at IdentifyFPIR or below.
func (p Policy) CandidateFMR(n int) float64 {
	return min(p.MaxFMR, p.IdentifyFPIR/float64(max(n, 1)))
}

// SupportFMR is the rate at which one piece of evidence is said to support a match. A modality that does not reach it is not
// among the methods of an assertion: one strong factor must not carry a second that was only shown.
const SupportFMR = 1e-2

// Accept is the verdict on a fused rate against the rate that is demanded.
func Accept(fused Fused, demanded float64) Verdict {
	switch {
	case fused.Evidence == 0:
		return Inconclusive
	case fused.FMR <= demanded:
		return Match
	}
	return NoMatch
}
