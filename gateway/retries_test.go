package gateway

import (
	"context"
	"errors"
	"testing"
	"time"
)

// endings is a store of galleries that cannot end any.
type endings struct {
	Galleries
	Issuer
	Observer
	asked int
	fail  error
	takes func() // what a try takes
}

func (e *endings) EndGallery(context.Context, GalleryEnd, time.Time) error {
	e.asked++
	if e.takes != nil {
		e.takes()
	}
	return e.fail
}

func (e *endings) GalleryReceipt(context.Context, GalleryEnd) (string, error) { return "receipt", nil }
func (e *endings) Stage(string, time.Duration)                                {}

// A gallery whose end fails is tried again ever more rarely, once a minute at last, and none that ends at once waits for it.
func TestEndsThatFailAreTriedEverMoreRarely(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	store := &endings{fail: errors.New("the disk is away")}
	s := &Service{deps: Deps{Galleries: store, Issuer: store, Observer: store, Now: clock}, galleries: newGalleries(nil, clock)}
	s.galleries.put(Gallery{Name: "flight", ExpiresAt: now})
	failed := retries{}
	for range 600 { // ten minutes of ticks
		s.endAllExpired(t.Context(), failed)
		now = now.Add(time.Second)
	}
	if store.asked < 10 || store.asked > 20 {
		t.Errorf("tried %d times in ten minutes", store.asked)
	}
	store.fail = nil
	s.galleries.put(Gallery{Name: "another", ExpiresAt: now})
	s.endAllExpired(t.Context(), failed)
	if got := s.galleries.expired(); len(got) > 1 || len(got) == 1 && got[0] != "flight" {
		t.Errorf("still there: %q", got)
	}
	now = now.Add(retryLast)
	s.endAllExpired(t.Context(), failed)
	s.endAllExpired(t.Context(), failed)
	if got := s.galleries.expired(); len(got) != 0 || len(failed) != 0 {
		t.Errorf("still there: %q, remembered: %v", got, failed)
	}
}

// A try that takes a minute, of a store that hangs, leaves a minute without one behind it.
func TestLongTriesRestAsWell(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	store := &endings{fail: errors.New("the disk hangs"), takes: func() { now = now.Add(retryLast) }}
	s := &Service{deps: Deps{Galleries: store, Issuer: store, Observer: store, Now: clock}, galleries: newGalleries(nil, clock)}
	s.galleries.put(Gallery{Name: "flight", ExpiresAt: now})
	failed := retries{}
	for end := now.Add(time.Hour); now.Before(end); now = now.Add(time.Second) {
		s.endAllExpired(t.Context(), failed)
	}
	if store.asked > 40 {
		t.Errorf("tried %d times in an hour, a minute each", store.asked)
	}
}
