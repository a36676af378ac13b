package limits

import "time"

// Rate is how often something may happen: on average, and at once after a pause. It is the generic cell rate algorithm (ITU-T
// I.371, annex A) in the form of virtual scheduling: all that is remembered is when the next one would be due if they came
// evenly, the theoretical arrival time.
//
// Times are counted from a moment of the caller's choice, on a clock that is not set back.
type Rate struct {
	PerSecond float64 // above 0
	Burst     int     // at once, at least 1
}

// Verdict on one event.
type Verdict struct {
	Allowed bool
	Due     time.Duration // the theoretical arrival time to remember
	Left    int           // that may follow at once
	Wait    time.Duration // until one is allowed; 0: it was
	Full    time.Duration // until Burst may come at once again
}

// Take asks for one event at a time now; due is what was remembered, 0 at first.
func (r Rate) Take(due, now time.Duration) Verdict {
	v := r.Look(due, now)
	if !v.Allowed {
		return v
	}
	v.Due = max(due, now) + r.interval()
	v.Left, v.Full = v.Left-1, v.Due-now
	return v
}

// Look is Take without taking.
func (r Rate) Look(due, now time.Duration) Verdict {
	interval := r.interval()
	ahead := max(due-now, 0) // of an even pace
	room := interval*time.Duration(r.Burst) - ahead
	v := Verdict{Allowed: room >= interval, Due: due, Left: int(max(room, 0) / interval), Full: ahead}
	if !v.Allowed {
		v.Wait = interval - room
	}
	return v
}

// Window is the time in which a Burst that was used up comes back.
func (r Rate) Window() time.Duration { return r.interval() * time.Duration(r.Burst) }

func (r Rate) interval() time.Duration {
	return max(time.Duration(float64(time.Second)/r.PerSecond), 1)
}
