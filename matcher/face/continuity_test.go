package face

import (
	"bytes"
	"math"
	"testing"
	"time"

	"biogate/matcher"
)

func TestContinuityIsThatOfOneMovement(t *testing.T) {
	e := newFake(t, fakeNets())
	template := func(values ...int8) matcher.Template { // two values of many, the rest 0
		v := make([]int8, dimensions)
		copy(v, values)
		return matcher.Template{Modality: matcher.Face, Model: e.Model(), Payload: e.form.encode(contents{v, 50, 3})}
	}
	frame := func(taken time.Duration, yaw, light float64, values ...int8) shot {
		s := shot{&sighting{yaw: yaw}, matcher.Frame{Taken: taken, Template: template(values...)}}
		for area := range s.light {
			s.light[area] = [3]float64{light, light, light}
		}
		return s
	}
	first := frame(0, 0, 0.2, 127, 0)
	for _, c := range []struct {
		name    string
		next    shot
		moved   bool
		suspect bool
	}{
		{"a small turn", frame(400*time.Millisecond, 12, 0.21, 127, 40), true, false},
		{"too long between", frame(900*time.Millisecond, 12, 0.21, 127, 40), false, false},
		{"a leap", frame(400*time.Millisecond, 30, 0.21, 127, 40), false, true},
		{"another light", frame(400*time.Millisecond, 12, 0.4, 127, 40), false, true},
		{"another photograph", frame(400*time.Millisecond, 12, 0.21, 127, 127, 80), false, true},
		{"the same picture", frame(400*time.Millisecond, 0, 0.2, 127, 0), false, true},
		{"nothing seen", frame(400*time.Millisecond, math.NaN(), 0.2, 127, 40), false, true},
		{"darkness", frame(400*time.Millisecond, 0, math.NaN(), 127, 40), false, true},
	} {
		ev, err := e.continuity([]shot{first, c.next})
		if err != nil || (ev.Score > 0.5) != c.moved || ev.Suspect != c.suspect || !ev.Advisory || (ev.Reason == "") != c.moved {
			t.Errorf("%s: %+v, error %v", c.name, ev, err)
		}
	}
	if bytes.Equal(template(127, 1).Payload, template(127, 2).Payload) {
		t.Error("the templates of the test are equal")
	}
}
