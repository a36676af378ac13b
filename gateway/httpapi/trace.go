package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// newTrace returns the trace id of a request: that of its W3C traceparent, or a new one; and the id of our span.
func newTrace(traceparent string) (trace, span string) {
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	span = hex.EncodeToString(random[:8])
	if id, ok := parseTraceparent(traceparent); ok {
		return id, span
	}
	return hex.EncodeToString(random[8:]), span
}

// parseTraceparent reads the trace id of a traceparent header, any version but ff (W3C Trace Context, section 3.2).
func parseTraceparent(s string) (id string, ok bool) {
	const length = len("00-") + 32 + len("-") + 16 + len("-01")
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return "", false
	}
	version, id, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	future := version != "00" && len(s) > length && s[length] == '-'
	if version == "ff" || len(s) > length && !future || !lowerHex(version+id+parent+flags) {
		return "", false
	}
	return strings.Clone(id), strings.Trim(id, "0") != "" && strings.Trim(parent, "0") != ""
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
