// Package porttest holds every implementation of a port to the text of gateway/ports.go: one exported suite a port,
// run by each adapter's tests. It also has Memory, a record that keeps nothing over a restart, for tests of others.
package porttest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/registry/stored"
	"biogate/matcher"
)

// Kind says which obligations an implementation of Templates has.
type Kind int

// Kinds of stores.
const (
	Record Kind = iota // never forgets by itself, takes a change only in place of what it holds
	Cache              // may forget, remembers deletions for a while
)

// Templates runs the suite on the stores that open makes; each must be empty, and open sees to its end with t.Cleanup.
func Templates(t *testing.T, open func(t testing.TB) gateway.Templates, kind Kind) {
	cases := map[string]func(t *testing.T, s gateway.Templates){
		"unknown subject":           unknownSubject,
		"put and get":               putAndGet,
		"put replaces":              putReplaces,
		"put conflicts":             putConflicts,
		"delete":                    deleteForgets,
		"delete keeps what's newer": deleteKeepsNewer,
		"subjects are apart":        subjectsAreApart,
		"nothing is shared":         nothingIsShared,
		"ended context":             endedContext,
		"versions of 64 bits":       wideVersions,
		"bad references":            badReferences,
		"no update is lost":         noUpdateIsLost,
	}
	if kind == Record {
		cases["record conflicts on nothing"] = recordConflictsOnNothing
		cases["record takes back a subject"] = recordTakesBack
	} else {
		cases["cache takes any on nothing"] = cacheTakesAny
		cases["cache remembers deletions"] = cacheRemembersDeletions
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
	t.Run("lists", func(t *testing.T) {
		if s, ok := open(t).(gateway.TemplateLister); ok {
			lists(t, s.(gateway.Templates), s)
		}
	})
	t.Run("pings", func(t *testing.T) {
		if s, ok := open(t).(gateway.Pinger); ok {
			want(t, "Ping", s.Ping(ctx(t)), nil)
			if err := s.Ping(ended()); err == nil {
				t.Error("Ping with an ended context is nil")
			}
		}
	})
}

// Refs makes references with n templates, all different in every field; where there are two and more, one is derived of them.
// They have an envelope, because stores take no others; what is in it is no store's business.
func Refs(subject string, version uint64, n int) gateway.References {
	r := gateway.References{Subject: subject, Version: version, Envelope: []byte(fmt.Sprintf("envelope %d of %s", version, subject))}
	for i := range n {
		r.Templates = append(r.Templates, gateway.StoredTemplate{
			ID: fmt.Sprintf("t%d-%d", version, i), Modality: matcher.Finger, Model: fmt.Sprintf("model-%d", i),
			Position: "right-index", Quality: i % 101, EnrolledAt: time.Unix(1_780_000_000+int64(i), 123456789).UTC(),
			Data: []byte(fmt.Sprintf("template %d of %s\x00\xff", i, subject)),
		})
		if i%2 == 1 {
			r.Templates[i].ExpiresAt = time.Unix(1_790_000_000+int64(i), 987654321).UTC()
		}
	}
	if n > 1 {
		d := gateway.DerivedTemplate{StoredTemplate: r.Templates[0], Of: []string{r.Templates[0].ID, r.Templates[1].ID}}
		d.ID, d.Data = fmt.Sprintf("d%d", version), []byte("derived")
		r.Derived = []gateway.DerivedTemplate{d}
	}
	return r
}

func unknownSubject(t *testing.T, s gateway.Templates) {
	r, err := s.Get(ctx(t), "nobody")
	want(t, "Get of an unknown subject", err, gateway.ErrNotFound)
	if !reflect.DeepEqual(r, gateway.References{}) {
		t.Errorf("an unknown subject has %+v", r)
	}
	want(t, "Delete of an unknown subject", s.Delete(ctx(t), "nobody", 7), nil)
}

func putAndGet(t *testing.T, s gateway.Templates) {
	for i, r := range []gateway.References{Refs("a", 1, 3), Refs("ünïcode/../ \x00{}*", 2, 1), Refs("none", 3, 0)} {
		want(t, "Put", s.Put(ctx(t), r, 0), nil)
		holds(t, s, r)
		if i == 0 {
			holds(t, s, r) // reading changes nothing
		}
	}
}

func putReplaces(t *testing.T, s gateway.Templates) {
	want(t, "first Put", s.Put(ctx(t), Refs("a", 5, 1), 0), nil)
	want(t, "second Put", s.Put(ctx(t), Refs("a", 6, 2), 5), nil)
	holds(t, s, Refs("a", 6, 2))
}

func putConflicts(t *testing.T, s gateway.Templates) {
	want(t, "Put", s.Put(ctx(t), Refs("a", 5, 1), 0), nil)
	for _, replaces := range []uint64{0, 4, 6, 9} {
		want(t, fmt.Sprintf("Put in place of %d, while 5 is held,", replaces), s.Put(ctx(t), Refs("a", 9, 2), replaces), gateway.ErrConflict)
	}
	holds(t, s, Refs("a", 5, 1))
}

func deleteForgets(t *testing.T, s gateway.Templates) {
	for _, version := range []uint64{5, 6, math.MaxUint64} {
		subject := fmt.Sprint("a", version)
		want(t, "Put", s.Put(ctx(t), Refs(subject, 5, 1), 0), nil)
		want(t, "Delete", s.Delete(ctx(t), subject, version), nil)
		_, err := s.Get(ctx(t), subject)
		want(t, "Get after Delete", err, gateway.ErrNotFound)
		want(t, "Delete again", s.Delete(ctx(t), subject, version), nil)
	}
}

func deleteKeepsNewer(t *testing.T, s gateway.Templates) {
	want(t, "Put", s.Put(ctx(t), Refs("a", 5, 1), 0), nil)
	want(t, "Delete", s.Delete(ctx(t), "a", 4), nil)
	holds(t, s, Refs("a", 5, 1))
}

func subjectsAreApart(t *testing.T, s gateway.Templates) {
	for _, subject := range []string{"a", "b", "aa", "A", "a\x00", "a:b"} {
		want(t, "Put", s.Put(ctx(t), Refs(subject, 5, 1), 0), nil)
	}
	want(t, "Delete", s.Delete(ctx(t), "a", 5), nil)
	for _, subject := range []string{"b", "aa", "A", "a\x00", "a:b"} {
		holds(t, s, Refs(subject, 5, 1))
	}
}

func nothingIsShared(t *testing.T, s gateway.Templates) {
	given := Refs("a", 5, 2)
	want(t, "Put", s.Put(ctx(t), given, 0), nil)
	scribble(given)
	got, err := s.Get(ctx(t), "a")
	want(t, "Get", err, nil)
	scribble(got)
	holds(t, s, Refs("a", 5, 2))
}

func scribble(r gateway.References) {
	for i := range r.Templates {
		clear(r.Templates[i].Data)
		r.Templates[i].ID = "scribbled"
	}
}

func endedContext(t *testing.T, s gateway.Templates) {
	if _, err := s.Get(ended(), "a"); err == nil || errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Get with an ended context: %v", err)
	}
	if err := s.Put(ended(), Refs("a", 5, 1), 0); err == nil || errors.Is(err, gateway.ErrConflict) {
		t.Errorf("Put with an ended context: %v", err)
	}
	if err := s.Delete(ended(), "a", 5); err == nil {
		t.Error("Delete with an ended context is nil")
	}
	_, err := s.Get(ctx(t), "a")
	want(t, "Get after Put with an ended context", err, gateway.ErrNotFound)
}

// wideVersions: neighbours that a float64 cannot tell apart.
func wideVersions(t *testing.T, s gateway.Templates) {
	const v = math.MaxUint64 - 10
	want(t, "Put", s.Put(ctx(t), Refs("a", v, 1), 0), nil)
	want(t, "Put in place of a neighbour", s.Put(ctx(t), Refs("a", v+5, 1), v+1), gateway.ErrConflict)
	want(t, "Delete of a neighbour", s.Delete(ctx(t), "a", v-1), nil)
	holds(t, s, Refs("a", v, 1))
	want(t, "Put", s.Put(ctx(t), Refs("a", v+1, 1), v), nil)
	holds(t, s, Refs("a", v+1, 1))
}

func badReferences(t *testing.T, s gateway.Templates) {
	tooBig := Refs("a", 5, 1)
	tooBig.Templates[0].Data = make([]byte, matcher.MaxTemplateBytes+stored.SealOverhead+1)
	for name, r := range map[string]gateway.References{"no version": Refs("a", 0, 1), "a template over the limit": tooBig} {
		if s.Put(ctx(t), r, 0) == nil {
			t.Errorf("references with %s were stored", name)
		}
	}
	_, err := s.Get(ctx(t), "a")
	want(t, "Get after a refused Put", err, gateway.ErrNotFound)
}

// noUpdateIsLost: writers that each add a template by reading, changing and replacing.
func noUpdateIsLost(t *testing.T, s gateway.Templates) {
	const writers, each = 8, 6
	want(t, "Put", s.Put(ctx(t), Refs("a", 1, 0), 0), nil)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := addTemplate(t.Context(), s, "a", fmt.Sprintf("w%d-%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	r, err := s.Get(ctx(t), "a")
	want(t, "Get", err, nil)
	if len(r.Templates) != writers*each || r.Version != 1+writers*each {
		t.Errorf("%d templates in version %d, want %d in version %d", len(r.Templates), r.Version, writers*each, 1+writers*each)
	}
}

func addTemplate(ctx context.Context, s gateway.Templates, subject, id string) error {
	for {
		r, err := s.Get(ctx, subject)
		if err != nil {
			return err
		}
		held := r.Version
		r.Version++
		r.Templates = append(r.Templates, gateway.StoredTemplate{ID: id, Data: []byte(id), EnrolledAt: time.Unix(0, 0).UTC()})
		if err := s.Put(ctx, r, held); !errors.Is(err, gateway.ErrConflict) {
			return err
		}
	}
}

func recordConflictsOnNothing(t *testing.T, s gateway.Templates) {
	want(t, "Put in place of 4, while nothing is held,", s.Put(ctx(t), Refs("a", 5, 1), 4), gateway.ErrConflict)
	want(t, "Put", s.Put(ctx(t), Refs("a", 5, 1), 0), nil)
	want(t, "Delete", s.Delete(ctx(t), "a", 5), nil)
	want(t, "Put in place of what was deleted", s.Put(ctx(t), Refs("a", 6, 1), 5), gateway.ErrConflict)
}

func recordTakesBack(t *testing.T, s gateway.Templates) {
	want(t, "Put", s.Put(ctx(t), Refs("a", 5, 1), 0), nil)
	want(t, "Delete", s.Delete(ctx(t), "a", 5), nil)
	want(t, "Put after Delete", s.Put(ctx(t), Refs("a", 8, 2), 0), nil)
	holds(t, s, Refs("a", 8, 2))
}

func cacheTakesAny(t *testing.T, s gateway.Templates) {
	want(t, "Put in place of 4, while nothing is held,", s.Put(ctx(t), Refs("a", 5, 1), 4), nil)
	holds(t, s, Refs("a", 5, 1))
}

func cacheRemembersDeletions(t *testing.T, s gateway.Templates) {
	want(t, "Delete of what is not held", s.Delete(ctx(t), "a", 5), nil)
	want(t, "older Delete", s.Delete(ctx(t), "a", 3), nil)
	for _, late := range []uint64{3, 4, 5} {
		want(t, fmt.Sprintf("late Put of %d after Delete of 5", late), s.Put(ctx(t), Refs("a", late, 1), 0), gateway.ErrConflict)
		want(t, "the same in place of 4", s.Put(ctx(t), Refs("a", late, 1), 4), gateway.ErrConflict)
	}
	_, err := s.Get(ctx(t), "a")
	want(t, "Get", err, gateway.ErrNotFound)
	want(t, "Put of something newer", s.Put(ctx(t), Refs("a", 6, 1), 4), nil)
	holds(t, s, Refs("a", 6, 1))
	want(t, "Delete", s.Delete(ctx(t), "a", 9), nil)
	want(t, "Put of what is not newer than the last Delete", s.Put(ctx(t), Refs("a", 9, 1), 0), gateway.ErrConflict)
}

func lists(t *testing.T, s gateway.Templates, l gateway.TemplateLister) {
	const n = 700
	wanted := map[string]gateway.References{}
	var writers sync.WaitGroup
	for i := range n {
		r := Refs(fmt.Sprintf("subject-%03d", i), uint64(i+1), i%3)
		wanted[r.Subject] = r
		writers.Go(func() { want(t, "Put", s.Put(ctx(t), r, 0), nil) })
	}
	writers.Wait()
	want(t, "Delete", s.Delete(ctx(t), "subject-007", 8), nil)
	delete(wanted, "subject-007")
	seen := map[string]gateway.References{}
	want(t, "Each", l.Each(ctx(t), func(r gateway.References) error {
		if _, twice := seen[r.Subject]; twice {
			t.Errorf("%s came twice", r.Subject)
		}
		seen[r.Subject] = r
		return nil
	}), nil)
	if !reflect.DeepEqual(seen, wanted) {
		t.Errorf("Each showed %d subjects, want %d, or not as they were put", len(seen), len(wanted))
	}
	enough := errors.New("enough")
	calls := 0
	want(t, "Each with a failing function", l.Each(ctx(t), func(gateway.References) error { calls++; return enough }), enough)
	stopped, stop := context.WithCancel(ctx(t))
	defer stop()
	err := l.Each(stopped, func(gateway.References) error { calls++; stop(); return nil })
	want(t, "Each with a context that ends", err, context.Canceled)
	if calls != 2 {
		t.Errorf("%d calls after the end, want none", calls-2)
	}
	listsSome(t, l, wanted)
}

// listsSome asks for subjects near and far, in order and not, held and not.
func listsSome(t *testing.T, l gateway.TemplateLister, held map[string]gateway.References) {
	asked := []string{"a", "subject-000", "subject-001", "subject-007", "subject-350", "subject-002", "subject-002", "z", ""}
	for i := range 600 {
		asked = append(asked, fmt.Sprintf("subject-%03d", i+100))
	}
	var got, wanted []gateway.References
	for _, subject := range asked {
		if r, ok := held[subject]; ok {
			wanted = append(wanted, r)
		}
	}
	collect := func(r gateway.References) error { got = append(got, r); return nil }
	want(t, "Some", l.Some(ctx(t), asked, collect), nil)
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("Some showed %d subjects, want %d, or not in order or not as they were put", len(got), len(wanted))
	}
	got = nil
	want(t, "Some of none", l.Some(ctx(t), nil, collect), nil)
	if len(got) > 0 {
		t.Errorf("Some of none showed %d subjects", len(got))
	}
	enough := errors.New("enough")
	want(t, "Some with a failing function", l.Some(ctx(t), asked, func(gateway.References) error { return enough }), enough)
	want(t, "Some with an ended context", l.Some(ended(), asked, collect), context.Canceled)
}

// holds asserts that s answers r and nothing else.
func holds(t *testing.T, s gateway.Templates, r gateway.References) {
	t.Helper()
	got, err := s.Get(ctx(t), r.Subject)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%q holds %+v (%v), want %+v", r.Subject, got, err, r)
	}
}

func want(t *testing.T, what string, got, wanted error) {
	t.Helper()
	if !errors.Is(got, wanted) {
		t.Errorf("%s: %v, want %v", what, got, wanted)
	}
}

// ctx is bounded so that a store that hangs fails its test.
func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return c
}

func ended() context.Context {
	c, cancel := context.WithCancel(context.Background())
	cancel()
	return c
}
