package logbuffer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// reader is whoever reads the log. It takes writes when it is told to, or at once.
type reader struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	gate   chan struct{} // nil: open
	fail   func(line []byte) (int, error)
}

func (r *reader) Write(lines []byte) (n int, err error) {
	if r.gate != nil {
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes++
	n = len(lines)
	if r.fail != nil {
		n, err = r.fail(lines)
	}
	r.text.Write(lines[:n])
	return n, err
}

func (r *reader) read() (string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String(), r.writes
}

func line(i int) string { return fmt.Sprintf(`{"msg":"request","n":%d}`+"\n", i) }

func send(w io.Writer, from, to int) (text string) {
	for i := from; i < to; i++ {
		_, _ = io.WriteString(w, line(i))
		text += line(i)
	}
	return text
}

func TestLinesAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reader
		w := New(&r)
		defer w.Close()
		sent := send(w, 0, 100)
		time.Sleep(delay - time.Nanosecond)
		if text, _ := r.read(); text != "" {
			t.Errorf("written at once: %q", text)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if text, writes := r.read(); text != sent || writes != 1 {
			t.Errorf("%d writes: %q", writes, text)
		}
	})
}

func TestMuchIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reader
		w := New(&r)
		defer w.Close()
		for range batch/64 + 1 {
			_, _ = w.Write(make([]byte, 64))
		}
		synctest.Wait()
		if text, _ := r.read(); len(text) < batch {
			t.Errorf("%d bytes are written", len(text))
		}
	})
}

func TestWarningsAreWrittenAtOnceWithWhatCameBefore(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		synctest.Test(t, func(t *testing.T) {
			var r reader
			w := New(&r)
			defer w.Close()
			log := slog.New(Handler{slog.NewJSONHandler(w, nil), w}).With("a", 1).WithGroup("g")
			log.Info("before")
			log.Log(t.Context(), level, "now", "b", 2)
			text, _ := r.read()
			if level == slog.LevelInfo {
				if text != "" {
					t.Errorf("written at once: %s", text)
				}
				return
			}
			if lines := strings.Split(text, "\n"); len(lines) != 3 || !strings.Contains(lines[0], "before") || !strings.Contains(lines[1], `"a":1,"g":{"b":2}`) {
				t.Errorf("%s: %q", level, text)
			}
		})
	}
}

// A log that nobody reads holds up nobody for long, takes no memory without bound, and says afterwards what is missing.
func TestNobodyReadsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reader{gate: make(chan struct{})}
		w := New(&r)
		log := slog.New(Handler{slog.NewJSONHandler(w, nil), w})
		start := time.Now()
		log.Warn("first")
		if waited := time.Since(start); waited != patience {
			t.Errorf("a warning waited for %s", waited)
		}
		const n = 3 * room / 100
		for range n {
			log.Warn(strings.Repeat("x", 100))
		}
		if waited := time.Since(start); waited != patience {
			t.Errorf("further ones waited for %s", waited-patience)
		}
		if held := cap(w.lines) + cap(w.spare); held > 2*room {
			t.Errorf("%d bytes are held", held)
		}
		close(r.gate)
		synctest.Wait()
		log.Info("after")
		w.Close()
		checkConfession(t, &r, n+2)
	})
}

// checkConfession: every line is there or is spoken of, in its place.
func checkConfession(t *testing.T, r *reader, sent int) {
	t.Helper()
	text, _ := r.read()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	confession := lines[len(lines)-2]
	lost := 0
	if _, err := fmt.Sscanf(confession[strings.LastIndex(confession, ":")+1:], "%d}", &lost); err != nil || !strings.Contains(confession, "were lost") {
		t.Fatalf("%v: %s", err, confession)
	}
	if len(lines)-1+lost != sent || lost == 0 {
		t.Errorf("%d lines and %d lost of %d", len(lines), lost, sent)
	}
	if !strings.Contains(lines[0], "first") || !strings.Contains(lines[len(lines)-1], "after") {
		t.Errorf("%s ... %s", lines[0], lines[len(lines)-1])
	}
	for _, one := range lines {
		if !strings.HasPrefix(one, `{"time":"`) || !strings.HasSuffix(one, "}") {
			t.Fatalf("torn: %s", one)
		}
	}
}

func TestCloseWritesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reader
		w := New(&r)
		sent := send(w, 0, 10)
		w.Close()
		w.Close()
		if text, _ := r.read(); text != sent {
			t.Errorf("%q", text)
		}
	})
}

func TestCloseDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reader{gate: make(chan struct{})}
		w := New(&r)
		send(w, 0, 10)
		start := time.Now()
		w.Close()
		if waited := time.Since(start); waited != farewell {
			t.Errorf("%s", waited)
		}
		close(r.gate)
	})
}

// Whatever a write takes of what it is given, the log has every line, whole, once, in order.
func TestFailedWritesGoOnWhereTheyFailed(t *testing.T) {
	rapid.Check(t, func(p *rapid.T) {
		seed := rapid.Uint64().Draw(p, "seed")
		lines := rapid.IntRange(1, 200).Draw(p, "lines")
		synctest.Test(t, func(t *testing.T) {
			rng, luck := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
			r := reader{fail: func(lines []byte) (int, error) {
				if luck.IntN(3) == 0 {
					return len(lines), nil
				}
				return luck.IntN(len(lines)), errors.New("no space left on device")
			}}
			w := New(&r)
			log := slog.New(Handler{slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: bare}), w})
			var want strings.Builder
			for i := range lines {
				log.Log(t.Context(), []slog.Level{slog.LevelInfo, slog.LevelWarn}[rng.IntN(2)], "m", "i", i)
				fmt.Fprintf(&want, "msg=m i=%d\n", i)
				time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
			}
			time.Sleep(time.Minute) // it is tried again until it is written
			w.Close()
			if text, _ := r.read(); text != want.String() {
				t.Errorf("%q\n%q", text, want.String())
			}
		})
	})
}

// A log that cannot be written is tried again ten times a second, whoever logs meanwhile: each try copies all that is held.
func TestWarningsDoNotHastenWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reader{fail: func([]byte) (int, error) { return 0, errors.New("no space left on device") }}
		w := New(&r)
		defer w.Close()
		log := slog.New(Handler{slog.NewJSONHandler(w, nil), w})
		for range 1000 {
			log.Warn(strings.Repeat("x", 2000))
			time.Sleep(time.Millisecond)
		}
		if _, writes := r.read(); writes > int(time.Second/delay)+2 {
			t.Errorf("%d writes in a second", writes)
		}
	})
}

// bare leaves out what differs from line to line.
func bare(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

func TestManyLogAtOnce(t *testing.T) {
	var r reader
	w := New(&r)
	log := slog.New(Handler{slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: bare}), w})
	const writers, each = 8, 500
	var all sync.WaitGroup
	for k := range writers {
		all.Go(func() {
			for i := range each {
				log.Log(t.Context(), slog.Level(4*(i%2)), "m", "k", k, "i", i) // every other one a warning
			}
		})
	}
	all.Wait()
	w.Close()
	text, _ := r.read()
	var next [writers]int
	for one := range strings.Lines(text) {
		var k, i int
		if _, err := fmt.Sscanf(one, "msg=m k=%d i=%d\n", &k, &i); err != nil || next[k] != i {
			t.Fatalf("%v, line %d of writer %d was expected: %q", err, next[k], k, one)
		}
		next[k]++
	}
	for k, n := range next {
		if n != each {
			t.Errorf("writer %d has %d lines", k, n)
		}
	}
}

// BenchmarkLine is a request's line through a pipe to somebody who reads it, as a container's runtime does.
func BenchmarkLine(b *testing.B) {
	for _, gathered := range []bool{false, true} {
		b.Run(fmt.Sprintf("gathered=%t", gathered), func(b *testing.B) {
			from, to, err := os.Pipe()
			if err != nil {
				b.Fatal(err)
			}
			var read sync.WaitGroup
			read.Go(func() { _, _ = io.Copy(io.Discard, from) })
			defer read.Wait()
			defer to.Close()
			log := slog.New(slog.NewJSONHandler(to, nil))
			if gathered {
				w := New(to)
				defer w.Close()
				log = slog.New(Handler{slog.NewJSONHandler(w, nil), w})
			}
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(b.Context(), slog.LevelInfo, "request", slog.String("method", "POST"), slog.String("route", "/v1/verifications"), slog.Int("status", 200),
					slog.Float64("ms", 1.234), slog.Int("bytes_in", 1000), slog.Int("bytes_out", 1300), slog.String("trace", "0123456789abcdef0123456789abcdef"), slog.String("decision", "match"))
			}
		})
	}
}
