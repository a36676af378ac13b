package vault

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"biogate/gateway"
)

// slowly is a record of which every look takes a second.
type slowly struct {
	gateway.TemplateLister
	looks int
}

func (l *slowly) Each(ctx context.Context, f func(gateway.References) error) error {
	l.looks++
	time.Sleep(time.Second)
	return l.TemplateLister.Each(ctx, f)
}

// rotating runs a re-encryption for a while, and says how often it looked through the record.
func rotating(t *testing.T, keys *testKeys, registry gateway.Registry, record gateway.TemplateLister, while time.Duration) (looks int) {
	t.Helper()
	lister := &slowly{TemplateLister: record}
	r := &Rotation{Registry: registry, Lister: lister, Sealer: NewSealer(keys), Keys: keys, Progress: func(Progress) {}}
	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()
	r.Run(ctx)
	return lister.looks
}

// A mark that says that no record needs a key is another node's, or older than the backup that this record was restored from:
// it is not believed, and taken back while a record needs the key.
func TestMarksOfOthersAreNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := newKeys()
		v, sealedRegistry, record := vaulted(t, keys)
		if _, _, err := v.Update(t.Context(), "a", setting(plain("a", 1))); err != nil {
			t.Fatal(err)
		}
		keys.rotate()
		if err := keys.MarkUnused([]uint32{1}); err != nil {
			t.Fatal(err)
		}
		rotating(t, keys, sealedRegistry, record, 5*time.Second)
		if keys.isUnused(1) {
			t.Error("the mark stays, while the record needs the key")
		}
		if r, err := record.Get(t.Context(), "a"); err != nil || r.Envelope[4] != 2 {
			t.Errorf("it was not re-encrypted: %v", err)
		}
		rotating(t, keys, sealedRegistry, record, time.Minute)
		if !keys.isUnused(1) {
			t.Error("no record needs the key, and nobody says so")
		}
	})
}

// What is damaged can never be re-encrypted: a record is not read through again and again because of it.
func TestDamagedRecordsAreNotSweptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := newKeys()
		v, sealedRegistry, record := vaulted(t, keys)
		if _, _, err := v.Update(t.Context(), "a", setting(plain("a", 1))); err != nil {
			t.Fatal(err)
		}
		damaged, _ := record.Get(t.Context(), "a")
		damaged.Templates[0].Data[0] ^= 1
		if err := record.Put(t.Context(), damaged, damaged.Version); err != nil {
			t.Fatal(err)
		}
		keys.rotate()
		if looks := rotating(t, keys, sealedRegistry, record, 10*time.Minute); looks > 20 {
			t.Errorf("the record was read through %d times in ten minutes, of a second each", looks)
		}
		if keys.isUnused(1) {
			t.Error("a key is said to be unused that a damaged record names")
		}
	})
}
