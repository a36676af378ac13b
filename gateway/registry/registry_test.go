package registry

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"biogate/gateway"
)

// stage is a registry over fakes.
type stage struct {
	*Registry
	record *fakeRecord
	cache  *fakeCache
}

func newStage() *stage {
	s := &stage{record: newFakeRecord(), cache: newFakeCache()}
	s.restart()
	return s
}

// restart puts a new process over the same stores.
func (s *stage) restart() {
	s.Registry = New(Options{Record: s.record, Cache: s.cache, Generations: s.record, Generation: s.cache.generation})
	s.Start(context.Background())
}

func adds(id string) func(gateway.References) (gateway.References, error) {
	return func(held gateway.References) (gateway.References, error) {
		held.Templates = append(held.Templates, gateway.StoredTemplate{ID: id, Data: []byte(id), EnrolledAt: time.Unix(1, 0).UTC()})
		return held, nil
	}
}

func ids(r gateway.References) []string {
	names := []string{}
	for _, t := range r.Templates {
		names = append(names, t.ID)
	}
	return names
}

func (s *stage) mustUpdate(t *testing.T, subject, id string, degraded ...string) gateway.References {
	t.Helper()
	r, missing, err := s.Update(t.Context(), subject, adds(id))
	if err != nil || !sameNames(missing, degraded) {
		t.Fatalf("Update: %v, degraded %v, want %v", err, missing, degraded)
	}
	return r
}

func (s *stage) mustGet(t *testing.T, subject string, want []string, degraded ...string) {
	t.Helper()
	r, missing, err := s.Get(t.Context(), subject)
	if err != nil || !reflect.DeepEqual(ids(r), want) || !sameNames(missing, degraded) {
		t.Fatalf("Get: %v (%v), degraded %v; want %v, degraded %v", ids(r), err, missing, want, degraded)
	}
}

func sameNames(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

func mustFail(t *testing.T, err error, code string) {
	t.Helper()
	var e *gateway.Error
	if !errors.As(err, &e) || e.Code != code || e.Kind != gateway.Unavailable || e.RetryAfter < time.Second {
		t.Fatalf("%v, want %s with Retry-After", err, code)
	}
}

func TestReadAndWriteThrough(t *testing.T) {
	s := newStage()
	_, _, err := s.Get(t.Context(), "a")
	if !errors.Is(err, gateway.ErrNotFound) {
		t.Fatal(err)
	}
	first := s.mustUpdate(t, "a", "t1")
	second := s.mustUpdate(t, "a", "t2")
	if second.Version <= first.Version || first.Version == 0 {
		t.Errorf("versions %d, %d", first.Version, second.Version)
	}
	s.mustGet(t, "a", []string{"t1", "t2"})
	s.record.set(fails)
	s.mustGet(t, "a", []string{"t1", "t2"}) // from the cache, before anybody noticed
	s.Start(t.Context())
	s.mustGet(t, "a", []string{"t1", "t2"}, "record")
	s.record.set(works)
	s.cache.lose()
	s.mustGet(t, "a", []string{"t1", "t2"})
	s.record.set(fails)
	s.mustGet(t, "a", []string{"t1", "t2"}) // the read before filled it
}

func TestCacheGone(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	s.cache.set(fails)
	s.mustGet(t, "a", []string{"t1"}, "cache")
	s.mustUpdate(t, "a", "t2", "cache")
	s.mustGet(t, "a", []string{"t1", "t2"}, "cache")
	s.cache.set(works) // and it still holds t1 alone
	s.mustGet(t, "a", []string{"t1", "t2"})
	if len(s.Degraded()) != 0 {
		t.Errorf("degraded %v after the cache came back", s.Degraded())
	}
}

func TestRecordGone(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "cached", "t1")
	s.mustUpdate(t, "lost", "t1")
	s.cache.lose()
	s.mustGet(t, "cached", []string{"t1"})
	for _, m := range []mode{fails, refuses} {
		s.record.set(m)
		_, _, err := s.Update(t.Context(), "cached", adds("t2"))
		mustFail(t, err, "record-unavailable")
		_, missing, err := s.Forget(t.Context(), "cached", nil)
		mustFail(t, err, "record-unavailable")
		if !sameNames(missing, []string{"record"}) {
			t.Errorf("degraded %v", missing)
		}
		_, _, err = s.Get(t.Context(), "lost")
		mustFail(t, err, "record-unavailable")
		_, _, err = s.Get(t.Context(), "never enrolled")
		mustFail(t, err, "record-unavailable")
		s.mustGet(t, "cached", []string{"t1"}, "record")
		s.cache.set(fails)
		_, missing, err = s.Get(t.Context(), "cached")
		mustFail(t, err, "record-unavailable")
		if !sameNames(missing, []string{"cache", "record"}) {
			t.Errorf("degraded %v", missing)
		}
		s.cache.set(works)
		s.Start(t.Context())
	}
	s.record.set(works)
	s.Start(t.Context())
	s.mustGet(t, "cached", []string{"t1"})
}

func TestForget(t *testing.T) {
	s := newStage()
	old := s.mustUpdate(t, "a", "t1")
	held, _, err := s.Forget(t.Context(), "a", nil)
	if err != nil || !reflect.DeepEqual(ids(held), []string{"t1"}) {
		t.Fatal(held, err)
	}
	for range 2 {
		if _, _, err := s.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if err := s.cache.Put(t.Context(), old, 0); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("a late fill after Forget: %v", err)
	}
	if _, _, err := s.Forget(t.Context(), "a", nil); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
	again := s.mustUpdate(t, "a", "t2")
	if again.Version <= old.Version {
		t.Errorf("version %d after deletion of %d", again.Version, old.Version)
	}
	s.mustGet(t, "a", []string{"t2"})
}

func TestForgetWaitsForHold(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	release := s.Hold("a")
	var forgotten atomic.Bool
	done := make(chan struct{})
	go func() {
		_, _, _ = s.Forget(t.Context(), "a", nil)
		forgotten.Store(true)
		close(done)
	}()
	for range 20 {
		s.mustGet(t, "a", []string{"t1"}) // inside the Hold, with a writer waiting
	}
	if forgotten.Load() {
		t.Error("Forget returned during a Hold")
	}
	release()
	<-done
	if _, _, err := s.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
}

func TestForgetWhileCacheIsGone(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	s.cache.set(refuses)
	if _, missing, err := s.Forget(t.Context(), "a", nil); err != nil || !sameNames(missing, []string{"cache"}) {
		t.Fatal(missing, err)
	}
	s.cache.set(works)
	if _, _, err := s.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
		t.Fatalf("forgotten, and answered again by the cache: %v", err)
	}
}

// A process that dies between the record's write and the cache's leaves an old entry behind.
func TestCrashBetweenRecordAndCache(t *testing.T) {
	s := newStage()
	first := s.mustUpdate(t, "a", "t1")
	if err := s.record.Memory.Delete(t.Context(), "a", first.Version); err != nil {
		t.Fatal(err)
	}
	s.restart()
	if _, _, err := s.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestGenerationMovesOncePerOutage(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	before := s.cache.generation.Load()
	s.cache.set(refuses)
	for range 5 {
		s.mustUpdate(t, "a", "t", "cache")
	}
	if moved := s.cache.generation.Load() - before; moved != 1 {
		t.Errorf("the generation moved %d times", moved)
	}
}

// The record takes a change and fails before the generation can move: the cache must stay unused until it has moved.
func TestGenerationCannotMove(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	s.cache.set(fails)
	generations := &oneShot{fakeRecord: s.record}
	s.Registry.cache.generations = generations
	generations.broken.Store(true)
	s.mustUpdate(t, "a", "t2", "cache")
	s.cache.set(works)
	s.mustGet(t, "a", []string{"t1", "t2"}, "cache")
	s.record.set(fails)
	_, _, err := s.Get(t.Context(), "a")
	mustFail(t, err, "record-unavailable")
	s.record.set(works)
	generations.broken.Store(false)
	s.Start(t.Context())
	s.mustGet(t, "a", []string{"t1", "t2"})
}

type oneShot struct {
	*fakeRecord
	broken atomic.Bool
}

func (o *oneShot) NextGeneration(ctx context.Context) (uint64, error) {
	if o.broken.Load() {
		return 0, errDown
	}
	return o.fakeRecord.NextGeneration(ctx)
}

// The write's outcome is unknown, and it lands when the old version could be in the cache again.
func TestUnknownOutcome(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	s.record.set(late)
	if _, _, err := s.Update(t.Context(), "a", adds("t2")); err == nil {
		t.Fatal("acknowledged")
	}
	s.record.set(works)
	s.cache.lose()
	s.mustGet(t, "a", []string{"t1"})
	s.record.landAll()
	s.mustGet(t, "a", []string{"t1", "t2"})
}

func TestUpdateRefusedByChange(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	no := errors.New("no")
	if _, _, err := s.Update(t.Context(), "a", func(gateway.References) (gateway.References, error) { return gateway.References{}, no }); !errors.Is(err, no) {
		t.Error(err)
	}
	s.mustGet(t, "a", []string{"t1"})
}

func TestUpdateMeetsAnotherWriter(t *testing.T) {
	s := newStage()
	first := s.mustUpdate(t, "a", "t1")
	interfere := true
	_, _, err := s.Update(t.Context(), "a", func(held gateway.References) (gateway.References, error) {
		if interfere {
			interfere = false
			other, _ := adds("other")(held)
			other.Version = first.Version + 1
			if err := s.record.Memory.Put(t.Context(), other, first.Version); err != nil {
				t.Error(err)
			}
		}
		return adds("t2")(held)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.mustGet(t, "a", []string{"t1", "other", "t2"})
}

func TestCallerWhoLeftSaysNothingAboutHealth(t *testing.T) {
	s := newStage()
	s.mustUpdate(t, "a", "t1")
	left, leave := context.WithCancel(t.Context())
	leave()
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for _, ctx := range []context.Context{left, late} {
		_, _, err := s.Get(ctx, "a")
		if err == nil || len(s.Degraded()) != 0 {
			t.Errorf("%v, degraded %v", err, s.Degraded())
		}
		if _, _, err := s.Update(ctx, "a", adds("t2")); err == nil || len(s.Degraded()) != 0 {
			t.Errorf("%v, degraded %v", err, s.Degraded())
		}
	}
	s.mustGet(t, "a", []string{"t1"})
}

// A store that hangs is found by its ping, also without a guard's deadline.
func TestHangingStoreIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Record: hanging{newFakeRecord()}})
		r.Start(t.Context())
		if !sameNames(r.Degraded(), []string{"record"}) {
			t.Errorf("degraded %v", r.Degraded())
		}
	})
}

type hanging struct{ *fakeRecord }

func (hanging) Ping(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Run finds out that a store went and came back, and ends with its context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		for _, m := range []mode{fails, works, refuses, works} {
			s.record.set(m)
			time.Sleep(interval + time.Millisecond)
			synctest.Wait()
			if want := []string{"record"}[:map[bool]int{true: 0, false: 1}[m == works]]; !sameNames(s.Degraded(), want) {
				t.Errorf("degraded %v, want %v", s.Degraded(), want)
			}
		}
		stop()
		<-ended
	})
}

func TestWithoutCache(t *testing.T) {
	r := New(Options{Record: newFakeRecord()})
	r.Start(t.Context())
	if _, missing, err := r.Update(t.Context(), "a", adds("t1")); err != nil || len(missing) != 0 {
		t.Fatal(missing, err)
	}
	if got, missing, err := r.Get(t.Context(), "a"); err != nil || len(missing) != 0 || len(got.Templates) != 1 {
		t.Fatal(got, missing, err)
	}
	if _, _, err := r.Forget(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	if r.Degraded() != nil {
		t.Error(r.Degraded())
	}
}

func TestDamagedCanBeForgotten(t *testing.T) {
	damaged := &gateway.Error{Kind: gateway.Internal, Code: "references-corrupt"}
	record := &unreadable{newFakeRecord(), damaged}
	r := New(Options{Record: record})
	if _, _, err := r.Get(t.Context(), "a"); !errors.Is(err, damaged) {
		t.Errorf("Get of what is damaged: %v", err)
	}
	if _, _, err := r.Forget(t.Context(), "a", nil); err != nil {
		t.Errorf("Forget of what is damaged: %v", err)
	}
}

type unreadable struct {
	*fakeRecord
	err error
}

func (u *unreadable) Get(context.Context, string) (gateway.References, error) {
	return gateway.References{}, u.err
}
