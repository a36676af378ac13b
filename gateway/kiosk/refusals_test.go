package kiosk

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
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

// What a device does that it may not is reported.
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
	d.ID = "gate-2"
	k.devices["gate-2"] = d
	d.ID, d.RevokedAt = "gate-1", k.now
	k.devices["gate-1"] = d
	k.expect(t, "device-revoked", k.signed(t, "gate-1", k.gate, nil))
	exchanged := k.expect(t, "", k.signed(t, "gate-2", k.gate, nil))
	if err := exchanged.CheckBody(t.Context(), []byte("another")); code(err) != "digest-mismatch" {
		t.Error(err)
	}
	want := []string{"gate-1 request-replayed 1", "gate-1 request-out-of-order 1", "gate-1 capability-missing 1", "gate-1 device-revoked 1", "gate-2 digest-mismatch 1"}
	if !slices.Equal(*list, want) {
		t.Errorf("%q", *list)
	}
}

// So it is where a certificate is the credential, where two credentials are of two devices, and of proofs of possession.
func TestRefusalsOverEitherWayIn(t *testing.T) {
	k, list := reported(t)
	peer := &x509.Certificate{Raw: []byte("der"), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	gate := k.devices["gate-1"]
	gate.Certificate = sha256.Sum256(peer.Raw)
	k.devices["gate-1"] = gate
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	proof := k.proofFor(key, "once", target)
	for _, step := range []struct {
		code, proof string
		needs       Capability
	}{{"", proof, Verify}, {"request-replayed", proof, Verify}, {"proof-invalid", "x.y.z", Verify}, {"capability-missing", "", Enroll}} {
		r := Request{Message: httpsig.Message{Method: "POST", Path: "/v1/verifications", Header: func(name string) []string {
			if name == "dpop" && step.proof != "" {
				return []string{step.proof}
			}
			return nil
		}}, Needs: step.needs, Peer: peer}
		k.expect(t, step.code, r)
	}
	mixed := k.signed(t, "counter-1", k.counter, nil)
	mixed.Peer = peer
	k.expect(t, "credential-refused", mixed)
	want := []string{"gate-1 request-replayed 1", "gate-1 proof-invalid 1", "gate-1 capability-missing 1", "counter-1 credential-refused 1"}
	if !slices.Equal(*list, want) {
		t.Errorf("%q", *list)
	}
}

// forgetful is a memory that does not answer.
type forgetful struct{ Memory }

func (forgetful) Take(context.Context, string, string, time.Time, time.Time) (bool, error) {
	return false, errors.New("away")
}

// What the gateway cannot do just now is nothing that the device did.
func TestTheGatewaysOwnFaultsAreNotReported(t *testing.T) {
	k, list := reported(t)
	k.o.Memory = forgetful{k.o.Memory}
	k.expect(t, "nonces-unavailable", k.signed(t, "gate-1", k.gate, nil))
	if len(*list) != 0 {
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
