package kiosk

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"biogate/gateway/httpsig"
)

// reported is a desk that writes down what it reports.
func reported(t *testing.T) (k *desk, list *[]string) {
	k, list = newDesk(t), new([]string)
	k.o.Report = func(_ context.Context, device, code string, times int) {
		*list = append(*list, fmt.Sprintf("%s %s %d", device, code, times))
	}
	return k, list
}

// What a device does that it may not is reported, over either way in.
func TestRefusalsOfDevicesAreReported(t *testing.T) {
	k, list := reported(t)
	taken := k.signed(t, "gate-1", k.gate, nil)
	k.expect(t, "", taken)
	k.expect(t, "request-replayed", taken)
	early := k.signed(t, "gate-1", k.gate, nil)
	k.now = k.now.Add(slack + time.Second)
	k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	k.expect(t, "request-out-of-order", early)
	wrong := k.signed(t, "gate-1", k.gate, nil)
	wrong.Needs = Enroll
	k.expect(t, "capability-missing", wrong)
	d := k.devices["gate-1"]
	d.RevokedAt = k.now
	k.devices["gate-1"] = d
	k.expect(t, "device-revoked", k.signed(t, "gate-1", k.gate, nil))
	want := []string{"gate-1 request-replayed 1", "gate-1 request-out-of-order 1", "gate-1 capability-missing 1", "gate-1 device-revoked 1"}
	if !slices.Equal(*list, want) {
		t.Errorf("%q", *list)
	}
}

// Strangers, and what is wrong before anybody is known, leave nothing: nobody but a device can write.
func TestStrangersAreNotReported(t *testing.T) {
	k, list := reported(t)
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	for _, id := range []string{"gate-1", "gate-9"} {
		k.expect(t, "credential-refused", k.signed(t, id, stranger, nil))
	}
	old := k.signed(t, "gate-1", k.gate, nil)
	k.now = k.now.Add(time.Hour)
	k.expect(t, "request-stale", old)
	k.expect(t, "credential-required", Request{Message: httpsig.Message{Method: "GET", Header: func(string) []string { return nil }}, Needs: Verify})
	if len(*list) != 0 || len(k.refusals.told) != 0 {
		t.Errorf("%q, %d remembered", *list, len(k.refusals.told))
	}
}

// A device that is refused again and again is reported once a minute, with how often.
func TestReportsAreBounded(t *testing.T) {
	k, list := reported(t)
	d := k.devices["gate-1"]
	d.RevokedAt = k.now
	k.devices["gate-1"] = d
	for range 100 {
		k.expect(t, "device-revoked", k.signed(t, "gate-1", k.gate, nil))
		k.now = k.now.Add(time.Second)
	}
	if want := []string{"gate-1 device-revoked 1", "gate-1 device-revoked 60"}; !slices.Equal(*list, want) {
		t.Errorf("%q", *list)
	}
	k.now = k.now.Add(-time.Hour) // a clock that was set back silences nobody
	d.NotBefore = k.now.Add(-time.Hour)
	k.devices["gate-1"] = d
	k.expect(t, "device-revoked", k.signed(t, "gate-1", k.gate, nil))
	if len(*list) != 3 {
		t.Errorf("%q", *list)
	}
}
