// Package limits says how often something may be tried: the back-off after failed attempts, and rates. Its rules are pure:
// whoever uses them hands in the time and keeps the state.
package limits

import "time"

// keptBeyond is how much longer than the longest delay failures are remembered: whoever stays below the limit and waits until
// they are forgotten gains no more attempts than back-off would leave.
const keptBeyond = 24 * time.Hour

// Rule is the back-off after attempts that failed in a row: NIST SP 800-63B (2017), section 5.2.3, has at most five of a
// biometric characteristic, and then "a delay of at least 30 seconds before the next attempt, increasing exponentially with
// each successive attempt".
type Rule struct {
	Failures int           // in a row, before the next attempt has to wait; 0: none ever has to
	Delay    time.Duration // before the first attempt after them; doubles with each failure
	Longest  time.Duration // that a delay grows to
}

// Wait is how long the next attempt has to wait at a time, after so many failures in a row, the last of them at another. It is
// never longer than Longest, also when the clock went backwards.
func (r Rule) Wait(failures int, last, now time.Time) time.Duration {
	if r.Failures <= 0 || failures < r.Failures {
		return 0
	}
	delay := r.delay(failures)
	return min(max(last.Add(delay).Sub(now), 0), delay)
}

// delay after so many failures, which reach the limit.
func (r Rule) delay(failures int) time.Duration {
	delay := min(r.Delay, r.Longest)
	for range failures - r.Failures {
		if delay > r.Longest/2 {
			return r.Longest
		}
		delay *= 2
	}
	return delay
}

// Kept is how long after the last one failures have to be remembered.
func (r Rule) Kept() time.Duration { return r.Longest + keptBeyond }

// Tally is what is remembered of the attempts of one subject. The zero Tally is nothing.
type Tally struct {
	Failures int       // in a row, those under way included
	Last     time.Time // when the last of them began
	Before   time.Time // Last as it was before that one
}

// Begin counts an attempt as failed; or says how long it has to wait, and counts nothing.
func (t Tally) Begin(r Rule, now time.Time) (next Tally, wait time.Duration) {
	if wait = r.Wait(t.Failures, t.Last, now); wait > 0 {
		return t, wait
	}
	return Tally{t.Failures + 1, now, t.Last}, 0
}

// Withdraw takes an attempt back, and the delay that it began: from the limit on one is under way at a time.
func (t Tally) Withdraw() Tally {
	if t.Failures <= 1 {
		return Tally{}
	}
	return Tally{t.Failures - 1, t.Before, t.Before}
}
