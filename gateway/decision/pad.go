package decision

import (
	"errors"
	"fmt"

	"biogate/matcher"
)

// PAD says what presentation attack detection has to do with a decision.
type PAD string

// What a policy can say of it. Without a word it is PADAdvise.
const (
	PADOff     PAD = "off"     // neither done nor reported, but for a challenge
	PADAdvise  PAD = "advise"  // reported; a method strong enough to decide may speak against a capture
	PADRequire PAD = "require" // a capture counts only when a method strong enough to decide speaks for it
)

func (p Policy) checkPAD() error {
	var pad, challenge error
	switch p.PAD {
	case "", PADOff, PADAdvise, PADRequire:
	default:
		pad = fmt.Errorf("pad is %q, it must be %q, %q or %q", p.PAD, PADOff, PADAdvise, PADRequire)
	}
	switch p.Challenge {
	case "":
	case matcher.ChallengeColour, matcher.ChallengeHeadTurn:
		if p.PAD != PADRequire {
			challenge = fmt.Errorf("challenge is %q, and pad is not %q: a challenge that is demanded must be judged", p.Challenge, PADRequire)
		}
	default:
		challenge = fmt.Errorf("challenge is %q, it must be %q or %q", p.Challenge, matcher.ChallengeColour, matcher.ChallengeHeadTurn)
	}
	return errors.Join(pad, challenge)
}
