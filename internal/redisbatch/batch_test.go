package redisbatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

func open(t testing.TB, o redis.Options) (*Batcher, *redis.Client) {
	o.MaxRetries, o.Protocol, o.DisableIdentity, o.DialerRetries = -1, 2, true, 1
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(&o)
	t.Cleanup(func() { _ = client.Close() })
	return New(client), client
}

// TestEachGetsItsOwnAnswer: values, absences and errors, whoever shares their batch.
func TestEachGetsItsOwnAnswer(t *testing.T) {
	server := miniredis.RunT(t)
	b, _ := open(t, redis.Options{Addr: server.Addr()})
	var wg sync.WaitGroup
	for i := range 500 {
		wg.Go(func() {
			key := fmt.Sprint("k", i)
			if err := b.Do(t.Context(), redis.NewCmd(t.Context(), "SET", key, i)); err != nil {
				t.Error(err)
			}
			got := redis.NewStringCmd(t.Context(), "GET", key)
			if err := b.Do(t.Context(), got); err != nil || got.Val() != fmt.Sprint(i) {
				t.Errorf("%q %v, want %d", got.Val(), err, i)
			}
			if err := b.Do(t.Context(), redis.NewStringCmd(t.Context(), "GET", "absent")); !errors.Is(err, redis.Nil) {
				t.Errorf("absent: %v", err)
			}
			if err := b.Do(t.Context(), redis.NewCmd(t.Context(), "LPUSH", key, 1)); err == nil || errors.Is(err, redis.Nil) {
				t.Errorf("of another type: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestScriptThatTheServerForgot(t *testing.T) {
	server := miniredis.RunT(t)
	b, client := open(t, redis.Options{Addr: server.Addr()})
	script := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for want := int64(2); want <= 6; want += 2 {
		answer, err := b.Script(t.Context(), script, "n", 2)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := answer.Int64(); got != want || err != nil {
			t.Errorf("%d %v, want %d", got, err, want)
		}
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNothingLooksAnswered: a server that refuses the connection, or breaks it in the middle of a batch, answers nobody. Without
// that a nonce would be taken as spent for the first time by whoever asks while the password is wrong.
func TestNothingLooksAnswered(t *testing.T) {
	refusing := miniredis.RunT(t)
	refusing.RequireAuth("right")
	for name, o := range map[string]redis.Options{
		"a wrong password": {Addr: refusing.Addr(), Password: "wrong"},
		"no password":      {Addr: refusing.Addr()},
		"a refusal in our own words": {Addr: refusing.Addr(), Password: "right", OnConnect: func(ctx context.Context, cn *redis.Conn) error {
			return cn.Do(ctx, "NONSENSE").Err()
		}},
		"an absence on connecting": {Addr: refusing.Addr(), Password: "right", OnConnect: func(ctx context.Context, cn *redis.Conn) error {
			return cn.Get(ctx, "absent").Err()
		}},
		"nobody there": {Addr: "127.0.0.1:1"},
		"half answers": {Addr: halfAnswers(t)},
	} {
		b, _ := open(t, o)
		var wg sync.WaitGroup
		var answered atomic.Int32
		for range 64 {
			wg.Go(func() {
				cmd := redis.NewCmd(t.Context(), "SET", "a", "1", "NX")
				if err := b.Do(t.Context(), cmd); err == nil {
					answered.Add(1)
				}
			})
		}
		wg.Wait()
		if n := answered.Load(); n > 0 && name != "half answers" || n > 32 {
			t.Errorf("%s: %d commands look answered", name, n)
		}
	}
}

// noHello is how a server that is too old answers the first command of the client.
const noHello = "-ERR unknown command 'hello'\r\n"

// halfAnswers is a server that answers one command of each connection, of the first 32, and then closes it.
func halfAnswers(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for answers := 0; ; answers++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			for _, answer := range []string{noHello, "+OK\r\n"} {
				if _, err := conn.Read(make([]byte, 16<<10)); err == nil && answers < 32 {
					_, _ = conn.Write([]byte(answer))
				}
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestWhoLeavesIsNotSent: a caller who left before its turn has nothing done in its name, and one who leaves does not wait for a
// server that hangs.
func TestWhoLeavesIsNotSent(t *testing.T) {
	server := newSilent(t)
	b, _ := open(t, redis.Options{Addr: server.listener.Addr().String(), ReadTimeout: time.Minute})
	var wg sync.WaitGroup
	for i := range 3 { // one is under way, and those that wait behind it leave
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		wg.Go(func() {
			if err := b.Do(ctx, redis.NewCmd(ctx, "SET", fmt.Sprint("command-", i), 1)); err == nil {
				t.Error("answered by a server that says nothing")
			}
		})
		if i == 0 {
			until(t, func() bool { return server.saw(i) })
			continue
		}
		until(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.waiting) == i })
		leave()
	}
	server.hangUp()
	wg.Wait()
	until(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return !b.sending })
	for i := range 3 {
		if sent := server.saw(i); sent != (i == 0) {
			t.Errorf("command %d was sent: %t", i, sent)
		}
	}
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	for range 10_000 {
		if holds() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not come to that")
}

// silent is a server that reads and answers nothing beyond a greeting.
type silent struct {
	listener net.Listener
	mu       sync.Mutex
	seen     strings.Builder
	conns    []net.Conn
}

func newSilent(t *testing.T) *silent {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{listener: l}
	t.Cleanup(func() { l.Close(); s.hangUp() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			go s.read(conn)
		}
	}()
	return s
}

func (s *silent) read(conn net.Conn) {
	for buffer := make([]byte, 16<<10); ; {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("hello")) {
			_, _ = conn.Write([]byte(noHello))
			continue
		}
		s.mu.Lock()
		s.seen.Write(buffer[:n])
		s.mu.Unlock()
	}
}

func (s *silent) saw(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.seen.String(), fmt.Sprint("command-", i))
}

func (s *silent) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}
