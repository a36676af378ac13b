package decision

import (
	"fmt"
	"slices"

	"biogate/matcher"
)

// Level is what the second level of assurance demands of a match; the first is any match by the policy.
type Level struct {
	MaxFMR     float64 // of all that counts together, and for a search of the rate at which it finds a stranger
	Modalities int     // different ones, 1 or 2
	Cleared    bool    // only what a method that is strong enough judged bona fide counts
	Fresh      bool    // the captures answer a nonce that the gateway issued
}

// Support is one characteristic that a match rests on.
type Support struct {
	Modality matcher.Modality
	FMR      float64
	Cleared  bool // a method that is strong enough judged it bona fide
}

// Strength is what a match rests on.
type Strength struct {
	FMR      float64 // of all that was compared
	Searched int     // members that a search could have found; 0 for 1:1
	Supports []Support
	Fresh    bool // the captures answer a nonce that the gateway issued
}

// What a match can lack for the second level.
const (
	lacksFMR      = "fmr"
	lacksModality = "modality"
	lacksPAD      = "pad"
	lacksFresh    = "fresh"
)

// Level is the level of assurance that a match reaches, 1 or 2, and what it lacks for the second. A policy without a second
// level has only the first.
func (p Policy) Level(s Strength) (level int, lacks []string) {
	if p.Level2 == nil {
		return 1, nil
	}
	if lacks = p.Level2.lacks(s); len(lacks) > 0 {
		return 1, lacks
	}
	return 2, nil
}

func (l Level) lacks(s Strength) (out []string) {
	if s.rate(s.Supports) > l.MaxFMR {
		out = append(out, lacksFMR)
	}
	if different(s.Supports) < l.Modalities {
		out = append(out, lacksModality)
	}
	if l.Cleared && !l.clearedSuffice(s) {
		out = append(out, lacksPAD)
	}
	if l.Fresh && !s.Fresh {
		out = append(out, lacksFresh)
	}
	return out
}

// clearedSuffice says whether what was judged bona fide reaches the level without the rest: one living face must not carry a
// finger of which nobody can say so. What nobody judged takes nothing away either.
func (l Level) clearedSuffice(s Strength) bool {
	cleared := slices.DeleteFunc(slices.Clone(s.Supports), func(x Support) bool { return !x.Cleared })
	if len(cleared) == len(s.Supports) {
		return true // what else is missing has its own name
	}
	return s.rate(cleared) <= l.MaxFMR && different(cleared) >= l.Modalities
}

// rate is at which strangers reach what some of the supports show: the fused one of all; of a part the best, charged for having
// been chosen. A search multiplies it by those whom it could have found (union bound).
func (s Strength) rate(of []Support) float64 {
	rate := s.FMR
	if len(of) < len(s.Supports) {
		rate = 1
		for _, x := range of {
			rate = min(rate, x.FMR*float64(len(of)))
		}
	}
	return min(1, rate*float64(max(s.Searched, 1)))
}

func different(supports []Support) int {
	seen := map[matcher.Modality]bool{}
	for _, x := range supports {
		seen[x.Modality] = true
	}
	return len(seen)
}

// Accepts says whether captures of a modality count.
func (p Policy) Accepts(m matcher.Modality) bool {
	return len(p.Modalities) == 0 || slices.Contains(p.Modalities, m)
}

func (p Policy) checkModalities() error {
	for i, m := range p.Modalities {
		switch {
		case m != matcher.Face && m != matcher.Finger:
			return fmt.Errorf("modalities has %q, it must be %q or %q", m, matcher.Face, matcher.Finger)
		case slices.Contains(p.Modalities[:i], m):
			return fmt.Errorf("modalities has %q twice", m)
		case m == matcher.Finger && len(p.Modalities) == 1 && p.Challenge != "":
			return fmt.Errorf("challenge is %q, and modalities is %q alone: a challenge is for faces", p.Challenge, m)
		}
	}
	return nil
}

func (p Policy) checkLevels() error {
	switch l := p.Level2; {
	case p.RequireLevel < 0 || p.RequireLevel > 2:
		return fmt.Errorf("require_level is %d, it must be 1 or 2", p.RequireLevel)
	case l == nil && p.RequireLevel == 2:
		return fmt.Errorf("require_level is 2, and there is no level2")
	case l == nil:
		return nil
	case !(l.MaxFMR >= minFusedFMR && l.MaxFMR <= p.MaxFMR):
		return fmt.Errorf("level2.max_fmr is %v, it must lie between %g, the least that any evidence is given, and max_fmr (%g)", l.MaxFMR, minFusedFMR, p.MaxFMR)
	case l.Modalities != 1 && l.Modalities != 2:
		return fmt.Errorf("level2.modalities is %d, it must be 1 or 2", l.Modalities)
	case l.Modalities == 2 && len(p.Modalities) == 1:
		return fmt.Errorf("level2.modalities is 2, and modalities accepts only %q", p.Modalities[0])
	case l.Cleared && p.PAD == PADOff:
		return fmt.Errorf("level2.pad is cleared, and pad is %q: nothing would be judged", PADOff)
	}
	return nil
}
