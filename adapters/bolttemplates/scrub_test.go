package bolttemplates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

// inFile says whether any of the texts stands in a store's file.
func inFile(t testing.TB, s *Store, texts ...string) bool {
	t.Helper()
	b, err := os.ReadFile(s.db.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

// leaver is a subject with templates over several pages, rewritten and in galleries, among others.
func leaver(t testing.TB, s *Store) (traces []string) {
	t.Helper()
	for i := range 40 {
		must(t, s.Put(t.Context(), porttest.Refs(fmt.Sprintf("stayer-%02d", i), 1, 5), 0))
	}
	for version := range uint64(4) {
		r := porttest.Refs("leaver-4711", version+1, 3+int(version))
		r.Templates[0].Data = bytes.Repeat([]byte(fmt.Sprintf("ridge%d ", version)), 1500) // overflow pages
		must(t, s.Put(t.Context(), r, version))
	}
	for _, name := range []string{"flight", "crew"} {
		_, err := s.PutGallery(t.Context(), gateway.Gallery{Name: name})
		must(t, err)
		must(t, s.AddMembers(t.Context(), name, porttest.Members("leaver-4711", "stayer-01", "stayer-02")))
	}
	traces = []string{"leaver-4711", "ridge0 ridge0", "ridge1 ridge1", "ridge2 ridge2", "ridge3 ridge3"}
	if !inFile(t, s, "leaver-4711") || !inFile(t, s, "ridge3 ridge3") {
		t.Fatal("the subject was never there")
	}
	return traces
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check has bbolt look at every page of its file.
func check(t testing.TB, db *bbolt.DB) {
	t.Helper()
	must(t, db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return nil
	}))
}

// When a deletion returns, no byte of the subject stands in the file: not its id, not its templates, not what they were before,
// not its memberships.
func TestDeletedIsGoneFromTheFile(t *testing.T) {
	s := open(t)
	traces := leaver(t, s)
	must(t, s.Delete(t.Context(), "leaver-4711", 99))
	for _, trace := range traces {
		if inFile(t, s, trace) {
			t.Errorf("%q stands in the file", trace)
		}
	}
	if s.ErasurePending() {
		t.Error("erasure is pending")
	}
	if !inFile(t, s, "stayer-01") {
		t.Error("others are gone")
	}
	check(t, s.db)
	for i := range 40 {
		if r, err := s.Get(t.Context(), fmt.Sprintf("stayer-%02d", i)); err != nil || len(r.Templates) != 5 {
			t.Errorf("stayer %d: %v", i, err)
		}
	}
}

func TestGalleriesAreGoneFromTheFile(t *testing.T) {
	for name, remove := range map[string]func(ctx context.Context, s *Store) error{
		"gallery": func(ctx context.Context, s *Store) error {
			return s.EndGallery(ctx, gateway.GalleryEnd{Gallery: "night-train"}, time.Now().Add(time.Hour))
		},
		"member":        func(ctx context.Context, s *Store) error { return s.RemoveMember(ctx, "night-train", "passenger-7") },
		"forget member": func(ctx context.Context, s *Store) error { return s.ForgetMember(ctx, "passenger-7") },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			_, err := s.PutGallery(t.Context(), gateway.Gallery{Name: "night-train"})
			must(t, err)
			must(t, s.AddMembers(t.Context(), "night-train", porttest.Members("passenger-6", "passenger-7", "passenger-8")))
			must(t, remove(t.Context(), s))
			if inFile(t, s, "passenger-7") {
				t.Error("the member stands in the file")
			}
			check(t, s.db)
		})
	}
}

// A reader that began before the deletion keeps it from being overwritten: that is said, and made good when the reader has ended.
func TestReaderHoldsUpErasure(t *testing.T) {
	s := open(t)
	traces := leaver(t, s)
	inside, leave, left := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		left <- s.view(context.Background(), func(tx *bbolt.Tx) error {
			before := bytes.Clone(tx.Bucket(bucketSubjects).Get([]byte("leaver-4711")))
			close(inside)
			<-leave
			if !bytes.Equal(before, tx.Bucket(bucketSubjects).Get([]byte("leaver-4711"))) {
				return errors.New("what a reader looks at was overwritten")
			}
			return nil
		})
	}()
	<-inside
	must(t, s.Delete(t.Context(), "leaver-4711", 99))
	if !s.ErasurePending() {
		t.Error("nobody says that the erasure is pending")
	}
	close(leave)
	must(t, <-left)
	must(t, s.Scrub(t.Context()))
	if s.ErasurePending() || inFile(t, s, traces...) {
		t.Error("it stands in the file still")
	}
	check(t, s.db)
}

// What nobody waits for, an earlier version of a record, is overwritten soon too; also what a process that was killed left.
func TestLeftoversAreOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path, Options{})
	r := porttest.Refs("a", 1, 1)
	r.Templates[0].Data = []byte("ridges of yesterday")
	must(t, s.Put(t.Context(), r, 0))
	must(t, s.Put(t.Context(), porttest.Refs("a", 2, 1), 1))
	eventually(t, func() bool { return !inFile(t, s, "ridges of yesterday") })
	must(t, s.Close())

	db, err := bbolt.Open(path, 0o600, nil) // as a process that ended between commit and scrub
	must(t, err)
	put := func(value string) error {
		return db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketReceipts).Put([]byte("k"), []byte(value)) })
	}
	must(t, errors.Join(put("minutiae of yesterday"), put("today"), db.Close()))
	if b, _ := os.ReadFile(path); !bytes.Contains(b, []byte("minutiae of yesterday")) {
		t.Fatal("bbolt overwrote it already")
	}
	again := openAt(t, path, Options{})
	eventually(t, func() bool { return !inFile(t, again, "minutiae of yesterday") })
	check(t, again.db)
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("never")
}

// Whatever is written and deleted in whatever order, with pages freed and used again: the file stays sound, holds what it should
// and nothing of what was deleted.
func TestScrubbedFileIsSound(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		s, err := Open(filepath.Join(dir, "record.db"), Options{})
		must(t, err)
		held := map[string]uint64{}
		gone := map[string]bool{}
		for i := range 40 {
			subject := fmt.Sprintf("person-%02d", rnd.IntN(12))
			if rnd.IntN(2) == 0 {
				must(t, s.Delete(t.Context(), subject, 1<<40))
				delete(held, subject)
				gone[subject] = true
				if !s.ErasurePending() && inFile(t, s, subject) {
					t.Fatalf("%s was deleted and stands in the file", subject)
				}
				continue
			}
			r := porttest.Refs(subject, uint64(i)+1, 1)
			r.Templates[0].Data = make([]byte, rnd.IntN(16000))
			must(t, s.Put(t.Context(), r, held[subject]))
			held[subject] = uint64(i) + 1
			delete(gone, subject)
		}
		check(t, s.db)
		must(t, s.Close())
		s, err = Open(filepath.Join(dir, "record.db"), Options{})
		must(t, err)
		for subject, version := range held {
			if r, err := s.Get(t.Context(), subject); err != nil || r.Version != version {
				t.Errorf("%s: version %d (%v), want %d", subject, r.Version, err, version)
			}
		}
		for subject := range gone {
			if inFile(t, s, subject) {
				t.Errorf("%s stands in the file", subject)
			}
		}
		must(t, s.Close())
	}
}

// The store's door: nothing that is not in an envelope goes in, and nothing comes out that somebody put there.
func TestUnsealedIsRefused(t *testing.T) {
	s := open(t)
	r := porttest.Refs("a", 1, 1)
	r = plainRefs(r)
	if err := s.Put(t.Context(), r, 0); err == nil {
		t.Error("stored in clear")
	}
	plant(t, s, r)
	if got, err := s.Get(t.Context(), "a"); err == nil || gateway.AsError(err).Code != "references-corrupt" || len(got.Templates) > 0 {
		t.Errorf("read in clear: %+v, %v", got, err)
	}
	must(t, s.Each(t.Context(), func(r gateway.References) error {
		if len(r.Templates) > 0 {
			t.Error("listed in clear")
		}
		return nil
	}))
}

// BenchmarkDelete shows what overwriting costs beside the commit.
func BenchmarkDelete(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := open(b)
			must(b, s.update(b.Context(), func(tx *bbolt.Tx) error {
				for i := range n {
					if err := tx.Bucket(bucketSubjects).Put(fmt.Appendf(nil, "s%08d", i), make([]byte, 1000)); err != nil {
						return err
					}
				}
				return nil
			}))
			must(b, s.Scrub(b.Context()))
			i := 0
			for b.Loop() {
				must(b, s.Delete(b.Context(), fmt.Sprintf("s%08d", (i*7919)%n), 1<<60))
				i++
			}
		})
	}
}

// After a commit that failed nothing is overwritten before another one succeeded: what the file calls free then may be what the
// disk needs after a crash.
func TestNothingIsOverwrittenAfterAFailedCommit(t *testing.T) {
	s := open(t)
	broken := errors.New("i/o error")
	if err := s.update(t.Context(), func(*bbolt.Tx) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	before := lastCommit(t, s)
	eventually(t, func() bool { return lastCommit(t, s) > before })
	check(t, s.db)
}

func lastCommit(t testing.TB, s *Store) (id int) {
	t.Helper()
	must(t, s.view(context.Background(), func(tx *bbolt.Tx) error { id = tx.ID(); return nil }))
	return id
}
