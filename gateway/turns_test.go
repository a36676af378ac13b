package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// One gallery's change keeps no other gallery waiting, whatever their names are, and a request no longer than it wants to wait.
func TestTurnsAreByName(t *testing.T) {
	all := turns{held: map[string]*turn{}}
	release, err := all.take(t.Context(), "flight")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // more than any table of locks has
		other, err := all.take(t.Context(), fmt.Sprintf("flight-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		other()
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := all.take(short, "flight"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second one has the turn: %v", err)
	}
	release()
	again, err := all.take(t.Context(), "flight")
	if err != nil {
		t.Fatal(err)
	}
	again()
	if len(all.held) != 0 {
		t.Errorf("%d names are kept", len(all.held))
	}
}

func TestTurnsAreTakenOneAtATime(t *testing.T) {
	all, n := turns{held: map[string]*turn{}}, 0
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for range 100 {
				release, err := all.take(t.Context(), "flight")
				if err != nil {
					t.Error(err)
					return
				}
				n++
				release()
			}
		})
	}
	callers.Wait()
	if n != 1600 || len(all.held) != 0 {
		t.Errorf("%d of 1600 counted, %d names are kept", n, len(all.held))
	}
}

// A request that changes a gallery of which a change hangs ends with its own time.
func TestAChangeThatHangsHoldsNoRequest(t *testing.T) {
	s := &Service{deps: Deps{Now: time.Now}, galleries: newGalleries(nil, time.Now)}
	s.galleries.put(Gallery{Name: "flight"})
	release, err := s.galleries.changing(t.Context(), "flight")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for name, change := range map[string]func(context.Context) error{
		"put":    func(ctx context.Context) error { _, _, err := s.PutGallery(ctx, Gallery{Name: "flight"}); return err },
		"delete": func(ctx context.Context) error { _, err := s.DeleteGallery(ctx, "flight"); return err },
		"add":    func(ctx context.Context) error { _, err := s.AddMembers(ctx, "flight", nil); return err },
		"remove": func(ctx context.Context) error { return s.RemoveMember(ctx, "flight", "an") },
		"expire": func(ctx context.Context) error { return s.endExpired(ctx, "flight") },
	} {
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := change(short); AsError(err).Code != "deadline-exceeded" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}
