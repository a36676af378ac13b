package audit

import (
	"bytes"
	"testing"
	"time"

	"biogate/gateway"
)

// BenchmarkAppendBody is what an entry costs before the writer has it.
func BenchmarkAppendBody(b *testing.B) {
	subjects, err := NewSubjects(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		b.Fatal(err)
	}
	e := gateway.AuditEvent{
		At: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Action: "verify", Outcome: "match", Trace: "4bf92f3577b34da6a3ce929d0e0e4736",
		Device: "gate-1", Audience: "https://rp.example", Subject: "p1", FMR: 1e-6, Assertion: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	}
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		if room, err = AppendBody(room[:0], e, subjects); err != nil {
			b.Fatal(err)
		}
	}
}
