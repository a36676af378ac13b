package kiosk

import (
	"crypto"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"biogate/gateway/httpsig"
	"biogate/internal/eddsa"
)

// known makes the device come until its key has a table.
func (k *desk) known(t testing.TB) {
	t.Helper()
	for range makeAt {
		k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	}
	if !k.hasTable("gate-1") {
		t.Fatal("it has no table")
	}
}

func (k *desk) hasTable(id string) bool {
	_, tabled := k.tables.of(k.devices[id].Key).(*eddsa.Key)
	return tabled
}

// How long a refusal takes does not say who is registered: whoever it is not, the work is the same.
func TestEveryRefusalIsTheSameWork(t *testing.T) {
	k := newDesk(t)
	k.known(t)
	gate := k.devices["gate-1"]
	for id, change := range map[string]func(*Device){
		"revoked": func(d *Device) { d.RevokedAt = now.Add(-time.Minute) },
		"keyless": func(d *Device) { d.Key, d.Certificate = nil, [32]byte{1} },
		"fresh": func(d *Device) {
			public, _, _ := ed25519.GenerateKey(rand.Reader)
			d.Key = public
		},
	} {
		d := gate
		d.ID = id
		change(&d)
		k.devices[id] = d
	}
	work := map[string]int{}
	k.verify = func(s httpsig.Signature, key crypto.PublicKey) error {
		work[fmt.Sprintf("%T", key)]++
		return s.Verify(key)
	}
	want := map[string]int{"ed25519.PublicKey": 1, "*eddsa.Key": 1, "*ecdsa.PublicKey": 1}
	_, foreign, _ := ed25519.GenerateKey(rand.Reader)
	for _, id := range []string{"nobody", "gate-1", "counter-1", "revoked", "keyless", "fresh"} {
		clear(work)
		k.expect(t, "credential-refused", k.signed(t, id, foreign, nil))
		if !maps.Equal(work, want) {
			t.Errorf("%s: %v", id, work)
		}
	}
}

// Outsiders make us make nothing, whatever they name; a device that comes again is checked with a table.
func TestTablesAreForDevicesThatComeAgain(t *testing.T) {
	k := newDesk(t)
	_, foreign, _ := ed25519.GenerateKey(rand.Reader)
	for range 2 * makeAt {
		k.expect(t, "credential-refused", k.signed(t, "gate-1", foreign, nil))
		k.expect(t, "credential-refused", k.signed(t, "nobody", foreign, nil))
	}
	if len(k.tables.byKey) > 0 {
		t.Errorf("outsiders made %d entries", len(k.tables.byKey))
	}
	for range makeAt - 1 {
		k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	}
	if k.hasTable("gate-1") {
		t.Error("the table is made early")
	}
	k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	if !k.hasTable("gate-1") {
		t.Error("the table is not made")
	}
	made := k.tables.of(k.devices["gate-1"].Key)
	var kinds []string
	k.verify = func(s httpsig.Signature, key crypto.PublicKey) error {
		kinds = append(kinds, fmt.Sprintf("%T", key))
		return s.Verify(key)
	}
	k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	if !slices.Equal(kinds, []string{"*eddsa.Key"}) {
		t.Errorf("checked with %v", kinds)
	}
	if k.tables.of(k.devices["gate-1"].Key) != made {
		t.Error("the table is made again")
	}
	if len(k.tables.byKey) != 1 {
		t.Errorf("%d entries", len(k.tables.byKey))
	}
}

// A table makes nothing good that was not: changed and repeated requests, foreign signatures, devices that were revoked, have
// another key or are gone.
func TestTablesOpenNothing(t *testing.T) {
	k := newDesk(t)
	k.known(t)
	r := k.signed(t, "gate-1", k.gate, nil)
	changed := r
	changed.Path = "/v1/identifications"
	k.expect(t, "credential-refused", changed)
	k.expect(t, "", r)
	k.expect(t, "request-replayed", r)
	public, other, _ := ed25519.GenerateKey(rand.Reader)
	k.expect(t, "credential-refused", k.signed(t, "gate-1", other, nil))

	d := k.devices["gate-1"]
	d.RevokedAt = now
	k.devices["gate-1"] = d
	k.expect(t, "device-revoked", k.signed(t, "gate-1", k.gate, nil))
	d.RevokedAt, d.Key = time.Time{}, public
	k.devices["gate-1"] = d
	k.expect(t, "credential-refused", k.signed(t, "gate-1", k.gate, nil)) // the key that has a table
	k.expect(t, "", k.signed(t, "gate-1", other, nil))
	delete(k.devices, "gate-1")
	k.expect(t, "credential-refused", k.signed(t, "gate-1", k.gate, nil))
}

func numbered(n int) ed25519.PublicKey {
	key := make(ed25519.PublicKey, ed25519.PublicKeySize)
	binary.BigEndian.PutUint64(key, uint64(n))
	return key
}

// No more keys than there is room for; those that come again are not put out by new ones, those that stay away are.
func TestTablesAreBounded(t *testing.T) {
	k := newDesk(t)
	tables := &k.tables
	for n := range maxTables + 10 { // the first one too many has a look: everybody came since the last
		tables.held(numbered(n), now)
	}
	if len(tables.byKey) != maxTables || tables.byKey[[32]byte(numbered(maxTables))] != nil {
		t.Fatalf("%d keys", len(tables.byKey))
	}
	tables.held(numbered(0), now)
	tables.held(numbered(maxTables), now.Add(idle-time.Second)) // too early for another look
	if len(tables.byKey) != maxTables {
		t.Errorf("%d keys, swept early", len(tables.byKey))
	}
	tables.held(numbered(maxTables), now.Add(idle))
	if len(tables.byKey) != 2 || tables.byKey[[32]byte(numbered(0))] == nil || tables.byKey[[32]byte(numbered(maxTables))] == nil {
		t.Errorf("%d keys: the one that came again and the new one are expected", len(tables.byKey))
	}
	for n := range maxTables {
		tables.held(numbered(n), now.Add(idle))
	}
	back := now.Add(-time.Hour) // the clock was set back: keys that stay away do not keep their places until it is as late again
	tables.held(numbered(maxTables+1), back)
	tables.held(numbered(maxTables+1), back.Add(idle))
	if tables.byKey[[32]byte(numbered(maxTables+1))] == nil {
		t.Error("nobody is put out any more after the clock was set back")
	}
}

// Requests of a device go on while its table is made (for the race detector).
func TestTablesOfManyAtOnce(t *testing.T) {
	k := newDesk(t)
	key := k.devices["gate-1"].Key
	made := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				_ = k.tables.of(key)
				select {
				case <-made:
					return
				default:
				}
			}
		})
	}
	for range 2 * makeAt {
		all.Go(func() { k.tables.held(key, now) })
	}
	for end := time.Now().Add(30 * time.Second); !k.hasTable("gate-1") && time.Now().Before(end); {
		runtime.Gosched()
	}
	close(made)
	all.Wait()
	if !k.hasTable("gate-1") || len(k.tables.byKey) != 1 {
		t.Errorf("%d entries, a table: %v", len(k.tables.byKey), k.hasTable("gate-1"))
	}
}

// In FIPS 140 mode signatures are checked by the validated module, which knows no tables.
func TestNoTablesInFIPSMode(t *testing.T) {
	if !fips140.Enabled() {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoTablesInFIPSMode$")
		again.Env = append(os.Environ(), "GODEBUG=fips140=on")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	k := newDesk(t)
	for range makeAt {
		k.expect(t, "", k.signed(t, "gate-1", k.gate, nil))
	}
	if k.hasTable("gate-1") {
		t.Error("the key has a table")
	}
}

// Who signed, and the same when a table is known.
func BenchmarkSigner(b *testing.B) {
	k := newDesk(b)
	s, err := httpsig.Parse(k.signed(b, "gate-1", k.gate, nil).Message)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"first", "again"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if name == "first" {
					clear(k.tables.byKey)
				}
				if _, err := k.signer(b.Context(), s, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
