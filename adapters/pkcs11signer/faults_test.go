//go:build cgo

package pkcs11signer

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"biogate/gateway"
	"biogate/gateway/guard"
)

// counted is a library whose failures a test chooses.
type counted struct {
	module
	logins atomic.Int64

	mu    sync.Mutex
	fail  map[string][]uint // codes with which the next calls fail, by function
	hang  chan struct{}     // Sign waits for it; nil: it does not
	stuck atomic.Int64      // calls of Sign that wait
}

func (c *counted) next(function string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if codes := c.fail[function]; len(codes) > 0 {
		c.fail[function] = codes[1:]
		return pkcs11.Error(codes[0])
	}
	return nil
}

func (c *counted) failing(function string, codes ...uint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = map[string][]uint{function: codes}
}

func (c *counted) hanging(gate chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hang = gate
}

func (c *counted) Login(s pkcs11.SessionHandle, user uint, pin string) error {
	c.logins.Add(1)
	if err := c.next("Login"); err != nil {
		return err
	}
	return c.module.Login(s, user, pin)
}

func (c *counted) OpenSession(slot, flags uint) (pkcs11.SessionHandle, error) {
	if err := c.next("OpenSession"); err != nil {
		return 0, err
	}
	return c.module.OpenSession(slot, flags)
}

func (c *counted) SignInit(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	if err := c.next("SignInit"); err != nil {
		return err
	}
	return c.module.SignInit(s, m, o)
}

func (c *counted) Sign(s pkcs11.SessionHandle, message []byte) ([]byte, error) {
	c.mu.Lock()
	gate := c.hang
	c.mu.Unlock()
	if gate != nil {
		c.stuck.Add(1)
		<-gate
		c.stuck.Add(-1)
	}
	if err := c.next("Sign"); err != nil {
		return nil, err
	}
	return c.module.Sign(s, message)
}

// openFaulty is a token whose library fails as the test says, with a key on it.
func openFaulty(t *testing.T, sessions int) (*Token, *counted, string) {
	t.Helper()
	o := softOptions(t, sessions)
	lib := &counted{module: pkcs11.New(o.Module)}
	token, err := open(t.Context(), o, lib)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = token.Close() })
	name, _, err := token.Generate(t.Context(), es256)
	if err != nil {
		t.Fatal(err)
	}
	return token, lib, name
}

// A session that ended without our knowing costs the caller nothing; other failures reach the caller, and the next is served.
func TestLostSessionsAreReplaced(t *testing.T) {
	token, lib, name := openFaulty(t, 1)
	for _, function := range []string{"SignInit", "Sign"} {
		for _, code := range []uint{
			pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_DEVICE_REMOVED,
			pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OPERATION_ACTIVE,
		} {
			lib.failing(function, code)
			if _, err := token.Sign(t.Context(), name, es256, []byte("x")); err != nil {
				t.Errorf("%s, %v: %v", function, pkcs11.Error(code), err)
			}
		}
		for _, code := range []uint{pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_DEVICE_MEMORY} {
			lib.failing(function, code)
			if _, err := token.Sign(t.Context(), name, es256, []byte("x")); !is(err, code) {
				t.Errorf("%s, %v: %v", function, pkcs11.Error(code), err)
			}
			if _, err := token.Sign(t.Context(), name, es256, []byte("x")); err != nil {
				t.Errorf("after %v: %v", pkcs11.Error(code), err)
			}
		}
	}
}

// A token that is taken out fails at once, and serves again when it is back.
func TestTokenComesBack(t *testing.T) {
	token, lib, name := openFaulty(t, 1)
	lib.failing("SignInit", pkcs11.CKR_DEVICE_REMOVED)
	lib.mu.Lock()
	lib.fail["OpenSession"] = []uint{pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_PRESENT}
	lib.mu.Unlock()
	for range 2 {
		if _, err := token.Sign(t.Context(), name, es256, []byte("x")); err == nil {
			break
		}
	}
	if _, err := token.Sign(t.Context(), name, es256, []byte("x")); err != nil {
		t.Errorf("back again: %v", err)
	}
}

// Where the whole process was logged out, the next question logs in again, once.
func TestLogsInAgain(t *testing.T) {
	token, lib, name := openFaulty(t, 1)
	before := lib.logins.Load()
	_, err := ask(t.Context(), token, func(s *session) (struct{}, error) {
		return struct{}{}, lib.module.(*pkcs11.Ctx).Logout(s.handle)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Sign(t.Context(), name, es256, []byte("x")); err != nil {
		t.Errorf("after a logout: %v", err)
	}
	if n := lib.logins.Load() - before; n != 1 {
		t.Errorf("%d logins", n)
	}
}

// A device that hangs holds as many threads as there are sessions; whoever asks leaves in time, and it serves when it wakes up.
func TestHangingDeviceHoldsNobody(t *testing.T) {
	const sessions, callers = 3, 200
	token, lib, name := openFaulty(t, sessions)
	gate := make(chan struct{})
	lib.hanging(gate)
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			if _, err := token.Sign(ctx, name, es256, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a hanging device: %v", err)
			}
		})
	}
	all.Wait() // that they end is the test
	if n := lib.stuck.Load(); n != sessions {
		t.Errorf("%d calls hang, with %d sessions", n, sessions)
	}
	if n := runtime.NumGoroutine(); n > before+sessions {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	lib.hanging(nil)
	close(gate)
	if _, err := token.Sign(t.Context(), name, es256, []byte("x")); err != nil {
		t.Errorf("awake again: %v", err)
	}
}

// issuing makes an Issuer's calls signatures of the token.
type issuing struct {
	gateway.Issuer
	token *Token
	name  string
}

func (i issuing) Assertion(ctx context.Context, _ gateway.AssertionFacts) (string, error) {
	s, err := i.token.Sign(ctx, i.name, es256, []byte("x"))
	return string(s), err
}

// Behind the signer's guard a hanging device opens the breaker: requests are refused at once instead of waiting.
func TestHangingDeviceOpensTheBreaker(t *testing.T) {
	token, lib, name := openFaulty(t, 2)
	gate := make(chan struct{})
	lib.hanging(gate)
	defer close(gate)
	g := guard.New(guard.Options{System: "signer", Deadline: 20 * time.Millisecond, Breaker: guard.BreakerOptions{Failures: 3, OpenFor: time.Hour}})
	issuer := g.Issuer(issuing{token: token, name: name})
	var refused *guard.Refused
	for range 4 {
		_, err := issuer.Assertion(t.Context(), gateway.AssertionFacts{})
		if err == nil {
			t.Fatal("signed")
		}
		errors.As(err, &refused)
	}
	if refused == nil || lib.stuck.Load() > 2 {
		t.Errorf("refused %v, %d calls hang", refused, lib.stuck.Load())
	}
}

// With one try left nobody but a person uses it.
func TestLastTryIsKept(t *testing.T) {
	for _, flag := range []uint{pkcs11.CKF_USER_PIN_FINAL_TRY, pkcs11.CKF_USER_PIN_LOCKED} {
		if err := triesLeft(pkcs11.TokenInfo{Flags: flag}); !errors.Is(err, ErrPIN) {
			t.Errorf("flag %x: %v", flag, err)
		}
	}
	if err := triesLeft(pkcs11.TokenInfo{}); err != nil {
		t.Error(err)
	}
}

// Two processes' worth of sessions fail at the same time: the refused PIN is still tried once.
func TestRefusedPINIsNotTriedByEverySession(t *testing.T) {
	token, lib, name := openFaulty(t, 8)
	_, err := ask(t.Context(), token, func(s *session) (struct{}, error) {
		return struct{}{}, lib.module.(*pkcs11.Ctx).Logout(s.handle)
	})
	if err != nil {
		t.Fatal(err)
	}
	before := lib.logins.Load()
	lib.failing("Login", pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INCORRECT)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { _, _ = token.Sign(context.Background(), name, es256, []byte("x")) })
	}
	all.Wait()
	if n := lib.logins.Load() - before; n != 1 {
		t.Errorf("%d tries of a PIN that the token refuses", n)
	}
}

func TestClosedTokenRefuses(t *testing.T) {
	token, _, name := openFaulty(t, 1)
	if err := token.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := token.Sign(t.Context(), name, es256, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func FuzzParsePoint(f *testing.F) {
	f.Add(true, []byte{4, 3, 1, 2, 3})
	f.Add(false, append([]byte{4, 32}, make([]byte, 32)...))
	f.Fuzz(func(t *testing.T, p256 bool, value []byte) {
		alg := eddsa
		if p256 {
			alg = es256
		}
		if public, err := parsePoint(alg, value); (err == nil) == (public == nil) {
			t.Error("neither a key nor an error, or both")
		}
	})
}
