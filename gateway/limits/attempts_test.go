package limits_test

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
	"biogate/gateway/limits"
)

var (
	_ gateway.Attempts = (*limits.Local)(nil)
	_ gateway.Attempts = (*limits.Both)(nil)
)

func begin(t testing.TB, a limits.Counter, subject string) time.Duration {
	t.Helper()
	wait, err := a.Begin(context.Background(), subject)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// TestLocalIsTheRule: for every subject by itself, whatever happens to others, Local says what the rule says.
func TestLocalIsTheRule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := &manualClock{start}
		local, want := limits.NewLocal(nist, 100, clock.now), map[string]limits.Tally{}
		for range rapid.IntRange(1, 100).Draw(rt, "steps") {
			clock.t = clock.t.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "seconds")) * time.Second)
			subject := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "subject")
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				_ = local.Succeed(t.Context(), subject)
				want[subject] = limits.Tally{}
			case 1, 2:
				_ = local.Withdraw(t.Context(), subject)
				want[subject] = want[subject].Withdraw()
			default:
				next, wait := want[subject].Begin(nist, clock.t)
				if got := begin(t, local, subject); got != wait {
					rt.Fatalf("wait %s, want %s", got, wait)
				}
				want[subject] = next
			}
		}
	})
}

// TestParallelGuesses: of a hundred guesses at once five are let through.
func TestParallelGuesses(t *testing.T) {
	local := limits.NewLocal(nist, 100, time.Now)
	var let atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if begin(t, local, "victim") == 0 {
				let.Add(1)
			}
		})
	}
	if all.Wait(); let.Load() != 5 {
		t.Errorf("%d guesses were let through", let.Load())
	}
}

// TestLocalIsBounded: a flood of other subjects does not make Local forget who has to wait, nor take more memory than it may.
func TestLocalIsBounded(t *testing.T) {
	clock := &manualClock{start}
	local := limits.NewLocal(nist, 50, clock.now)
	for range 5 {
		begin(t, local, "victim")
	}
	for i := range 10_000 {
		begin(t, local, fmt.Sprint("other", i))
	}
	if wait := begin(t, local, "victim"); wait != 30*time.Second {
		t.Errorf("after the flood the victim's next attempt waits %s", wait)
	}
	if n := local.Len(); n > 50 {
		t.Errorf("%d subjects are held, at most 50 may be", n)
	}
}

// TestLocalFullOfWaiting: when everybody who is held has to wait nobody else is let through uncounted, and what need not be
// remembered any more makes room.
func TestLocalFullOfWaiting(t *testing.T) {
	clock := &manualClock{start}
	local := limits.NewLocal(nist, 10, clock.now)
	for i := range 10 {
		for range 5 {
			begin(t, local, fmt.Sprint(i))
		}
	}
	if _, err := local.Begin(t.Context(), "another"); !errors.Is(err, limits.ErrFull) {
		t.Errorf("error %v", err)
	}
	clock.t = clock.t.Add(nist.Kept() + time.Second)
	if begin(t, local, "another") != 0 || local.Len() != 1 {
		t.Errorf("%d subjects are held", local.Len())
	}
}

// TestOneDeviceCannotFillLocal: who fails five times at each of as many subjects as are held shuts out nobody for longer than
// those have to wait, though failures are kept for a day, and who has to wait longer is not forgotten for it.
func TestOneDeviceCannotFillLocal(t *testing.T) {
	clock := &manualClock{start}
	local := limits.NewLocal(nist, 10, clock.now)
	fail := func(subject string) {
		for range 5 {
			begin(t, local, subject)
		}
	}
	fail("victim")
	clock.t = clock.t.Add(30 * time.Second)
	begin(t, local, "victim") // the sixth: a minute
	for i := range 9 {
		fail(fmt.Sprint(i))
	}
	clock.t = clock.t.Add(30 * time.Second)
	for i := range 9 {
		if _, err := local.Begin(t.Context(), fmt.Sprint("another", i)); err != nil {
			t.Fatalf("after the wait of all but one another subject is refused: %v", err)
		}
	}
	if wait := begin(t, local, "victim"); wait != 30*time.Second {
		t.Errorf("who has to wait still was forgotten: %s", wait)
	}
	if n := local.Len(); n > 10 {
		t.Errorf("%d subjects are held, at most 10 may be", n)
	}
}

// faulty is a shared memory that can go away.
type faulty struct {
	limits.Counter
	away bool
}

var errAway = errors.New("away")

func (f *faulty) Begin(ctx context.Context, subject string) (time.Duration, error) {
	if f.away {
		return 0, errAway
	}
	return f.Counter.Begin(ctx, subject)
}

func (f *faulty) Withdraw(ctx context.Context, subject string) error {
	if f.away {
		return errAway
	}
	return f.Counter.Withdraw(ctx, subject)
}

func (f *faulty) Succeed(ctx context.Context, subjects ...string) error {
	if f.away {
		return errAway
	}
	return f.Counter.Succeed(ctx, subjects...)
}

// TestOutageIsNoAmnesty: attempts that failed while the shared memory answered count on when it is gone, those that fail
// meanwhile count too, and that it is gone is stated.
func TestOutageIsNoAmnesty(t *testing.T) {
	clock := &manualClock{start}
	shared := &faulty{Counter: limits.NewLocal(nist, 100, clock.now)}
	both := limits.NewBoth(limits.NewLocal(nist, 100, clock.now), shared, clock.now)
	for range 3 {
		begin(t, both, "a")
	}
	if len(both.Degraded()) != 0 {
		t.Errorf("degraded %v", both.Degraded())
	}
	shared.away = true
	let := 0
	for range 10 {
		if begin(t, both, "a") == 0 {
			let++
		}
	}
	if let != 2 {
		t.Errorf("%d attempts in the outage after three before it", let)
	}
	if got := both.Degraded(); len(got) != 1 || got[0] != "attempts" {
		t.Errorf("degraded %v", got)
	}
	shared.away = false
	begin(t, both, "b")
	if len(both.Degraded()) != 0 {
		t.Errorf("still degraded: %v", both.Degraded())
	}
}

// TestNodesShareFailures: attempts at several nodes add up; who has to wait because of another node is not counted here.
func TestNodesShareFailures(t *testing.T) {
	clock := &manualClock{start}
	shared := limits.NewLocal(nist, 100, clock.now)
	nodes := []*limits.Both{
		limits.NewBoth(limits.NewLocal(nist, 100, clock.now), shared, clock.now),
		limits.NewBoth(limits.NewLocal(nist, 100, clock.now), shared, clock.now),
	}
	let := 0
	for i := range 20 {
		if begin(t, nodes[i%2], "a") == 0 {
			let++
		}
	}
	if let != 5 {
		t.Errorf("%d attempts at two nodes", let)
	}
	if err := nodes[0].Succeed(t.Context(), "a"); err != nil || begin(t, nodes[0], "a") != 0 {
		t.Errorf("after a success the next attempt waits, error %v", err)
	}
}

// slow is a shared memory that takes its time with successes.
type slow struct {
	limits.Counter
	told chan []string // takes each call
	done chan struct{} // lets it end
}

func (s *slow) Succeed(ctx context.Context, subjects ...string) error {
	s.told <- subjects
	<-s.done
	return s.Counter.Succeed(ctx, subjects...)
}

// TestSuccessesAreToldTogether: who succeeds does not wait for the shared memory, those of the time of one call share the next one, none is
// lost, and the next attempt of the same subject finds its failures forgotten.
func TestSuccessesAreToldTogether(t *testing.T) {
	clock := &manualClock{start}
	shared := &slow{Counter: limits.NewLocal(nist, 1000, clock.now), told: make(chan []string), done: make(chan struct{})}
	both := limits.NewBoth(limits.NewLocal(nist, 1000, clock.now), shared, clock.now)
	succeed := func(subject string) {
		for range 5 {
			begin(t, both, subject)
		}
		if err := both.Succeed(t.Context(), subject); err != nil {
			t.Fatal(err)
		}
	}
	succeed("a")
	if first := <-shared.told; len(first) != 1 || first[0] != "a" {
		t.Fatalf("told of %q", first)
	}
	for i := range 100 {
		succeed(fmt.Sprint("b", i))
	}
	again := make(chan time.Duration, 1)
	go func() { again <- begin(t, both, "b7") }()
	shared.done <- struct{}{}
	second := <-shared.told
	slices.Sort(second)
	if len(second) != 100 || second[0] != "b0" || second[99] != "b99" {
		t.Errorf("told of %d together: %q", len(second), second)
	}
	if len(again) > 0 {
		t.Error("an attempt did not wait until the success before it was told")
	}
	close(shared.done)
	if wait := <-again; wait != 0 {
		t.Errorf("an attempt after a success waits %s", wait)
	}
	_ = both.Close()
	for _, subject := range []string{"a", "b0", "b99"} {
		if wait := begin(t, shared, subject); wait != 0 {
			t.Errorf("the success of %q is lost", subject)
		}
	}
}

// TestCloseOutlivesRequests: where a shutdown runs out of time there are still requests, and what is closed after b must be closed.
func TestCloseOutlivesRequests(t *testing.T) {
	clock := &manualClock{start}
	for range 200 {
		both := limits.NewBoth(limits.NewLocal(nist, 1000, clock.now), limits.NewLocal(nist, 1000, clock.now), clock.now)
		var requests sync.WaitGroup
		for k := range 4 {
			requests.Go(func() {
				for i := range 20 {
					_ = both.Succeed(t.Context(), fmt.Sprint(k, i))
				}
			})
		}
		for range 20 {
			_ = both.Close()
		}
		requests.Wait()
		_ = both.Close()
	}
}

// TestSuccessesDoNotPileUp: where the shared memory does not keep up, those who succeed wait, and leave when their time is over.
func TestSuccessesDoNotPileUp(t *testing.T) {
	clock := &manualClock{start}
	shared := &slow{Counter: limits.NewLocal(nist, 1000, clock.now), told: make(chan []string), done: make(chan struct{})}
	both := limits.NewBoth(limits.NewLocal(nist, 1000, clock.now), shared, clock.now)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for i := range 1000 {
		_ = both.Succeed(ctx, fmt.Sprint(i))
	}
	if len(<-shared.told) != 1 {
		t.Error("the first waited for others")
	}
	close(shared.done)
	if n := len(<-shared.told); n != 128 {
		t.Errorf("%d were kept", n)
	}
	_ = both.Close()
}

// TestWithdrawalsOfAnOutage: what the shared memory did not count is not taken back there in place of another failure.
func TestWithdrawalsOfAnOutage(t *testing.T) {
	clock := &manualClock{start}
	shared := &faulty{Counter: limits.NewLocal(nist, 100, clock.now)}
	both := limits.NewBoth(limits.NewLocal(limits.Rule{}, 100, clock.now), shared, clock.now)
	for range 5 {
		begin(t, both, "a")
	}
	shared.away = true
	for range 5 {
		begin(t, both, "a")
	}
	shared.away = false
	for range 5 {
		_ = both.Withdraw(t.Context(), "a")
	}
	if begin(t, both, "a") == 0 {
		t.Error("attempts that an outage hid from the shared memory were withdrawn there")
	}
}

func BenchmarkLocal(b *testing.B) {
	local := limits.NewLocal(nist, 100_000, time.Now)
	for b.Loop() {
		begin(b, local, "emp-1042")
		_ = local.Succeed(b.Context(), "emp-1042")
	}
}
