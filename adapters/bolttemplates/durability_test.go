package bolttemplates

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

// writerEnv makes this test binary a writer that says what was acknowledged until it is killed.
const writerEnv = "BOLTTEMPLATES_TEST_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) {
	s, err := Open(path, Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	for w := range 4 {
		go func() {
			for version := uint64(1); ; version++ {
				r := porttest.Refs(fmt.Sprint("w", w), version, int(version%50))
				if err := s.Put(context.Background(), r, version-1); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(r.Subject, version)
				out.Unlock()
			}
		}()
	}
	select {}
}

// A process is killed in the middle of writes, again and again: what it acknowledged is there, whole.
func TestKilledWriterLosesNothing(t *testing.T) {
	for round := range 4 {
		path := filepath.Join(t.TempDir(), "record.db")
		acked := killWriter(t, path, 40+30*round)
		s := openAt(t, path, Options{})
		for subject, version := range acked {
			r, err := s.Get(t.Context(), subject)
			if err != nil || r.Version < version || len(r.Templates) != int(r.Version%50) {
				t.Errorf("%s: version %d with %d templates (%v), %d was acknowledged", subject, r.Version, len(r.Templates), err, version)
			}
		}
		if err := s.Put(t.Context(), porttest.Refs("after", 1, 1), 0); err != nil {
			t.Error(err)
		}
	}
}

// killWriter runs a writer, kills it after n acknowledgements and returns the newest version of each subject.
func killWriter(t *testing.T, path string, n int) map[string]uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := map[string]uint64{}
	for lines := bufio.NewScanner(out); lines.Scan(); n-- {
		if n == 0 {
			_ = cmd.Process.Kill()
		}
		var subject string
		var version uint64
		if _, err := fmt.Sscan(lines.Text(), &subject, &version); err != nil {
			if n > 0 {
				t.Fatalf("writer says %q", lines.Text())
			}
			break // cut off by the kill
		}
		acked[subject] = max(acked[subject], version)
	}
	_ = cmd.Wait()
	if len(acked) == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	return acked
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "dir", "record.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), porttest.Refs("a", 1, 3), 0); err != nil {
		t.Fatal(err)
	}
	moved, err := s.NextGeneration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hasMode(t, path, 0o600)
	hasMode(t, filepath.Dir(path), 0o700)
	if _, err := Open(path, Options{LockTimeout: 10 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "another gateway has it open") {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, Options{})
	hasMode(t, path, 0o600)
	if r, err := again.Get(t.Context(), "a"); err != nil || len(r.Templates) != 3 {
		t.Errorf("%+v (%v)", r, err)
	}
	if g, err := again.Generation(t.Context()); g != moved || err != nil {
		t.Errorf("generation %d instead of %d (%v)", g, moved, err)
	}
	if g, err := open(t).Generation(t.Context()); g>>32 == moved>>32 || err != nil {
		t.Errorf("another record is at generation %d, near %d (%v): two nodes could share what a cache holds", g, moved, err)
	}
}

func hasMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
		t.Errorf("%s has mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
	}
}

func TestClosed(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "record.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), porttest.Refs("a", 1, 1), 0); err == nil {
		t.Error("Put after Close is nil")
	}
	if _, err := s.Get(t.Context(), "a"); err == nil || errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Get after Close: %v", err)
	}
	if s.Ping(t.Context()) == nil {
		t.Error("Ping after Close is nil")
	}
}

// Files that are not ours are refused by name and stay as they are.
func TestForeignFiles(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, path string){
		"text":      func(t *testing.T, path string) { writeFile(t, path, []byte(strings.Repeat("not a store\n", 2000))) },
		"short":     func(t *testing.T, path string) { writeFile(t, path, []byte("x")) },
		"zeros":     func(t *testing.T, path string) { writeFile(t, path, make([]byte, 64<<10)) },
		"cut":       func(t *testing.T, path string) { half(t, path) },
		"directory": func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) },
		"other bbolt file": func(t *testing.T, path string) {
			change(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		},
		"newer format": func(t *testing.T, path string) {
			newStore(t, path)
			change(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte{0, 0, 0, 0, 0, 0, 0, 3}) })
		},
		"plain format": func(t *testing.T, path string) {
			newStore(t, path)
			change(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte{0, 0, 0, 0, 0, 0, 0, 1}) })
		},
		"missing bucket": func(t *testing.T, path string) {
			newStore(t, path)
			change(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(bucketSubjects) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.db")
			prepare(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(path, Options{})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name the file", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("changed")
			}
		})
	}
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T, path string) {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := s.Put(t.Context(), porttest.Refs(fmt.Sprint("s", i), 1, 30), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// half cuts a store's file behind its first page of meta data.
func half(t *testing.T, path string) {
	t.Helper()
	newStore(t, path)
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}

// A damaged value is an error of its own for one subject, not an outage, not a part of an answer; it can be deleted.
func TestDamagedValues(t *testing.T) {
	s := open(t)
	put := func(subject string) {
		if err := s.Put(t.Context(), porttest.Refs(subject, 5, 2), 0); err != nil {
			t.Fatal(err)
		}
	}
	put("damaged")
	put("swapped")
	put("sound")
	if _, err := s.PutGallery(t.Context(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Remember(t.Context(), "key", gateway.Receipt{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	err := s.update(context.Background(), func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSubjects)
		value := append([]byte(nil), b.Get([]byte("damaged"))...)
		value[len(value)/2] ^= 1
		return errors.Join(b.Put([]byte("damaged"), value), b.Put([]byte("swapped"), b.Get([]byte("sound"))), spoil(tx.Bucket(bucketGallery)), spoil(tx.Bucket(bucketReceipts)))
	})
	if err != nil {
		t.Fatal(err)
	}
	isCorrupt := func(what string, err error) {
		t.Helper()
		if e := gateway.AsError(err); err == nil || e.Kind != gateway.Internal || !strings.HasSuffix(e.Code, "-corrupt") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, subject := range []string{"damaged", "swapped"} {
		r, err := s.Get(t.Context(), subject)
		isCorrupt("Get", err)
		if len(r.Templates) > 0 || r.Version > 0 {
			t.Errorf("%s: answered in part", subject)
		}
		isCorrupt("Put", s.Put(t.Context(), porttest.Refs(subject, 6, 1), 5))
	}
	seen := map[string]int{}
	err = s.Each(t.Context(), func(r gateway.References) error {
		seen[r.Subject] = len(r.Templates)
		return nil
	})
	if err != nil || seen["damaged"] != 0 || seen["swapped"] != 0 || seen["sound"] == 0 || len(seen) != 3 {
		t.Errorf("Each: %v, %v", seen, err)
	}
	isCorrupt("EachGallery", s.EachGallery(t.Context(), func(gateway.Gallery, []gateway.Membership) error { return nil }))
	_, err = s.Recall(t.Context(), "key")
	isCorrupt("Recall", err)
	isCorrupt("Remember", s.Remember(t.Context(), "key", gateway.Receipt{At: time.Now()}))
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("one damaged value makes the store ill: %v", err)
	}
	if err := s.Delete(t.Context(), "damaged", 1); err != nil {
		t.Error(err)
	}
	put("damaged")
}

// spoil changes a byte of every value.
func spoil(b *bbolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		v = append([]byte(nil), v...)
		v[len(v)/2] ^= 1
		return b.Put(k, v)
	})
}

// A write that its caller gave up before its turn is never made.
func TestAbandonedWriteIsNotMade(t *testing.T) {
	s := open(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.update(context.Background(), func(*bbolt.Tx) error { close(inside); <-leave; return nil })
	}()
	<-inside // the writer is busy
	ctx, cancel := context.WithCancel(t.Context())
	queued := make(chan error)
	go func() { queued <- s.Put(ctx, porttest.Refs("a", 1, 1), 0) }()
	time.Sleep(5 * time.Millisecond)
	cancel()
	if err := <-queued; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(leave)
	if err := s.Put(t.Context(), porttest.Refs("b", 1, 1), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("made after it was given up: %v", err)
	}
}

// One write that bbolt refuses, or that panics, spoils none of those that share its commit.
func TestGroupSurvivesItsWorst(t *testing.T) {
	s := open(t)
	hard := errors.New("hard failure")
	inside, leave := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.update(context.Background(), func(*bbolt.Tx) error { close(inside); <-leave; return nil })
	}()
	<-inside
	var all sync.WaitGroup
	all.Go(func() {
		err := s.update(t.Context(), func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(bucketSubjects).Put([]byte("half"), []byte("done")), hard)
		})
		if !errors.Is(err, hard) {
			t.Error(err)
		}
	})
	all.Go(func() {
		if err := s.update(t.Context(), func(*bbolt.Tx) error { panic("page") }); err == nil || !strings.Contains(err.Error(), "damaged: page") {
			t.Error(err)
		}
	})
	for i := range 8 {
		all.Go(func() {
			if err := s.Put(t.Context(), porttest.Refs(fmt.Sprint("s", i), 1, 1), 0); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(5 * time.Millisecond)
	close(leave)
	all.Wait()
	for i := range 8 {
		if _, err := s.Get(t.Context(), fmt.Sprint("s", i)); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Get(t.Context(), "half"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("a failed write left something: %v", err)
	}
}

// A store that cannot commit, on a full disk say, can still be read.
func TestPingAfterFailedCommit(t *testing.T) {
	s := open(t)
	_ = s.update(t.Context(), func(*bbolt.Tx) error { return errors.New("disk full") })
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a failed commit keeps readers away: %v", err)
	}
}

func TestOldReceiptsGoAFewAtATime(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"), Options{Now: func() time.Time { return now }})
	remember := func(key string) {
		if err := s.Remember(t.Context(), key, gateway.Receipt{At: now}); err != nil {
			t.Fatal(err)
		}
	}
	const n = 20
	for i := range n {
		remember(fmt.Sprint("key-", i))
	}
	now = now.Add(25 * time.Hour)
	remember("key-3") // under an old key
	held := func() (n int) {
		_ = s.view(t.Context(), func(tx *bbolt.Tx) error { n = tx.Bucket(bucketReceipts).Stats().KeyN; return nil })
		return n
	}
	if got := held(); got < n-purgeBatch || got > n {
		t.Errorf("%d receipts after one write", got)
	}
	remember("new-1")
	remember("new-2")
	remember("new-3")
	if got := held(); got != 4 {
		t.Errorf("%d receipts, want the 4 new ones", got)
	}
	if _, err := s.Recall(t.Context(), "key-3"); err != nil {
		t.Errorf("purged with its older namesake: %v", err)
	}
}

// Each may write from another goroutine meanwhile, and the file does not grow because of it.
func TestEachIsNoLongTransaction(t *testing.T) {
	s := open(t)
	for i := range 3 {
		if err := s.Put(t.Context(), porttest.Refs(fmt.Sprint("s", i), 1, 1), 0); err != nil {
			t.Fatal(err)
		}
	}
	err := s.Each(t.Context(), func(gateway.References) error {
		if n := s.db.Stats().OpenTxN; n != 0 {
			t.Errorf("%d transactions are open while the caller works", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzUnseal(f *testing.F) {
	key := []byte("key")
	b, _ := seal(key, gateway.Receipt{Status: 201, Body: []byte("x")})
	f.Add(b)
	f.Add([]byte{1, '{', '}'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r gateway.Receipt
		_ = unseal(key, b, &r)
		if len(b) > 0 {
			_ = unseal(key, append(append([]byte{sealedFormat}, b...), 0, 0, 0, 0), &r)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers, "-writers"), func(b *testing.B) {
			s := open(b)
			b.SetParallelism(writers)
			var n sync.Map
			b.RunParallel(func(pb *testing.PB) {
				subject := fmt.Sprint(&n, time.Now().UnixNano())
				for v := uint64(1); pb.Next(); v++ {
					if err := s.Put(context.Background(), porttest.Refs(subject, v, 3), v-1); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b)
	if err := s.Put(b.Context(), porttest.Refs("a", 1, 3), 0); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Get(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMembershipsOfEarlierBuilds: what they wrote has no value and no group; a damaged one is no group at all.
func TestMembershipsOfEarlierBuilds(t *testing.T) {
	s := open(t)
	if _, err := s.PutGallery(t.Context(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddMembers(t.Context(), "g", []gateway.Membership{{Subject: "new", Group: "crew"}}); err != nil {
		t.Fatal(err)
	}
	put := func(change func(b *bbolt.Bucket) error) {
		t.Helper()
		if err := s.update(context.Background(), func(tx *bbolt.Tx) error { return change(tx.Bucket(bucketMembers).Bucket([]byte("g"))) }); err != nil {
			t.Fatal(err)
		}
	}
	put(func(b *bbolt.Bucket) error { return b.Put([]byte("old"), nil) })
	var got []gateway.Membership
	list := func() error {
		return s.EachGallery(t.Context(), func(_ gateway.Gallery, members []gateway.Membership) error {
			got = members
			return nil
		})
	}
	if err := list(); err != nil || !slices.Equal(got, []gateway.Membership{{Subject: "new", Group: "crew"}, {Subject: "old"}}) {
		t.Errorf("%v %v", got, err)
	}
	var sound []byte
	put(func(b *bbolt.Bucket) error { sound = slices.Clone(b.Get([]byte("new"))); return nil })
	for name, value := range map[string][]byte{
		"of another subject": sound, "cut": sound[:4], "of a later format": append([]byte{9}, sound[1:]...),
		"changed": append([]byte{sound[0], sound[1] ^ 1}, sound[2:]...),
	} {
		put(func(b *bbolt.Bucket) error { return b.Put([]byte("old"), value) })
		if e := gateway.AsError(list()); e.Kind != gateway.Internal || e.Code != "record-corrupt" {
			t.Errorf("%s: %v", name, e)
		}
	}
}
