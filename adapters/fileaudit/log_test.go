package fileaudit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"biogate/adapters/filesigner"
	"biogate/gateway"
	"biogate/gateway/audit"
)

const (
	writerEnv = "FILEAUDIT_TEST_WRITER"
	fullEnv   = "FILEAUDIT_TEST_FULL"
	secretID  = "subject-that-nobody-may-read"
)

// TestMain makes this binary a writer that says what was acknowledged until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		appendUntilKilled(dir)
	}
	if dir := os.Getenv(fullEnv); dir != "" {
		appendOnAFullDisk(dir)
	}
	os.Exit(m.Run())
}

func options(t testing.TB, dir string) Options {
	t.Helper()
	o, err := optionsAt(dir)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func optionsAt(dir string) (Options, error) {
	signer, err := filesigner.Open(filesigner.Options{Dir: filepath.Join(dir, "keys")})
	if err != nil {
		return Options{}, err
	}
	subjects, err := audit.NewSubjects(make([]byte, 32))
	return Options{Dir: filepath.Join(dir, "audit"), SegmentBytes: 64 << 10, Signer: signer, Keys: signer.EveryKey, Subjects: subjects}, err
}

func event(i int) gateway.AuditEvent {
	return gateway.AuditEvent{
		At: time.Now(), Action: "verify", Outcome: "match", Trace: fmt.Sprint("trace-", i), Device: "kiosk-1", Audience: "https://rp.example",
		Subject: secretID, FMR: 1e-7, Assertion: "jti", Reasons: []string{"blurred:face"},
	}
}

func check(t testing.TB, o Options) (audit.Report, []string) {
	t.Helper()
	head, err := Head(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	segments, err := Segments(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := o.Keys()
	var traces []string
	r, err := audit.Verify(audit.Trail{Segments: segments, Head: head, Keys: keys, Running: Running(o.Dir), Visit: func(_ string, l audit.Line) {
		if l.Trace != "" {
			traces = append(traces, l.Trace)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r, traces
}

func sound(t testing.TB, o Options) []string {
	t.Helper()
	r, traces := check(t, o)
	if !r.Sound() {
		t.Fatalf("not sound: %+v", r.Findings)
	}
	return traces
}

func openLog(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestAppendsAreOnRecordAcrossRestarts(t *testing.T) {
	o := options(t, t.TempDir())
	for round := range 3 {
		l := openLog(t, o)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if err := l.Append(t.Context(), event(round*50+i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), event(0)); err == nil {
			t.Error("a closed log takes entries")
		}
	}
	if got := sound(t, o); len(got) != 150 {
		t.Errorf("%d entries", len(got))
	}
	files, _ := filepath.Glob(filepath.Join(o.Dir, "*"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if strings.Contains(string(text), secretID) {
			t.Errorf("%s has the subject's id", f)
		}
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
}

func TestNewTrailIsSignedAndHeldAlone(t *testing.T) {
	o := options(t, t.TempDir())
	openLog(t, o)
	if head, err := Head(o.Dir); head == "" || err != nil {
		t.Errorf("a new trail takes entries before there is a HEAD: %v", err)
	}
	if !Running(o.Dir) {
		t.Error("nobody seems to have the folder open")
	}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "another gateway") {
		t.Errorf("a second log opened: %v", err)
	}
}

// A trail that is shorter than HEAD, altered, or gone stops the gateway; so does a HEAD that is missing or forged.
func TestOpenRefusesATamperedTrail(t *testing.T) {
	for name, attack := range map[string]func(segment, head string) error{
		"end cut off": func(s, _ string) error {
			text, _ := os.ReadFile(s)
			lines := strings.SplitAfter(string(text), "\n")
			return os.WriteFile(s, []byte(strings.Join(lines[:len(lines)-2], "")), 0o600)
		},
		"cut within the last line": func(s, _ string) error {
			info, _ := os.Stat(s)
			return os.Truncate(s, info.Size()-5)
		},
		"a byte changed": func(s, _ string) error {
			text, _ := os.ReadFile(s)
			return os.WriteFile(s, []byte(strings.Replace(string(text), "trace-1", "trace-2", 1)), 0o600)
		},
		"segment gone": func(s, _ string) error { return os.Remove(s) },
		"HEAD gone":    func(_, h string) error { return os.Remove(h) },
		"HEAD empty":   func(_, h string) error { return os.Truncate(h, 0) },
	} {
		o := options(t, t.TempDir())
		l := openLog(t, o)
		for i := range 4 {
			if err := l.Append(t.Context(), event(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := attack(filepath.Join(o.Dir, segmentName(1)), headFile(o.Dir)); err != nil {
			t.Fatal(err)
		}
		if l, err := Open(o); err == nil {
			_ = l.Close()
			t.Errorf("%s: the gateway started", name)
		}
	}
}

func TestTornWriteIsCutAndSaid(t *testing.T) {
	o := options(t, t.TempDir())
	l := openLog(t, o)
	if err := l.Append(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f, _ := os.OpenFile(filepath.Join(o.Dir, segmentName(1)), os.O_APPEND|os.O_WRONLY, 0)
	fmt.Fprint(f, `{"seq":99,"at`)
	f.Close()
	if r, _ := check(t, o); r.Sound() {
		t.Error("a torn line of a gateway that does not run is not said")
	}
	var said []string
	o.Warn = func(what string, _ error) { said = append(said, what) }
	l = openLog(t, o)
	if err := l.Append(t.Context(), event(2)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := sound(t, o); !slices.Equal(got, []string{"trace-1", "trace-2"}) || len(said) != 1 {
		t.Errorf("%v, said %v", got, said)
	}
}

// faulty is a disk that fails on demand.
type faulty struct {
	file
	write, sync, cut *atomic.Bool
}

func (f faulty) Write(b []byte) (int, error) {
	if f.write.Load() {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	return f.file.Write(b)
}

func (f faulty) Sync() error {
	if f.sync.Load() {
		return syscall.EIO
	}
	return f.file.Sync()
}

func (f faulty) Truncate(n int64) error {
	if f.cut.Load() {
		return syscall.EIO
	}
	return f.file.Truncate(n)
}

// What fails to be written is not acknowledged, does not stay, and the log goes on when the disk works again.
func TestFailingDiskAcknowledgesNothing(t *testing.T) {
	var write, sync_, cut atomic.Bool
	o := options(t, t.TempDir())
	l, err := open(o, func(path string, fresh bool) (file, error) {
		f, err := openSegment(path, fresh)
		return faulty{f, &write, &sync_, &cut}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	add := func(i int, ok bool) {
		t.Helper()
		if err := l.Append(t.Context(), event(i)); (err == nil) != ok {
			t.Fatalf("append %d: %v", i, err)
		}
		if ok {
			want = append(want, fmt.Sprint("trace-", i))
		}
	}
	n := 0
	for _, faults := range [][]*atomic.Bool{{&write}, {&sync_}, {&write, &cut}, {&sync_, &cut}, {&write, &sync_, &cut}} {
		n++
		add(n, true)
		for _, f := range faults {
			f.Store(true)
		}
		for range 3 {
			n++
			add(n, false)
		}
		for _, f := range faults {
			f.Store(false)
		}
		n++
		add(n, true)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := sound(t, o); !slices.Equal(got, want) {
		t.Errorf("on record %v, acknowledged %v", got, want)
	}
}

// Who balances the load turns away from a gateway whose trail cannot be written: so it finds out by itself when that is over.
func TestTrailSaysThatItCannotBeWrittenAndTriesAgain(t *testing.T) {
	var write, no atomic.Bool
	o := options(t, t.TempDir())
	l, err := open(o, func(path string, fresh bool) (file, error) {
		f, err := openSegment(path, fresh)
		return faulty{f, &write, &no, &no}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !l.Writable() {
		t.Fatal("a good trail is said to be none")
	}
	write.Store(true)
	if err := l.Append(t.Context(), event(1)); err == nil || l.Writable() {
		t.Fatalf("a trail that cannot be written is said to be good; the write: %v", err)
	}
	write.Store(false)
	for deadline := time.Now().Add(time.Minute); !l.Writable(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a trail that can be written again is not found out")
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sound(t, o)
}

func TestCallerWhoLeaves(t *testing.T) {
	o := options(t, t.TempDir())
	hold := make(chan struct{})
	var slow atomic.Bool
	l, err := open(o, func(path string, fresh bool) (file, error) {
		f, err := openSegment(path, fresh)
		return slowFile{f, &slow, hold}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	slow.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.Append(ctx, event(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	slow.Store(false)
	close(hold)
	if err := l.Append(t.Context(), event(2)); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sound(t, o)
}

type slowFile struct {
	file
	slow *atomic.Bool
	hold chan struct{}
}

func (f slowFile) Sync() error {
	if f.slow.Load() {
		<-f.hold
	}
	return f.file.Sync()
}

// TestThoseWhoAreReadyShareAWrite: on one processor whoever has an entry hands the processor to the writer, and it would write that
// entry alone, with the disk's time for each.
func TestThoseWhoAreReadyShareAWrite(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var syncs atomic.Int32
	l, err := open(options(t, t.TempDir()), func(path string, fresh bool) (file, error) {
		f, err := openSegment(path, fresh)
		return countedFile{f, &syncs}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	syncs.Store(0)
	const callers, each = 64, 10
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range each {
				if err := l.Append(t.Context(), event(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := syncs.Load(); n > callers*each/8 {
		t.Errorf("%d entries took %d writes", callers*each, n)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// countedFile counts what is waited for.
type countedFile struct {
	file
	syncs *atomic.Int32
}

func (f countedFile) Sync() error {
	f.syncs.Add(1)
	return nil // at once, as memory is
}

func TestSegmentsTurnAndKeyRotationIsSeen(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir)
	now := time.Now()
	var mu sync.Mutex
	o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(2 * time.Second); return now }
	l := openLog(t, o)
	e := event(1)
	e.Reasons = []string{strings.Repeat("x", 20<<10)}
	for i := range 12 {
		if i == 6 {
			if _, err := o.Signer.(*filesigner.Signer).Rotate(0); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sound(t, o)
	segments, _ := Segments(o.Dir)
	if len(segments) < 3 {
		t.Fatalf("%d segments", len(segments))
	}
	rotations := 0
	keys, _ := o.Keys()
	head, _ := Head(o.Dir)
	_, _ = audit.Verify(audit.Trail{Segments: segments, Head: head, Keys: keys, Visit: func(_ string, l audit.Line) {
		if l.Action == "key-rotation" {
			rotations++
		}
	}})
	if rotations != 1 {
		t.Errorf("%d rotations on record", rotations)
	}
	// Without one in the middle it is not whole; without the first, it takes the checkpoint that ended that.
	if r, _ := audit.Verify(audit.Trail{Segments: slices.Delete(slices.Clone(segments), 1, 2), Head: head, Keys: keys}); r.Sound() {
		t.Error("a segment that was dropped is not found")
	}
	if r, _ := audit.Verify(audit.Trail{Segments: segments[1:], Head: head, Keys: keys}); r.Sound() || r.Findings[0].Kind != audit.Beginning {
		t.Errorf("the first segment is missing: %+v", r.Findings)
	}
	var last string
	_, _ = audit.Verify(audit.Trail{Segments: segments[:1], Keys: keys, Visit: func(_ string, l audit.Line) { last = l.Checkpoint }})
	if r, _ := audit.Verify(audit.Trail{Segments: segments[1:], Head: head, Keys: keys, Anchors: []string{last}}); !r.Sound() {
		t.Errorf("behind an archived segment: %+v", r.Findings)
	}
}

func appendUntilKilled(dir string) {
	o, err := optionsAt(dir)
	if err == nil {
		var l *Log
		if l, err = Open(o); err == nil {
			var out sync.Mutex
			for w := range 8 {
				go func() {
					for i := 0; ; i++ {
						e := event(0)
						e.Trace = fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
						if err := l.Append(context.Background(), e); err != nil {
							fmt.Println("error", err)
							os.Exit(1)
						}
						out.Lock()
						fmt.Println(e.Trace)
						out.Unlock()
					}
				}()
			}
			select {}
		}
	}
	fmt.Println("error", err)
	os.Exit(1)
}

// A process is killed in the middle of appends, again and again, on one trail: what it acknowledged is on record.
func TestKilledWriterLosesNothing(t *testing.T) {
	rounds := 40
	if os.Getenv("FILEAUDIT_ROUNDS") != "" {
		_, _ = fmt.Sscan(os.Getenv("FILEAUDIT_ROUNDS"), &rounds)
	}
	dir := t.TempDir()
	var acked []string
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left := 1 + round%25
		for lines := bufio.NewScanner(out); lines.Scan(); left-- {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Fatal(lines.Text())
			}
			if left == 0 {
				_ = cmd.Process.Kill()
			}
			if strings.Count(lines.Text(), "-") == 2 && left >= 0 {
				acked = append(acked, lines.Text())
			}
		}
		_ = cmd.Wait()
	}
	o := options(t, dir)
	if err := openLog(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, trace := range sound(t, o) {
		have[trace] = true
	}
	for _, trace := range acked {
		if !have[trace] {
			t.Errorf("%s was acknowledged and is not on record", trace)
		}
	}
	t.Logf("%d rounds, %d acknowledged, %d on record", rounds, len(acked), len(have))
}

// appendOnAFullDisk fills what the system lets this process write, asks on, and goes on when there is room again.
func appendOnAFullDisk(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	fail := func(what string, err error) {
		fmt.Println(what, err)
		os.Exit(1)
	}
	o, err := optionsAt(dir)
	if err != nil {
		fail("options", err)
	}
	l, err := Open(o)
	if err != nil {
		fail("open", err)
	}
	limit := func(bytes uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: syscall.RLIM_INFINITY & (1<<63 - 1)}); err != nil {
			fail("limit", err)
		}
	}
	limit(32 << 10)
	acked, refused := 0, 0
	for i := 0; refused < 20; i++ {
		if err := l.Append(context.Background(), event(i)); err != nil {
			refused++
			continue
		}
		fmt.Println("ack", fmt.Sprint("trace-", i))
		acked++
	}
	if acked == 0 {
		fail("nothing was acknowledged", nil)
	}
	limit(1 << 30)
	if err := l.Append(context.Background(), event(1_000_000)); err != nil {
		fail("there is room again", err)
	}
	fmt.Println("ack", "trace-1000000")
	if err := l.Close(); err != nil {
		fail("close", err)
	}
	os.Exit(0)
}

// A disk that is full, as the system tells it, means refusing: what was acknowledged is on record, nothing else is.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fullEnv+"="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var acked []string
	for line := range strings.Lines(string(out)) {
		acked = append(acked, strings.TrimPrefix(strings.TrimSpace(line), "ack "))
	}
	if got := sound(t, options(t, dir)); !slices.Equal(got, acked) {
		t.Errorf("%d on record, %d acknowledged", len(got), len(acked))
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			l := openLog(b, options(b, b.TempDir()))
			b.ReportAllocs()
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					e := event(1)
					for left.Add(-1) >= 0 {
						if err := l.Append(context.Background(), e); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/1e3/float64(b.N), "cpu-us/entry")
		})
	}
}
