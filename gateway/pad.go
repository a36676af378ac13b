package gateway

import (
	"slices"
	"time"

	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// Reasons that presentation attack detection gives for no decision. Those of one modality end in ":" and its name.
const (
	reasonAttack      = "presentation-attack-suspected"
	reasonNotExcluded = "presentation-attack-not-excluded"
)

// suspicious says whether a method that is strong enough to decide on takes p's subject for a presentation attack.
func suspicious(p *matcher.PAD) bool {
	return p != nil && (p.Suspect && !p.Advisory || slices.ContainsFunc(p.Evidence, func(e matcher.PADEvidence) bool { return e.Suspect && !e.Advisory }))
}

// cleared says whether a method that is strong enough to decide on speaks for p's subject, and none against it.
func cleared(p *matcher.PAD) bool {
	return p != nil && !p.Advisory && !p.Suspect && !suspicious(p)
}

// attacked says whether some capture is suspicious.
func attacked(captures []captured) bool {
	return slices.ContainsFunc(captures, func(c captured) bool { return suspicious(c.PAD) })
}

// admissible are the captures that may count, and why others may not: those of modalities that the policy does not accept; and
// where it requires that presentation attacks are excluded, a capture of which nobody can say so is no evidence, for or
// against anybody.
func admissible(captures []captured, policy decision.Policy) (out []captured, reasons []string) {
	captures, reasons = accepted(captures, policy)
	if policy.PAD != decision.PADRequire {
		return captures, reasons
	}
	for _, c := range captures {
		if c.info.Usable && !cleared(c.PAD) {
			reasons = union(reasons, []string{reasonNotExcluded + ":" + string(c.info.Modality)})
			continue
		}
		out = append(out, c)
	}
	return out, reasons
}

// unreliable are the reasons for which a comparison that fails says little, when all captures that were compared have such;
// otherwise there are none. compared are the modalities of which somebody's references were compared.
func unreliable(captures []captured, compared []matcher.Modality) (reasons []string) {
	for _, c := range captures {
		if !c.info.Usable || !slices.Contains(compared, c.info.Modality) {
			continue
		}
		if !c.Quality.Unreliable {
			return nil
		}
		for _, reason := range c.Quality.Reasons {
			reasons = union(reasons, []string{reason + ":" + string(c.info.Modality)})
		}
	}
	return reasons
}

// withhold makes a verdict inconclusive where the captures allow none: doubts speak against a no-match, objections against
// any verdict.
func withhold(out *Outcome, doubts, objections []string) {
	reasons := objections
	if out.Decision == decision.NoMatch {
		reasons = slices.Concat(doubts, objections)
	}
	if len(reasons) > 0 {
		out.Decision, out.Reasons = decision.Inconclusive, union(out.Reasons, reasons)
	}
}

// objections are why captures that had arrived at a time allow no verdict: what they were to follow, and what they look like.
func objections(issued *challenge.Issued, arrived time.Time, samples []matcher.Sample, captures []captured) (out []string) {
	if attacked(captures) {
		out = append(out, reasonAttack)
	}
	return append(out, followed(issued, arrived, samples, captures)...)
}
