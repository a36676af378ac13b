package gateway

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

func TestIdentifiers(t *testing.T) {
	rule := regexp.MustCompile(`^[A-Za-z0-9._:@-]{1,128}$`)
	near := rapid.StringMatching(`[ -~]{0,3}[A-Za-z0-9._:@-]{0,128}[ -~\n]{0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(near, rapid.String(), rapid.StringMatching(`[A-Za-z0-9._:@-]{126,130}`)).Draw(t, "text")
		if got := isIdentifier(text); got != rule.MatchString(text) {
			t.Errorf("%q: %t", text, got)
		}
	})
	for c := range 256 {
		if text := string([]byte{byte(c)}); isIdentifier(text) != rule.MatchString(text) {
			t.Errorf("%q: %t", text, isIdentifier(text))
		}
	}
}
