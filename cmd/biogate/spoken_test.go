package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"biogate/adapters/prommetrics"
)

// An outage is told once, however often it is tried, and so is its end.
func TestOutagesAreToldOnce(t *testing.T) {
	var out bytes.Buffer
	s := speak(prommetrics.New("test", "cache", "record"), slog.New(slog.NewTextHandler(&out, nil)))
	for _, state := range []string{"closed", "open", "half-open", "open", "half-open", "open", "half-open", "closed"} {
		s.Breaker("cache", state)
	}
	s.Breaker("record", "closed")
	if got := out.String(); strings.Count(got, "does not answer") != 1 || strings.Count(got, "answers again") != 1 || strings.Contains(got, "record") {
		t.Errorf("the log says\n%s", got)
	}
}
