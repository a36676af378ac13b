package porttest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
)

// Generations runs the suite on the store that open makes.
func Generations(t *testing.T, open func(t testing.TB) gateway.Generations) {
	s := open(t)
	last, err := s.Generation(ctx(t))
	want(t, "Generation", err, nil)
	var seen sync.Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			g, err := s.NextGeneration(ctx(t))
			want(t, "NextGeneration", err, nil)
			if _, twice := seen.LoadOrStore(g, true); twice || g <= last {
				t.Errorf("generation %d after %d, or twice", g, last)
			}
		})
	}
	all.Wait()
	if g, err := s.Generation(ctx(t)); err != nil || g != last+8 {
		t.Errorf("generation %d (%v), want %d", g, err, last+8)
	}
	if _, err := s.NextGeneration(ended()); err == nil {
		t.Error("NextGeneration with an ended context is nil")
	}
	if g, _ := s.Generation(ctx(t)); g != last+8 {
		t.Errorf("generation %d after a refused move, want %d", g, last+8)
	}
}

// Galleries runs the suite on the stores that open makes; each must be empty.
func Galleries(t *testing.T, open func(t testing.TB) gateway.Galleries) {
	for name, run := range map[string]func(t *testing.T, s gateway.Galleries){
		"unknown gallery":   unknownGallery,
		"put":               galleryPut,
		"members":           galleryMembers,
		"groups":            galleryGroups,
		"delete":            galleryDelete,
		"ends":              galleryEnds,
		"forget a member":   galleryForget,
		"ended context":     galleryEnded,
		"function fails":    galleryFails,
		"concurrent writes": galleryConcurrent,
	} {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
}

func unknownGallery(t *testing.T, s gateway.Galleries) {
	for _, name := range []string{"nothing", ""} {
		want(t, "EndGallery", s.EndGallery(ctx(t), gateway.GalleryEnd{Gallery: name}, farAway()), gateway.ErrNotFound)
		_, err := s.Ended(ctx(t), name)
		want(t, "Ended", err, gateway.ErrNotFound)
		want(t, "AddMembers", s.AddMembers(ctx(t), name, Members("a")), gateway.ErrNotFound)
		want(t, "RemoveMember", s.RemoveMember(ctx(t), name, "a"), gateway.ErrNotFound)
	}
	want(t, "ForgetMember", s.ForgetMember(ctx(t), "a"), nil)
	showsGalleries(t, s, nil)
}

var (
	galleryBorn = time.Date(2026, 5, 6, 7, 8, 9, 10, time.UTC)
	flight      = gateway.Gallery{Name: "flight/VN-1", Purpose: "boarding", ExpiresAt: galleryBorn.Add(time.Hour), CreatedAt: galleryBorn, EraseMembers: true}
)

func galleryPut(t *testing.T, s gateway.Galleries) {
	putsGallery(t, s, flight, true)
	putsGallery(t, s, gateway.Gallery{Name: "other", CreatedAt: galleryBorn}, true)
	want(t, "AddMembers", s.AddMembers(ctx(t), flight.Name, Members("a")), nil)
	changed := gateway.Gallery{Name: flight.Name, Purpose: "deboarding", CreatedAt: galleryBorn.Add(time.Minute)}
	putsGallery(t, s, changed, false)
	changed.CreatedAt = galleryBorn
	showsGalleries(t, s, map[gateway.Gallery][]string{changed: {"a"}, {Name: "other", CreatedAt: galleryBorn}: nil})
}

func galleryMembers(t *testing.T, s gateway.Galleries) {
	putsGallery(t, s, flight, true)
	want(t, "AddMembers", s.AddMembers(ctx(t), flight.Name, Members("b", "a", "b")), nil)
	want(t, "AddMembers again", s.AddMembers(ctx(t), flight.Name, Members("c", "a")), nil)
	want(t, "AddMembers of none", s.AddMembers(ctx(t), flight.Name, nil), nil)
	want(t, "RemoveMember", s.RemoveMember(ctx(t), flight.Name, "b"), nil)
	want(t, "RemoveMember of none", s.RemoveMember(ctx(t), flight.Name, "z"), nil)
	showsGalleries(t, s, map[gateway.Gallery][]string{flight: {"a", "c"}})
}

func galleryDelete(t *testing.T, s gateway.Galleries) {
	putsGallery(t, s, flight, true)
	want(t, "AddMembers", s.AddMembers(ctx(t), flight.Name, Members("a")), nil)
	end := gateway.GalleryEnd{
		Gallery: flight.Name, Reason: gateway.EndDeleted, Members: 1, Erased: 1, EndedAt: galleryBorn, Degraded: []string{"cache"}, Receipt: "a.b.c",
	}
	want(t, "EndGallery", s.EndGallery(ctx(t), end, farAway()), nil)
	showsGalleries(t, s, nil)
	if kept, err := s.Ended(ctx(t), flight.Name); err != nil || !reflect.DeepEqual(kept, end) {
		t.Errorf("Ended: %+v, %v", kept, err)
	}
	want(t, "EndGallery again", s.EndGallery(ctx(t), end, farAway()), gateway.ErrNotFound)
	putsGallery(t, s, flight, true)
	showsGalleries(t, s, map[gateway.Gallery][]string{flight: nil})
}

// galleryEnds: the end of the last gallery of a name is kept, until its time.
func galleryEnds(t *testing.T, s gateway.Galleries) {
	for _, receipt := range []string{"first", "second"} {
		putsGallery(t, s, flight, true)
		want(t, "EndGallery", s.EndGallery(ctx(t), gateway.GalleryEnd{Gallery: flight.Name, EndedAt: galleryBorn, Receipt: receipt}, farAway()), nil)
		if kept, err := s.Ended(ctx(t), flight.Name); err != nil || kept.Receipt != receipt {
			t.Errorf("Ended: %+v, %v", kept, err)
		}
	}
	putsGallery(t, s, flight, true)
	want(t, "EndGallery", s.EndGallery(ctx(t), gateway.GalleryEnd{Gallery: flight.Name}, time.Now().Add(-time.Second)), nil)
	_, err := s.Ended(ctx(t), flight.Name)
	want(t, "Ended after its time", err, gateway.ErrNotFound)
}

func farAway() time.Time { return time.Now().Add(1000 * time.Hour) }

func galleryForget(t *testing.T, s gateway.Galleries) {
	other := gateway.Gallery{Name: "other", CreatedAt: galleryBorn}
	putsGallery(t, s, flight, true)
	putsGallery(t, s, other, true)
	want(t, "AddMembers", s.AddMembers(ctx(t), flight.Name, Members("a", "b")), nil)
	want(t, "AddMembers", s.AddMembers(ctx(t), other.Name, Members("a", "aa")), nil)
	want(t, "ForgetMember", s.ForgetMember(ctx(t), "a"), nil)
	showsGalleries(t, s, map[gateway.Gallery][]string{flight: {"b"}, other: {"aa"}})
}

func galleryEnded(t *testing.T, s gateway.Galleries) {
	if created, err := s.PutGallery(ended(), flight); err == nil || created {
		t.Errorf("PutGallery with an ended context: %v, %v", created, err)
	}
	if s.EachGallery(ended(), func(gateway.Gallery, []gateway.Membership) error { return nil }) == nil {
		t.Error("EachGallery with an ended context is nil")
	}
	showsGalleries(t, s, nil)
}

func galleryFails(t *testing.T, s gateway.Galleries) {
	putsGallery(t, s, flight, true)
	enough := errors.New("enough")
	want(t, "EachGallery", s.EachGallery(ctx(t), func(gateway.Gallery, []gateway.Membership) error { return enough }), enough)
}

func galleryConcurrent(t *testing.T, s gateway.Galleries) {
	putsGallery(t, s, flight, true)
	var all sync.WaitGroup
	var wanted []string
	for i := range 24 {
		subject := fmt.Sprintf("s%02d", i)
		wanted = append(wanted, subject)
		all.Go(func() { want(t, "AddMembers", s.AddMembers(ctx(t), flight.Name, Members(subject)), nil) })
	}
	all.Wait()
	showsGalleries(t, s, map[gateway.Gallery][]string{flight: wanted})
}

// Members are memberships without a group.
func Members(subjects ...string) []gateway.Membership {
	out := make([]gateway.Membership, len(subjects))
	for i, subject := range subjects {
		out[i].Subject = subject
	}
	return out
}

func galleryGroups(t *testing.T, s gateway.Galleries) {
	putsGallery(t, s, flight, true)
	want(t, "AddMembers", s.AddMembers(ctx(t), flight.Name, []gateway.Membership{
		{Subject: "a", Group: "crew"}, {Subject: "b", Group: "gate 4"}, {Subject: "c"}, {Subject: "d", Group: "x"}, {Subject: "d", Group: "y"},
	}), nil)
	showsGalleries(t, s, map[gateway.Gallery][]string{flight: {"a in crew", "b in gate 4", "c", "d in y"}})
	want(t, "AddMembers again", s.AddMembers(ctx(t), flight.Name, []gateway.Membership{{Subject: "a"}, {Subject: "c", Group: "crew"}}), nil)
	want(t, "RemoveMember", s.RemoveMember(ctx(t), flight.Name, "d"), nil)
	want(t, "AddMembers anew", s.AddMembers(ctx(t), flight.Name, Members("d")), nil)
	showsGalleries(t, s, map[gateway.Gallery][]string{flight: {"a", "b in gate 4", "c in crew", "d"}})
}

func putsGallery(t *testing.T, s gateway.Galleries, g gateway.Gallery, isNew bool) {
	t.Helper()
	if created, err := s.PutGallery(ctx(t), g); err != nil || created != isNew {
		t.Errorf("PutGallery: created %v (%v), want %v", created, err, isNew)
	}
}

func showsGalleries(t *testing.T, s gateway.Galleries, wanted map[gateway.Gallery][]string) {
	t.Helper()
	seen := map[gateway.Gallery][]string{}
	want(t, "EachGallery", s.EachGallery(ctx(t), func(g gateway.Gallery, members []gateway.Membership) error {
		seen[g] = nil
		for _, m := range members {
			seen[g] = append(seen[g], strings.TrimSuffix(m.Subject+" in "+m.Group, " in "))
		}
		slices.Sort(seen[g])
		return nil
	}), nil)
	if len(seen) != len(wanted) || len(wanted) > 0 && !reflect.DeepEqual(seen, wanted) {
		t.Errorf("galleries %+v, want %+v", seen, wanted)
	}
}

// Receipts runs the suite on the stores that open makes. open is given the clock by which the store must measure its
// retention, or ignores it; the suite moves the clock on only when moves is true.
func Receipts(t *testing.T, open func(t testing.TB, now func() time.Time) gateway.Receipts, retention time.Duration, moves bool) {
	start := time.Now().UTC().Truncate(time.Microsecond)
	receipt := func(at time.Time) gateway.Receipt {
		return gateway.Receipt{Request: [32]byte{1, 2, 3}, Status: 201, Body: []byte(`{"a":1}` + "\x00\xff"), At: at}
	}
	t.Run("remember and recall", func(t *testing.T) {
		s := open(t, time.Now)
		_, err := s.Recall(ctx(t), "key")
		want(t, "Recall of an unknown key", err, gateway.ErrNotFound)
		given := receipt(start)
		want(t, "Remember", s.Remember(ctx(t), "key", given), nil)
		clear(given.Body)
		want(t, "Remember under a key that is taken", s.Remember(ctx(t), "key", gateway.Receipt{Status: 500, At: start}), gateway.ErrConflict)
		if got, err := s.Recall(ctx(t), "key"); err != nil || !reflect.DeepEqual(got, receipt(start)) {
			t.Errorf("Recall: %+v (%v), want %+v", got, err, receipt(start))
		}
	})
	t.Run("ended context", func(t *testing.T) {
		s := open(t, time.Now)
		if err := s.Remember(ended(), "key", receipt(start)); err == nil || errors.Is(err, gateway.ErrConflict) {
			t.Errorf("Remember: %v", err)
		}
		if _, err := s.Recall(ended(), "key"); err == nil || errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("Recall: %v", err)
		}
	})
	t.Run("one of many wins a key", func(t *testing.T) {
		s := open(t, time.Now)
		var all sync.WaitGroup
		var won atomic.Int32
		for range 16 {
			all.Go(func() {
				switch err := s.Remember(context.WithoutCancel(ctx(t)), "key", receipt(start)); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, gateway.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d writers got the key, want 1", won.Load())
		}
	})
	if !moves {
		return
	}
	t.Run("retention", func(t *testing.T) {
		var past atomic.Int64
		s := open(t, func() time.Time { return start.Add(time.Duration(past.Load())) })
		want(t, "Remember", s.Remember(ctx(t), "key", receipt(start)), nil)
		past.Store(int64(retention))
		_, err := s.Recall(ctx(t), "key")
		want(t, "Recall at the end of retention", err, nil)
		past.Store(int64(retention + time.Second))
		_, err = s.Recall(ctx(t), "key")
		want(t, "Recall past retention", err, gateway.ErrNotFound)
		later := start.Add(retention + time.Second)
		want(t, "Remember under a key past retention", s.Remember(ctx(t), "key", receipt(later)), nil)
		want(t, "Remember of others", s.Remember(ctx(t), "other", receipt(later)), nil)
		if got, err := s.Recall(ctx(t), "key"); err != nil || !got.At.Equal(later) {
			t.Errorf("Recall: %+v (%v), want the newer receipt", got, err)
		}
	})
}

// Nonces runs the suite on the stores that open makes; each must be empty.
func Nonces(t *testing.T, open func(t testing.TB) gateway.Nonces) {
	spend := func(t *testing.T, s gateway.Nonces, nonce string, wanted bool) {
		t.Helper()
		if used, err := s.Used(ctx(t), nonce); err != nil || used == wanted {
			t.Errorf("Used %q: %v (%v), want %v", nonce, used, err, !wanted)
		}
		if first, err := s.Spend(ctx(t), nonce, time.Now().Add(time.Minute)); err != nil || first != wanted {
			t.Errorf("Spend %q: %v (%v), want %v", nonce, first, err, wanted)
		}
	}
	t.Run("once", func(t *testing.T) {
		s := open(t)
		spend(t, s, "a", true)
		spend(t, s, "b", true)
		spend(t, s, "a", false)
		spend(t, s, "a", false)
		spend(t, s, "A", true)
	})
	t.Run("too late", func(t *testing.T) {
		s := open(t)
		for range 2 {
			if first, err := s.Spend(ctx(t), "a", time.Now().Add(-time.Second)); err != nil || first {
				t.Errorf("Spend: %v, %v", first, err)
			}
		}
	})
	t.Run("one of many", func(t *testing.T) {
		s := open(t)
		var all sync.WaitGroup
		var won atomic.Int32
		for range 32 {
			all.Go(func() {
				first, err := s.Spend(ctx(t), "a", time.Now().Add(time.Minute))
				want(t, "Spend", err, nil)
				if first {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d calls were the first", won.Load())
		}
	})
	t.Run("ended context", func(t *testing.T) {
		s := open(t)
		if first, err := s.Spend(ended(), "a", time.Now().Add(time.Minute)); err == nil || first {
			t.Errorf("Spend: %v, %v", first, err)
		}
		if used, err := s.Used(ended(), "a"); err == nil || used {
			t.Errorf("Used: %v, %v", used, err)
		}
	})
}
