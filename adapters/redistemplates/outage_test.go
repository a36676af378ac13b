package redistemplates

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/guard"
	"biogate/gateway/porttest"
	"biogate/gateway/registry"
)

// house is a registry as a gateway has it: this cache behind its guard, in front of a record in memory.
func house(t *testing.T, url string) *registry.Registry {
	t.Helper()
	generation := new(atomic.Uint64)
	cache, err := New(Options{URL: url, Deployment: "test", Key: testKey, Generation: generation.Load})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	record := porttest.NewMemory(porttest.Record)
	g := guard.New(guard.Options{
		System: "cache", Deadline: 250 * time.Millisecond, Breaker: guard.BreakerOptions{OpenFor: 100 * time.Millisecond},
	})
	r := registry.New(registry.Options{Record: record, Cache: g.Templates(cache), Generations: record, Generation: generation})
	r.Start(t.Context())
	return r
}

// A real server is killed and frozen under load, and comes back each time with nothing, or with all that it had.
func TestOutagesUnderLoad(t *testing.T) {
	server := porttest.StartRedis(t)
	r := house(t, server.URL())
	eventually(t, "the cache is in use", func() bool { r.Start(t.Context()); return len(r.Degraded()) == 0 })
	h := porttest.StartHammer(t, r)
	defer h.Stop()
	for _, outage := range []struct {
		name        string
		begin, stop func(testing.TB)
	}{
		{"kill", server.Kill, server.Start},
		{"freeze", server.Freeze, server.Thaw},
		{"kill", server.Kill, server.Start},
	} {
		passes(t, &h.Reads, 200)
		outage.begin(t)
		eventually(t, "degraded says cache during a "+outage.name, func() bool { return contains(r.Degraded(), "cache") })
		passes(t, &h.Reads, 200)
		passes(t, &h.Updates, 20)
		outage.stop(t)
		eventually(t, "degraded clears after a "+outage.name, func() bool { r.Start(t.Context()); return len(r.Degraded()) == 0 })
	}
	passes(t, &h.Reads, 200)
	if n := h.Unavailable.Load(); n > 0 {
		t.Errorf("%d calls were refused, though the record works all the while", n)
	}
}

// passes waits until a counter has grown by n.
func passes(t *testing.T, counter *atomic.Int64, n int64) {
	t.Helper()
	target := counter.Load() + n
	eventually(t, "the load goes on", func() bool { return counter.Load() >= target })
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 3000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it does not come about that %s", what)
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// A server that persists comes back with a snapshot older than what it acknowledged. None of it may be believed.
func TestSnapshotIsNotBelieved(t *testing.T) {
	server := porttest.StartRedis(t, "--save", "3600 1000000")
	c := open(t, server.URL())
	put(t, c, porttest.Refs("changed", 1, 1), 0)
	put(t, c, porttest.Refs("forgotten", 1, 1), 0)
	server.Do(t, "SAVE")
	put(t, c, porttest.Refs("changed", 2, 2), 1)
	if err := c.Delete(t.Context(), "forgotten", 1); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	server.Start(t)
	for _, subject := range []string{"changed", "forgotten"} {
		eventually(t, "the client connects again", func() bool { return c.Ping(t.Context()) == nil })
		if r, err := c.Get(t.Context(), subject); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("%s: %+v (%v) out of a snapshot", subject, r, err)
		}
	}
	put(t, c, porttest.Refs("changed", 3, 1), 2)
	if r, err := c.Get(t.Context(), "changed"); err != nil || r.Version != 3 {
		t.Errorf("after the restart: %+v (%v)", r, err)
	}
}

// A write right after a restart, before anything else has met the new server, must be readable.
func TestFirstCallAfterRestartIsAWrite(t *testing.T) {
	server := porttest.StartRedis(t)
	c := open(t, server.URL())
	put(t, c, porttest.Refs("a", 1, 1), 0)
	server.Kill(t)
	server.Start(t)
	eventually(t, "a write gets through", func() bool { return c.Put(t.Context(), porttest.Refs("a", 2, 1), 1) == nil })
	if r, err := c.Get(t.Context(), "a"); err != nil || r.Version != 2 {
		t.Errorf("%+v (%v)", r, err)
	}
	server.Kill(t)
	server.Start(t)
	eventually(t, "a deletion gets through", func() bool { return c.Delete(t.Context(), "a", 5) == nil })
	if err := c.Put(t.Context(), porttest.Refs("a", 5, 1), 0); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("late Put after Delete: %v", err)
	}
}

// A frozen server answers nothing: calls end with their context, not with the patience of the client.
func TestFrozenServer(t *testing.T) {
	server := porttest.StartRedis(t)
	c, err := New(Options{URL: server.URL(), Deployment: "test", Key: testKey, IOTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, porttest.Refs("a", 1, 1), 0)
	server.Freeze(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, "a"); err == nil || errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if err := c.Put(ctx, porttest.Refs("a", 2, 1), 1); err == nil {
		t.Error("Put is nil")
	}
	server.Thaw(t)
}

func put(t *testing.T, c *Cache, r gateway.References, replaces uint64) {
	t.Helper()
	if err := c.Put(t.Context(), r, replaces); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRedis(b *testing.B) {
	c := open(b, porttest.StartRedis(b).URL())
	if err := c.Put(b.Context(), porttest.Refs("a", 1, 3), 0); err != nil {
		b.Fatal(err)
	}
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Get(b.Context(), "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put", func(b *testing.B) {
		for v := uint64(1); b.Loop(); v++ {
			if err := c.Put(b.Context(), porttest.Refs("a", v+1, 3), v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
