package replay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/guard"
	"biogate/gateway/porttest"
	"biogate/gateway/replay"
)

const (
	window = time.Minute
	narrow = 10 * time.Second
)

// cloud is the memory that nodes share, as far as it answers.
type cloud struct {
	*challenge.Spent
	mu     sync.Mutex
	fails  error
	forgot time.Time
}

var errOpen = &guard.Refused{System: "memory", Reason: guard.Open}

func (c *cloud) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = err
}

func (c *cloud) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fails
}

func (c *cloud) Spend(ctx context.Context, nonce string, until time.Time) (bool, error) {
	if err := c.failure(); err != nil {
		return false, err
	}
	return c.Spent.Spend(ctx, nonce, until)
}

func (c *cloud) Used(ctx context.Context, nonce string) (bool, error) {
	if err := c.failure(); err != nil {
		return false, err
	}
	return c.Spent.Used(ctx, nonce)
}

// site is a deployment: nodes with a memory in common, and one clock.
type site struct {
	at    atomic.Int64
	cloud *cloud
}

func newSite() *site {
	s := &site{}
	s.at.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	s.cloud = &cloud{Spent: challenge.NewSpent(1<<20, s.now), forgot: s.now()}
	return s
}

func (s *site) now() time.Time         { return time.Unix(0, s.at.Load()).UTC() }
func (s *site) passes(d time.Duration) { s.at.Add(int64(d)) }
func (s *site) options() replay.Options {
	return replay.Options{Remembered: 1 << 16, Window: window, Narrow: narrow, Now: s.now}
}
func (s *site) alone() *replay.Memory { return replay.New(s.options()) }
func (s *site) began() time.Time      { return s.cloud.forgot }
func (s *site) node(t *testing.T) *replay.Memory {
	o := s.options()
	o.Shared, o.Began = s.cloud, s.began
	m := replay.New(o)
	m.Probe(t.Context())
	return m
}

func take(m *replay.Memory, nonce string, made time.Time) string {
	first, err := m.Take(context.Background(), "kiosk", nonce, made, made.Add(2*window))
	switch {
	case err != nil:
		return "error"
	case first:
		return "taken"
	}
	return "refused"
}

func wants(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestNonces(t *testing.T) {
	porttest.Nonces(t, func(testing.TB) gateway.Nonces {
		return replay.New(replay.Options{Remembered: 1000, Window: window, Narrow: narrow, Now: time.Now})
	})
	porttest.Nonces(t, func(t testing.TB) gateway.Nonces {
		m := replay.New(replay.Options{
			Remembered: 1000, Window: window, Narrow: narrow, Now: time.Now, Began: time.Now, Shared: challenge.NewSpent(1000, time.Now),
		})
		m.Probe(t.Context())
		return m
	})
}

func TestARequestIsTakenOnceByAllNodes(t *testing.T) {
	s := newSite()
	a, b := s.node(t), s.node(t)
	s.passes(time.Second)
	wants(t, "first", take(a, "n", s.now()), "taken")
	wants(t, "again", take(a, "n", s.now()), "refused")
	wants(t, "at the other node", take(b, "n", s.now()), "refused")
	if first, err := b.Take(t.Context(), "another kiosk", "n", s.now(), s.now().Add(window)); first || err != nil {
		t.Errorf("by another device: %v %v", first, err)
	}
	wants(t, "a minute old", take(b, "old", s.now().Add(-window-time.Millisecond)), "refused")
	wants(t, "of the future", take(b, "early", s.now().Add(window+time.Millisecond)), "refused")
}

// TestWhileTheSharedMemoryIsGone: one call that fails is refused; an outage narrows the window and refuses what was made before it, here and
// after it, for another node may have taken that.
func TestWhileTheSharedMemoryIsGone(t *testing.T) {
	s := newSite()
	a, b := s.node(t), s.node(t)
	s.passes(time.Minute)
	captured := s.now()
	wants(t, "before", take(a, "captured", captured), "taken")
	s.cloud.fail(errors.New("no answer in time"))
	wants(t, "one failure", take(b, "x", s.now()), "error")
	if b.Degraded() != nil || b.Window() != window {
		t.Errorf("after one failure: %v, %s", b.Degraded(), b.Window())
	}
	s.passes(time.Second)
	s.cloud.fail(errOpen)
	wants(t, "a replay at the other node", take(b, "captured", captured), "refused")
	if !slices.Equal(b.Degraded(), []string{replay.Mode}) || b.Window() != narrow {
		t.Errorf("in an outage: %v, %s", b.Degraded(), b.Window())
	}
	s.passes(time.Second)
	wants(t, "what is made now", take(b, "now", s.now()), "taken")
	wants(t, "that again", take(b, "now", s.now()), "refused")
	made := s.now()
	s.passes(narrow + time.Millisecond)
	wants(t, "outside the narrow window", take(b, "slow", made), "refused")
	s.cloud.fail(&guard.Refused{System: "memory", Reason: guard.Full})
	wants(t, "out, and no room to ask", take(b, "full", s.now()), "taken")
	if first, err := b.Spend(t.Context(), "introspect:x", s.now().Add(window)); first || err == nil {
		t.Errorf("what all nodes must know of: %v %v", first, err)
	}
	inOutage := s.now()
	wants(t, "at the end", take(b, "last", inOutage), "taken")
	s.passes(time.Second)
	s.cloud.fail(nil)
	a.Probe(t.Context())
	b.Probe(t.Context())
	if b.Degraded() != nil || b.Window() != window {
		t.Errorf("after the outage: %v, %s", b.Degraded(), b.Window())
	}
	s.passes(time.Millisecond)
	wants(t, "again here", take(b, "last", inOutage), "refused")
	wants(t, "fresh", take(b, "fresh", s.now()), "taken")
}

// TestWhatOneNodeTookAloneNoOtherTakesLater: b took a request while it alone remembered; a, which learns of the end of the outage, does not
// take it from before.
func TestWhatOneNodeTookAloneNoOtherTakesLater(t *testing.T) {
	s := newSite()
	a, b := s.node(t), s.node(t)
	s.cloud.fail(errOpen)
	a.Probe(t.Context())
	b.Probe(t.Context())
	s.passes(time.Second)
	made := s.now()
	wants(t, "alone", take(b, "n", made), "taken")
	s.passes(time.Second)
	s.cloud.fail(nil)
	wants(t, "at the other, after", take(a, "n", made), "refused")
}

// TestASharedMemoryThatForgot: a server that was started again remembers nothing of what was made before.
func TestASharedMemoryThatForgot(t *testing.T) {
	s := newSite()
	a, b := s.node(t), s.node(t)
	s.passes(time.Second)
	made := s.now()
	wants(t, "first", take(a, "n", made), "taken")
	s.passes(time.Second)
	s.cloud.Spent = challenge.NewSpent(1000, s.now)
	s.cloud.forgot = s.now()
	wants(t, "at the other, after a restart", take(b, "n", made), "refused")
	wants(t, "fresh", take(b, "m", s.now()), "taken")
}

// TestARestartForgetsNothing: without a shared memory, what was made before the process began is not taken; with one it is, for that remembers.
func TestARestartForgetsNothing(t *testing.T) {
	s := newSite()
	made := s.now()
	wants(t, "first", take(s.alone(), "n", made), "taken")
	s.passes(time.Millisecond)
	again := s.alone()
	wants(t, "after a restart", take(again, "n", made), "refused")
	wants(t, "fresh", take(again, "n", s.now()), "taken")
	if again.Degraded() != nil {
		t.Errorf("one node alone is degraded: %v", again.Degraded())
	}
	s.passes(time.Second)
	made = s.now()
	wants(t, "first, shared", take(s.node(t), "m", made), "taken")
	s.passes(time.Second)
	wants(t, "after a restart, shared", take(s.node(t), "m", made), "refused")
	wants(t, "unseen, after a restart, shared", take(s.node(t), "m2", made), "taken")
}

// TestClocksThatAreAhead: a request from the future, taken before the memory ends, could be taken again when its time comes. So it
// is not taken at all; a clock may be a little ahead.
func TestClocksThatAreAhead(t *testing.T) {
	s := newSite()
	m := replay.New(s.options())
	s.passes(time.Second)
	made := s.now().Add(20 * time.Second)
	wants(t, "of the future", take(m, "n", made), "refused")
	wants(t, "more than a little ahead", take(m, "l", s.now().Add(5*time.Second+1)), "refused")
	wants(t, "a little ahead", take(m, "m", s.now().Add(5*time.Second)), "taken")
}

// TestAFullMemoryRefuses, and one device cannot fill it for the others.
func TestAFullMemoryRefuses(t *testing.T) {
	s := newSite()
	o := s.options()
	o.Remembered = 160
	m := replay.New(o)
	until := s.now().Add(window)
	spend := func(device string, i int) error {
		_, err := m.Take(t.Context(), device, fmt.Sprint(device, i), s.now(), until)
		return err
	}
	for i := range 10 {
		if err := spend("greedy", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := spend("greedy", 10); !errors.Is(err, challenge.ErrShare) {
		t.Errorf("more than its share: %v", err)
	}
	if first, err := m.Take(t.Context(), "greedy", "greedy0", s.now(), until); first || err != nil {
		t.Errorf("a replay beyond the share: %v %v", first, err)
	}
	for i := range 150 {
		if err := spend(fmt.Sprintf("kiosk-%d", i%20), i); err != nil {
			t.Fatalf("another device: %v", err)
		}
	}
	if err := spend("one more", 0); !errors.Is(err, challenge.ErrFull) {
		t.Errorf("a full memory: %v", err)
	}
	s.passes(window)
	until = s.now().Add(window)
	if err := spend("greedy", 11); err != nil {
		t.Errorf("after the time of all: %v", err)
	}
}

// TestNothingIsTakenTwice plays nodes with a shared memory that comes, goes and forgets: in a deployment nothing that all must know of is
// spent twice, and no node ever takes a request twice; nor do two nodes while neither of them is degraded.
func TestNothingIsTakenTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSite()
		nodes := []*replay.Memory{s.node(t), s.node(t)}
		type use struct{ nonce, node int }
		made, taken, sound, spent := map[int]time.Time{}, map[use]bool{}, map[int]bool{}, map[int]bool{}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			n := rapid.IntRange(0, 1).Draw(rt, "node")
			node, nonce := nodes[n], rapid.IntRange(0, 9).Draw(rt, "nonce")
			switch rapid.SampledFrom([]string{"take", "take", "take", "spend", "pass", "open", "lost", "back", "forget", "probe"}).Draw(rt, "what") {
			case "pass":
				s.passes(time.Duration(rapid.IntRange(1, 5000).Draw(rt, "ms")) * time.Millisecond)
			case "open":
				s.cloud.fail(errOpen)
			case "lost":
				s.cloud.fail(errors.New("lost"))
			case "back":
				s.cloud.fail(nil)
			case "forget":
				if s.cloud.failure() != nil { // a restart is an outage, and takes a moment
					s.passes(time.Millisecond)
					s.cloud.Spent, s.cloud.forgot = challenge.NewSpent(1000, s.now), s.now()
				}
			case "probe":
				node.Probe(t.Context())
			case "spend":
				if _, known := made[nonce]; known {
					continue // of a kind of its own
				}
				since, _ := node.Shared()
				at := s.now()
				first, err := node.Spend(t.Context(), fmt.Sprint("id:", nonce), at.Add(window))
				if err == nil && first && !at.Before(since) {
					spent[nonce] = true
				}
			case "take":
				if _, known := made[nonce]; !known {
					made[nonce] = s.now()
				}
				first, err := node.Take(t.Context(), "kiosk", fmt.Sprint(nonce), made[nonce], made[nonce].Add(2*window))
				if err != nil || !first {
					continue
				}
				if taken[use{nonce, n}] {
					rt.Fatalf("node %d took %d twice", n, nonce)
				}
				taken[use{nonce, n}] = true
				if node.Degraded() == nil {
					if sound[nonce] {
						rt.Fatalf("%d was taken twice by nodes that lack nothing", nonce)
					}
					sound[nonce] = true
				}
			}
		}
	})
}

// TestOneOfManyAtOnce: at two nodes, while the shared memory comes and goes.
func TestOneOfManyAtOnce(t *testing.T) {
	s := newSite()
	nodes := []*replay.Memory{s.node(t), s.node(t)}
	s.passes(time.Second)
	for round := range 200 {
		s.passes(time.Millisecond)
		nonce, until := fmt.Sprint("challenge:", round), s.now().Add(window)
		var all sync.WaitGroup
		var won atomic.Int32
		for i := range 16 {
			all.Go(func() {
				if i == 7 && round%3 == 0 {
					s.cloud.fail(errOpen)
				}
				if first, err := nodes[i%2].Spend(t.Context(), nonce, until); first && err == nil {
					won.Add(1)
				}
			})
		}
		all.Wait()
		s.cloud.fail(nil)
		if n := won.Load(); n > 1 || n == 0 && round%3 != 0 {
			t.Fatalf("round %d: %d were first", round, n)
		}
	}
}

// TestAnOutageIsFoundByFailuresAlone: a breaker that tries again before the next call comes never says that it is open.
func TestAnOutageIsFoundByFailuresAlone(t *testing.T) {
	s := newSite()
	m := s.node(t)
	s.cloud.fail(errors.New("no connection"))
	for i := range 5 {
		if len(m.Degraded()) > 0 {
			t.Errorf("an outage after %d failures", i)
		}
		m.Probe(t.Context())
	}
	if !slices.Contains(m.Degraded(), replay.Mode) || m.Window() != narrow {
		t.Error("five failures in a row are no outage")
	}
	s.cloud.fail(nil)
	m.Probe(t.Context())
	if len(m.Degraded()) > 0 {
		t.Error("the outage does not end")
	}
	for range 20 {
		s.cloud.fail(&guard.Refused{System: "memory", Reason: guard.Full})
		m.Probe(t.Context())
		s.cloud.fail(context.Canceled)
		m.Probe(t.Context())
	}
	if len(m.Degraded()) > 0 {
		t.Error("a full bulkhead, or callers who left, are an outage")
	}
}
