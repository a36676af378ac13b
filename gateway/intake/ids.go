package intake

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"biogate/gateway"
)

// Subject checks the id of a subject: 1 to 128 of A-Z a-z 0-9 . _ : @ -
func Subject(id string) error {
	if !validID(id) {
		return malformed(CodeSubject, "a subject is 1 to %d of A-Z a-z 0-9 . _ : @ -", maxID)
	}
	return nil
}

// GalleryName checks the name of a gallery, which looks like a subject.
func GalleryName(name string) error {
	if !validID(name) {
		return malformed(CodeGallery, "a gallery's name is 1 to %d of A-Z a-z 0-9 . _ : @ -", maxID)
	}
	return nil
}

// GroupName checks the name of a group within a gallery, which looks like a subject.
func GroupName(name string) error {
	if !validID(name) {
		return malformed(CodeGroup, "a group's name is 1 to %d of A-Z a-z 0-9 . _ : @ -", maxID)
	}
	return nil
}

// validID also refuses "." and "..", which URL handling on the way would eat.
func validID(s string) bool {
	if len(s) == 0 || len(s) > maxID || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if !idByte(s[i]) {
			return false
		}
	}
	return true
}

func idByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == ':' || c == '@' || c == '-'
}

func checkAudience(s string) error {
	if !printable(s, maxAudience) {
		return malformed(CodeAudience, "the audience, who the assertion is for, is 1 to %d printable bytes", maxAudience)
	}
	return meant(s, CodeAudience)
}

func checkNonce(s string) *gateway.Error {
	if !printable(s, maxNonce) {
		return malformed(CodeNonce, "a nonce is 1 to %d printable bytes", maxNonce)
	}
	if placeholder(s) {
		return notMeant(CodeNonce)
	}
	return nil
}

func checkChallenge(s string) *gateway.Error {
	if !printable(s, maxNonce) {
		return malformed(CodeNonce, "a challenge is a nonce of POST /v1/challenges, 1 to %d printable bytes", maxNonce)
	}
	return nil
}

// meant refuses what stands where a value was meant to be.
func meant(s, code string) error {
	if placeholder(s) {
		return notMeant(code)
	}
	return nil
}

func notMeant(code string) *gateway.Error {
	e := malformed(code, "the value is a placeholder: what makes the request did not fill it in")
	e.Hint = "A placeholder is the same for everybody, so that people and sessions would be mixed up."
	return e
}

// placeholder says whether s is what programs send when they forgot to put a value in: the words that languages and examples have
// for nothing, a template that was not expanded, an identifier of nothing but zeros. Under a subject "undefined" many persons
// would be enrolled as one; a nonce "null" binds nothing, and would come back in assertions as if it did.
func placeholder(s string) bool {
	switch strings.ToLower(s) {
	case "null", "(null)", "<null>", "nil", "<nil>", "none", "undefined", "nan", "[object object]", "%s", "%v", "string", "nonce":
		return true
	}
	if len(s) > 1 && strings.Trim(s, "0-") == "" {
		return true
	}
	for _, bracket := range [][2]string{{"{", "}"}, {"${", "}"}, {"<", ">"}, {"%(", ")s"}, {"<%", "%>"}, {"$(", ")"}} {
		if strings.HasPrefix(s, bracket[0]) && strings.HasSuffix(s, bracket[1]) {
			return true
		}
	}
	return false
}

func printable(s string, limit int) bool {
	if s == "" || len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}
