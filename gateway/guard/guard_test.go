package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

var errDown = errors.New("connection refused")

// watcher is an Observer that keeps what it is told.
type watcher struct {
	unobserved
	mu    sync.Mutex
	lines []string
}

func (w *watcher) Call(system, operation, outcome string, _ time.Duration) {
	w.say(system + " " + operation + " " + outcome)
}

func (w *watcher) Breaker(system, state string) { w.say(system + " is " + state) }

func (w *watcher) say(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line)
}

// takes asserts what was said since the last time.
func (w *watcher) takes(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.lines, want) {
		t.Errorf("observed %q, want %q", w.lines, want)
	}
	w.lines = nil
}

func newGuard() (*Guard, *watcher) {
	w := &watcher{}
	g := New(Options{
		System: "toy", Observer: w, Deadline: time.Second, Capacity: 2,
		Breaker: BreakerOptions{Failures: 3, Requests: 10, Window: 10 * time.Second, OpenFor: 5 * time.Second},
	})
	w.lines = nil
	return g, w
}

// call sends err through g.
func call(g *Guard, err error) error {
	return g.run(context.Background(), "op", func(context.Context) error { return err })
}

func TestBreakerOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGuard()
		for range 3 {
			if err := call(g, errDown); !errors.Is(err, errDown) {
				t.Error(err)
			}
		}
		w.takes(t, "toy op error", "toy op error", "toy is open", "toy op error")
		time.Sleep(2 * time.Second)
		err := g.run(t.Context(), "op", func(context.Context) error { t.Error("called behind an open breaker"); return nil })
		var refused *Refused
		if !errors.As(err, &refused) || refused.System != "toy" || refused.RetryAfter != 3*time.Second || !NotTried(err) {
			t.Errorf("%+v", err)
		}
		w.takes(t, "toy op open")
		time.Sleep(3*time.Second + time.Millisecond)
		_ = call(g, errDown)
		w.takes(t, "toy is half-open", "toy is open", "toy op error")
		time.Sleep(5*time.Second + time.Millisecond)
		if err := call(g, nil); err != nil {
			t.Error(err)
		}
		w.takes(t, "toy is half-open", "toy is closed", "toy op ok")
	})
}

func TestHalfOpenTriesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard()
		for range 3 {
			_ = call(g, errDown)
		}
		time.Sleep(5*time.Second + time.Millisecond)
		inside, leave := make(chan struct{}), make(chan struct{})
		go func() {
			_ = g.run(t.Context(), "op", func(context.Context) error { close(inside); <-leave; return nil })
		}()
		<-inside
		if err := call(g, nil); !NotTried(err) {
			t.Errorf("a second trial: %v", err)
		}
		close(leave)
		synctest.Wait()
		if err := call(g, nil); err != nil {
			t.Errorf("after a good trial: %v", err)
		}
	})
}

func TestBreakerOpensOnRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGuard()
		for i := range 10 {
			_ = call(g, []error{errDown, nil}[i%2])
		}
		w.lines = nil
		_ = call(g, errDown)
		w.takes(t, "toy is open", "toy op error")
	})
}

func TestOldFailuresAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGuard()
		for range 5 {
			_ = call(g, errDown)
			_ = call(g, nil)
		}
		w.lines = nil
		time.Sleep(11 * time.Second)
		_ = call(g, errDown)
		w.takes(t, "toy op error")
	})
}

func TestAnswersAreSuccesses(t *testing.T) {
	for _, answer := range []error{
		nil, gateway.ErrNotFound, fmt.Errorf("wrapped: %w", gateway.ErrConflict),
		&gateway.Error{Kind: gateway.Internal}, &gateway.Error{Kind: gateway.TooLarge},
	} {
		g, w := newGuard()
		for range 5 {
			_ = call(g, answer)
		}
		w.takes(t, slices.Repeat([]string{"toy op ok"}, 5)...)
	}
}

func TestCallerWhoLeavesCountsAsNeither(t *testing.T) {
	g, w := newGuard()
	for range 5 {
		ctx, leave := context.WithCancel(t.Context())
		err := g.run(ctx, "op", func(ctx context.Context) error { leave(); <-ctx.Done(); return ctx.Err() })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	_ = g.run(gone, "op", func(context.Context) error { t.Error("called for nobody"); return nil })
	w.takes(t, slices.Repeat([]string{"toy op canceled"}, 6)...)
	_, _ = call(g, errDown), call(g, errDown)
	if NotTried(call(g, nil)) {
		t.Error("callers who left were counted as failures")
	}
}

func TestDeadlineIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGuard()
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		for range 2 {
			_ = g.run(t.Context(), "op", hang)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("two calls took %v", took)
		}
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_ = g.run(short, "op", hang)
		w.takes(t, "toy op deadline", "toy op deadline", "toy is open", "toy op deadline")
	})
}

func TestBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGuard()
		leave := make(chan struct{})
		for range 2 {
			go func() { _ = g.run(t.Context(), "op", func(context.Context) error { <-leave; return nil }) }()
		}
		synctest.Wait()
		for range 5 {
			if err := call(g, nil); !NotTried(err) {
				t.Errorf("a third call at the same time: %v", err)
			}
		}
		w.takes(t, slices.Repeat([]string{"toy op full"}, 5)...)
		close(leave)
		synctest.Wait()
		if err := call(g, nil); err != nil {
			t.Errorf("after the others: %v", err)
		}
	})
}

func TestPanicFreesItsPlace(t *testing.T) {
	g, _ := newGuard()
	for range 2 {
		func() {
			defer func() { _ = recover() }()
			_ = g.run(t.Context(), "op", func(context.Context) error { panic("adapter") })
		}()
	}
	if err := call(g, nil); err != nil {
		t.Errorf("after panics: %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	typed := &gateway.Error{Kind: gateway.TooLarge, Code: "references-too-large"}
	for _, c := range []struct {
		err   error
		code  string
		after time.Duration
	}{
		{errDown, "record-unavailable", time.Second},
		{&Refused{System: "record", Reason: Open, RetryAfter: 4 * time.Second}, "record-unavailable", 4 * time.Second},
		{fmt.Errorf("wrapped: %w", typed), "references-too-large", 0},
	} {
		if e := Unavailable("record", c.err); e.Code != c.code || e.RetryAfter != c.after || e.RetryAfter > 0 && e.Kind != gateway.Unavailable {
			t.Errorf("%v became %+v", c.err, e)
		}
	}
}

// A guarded store keeps every promise of the store.
func TestGuardedStores(t *testing.T) {
	guarded := func() (*Guard, *porttest.Memory) {
		return New(Options{System: "toy", Capacity: 1000, Deadline: time.Minute}), porttest.NewMemory(porttest.Record)
	}
	porttest.Templates(t, func(testing.TB) gateway.Templates { g, m := guarded(); return g.Templates(m) }, porttest.Record)
	porttest.Galleries(t, func(testing.TB) gateway.Galleries { g, m := guarded(); return g.Galleries(m) })
	porttest.Generations(t, func(testing.TB) gateway.Generations { g, m := guarded(); return g.Generations(m) })
	porttest.Receipts(t, func(testing.TB, func() time.Time) gateway.Receipts { g, m := guarded(); return g.Receipts(m) }, porttest.MemoryRetention, false)
}

func TestAbilitiesPassThrough(t *testing.T) {
	m := porttest.NewMemory(porttest.Record)
	for _, c := range []struct {
		inner       gateway.Templates
		lists, ping bool
	}{
		{m, true, true},
		{struct{ gateway.Templates }{m}, false, false},
		{struct {
			gateway.Templates
			gateway.Pinger
		}{m, m}, false, true},
		{struct {
			gateway.Templates
			gateway.TemplateLister
		}{m, m}, true, false},
	} {
		g, _ := newGuard()
		s := g.Templates(c.inner)
		_, lists := s.(gateway.TemplateLister)
		_, pings := s.(gateway.Pinger)
		if lists != c.lists || pings != c.ping {
			t.Errorf("lists %v, pings %v; want %v, %v", lists, pings, c.lists, c.ping)
		}
	}
}

func TestOneBreakerForAllPortsOfASystem(t *testing.T) {
	g, _ := newGuard()
	m := porttest.NewMemory(porttest.Record)
	for range 3 {
		_ = call(g, errDown)
	}
	_, err := g.Templates(m).Get(t.Context(), "a")
	_, err2 := g.Receipts(m).Recall(t.Context(), "a")
	err3 := g.Galleries(m).EachGallery(t.Context(), nil)
	_, err4 := g.Generations(m).Generation(t.Context())
	_, err5 := g.Issuer(nil).Assertion(t.Context(), gateway.AssertionFacts{})
	for _, err := range []error{err, err2, err3, err4, err5} {
		if !NotTried(err) {
			t.Error(err)
		}
	}
}

// What the caller's function makes of a listing is not the system's fault.
func TestListingsFailByTheirCaller(t *testing.T) {
	g, w := newGuard()
	m := porttest.NewMemory(porttest.Record)
	if err := m.Put(t.Context(), porttest.Refs("a", 1, 1), 0); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	for range 5 {
		if err := g.Templates(m).(gateway.TemplateLister).Each(t.Context(), func(gateway.References) error { return enough }); !errors.Is(err, enough) {
			t.Error(err)
		}
	}
	w.takes(t, slices.Repeat([]string{"toy each ok"}, 5)...)
}

func BenchmarkGuard(b *testing.B) {
	g := New(Options{System: "toy"})
	for b.Loop() {
		_ = g.run(b.Context(), "op", func(context.Context) error { return nil })
	}
}

// A trial whose caller leaves decides nothing: the next call is the trial.
func TestHalfOpenTrialIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGuard()
		for range 3 {
			_ = call(g, errDown)
		}
		time.Sleep(5*time.Second + time.Millisecond)
		ctx, leave := context.WithCancel(t.Context())
		_ = g.run(ctx, "op", func(ctx context.Context) error { leave(); return ctx.Err() })
		w.lines = nil
		if err := call(g, nil); err != nil {
			t.Errorf("after a trial that was left: %v", err)
		}
		w.takes(t, "toy is closed", "toy op ok")
	})
}

// TestACallTakesLittleMemory: five calls a request go through Guards; what is left is the context with its deadline.
func TestACallTakesLittleMemory(t *testing.T) {
	g := New(Options{System: "toy"})
	m := g.Nonces(noNonces{})
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Spend(t.Context(), "nonce", time.Time{}) }); n > 5 {
		t.Errorf("%v allocations", n)
	}
}

type noNonces struct{}

func (noNonces) Spend(context.Context, string, time.Time) (bool, error) { return true, nil }
func (noNonces) Used(context.Context, string) (bool, error)             { return false, nil }
