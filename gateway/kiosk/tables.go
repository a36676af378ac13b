package kiosk

import (
	"crypto"
	"crypto/ed25519"
	"crypto/fips140"
	"sync"
	"time"

	"biogate/internal/eddsa"
)

const (
	// makeAt is the signature with which a key gets its table: making one costs what three checks save.
	makeAt = 3
	// maxTables bounds the memory: 80 MiB.
	maxTables = 4096
	// idle is how long a table is kept at least when there is no room for others.
	idle = 10 * time.Minute
)

// tables are those of the keys of devices that come again (eddsa.Key). A key gets in with a signature that held, so that nobody
// but registered devices can make us work or fill the memory. Whether the device may ask is judged elsewhere, each time: a table
// says of a signature what crypto/ed25519 says, of a revoked device's too.
type tables struct {
	mu    sync.Mutex
	byKey map[[ed25519.PublicKeySize]byte]*keyUse
	swept time.Time
}

// keyUse is what is known of a key of which signatures held.
type keyUse struct {
	held  int        // how many
	again bool       // since the last sweep
	table *eddsa.Key // nil: not made
}

// of is the key with its table, if it has one, and else the key.
func (t *tables) of(key crypto.PublicKey) crypto.PublicKey {
	public, ok := key.(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return key
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byKey[[ed25519.PublicKeySize]byte(public)]; s != nil && s.table != nil {
		return s.table
	}
	return key
}

// held notes that a signature by the key held. Where the standard library's validated module must do the checks, it does.
func (t *tables) held(key crypto.PublicKey, now time.Time) {
	public, ok := key.(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize || fips140.Enabled() {
		return
	}
	s, due := t.note([ed25519.PublicKeySize]byte(public), now)
	if !due {
		return
	}
	if table, err := eddsa.Prepare(public); err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		s.table = table
	}
}

// note says whether it is time to make the key's table: once.
func (t *tables) note(key [ed25519.PublicKeySize]byte, now time.Time) (s *keyUse, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s = t.byKey[key]
	if s == nil {
		if !t.room(now) {
			return nil, false
		}
		s = &keyUse{}
		t.byKey[key] = s
	}
	s.again = true
	s.held++
	return s, s.held == makeAt
}

// room says whether one more key gets in. Nobody who comes again is put out for it: with more devices than tables, those that
// have one go on with it.
func (t *tables) room(now time.Time) bool {
	if len(t.byKey) < maxTables {
		return true
	}
	if since := now.Sub(t.swept); since >= 0 && since < idle {
		return false
	}
	for key, s := range t.byKey {
		if !s.again {
			delete(t.byKey, key)
		}
		s.again = false
	}
	t.swept = now
	return len(t.byKey) < maxTables
}
