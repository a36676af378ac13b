package bolttemplates

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
	"biogate/gateway/porttest"
	"biogate/gateway/registry/stored"
)

// plainRefs are references as an earlier version had them.
func plainRefs(r gateway.References) gateway.References {
	r.Envelope = nil
	for i := range r.Templates {
		r.Templates[i].ExpiresAt = time.Time{}
	}
	for i := range r.Derived {
		r.Derived[i].ExpiresAt = time.Time{}
	}
	return r
}

// plant puts references into the file as they are.
func plant(t testing.TB, s *Store, r gateway.References) {
	t.Helper()
	value, err := stored.Append(nil, r)
	must(t, err)
	must(t, s.update(context.Background(), func(tx *bbolt.Tx) error { return tx.Bucket(bucketSubjects).Put([]byte(r.Subject), value) }))
}

// plainFile is a file of the earlier format with n subjects.
func plainFile(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := Open(path, Options{})
	must(t, err)
	for i := range n {
		r := porttest.Refs(fmt.Sprintf("s%04d", i), 5, 2)
		r = plainRefs(r)
		plant(t, s, r)
	}
	must(t, s.update(context.Background(), func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, formatPlain))
	}))
	must(t, s.Close())
	return path
}

// envelop stands in for a sealer.
func envelop(r gateway.References) (gateway.References, error) {
	r.Envelope = []byte("sealed")
	r.Templates = append([]gateway.StoredTemplate(nil), r.Templates...)
	r.Derived = append([]gateway.DerivedTemplate(nil), r.Derived...)
	for i := range r.Templates {
		r.Templates[i].Data = []byte("ciphertext")
	}
	for i := range r.Derived {
		r.Derived[i].Data = []byte("ciphertext")
	}
	return r, nil
}

// An upgrade that is broken off anywhere is taken up again, and when the file bears the new format nothing is left in clear.
func TestUpgrade(t *testing.T) {
	const n = 700
	path := plainFile(t, n)
	if _, err := Open(path, Options{}); err == nil {
		t.Fatal("a file in clear was opened")
	}
	for _, after := range []int{0, 10, 300} {
		s, err := Open(path, Options{Upgradable: true})
		must(t, err)
		seen := 0
		_, err = s.Upgrade(t.Context(), func(r gateway.References) (gateway.References, error) {
			if seen++; seen > after {
				return gateway.References{}, errors.New("broken off")
			}
			return envelop(r)
		})
		if plain, _ := s.Plain(t.Context()); err == nil || !plain {
			t.Errorf("broken off after %d: %v, plain %v", after, err, plain)
		}
		must(t, s.Close())
	}
	s, err := Open(path, Options{Upgradable: true})
	must(t, err)
	if sealed, err := s.Upgrade(t.Context(), envelop); err != nil || sealed == 0 {
		t.Fatal(sealed, err)
	}
	if inFile(t, s, "template 0 of") || inFile(t, s, "derived") {
		t.Error("templates stand in the file in clear")
	}
	check(t, s.db)
	must(t, s.Close())
	s = openAt(t, path, Options{})
	seen := 0
	must(t, s.Each(context.Background(), func(r gateway.References) error {
		if seen++; string(r.Templates[0].Data) != "ciphertext" || r.Version != 5 {
			t.Errorf("%+v", r)
		}
		return nil
	}))
	if again, err := s.Upgrade(t.Context(), envelop); seen != n || again != 0 || err != nil {
		t.Errorf("%d subjects, %d sealed again, %v", seen, again, err)
	}
}

// What is damaged cannot be sealed and stays in clear: it is named, also when it is looked for again, until it is deleted.
func TestWhatCannotBeSealedIsNamed(t *testing.T) {
	path := plainFile(t, 5)
	s, err := Open(path, Options{Upgradable: true})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	must(t, s.update(t.Context(), func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSubjects)
		v := append([]byte(nil), b.Get([]byte("s0003"))...)
		v[len(v)-1] ^= 1
		return b.Put([]byte("s0003"), v)
	}))
	if sealed, err := s.Upgrade(t.Context(), envelop); err != nil || sealed != 4 {
		t.Fatal(sealed, err)
	}
	for range 2 {
		if left, err := s.Unsealed(t.Context()); err != nil || !slices.Equal(left, []string{"s0003"}) {
			t.Errorf("%q, %v", left, err)
		}
	}
	must(t, s.Delete(t.Context(), "s0003", 0))
	if left, err := s.Unsealed(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("after its deletion: %q, %v", left, err)
	}
}
