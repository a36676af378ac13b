package challenge_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/porttest"
	"biogate/matcher"
)

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2030, 1, 2, 3, 4, 5, 678_900_000, time.UTC)} }

func TestInstructions(t *testing.T) {
	m := challenge.NewMinter(nil, newClock().now)
	values := map[string][]string{
		matcher.ChallengeColour:   {"blue", "green", "red", "white"},
		matcher.ChallengeHeadTurn: {"ahead", "down", "left", "right", "up"},
	}
	for kind, want := range values {
		seen, orders := map[string]bool{}, map[string]int{}
		for range 4000 {
			c := m.Issue(kind, challenge.Binding{}, false).Challenge
			if c == nil || c.Kind != kind {
				t.Fatalf("%s: %+v", kind, c)
			}
			var from time.Duration
			last, order := "", ""
			for _, s := range c.Steps {
				if s.From != from || s.To <= s.From || s.Value == last {
					t.Fatalf("%s: %+v", kind, c.Steps)
				}
				from, last = s.To, s.Value
				seen[s.Value] = true
				order += s.Value + " "
			}
			if from > gateway.MaxSequence || from > challenge.Lifetime/2 {
				t.Fatalf("%s takes %s", kind, from)
			}
			orders[order]++
		}
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
			t.Errorf("%s: values %v", kind, got)
		}
		// 324 and 34 instructions, each about equally often: 12 and 111 times; six standard deviations are allowed.
		n, high := 324, 34
		if kind == matcher.ChallengeHeadTurn {
			n, high = 34, 182
		}
		if len(orders) < n-5 || len(orders) > n || slices.Max(slices.Collect(maps.Values(orders))) > high {
			t.Errorf("%s: %d instructions, the most frequent %d times", kind, len(orders), slices.Max(slices.Collect(maps.Values(orders))))
		}
	}
	if c := m.Issue(challenge.KindNonce, challenge.Binding{}, false).Challenge; c != nil {
		t.Errorf("a nonce with %+v", c)
	}
}

func TestNoncesAreKnownAgain(t *testing.T) {
	c := newClock()
	m := challenge.NewMinter(nil, c.now)
	for _, kind := range []string{challenge.KindNonce, matcher.ChallengeColour, matcher.ChallengeHeadTurn} {
		issued := m.Issue(kind, challenge.Binding{}, false)
		if other := m.Issue(kind, challenge.Binding{}, false); other.Nonce == issued.Nonce {
			t.Errorf("%s twice", other.Nonce)
		}
		if len(issued.Nonce) > 64 || issued.Expires().Sub(c.at) > challenge.Lifetime {
			t.Errorf("%+v", issued)
		}
		got, ours, err := m.Read(issued.Nonce, challenge.Binding{})
		if err != nil || !ours || got.Kind != kind || !got.At.Equal(issued.At) || fmt.Sprint(got.Challenge) != fmt.Sprint(issued.Challenge) {
			t.Errorf("read %+v %v %v, issued %+v", got, ours, err, issued)
		}
		if _, ours, err := challenge.NewMinter(nil, c.now).Read(issued.Nonce, challenge.Binding{}); !ours || !errors.Is(err, challenge.ErrInvalid) {
			t.Errorf("a minter with another key: %v %v", ours, err)
		}
		for i := range issued.Nonce {
			b := []byte(issued.Nonce)
			b[i] ^= 1
			if _, ours, err := m.Read(string(b), challenge.Binding{}); ours && !errors.Is(err, challenge.ErrInvalid) {
				t.Errorf("byte %d changed: %v", i, err)
			}
		}
		for _, nonce := range []string{issued.Nonce + "\n", issued.Nonce[:9] + "\r\n" + issued.Nonce[9:], issued.Nonce + "="} {
			if _, ours, err := m.Read(nonce, challenge.Binding{}); !ours || !errors.Is(err, challenge.ErrInvalid) {
				t.Errorf("%q, another spelling: %v %v", nonce, ours, err)
			}
		}
		c.at = issued.Expires()
		if _, ours, err := m.Read(issued.Nonce, challenge.Binding{}); !ours || !errors.Is(err, challenge.ErrInvalid) {
			t.Errorf("expired: %v %v", ours, err)
		}
		c.at = issued.At.Add(-time.Millisecond)
		if _, _, err := m.Read(issued.Nonce, challenge.Binding{}); !errors.Is(err, challenge.ErrInvalid) {
			t.Errorf("before it was issued: %v", err)
		}
		c.at = issued.At
	}
	for _, nonce := range []string{"", "n-0S6_WzA2Mj", "bg1"} {
		if _, ours, err := m.Read(nonce, challenge.Binding{}); ours || err != nil {
			t.Errorf("%q: %v %v", nonce, ours, err)
		}
	}
}

// FuzzRead: nothing but what was issued is read.
func FuzzRead(f *testing.F) {
	m := challenge.NewMinter(nil, newClock().now)
	known := map[string]bool{}
	for _, kind := range []string{challenge.KindNonce, matcher.ChallengeColour} {
		nonce := m.Issue(kind, challenge.Binding{}, false).Nonce
		known[nonce] = true
		f.Add(nonce)
	}
	f.Add("bg1_")
	f.Fuzz(func(t *testing.T, nonce string) {
		if _, ours, err := m.Read(nonce, challenge.Binding{}); ours && err == nil && !known[nonce] {
			t.Errorf("%q was never issued", nonce)
		}
	})
}

func TestSpent(t *testing.T) {
	porttest.Nonces(t, func(testing.TB) gateway.Nonces { return challenge.NewSpent(1000, time.Now) })
}

func TestSpentIsBounded(t *testing.T) {
	c := newClock()
	s := challenge.NewSpent(3, c.now)
	spend := func(nonce string, lasts time.Duration) (bool, error) {
		return s.Spend(context.Background(), nonce, c.at.Add(lasts))
	}
	for i, lasts := range []time.Duration{10, 30, 20} {
		if first, err := spend(fmt.Sprint(i), lasts*time.Second); !first || err != nil {
			t.Fatalf("%d: %v %v", i, first, err)
		}
	}
	if _, err := spend("3", time.Minute); !errors.Is(err, challenge.ErrFull) {
		t.Errorf("a fourth: %v", err)
	}
	if first, err := spend("0", time.Minute); first || err != nil {
		t.Errorf("one that was used, when full: %v %v", first, err)
	}
	for nonce, want := range map[string]bool{"0": true, "3": false} {
		if used, err := s.Used(context.Background(), nonce); err != nil || used != want {
			t.Errorf("%s is used: %v %v, when full", nonce, used, err)
		}
	}
	c.at = c.at.Add(10 * time.Second)
	if first, err := spend("3", time.Minute); !first || err != nil {
		t.Errorf("after one expired: %v %v", first, err)
	}
	for _, nonce := range []string{"1", "2", "3"} {
		if first, _ := spend(nonce, time.Minute); first {
			t.Errorf("%s was forgotten early", nonce)
		}
	}
	c.at = c.at.Add(10 * time.Second) // 2 expires, which was used after 1 that does not
	if first, err := spend("4", time.Minute); !first || err != nil {
		t.Errorf("behind one that lasts longer, one that expired takes room: %v %v", first, err)
	}
	if _, err := spend("5", time.Minute); !errors.Is(err, challenge.ErrFull) {
		t.Errorf("a fourth again: %v", err)
	}
}

// TestSpentForgetsNothingEarly holds the memory against a plain list, in any order of expiry.
func TestSpentForgetsNothingEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		const limit = 5
		s := challenge.NewSpent(limit, c.now)
		until := map[string]time.Time{} // what must be remembered
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.at = c.at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "later")) * time.Second)
			maps.DeleteFunc(until, func(_ string, end time.Time) bool { return !c.at.Before(end) })
			nonce := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "nonce"))
			end := c.at.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "lasts")) * time.Second)
			_, used := until[nonce]
			want, full := !used && end.After(c.at), !used && end.After(c.at) && len(until) == limit
			first, err := s.Spend(context.Background(), nonce, end)
			if full != errors.Is(err, challenge.ErrFull) || !full && err != nil || first != (want && !full) {
				t.Fatalf("first %v (%v), want %v, full %v", first, err, want, full)
			}
			if first {
				until[nonce] = end
			}
		}
	})
}
