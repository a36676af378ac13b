package redistemplates

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

func TestKeysShowNoIdentifier(t *testing.T) {
	m := miniredis.RunT(t)
	c := open(t, "redis://"+m.Addr())
	c.generation = func() uint64 { return 7 }
	put(t, c, porttest.Refs("079203001234", 1, 1), 0)
	put(t, c, porttest.Refs("079203001235", 1, 1), 0)
	keys := m.Keys()
	if len(keys) != 2 || keys[0] == keys[1] {
		t.Fatalf("keys %q", keys)
	}
	for _, k := range keys {
		if !strings.HasPrefix(k, "biogate:test:g7:") || strings.Contains(k, "0792") || len(k) != len("biogate:test:g7:")+22 {
			t.Errorf("key %q", k)
		}
		if v, _ := m.Get(k); strings.Contains(v, "07920300123") && strings.Contains(v[:headerSize], "0792") {
			t.Errorf("a header shows the subject")
		}
		if ttl := m.TTL(k); ttl != 24*time.Hour {
			t.Errorf("TTL %v", ttl)
		}
	}
}

func TestTombstonesEnd(t *testing.T) {
	m := miniredis.RunT(t)
	c := open(t, "redis://"+m.Addr())
	if err := c.Delete(t.Context(), "a", 5); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), porttest.Refs("a", 5, 1), 0); !errors.Is(err, gateway.ErrConflict) {
		t.Fatal(err)
	}
	m.FastForward(10*time.Minute + time.Second)
	put(t, c, porttest.Refs("a", 5, 1), 0)
}

// What anybody without the key may do to values: each is a miss, is removed, and can be written over.
func TestUnbelievableValues(t *testing.T) {
	m := miniredis.RunT(t)
	c := open(t, "redis://"+m.Addr())
	put(t, c, porttest.Refs("a", 5, 2), 0)
	put(t, c, porttest.Refs("b", 5, 2), 0)
	key, keyB := c.place("a").key, c.place("b").key
	good, _ := m.Get(key)
	ofB, _ := m.Get(keyB)
	foreign, err := New(Options{URL: "redis://" + m.Addr(), Deployment: "other", Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	foreignEntry, _ := foreign.seal.entry(c.place("a"), porttest.Refs("a", 5, 2))
	generationBefore, _ := c.seal.entry(place{subject: "a", generation: 3}, porttest.Refs("a", 5, 2))
	values := map[string]string{
		"garbage": "garbage", "zeros": string(make([]byte, 500)), "another subject": ofB, "another deployment": string(foreignEntry),
		"another generation": string(generationBefore), "too long": good + strings.Repeat("x", maxValue),
		"another version": strings.Replace(good, "00000000000000000005", "00000000000000000006", 1),
		"no digits":       strings.Replace(good, "00000000000000000005", "99999999999999999999", 1),
		"tombstone":       good[:4] + "T" + good[5:],
	}
	for i := range good {
		values["a changed byte"] = good[:i] + string(good[i]^1) + good[i+1:]
		values["cut"] = good[:i]
		for name, v := range values {
			if v == "" {
				continue
			}
			_ = m.Set(key, v)
			if r, err := c.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
				t.Fatalf("%s at %d: %+v (%v)", name, i, r, err)
			}
			if m.Exists(key) {
				t.Fatalf("%s at %d: still there", name, i)
			}
		}
		if i > 0 {
			values = map[string]string{}
		}
	}
	_ = m.Set(key, "garbage")
	put(t, c, porttest.Refs("a", 5, 2), 0)
	if _, err := c.Get(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

func TestWrongTypeIsAnError(t *testing.T) {
	m := miniredis.RunT(t)
	c := open(t, "redis://"+m.Addr())
	m.HSet(c.place("a").key, "field", "value")
	if _, err := c.Get(t.Context(), "a"); err == nil || errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Get of a hash: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	const password = "hunter2secret"
	for name, o := range map[string]Options{
		"scheme":     {URL: "http://user:" + password + "@host/0"},
		"no URL":     {URL: ""},
		"no host":    {URL: "redis://:" + password + "@/0"},
		"database":   {URL: "redis://user:" + password + "@host/zero"},
		"port":       {URL: "redis://user:" + password + "@host:port/0"},
		"escape":     {URL: "redis://user:" + password + "%zz@host/0"},
		"control":    {URL: "redis://user:" + password + "\x7f@host/0"},
		"parameter":  {URL: "redis://user:" + password + "@host/0?password=" + password},
		"deployment": {URL: "redis://host/0", Deployment: "a:b"},
		"key":        {URL: "redis://host/0", Key: []byte(password)},
	} {
		if o.Deployment == "" {
			o.Deployment = "test"
		}
		if o.Key == nil {
			o.Key = testKey
		}
		_, err := New(o)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsDoNotShowThePassword(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireUserAuth("user", "right")
	c := open(t, "redis://user:wrongsecret@"+m.Addr()+"/0")
	if err := c.Ping(t.Context()); err == nil || strings.Contains(err.Error(), "wrongsecret") {
		t.Errorf("%v", err)
	}
}

func FuzzOpen(f *testing.F) {
	s := newSealer("test", testKey)
	at := place{subject: "a", generation: 1, run: "run"}
	entry, _ := s.entry(at, porttest.Refs("a", 5, 1))
	f.Add(entry[headerSize:], uint64(5), byte(kindEntry), true)
	f.Add([]byte{}, uint64(7), byte(kindTombstone), true)
	f.Add(entry[:len(entry)-1], uint64(0), byte(0), false)
	f.Fuzz(func(t *testing.T, body []byte, version uint64, kind byte, sealed bool) {
		b := body
		if sealed {
			b = s.seal(at, kind, version, body)
		}
		v, err := s.open(at, b)
		if err != nil {
			return
		}
		if !sealed {
			t.Fatal("believed without a MAC")
		}
		if v.version != version || v.tombstone != (kind == kindTombstone) {
			t.Fatalf("%+v", v)
		}
		if !v.tombstone && !bytes.Equal(b, s.seal(at, kind, v.references.Version, body)) {
			t.Fatal("version differs from that of the references")
		}
	})
}
