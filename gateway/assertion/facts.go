package assertion

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"biogate/gateway"
	"biogate/matcher"
)

// amr is the order and the RFC 8176 name of every modality that can be asserted.
var amr = []struct {
	modality matcher.Modality
	method   string
}{{matcher.Face, "face"}, {matcher.Finger, "fpt"}}

// checkFacts is the last lock before a signature: nothing is asserted that is incomplete, out of range or ambiguous.
func checkFacts(a gateway.AssertionFacts) error {
	switch {
	case a.Subject == "" || a.Party.Audience == "":
		return errors.New("assertion: no subject or no audience")
	case !utf8.ValidString(a.Subject) || !utf8.ValidString(a.Party.Audience) || !utf8.ValidString(a.Nonce) || !utf8.ValidString(a.Challenge) || !utf8.ValidString(a.Group):
		return errors.New("assertion: subject, audience, nonce or group is not UTF-8") // JSON would merge different ones
	case a.Mode == "verify" && a.Gallery != "" || a.Mode == "identify" && a.Gallery == "":
		return fmt.Errorf("assertion: mode %q, and a gallery: %t", a.Mode, a.Gallery != "")
	case a.Mode == "verify" && (a.Group != "" || a.Searched != 0) || a.Mode == "identify" && a.Searched < 1:
		return fmt.Errorf("assertion: mode %q, %d members searched, and a group: %t", a.Mode, a.Searched, a.Group != "")
	case a.Mode != "verify" && a.Mode != "identify":
		return fmt.Errorf("assertion: unknown mode %q", a.Mode)
	case a.AuthTime.IsZero():
		return errors.New("assertion: no time of authentication")
	case a.Level != 1 && a.Level != 2:
		return fmt.Errorf("assertion: level %d", a.Level)
	case a.Level < a.Party.Policy.RequireLevel:
		return fmt.Errorf("assertion: level %d, and the audience requires %d", a.Level, a.Party.Policy.RequireLevel)
	case a.Party.Binding != gateway.BindNone && a.Party.Binding.Key(a.Caller) == "":
		return fmt.Errorf("assertion: the audience's are bound by %s, and the caller has proven no such key", a.Party.Binding)
	case !isRate(a.FMR):
		return fmt.Errorf("assertion: fmr %v is not in (0, 1]", a.FMR)
	case len(a.Modalities) == 0:
		return errors.New("assertion: no modality was compared")
	}
	for _, m := range a.Modalities {
		if err := checkModality(m); err != nil {
			return err
		}
		if !a.Party.Policy.Accepts(m.Modality) {
			return fmt.Errorf("assertion: the audience does not accept %s", m.Modality)
		}
	}
	return nil
}

func checkModality(m gateway.ModalityFacts) error {
	switch {
	case !asserted(m.Modality):
		return fmt.Errorf("assertion: modality %q has no authentication method name", m.Modality)
	case m.Model == "":
		return fmt.Errorf("assertion: no model for %s", m.Modality)
	case !isRate(m.FMR):
		return fmt.Errorf("assertion: fmr %v of %s is not in (0, 1]", m.FMR, m.Modality)
	case m.Quality < 0 || m.Quality > 100:
		return fmt.Errorf("assertion: quality %d of %s is not in 0..100", m.Quality, m.Modality)
	case m.PAD == nil:
		return nil
	case !(m.PAD.Score >= 0 && m.PAD.Score <= 1):
		return fmt.Errorf("assertion: presentation attack score %v of %s is not in 0..1", m.PAD.Score, m.Modality)
	case m.PAD.Suspect && !m.PAD.Advisory:
		return fmt.Errorf("assertion: a presentation attack is suspected for %s", m.Modality)
	}
	for _, e := range m.PAD.Evidence {
		switch {
		case e.Name == "" || !utf8.ValidString(e.Name):
			return fmt.Errorf("assertion: presentation attack evidence without a name for %s", m.Modality)
		case !(e.Score >= 0 && e.Score <= 1):
			return fmt.Errorf("assertion: presentation attack score %v of %s by %s is not in 0..1", e.Score, m.Modality, e.Name)
		case e.Suspect && !e.Advisory:
			return fmt.Errorf("assertion: a presentation attack is suspected for %s by %s", m.Modality, e.Name)
		}
	}
	return nil
}

func checkDeletion(d gateway.DeletionFacts) error {
	switch {
	case d.Subject == "" || !utf8.ValidString(d.Subject):
		return errors.New("assertion: no subject, or it is not UTF-8")
	case d.Templates < 0:
		return fmt.Errorf("assertion: %d templates", d.Templates)
	case d.DeletedAt.IsZero():
		return errors.New("assertion: no time of deletion")
	}
	return nil
}

// isRate is false for NaN too.
func isRate(p float64) bool { return p > 0 && p <= 1 }

func asserted(m matcher.Modality) bool {
	for _, row := range amr {
		if row.modality == m {
			return true
		}
	}
	return false
}

// methods lists each used method once, in the order of amr.
func methods(modalities []gateway.ModalityFacts) []string {
	var out []string
	for _, row := range amr {
		if slices.ContainsFunc(modalities, func(m gateway.ModalityFacts) bool { return m.Modality == row.modality }) {
			out = append(out, row.method)
		}
	}
	return out
}

// orEmpty makes nil an empty list, so that JSON has [] and not null.
func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
