package intake

import (
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
	return nil
}

func checkNonce(s string) *gateway.Error {
	if !printable(s, maxNonce) {
		return malformed(CodeNonce, "a nonce is 1 to %d printable bytes", maxNonce)
	}
	return nil
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
