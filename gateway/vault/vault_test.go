package vault

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway"
	"biogate/gateway/porttest"
	inner "biogate/gateway/registry"
	"biogate/gateway/registry/stored"
	"biogate/matcher"
)

// testKeys wrap with AES-256-GCM under keys by id.
type testKeys struct {
	mu      sync.Mutex
	keys    map[uint32]cipher.AEAD
	primary uint32
	unused  []uint32
}

func newKeys() *testKeys {
	k := &testKeys{keys: map[uint32]cipher.AEAD{}}
	k.rotate()
	return k
}

func (k *testKeys) rotate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	k.primary++
	k.keys[k.primary], _ = cipher.NewGCMWithRandomNonce(block)
}

func (k *testKeys) Wrap(dataKey, context []byte) (uint32, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.primary, k.keys[k.primary].Seal(nil, nil, dataKey, context), nil
}

func (k *testKeys) Unwrap(id uint32, wrapped, context []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys[id] == nil {
		return nil, errors.New("no such key")
	}
	return k.keys[id].Open(nil, nil, wrapped, context)
}

func (k *testKeys) Primary() uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.primary
}

func (k *testKeys) Replaced() (ids []uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range k.keys {
		if id != k.primary {
			ids = append(ids, id)
		}
	}
	return ids
}

func (k *testKeys) MarkUnused(ids []uint32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unused = append(k.unused, ids...)
	return nil
}

func (k *testKeys) MarkNeeded(ids []uint32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unused = slices.DeleteFunc(k.unused, func(id uint32) bool { return slices.Contains(ids, id) })
	return nil
}

func (k *testKeys) isUnused(id uint32) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Contains(k.unused, id)
}

// plain are references as the service has them.
func plain(subject string, n int) gateway.References {
	r := porttest.Refs(subject, 7, n)
	r.Envelope = nil
	return r
}

func sealed(t testing.TB, s *Sealer, r gateway.References) gateway.References {
	t.Helper()
	out, err := s.Seal(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func isDamage(err error) bool {
	var e *gateway.Error
	return errors.As(err, &e) && e.Kind == gateway.Internal && stored.IsCorrupt(err) && !errors.Is(err, gateway.ErrNotFound)
}

func TestSealAndOpen(t *testing.T) {
	s := NewSealer(newKeys())
	for n := range 4 {
		given, want := plain("a", n), plain("a", n)
		closed := sealed(t, s, given)
		if !reflect.DeepEqual(given, want) {
			t.Error("Seal changed what it was given")
		}
		for i, c := range closed.Templates {
			if bytes.Contains(c.Data, want.Templates[i].Data) {
				t.Error("a sealed template shows its data")
			}
		}
		before := fmt.Sprint(closed)
		opened, err := s.Open(closed)
		if err != nil || fmt.Sprint(opened) != fmt.Sprint(want) || opened.Envelope != nil {
			t.Errorf("%d templates: %+v, %v", n, opened, err)
		}
		if fmt.Sprint(closed) != before {
			t.Error("Open changed what it was given")
		}
		if again := sealed(t, s, given); bytes.Equal(again.Envelope, closed.Envelope) || n > 0 && bytes.Equal(again.Templates[0].Data, closed.Templates[0].Data) {
			t.Error("two records under one data key")
		}
	}
}

// Every field that stands in clear is bound: to change it is damage. The list is the type's own, so that a field that is added
// later is bound too, or fails here.
func TestEveryFieldIsBound(t *testing.T) {
	s := NewSealer(newKeys())
	closed := sealed(t, s, plain("a", 3))
	notBound := map[string]bool{"References.Version": true} // the registry gives it after sealing
	var walk func(v reflect.Value, path string, check func(path string))
	walk = func(v reflect.Value, path string, check func(path string)) {
		switch {
		case v.Type() == reflect.TypeFor[time.Time]():
			old := v.Interface().(time.Time)
			v.Set(reflect.ValueOf(old.Add(time.Nanosecond)))
			check(path)
			v.Set(reflect.ValueOf(old))
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), v.Type().Name()+"."+v.Type().Field(i).Name, check)
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), path, check)
			}
			old := v.Interface()
			if v.Len() > 0 {
				v.Set(v.Slice(0, v.Len()-1))
				check(path + " shortened")
				v.Set(reflect.ValueOf(old))
			}
		case v.Kind() == reflect.String:
			old := v.String()
			v.SetString(old + "x")
			check(path)
			v.SetString(old)
		case v.CanInt():
			v.SetInt(v.Int() + 1)
			check(path)
			v.SetInt(v.Int() - 1)
		case v.CanUint():
			v.SetUint(v.Uint() ^ 1)
			check(path)
			v.SetUint(v.Uint() ^ 1)
		default:
			t.Fatalf("%s is of kind %v: bind it, and say here how to change it", path, v.Kind())
		}
	}
	tried := 0
	walk(reflect.ValueOf(&closed).Elem(), "References", func(path string) {
		tried++
		if _, err := s.Open(closed); notBound[path] != (err == nil) || err != nil && !isDamage(err) {
			t.Errorf("%s was changed: %v", path, err)
		}
	})
	if tried < 200 {
		t.Errorf("only %d changes were tried", tried)
	}
	if _, err := s.Open(closed); err != nil {
		t.Errorf("the test left the record changed: %v", err)
	}
}

// What an attacker can make of records that the gateway wrote, without the keys, does not open.
func TestRecordsCannotBeMixed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := NewSealer(newKeys())
		a, b := sealed(t, s, plain("a", rapid.IntRange(2, 5).Draw(rt, "n"))), sealed(t, s, plain("b", 5))
		a2 := sealed(t, s, plain("a", len(a.Templates)))
		forged := a
		forged.Templates, forged.Derived = slices.Clone(a.Templates), slices.Clone(a.Derived)
		i := rapid.IntRange(0, len(a.Templates)-1).Draw(rt, "i")
		j := (i + rapid.IntRange(1, len(a.Templates)-1).Draw(rt, "j")) % len(a.Templates)
		switch kind := rapid.IntRange(0, 9).Draw(rt, "kind"); kind {
		case 0: // another subject's record under this subject
			forged = b
			forged.Subject = "a"
		case 1: // another subject's template
			forged.Templates[i].Data = b.Templates[i].Data
		case 2: // an older sealing's template
			forged.Templates[i].Data = a2.Templates[i].Data
		case 3: // templates exchanged, with and without what is said of them
			forged.Templates[i].Data, forged.Templates[j].Data = a.Templates[j].Data, a.Templates[i].Data
		case 4:
			forged.Templates[i], forged.Templates[j] = a.Templates[j], a.Templates[i]
		case 5: // dropped
			forged.Templates = slices.Delete(forged.Templates, i, i+1)
		case 6: // twice
			forged.Templates = append(forged.Templates, forged.Templates[i])
		case 7: // an enrolled template in the place of a derived one
			forged.Derived[0].Data = a.Templates[i].Data
		case 8:
			forged.Envelope = b.Envelope
		case 9:
			forged.Envelope = a2.Envelope
		}
		if got, err := s.Open(forged); !isDamage(err) || len(got.Templates) > 0 {
			rt.Errorf("a forged record opened: %+v, %v", got, err)
		}
	})
}

func TestUnsealedIsDamage(t *testing.T) {
	s := NewSealer(newKeys())
	for n := range 3 {
		if _, err := s.Open(plain("a", n)); !isDamage(err) {
			t.Errorf("a planted record with %d templates opened: %v", n, err)
		}
	}
	if _, err := NewSealer(newKeys()).Open(sealed(t, s, plain("a", 1))); !isDamage(err) {
		t.Errorf("other keys opened it: %v", err)
	}
	if _, err := s.Seal(sealed(t, s, plain("a", 1))); err == nil {
		t.Error("sealed twice")
	}
}

// vaulted is a registry behind a vault, and the record below.
func vaulted(t testing.TB, keys Keys) (gateway.Registry, *inner.Registry, *porttest.Memory) {
	record := porttest.NewMemory(porttest.Record)
	r := inner.New(inner.Options{Record: record})
	r.Start(t.Context())
	return Registry(r, NewSealer(keys)), r, record
}

func setting(want gateway.References) func(gateway.References) (gateway.References, error) {
	return func(held gateway.References) (gateway.References, error) {
		held.Templates, held.Derived = want.Templates, want.Derived
		return held, nil
	}
}

// A registry behind the vault is a registry: what goes in comes out, the record has ciphertext alone.
func TestRegistryBehindTheVault(t *testing.T) {
	v, _, record := vaulted(t, newKeys())
	var followed []gateway.References
	v.Follow(func(r gateway.References) { followed = append(followed, r) })
	want := plain("a", 3)
	same := func(got gateway.References) bool {
		return fmt.Sprint(got.Templates, got.Derived) == fmt.Sprint(want.Templates, want.Derived) && got.Envelope == nil && got.Subject == "a" && got.Version > 0
	}
	got, _, err := v.Update(t.Context(), "a", setting(want))
	if err != nil || !same(got) {
		t.Fatalf("Update: %+v, %v", got, err)
	}
	if got, _, err := v.Get(t.Context(), "a"); err != nil || !same(got) {
		t.Errorf("Get: %+v, %v", got, err)
	}
	if raw, err := record.Get(t.Context(), "a"); err != nil || len(raw.Envelope) == 0 || bytes.Contains(raw.Templates[0].Data, want.Templates[0].Data) {
		t.Errorf("the record holds %+v, %v", raw, err)
	}
	if _, _, err := v.Update(t.Context(), "a", func(held gateway.References) (gateway.References, error) {
		if !same(held) {
			t.Errorf("a change sees %+v", held)
		}
		return held, nil
	}); err != nil {
		t.Error(err)
	}
	no := errors.New("no")
	if _, _, err := v.Update(t.Context(), "a", func(gateway.References) (gateway.References, error) { return gateway.References{}, no }); !errors.Is(err, no) {
		t.Error(err)
	}
	held, _, err := v.Forget(t.Context(), "a", nil)
	if err != nil || !same(held) {
		t.Errorf("Forget: %+v, %v", held, err)
	}
	if _, _, err := v.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := v.Forget(t.Context(), "a", nil); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
	if len(followed) != 4 && len(followed) != 3 || !same(followed[0]) || !same(followed[1]) || len(followed[2].Templates) > 0 {
		t.Errorf("followed %+v", followed)
	}
}

// Who can write into the record cannot plant a template there, in clear or under keys of their own.
func TestPlantedRecords(t *testing.T) {
	v, _, record := vaulted(t, newKeys())
	mine := porttest.Refs("foreign", 5, 1)
	mine.Envelope = nil
	clear := plain("plain", 1)
	clear.Templates[0].ExpiresAt = time.Time{}
	for subject, r := range map[string]gateway.References{
		"plain":   clear,
		"empty":   {Subject: "empty", Version: 3},
		"foreign": sealed(t, NewSealer(newKeys()), mine),
	} {
		if err := record.Put(t.Context(), r, 0); err != nil {
			t.Fatal(err)
		}
		if got, _, err := v.Get(t.Context(), subject); !isDamage(err) || len(got.Templates) > 0 {
			t.Errorf("%s: Get: %+v, %v", subject, got, err)
		}
		if _, _, err := v.Update(t.Context(), subject, setting(plain(subject, 1))); !isDamage(err) {
			t.Errorf("%s: Update: %v", subject, err)
		}
		sealer := NewSealer(newKeys())
		err := record.Each(t.Context(), func(r gateway.References) error {
			if shown := sealer.OrSubject(r); len(shown.Templates) > 0 || shown.Subject != r.Subject {
				t.Errorf("%s: shown as %q with %d templates", subject, shown.Subject, len(shown.Templates))
			}
			return nil
		})
		if err != nil || sealer.Unopened() == 0 {
			t.Errorf("%v, %d said not to open", err, sealer.Unopened())
		}
		held, _, err := v.Forget(t.Context(), subject, nil)
		if err != nil {
			t.Errorf("%s: cannot be forgotten: %v", subject, err)
		}
		for _, h := range held.Templates {
			if len(h.Data) > 0 {
				t.Errorf("%s: Forget shows data", subject)
			}
		}
	}
}

func TestWhatIsListedOpens(t *testing.T) {
	keys := newKeys()
	v, _, record := vaulted(t, keys)
	for i := range 5 {
		if _, _, err := v.Update(t.Context(), fmt.Sprint("s", i), setting(plain(fmt.Sprint("s", i), 1+i))); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]string{}
	sealer := NewSealer(keys)
	err := record.Each(t.Context(), func(r gateway.References) error {
		seen[r.Subject] = string(sealer.OrSubject(r).Templates[0].Data)
		return nil
	})
	if err != nil || len(seen) != 5 || seen["s3"] != string(plain("s3", 1).Templates[0].Data) {
		t.Errorf("%q, %v", seen, err)
	}
}

// A rotation re-encrypts everything while subjects come, change and go, and what is damaged keeps it from being done.
func TestRotation(t *testing.T) {
	keys := newKeys()
	v, sealedRegistry, record := vaulted(t, keys)
	for i := range 300 {
		if _, _, err := v.Update(t.Context(), fmt.Sprint("s", i), setting(plain(fmt.Sprint("s", i), 1+i%3))); err != nil {
			t.Fatal(err)
		}
	}
	keys.rotate()
	var last Progress
	r := &Rotation{Registry: sealedRegistry, Lister: record, Sealer: NewSealer(keys), Keys: keys, Progress: func(p Progress) { last = p }}
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for i := range 50 {
			_, _, _ = v.Forget(context.Background(), fmt.Sprint("s", 2*i), nil)
			_, _, _ = v.Update(context.Background(), fmt.Sprint("new", i), setting(plain("n", 1)))
			if _, _, err := v.Get(context.Background(), "s299"); err != nil {
				t.Error(err)
			}
		}
	})
	if left, err := r.Sweep(t.Context()); err != nil || left == 0 {
		t.Errorf("%d found, %v", left, err)
	}
	traffic.Wait()
	if left, err := r.Sweep(t.Context()); err != nil || left != 0 || last.Remaining != 0 {
		t.Errorf("%d left, %v", left, err)
	}
	delete(keys.keys, 1) // nothing needs it
	n := 0
	sealer := NewSealer(keys)
	err := record.Each(t.Context(), func(r gateway.References) error {
		if n++; len(sealer.OrSubject(r).Templates) == 0 {
			t.Errorf("%s was lost", r.Subject)
		}
		return nil
	})
	if err != nil || n != 300 {
		t.Errorf("%d subjects (%v), want 250 that stayed and 50 that came", n, err)
	}
	damaged, _ := record.Get(t.Context(), "s1")
	keys.rotate()
	damaged.Templates[0].Data[0] ^= 1
	if err := record.Put(t.Context(), damaged, damaged.Version); err != nil {
		t.Fatal(err)
	}
	if left, err := r.Sweep(t.Context()); err != nil || left != 300 || last.Damaged != 1 || last.Remaining != 1 {
		t.Errorf("%d found, %v, %+v", left, err, last)
	}
	if left, err := r.Sweep(t.Context()); err != nil || left != 1 {
		t.Errorf("a damaged record counts as done: %d, %v", left, err)
	}
}

// FuzzOpen: no bytes in the place of an envelope or a sealed template open, but those that were written.
func FuzzOpen(f *testing.F) {
	keys := newKeys()
	s := NewSealer(keys)
	good := sealed(f, s, plain("a", 1))
	value, err := stored.AppendSealed(nil, good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Envelope, good.Templates[0].Data, value)
	f.Add([]byte{1, 0, 0, 0, 1}, []byte{}, []byte{3, 1, 1, 1, 0, 0})
	f.Fuzz(func(t *testing.T, envelope, data, value []byte) {
		r := good
		r.Envelope, r.Templates = envelope, slices.Clone(good.Templates)
		r.Templates[0].Data = data
		changed := !bytes.Equal(envelope, good.Envelope) || !bytes.Equal(data, good.Templates[0].Data)
		if opened, err := s.Open(r); (err == nil) == changed || err != nil && len(opened.Templates) > 0 {
			t.Errorf("changed %v: %+v, %v", changed, opened, err)
		}
		parsed, err := stored.ParseSealed("a", value)
		if err != nil {
			return
		}
		again, err := stored.AppendSealed(nil, parsed)
		if err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
		if back, err := stored.ParseSealed("a", again); err != nil || fmt.Sprint(back) != fmt.Sprint(parsed) {
			t.Errorf("%+v became %+v, %v", parsed, back, err)
		}
		if _, err := s.Open(parsed); err != nil && !isDamage(err) {
			t.Error(err)
		}
	})
}

func faceRecord() gateway.References {
	return gateway.References{Subject: "subject-00000001", Version: 1, Templates: []gateway.StoredTemplate{{
		ID: "0123456789abcdef01234567", Modality: matcher.Face, Model: "face-sface-1", Quality: 80, EnrolledAt: time.Unix(1_780_000_000, 0), Data: make([]byte, 550),
	}}}
}

func BenchmarkSeal(b *testing.B) {
	s, r := NewSealer(newKeys()), faceRecord()
	b.ReportAllocs()
	for b.Loop() {
		_ = sealed(b, s, r)
	}
}

func BenchmarkOpen(b *testing.B) {
	s := NewSealer(newKeys())
	r := sealed(b, s, faceRecord())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(r); err != nil {
			b.Fatal(err)
		}
	}
}
