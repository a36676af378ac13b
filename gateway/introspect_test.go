package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/adapters/filesigner"
	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
)

// signing is a house that signs, and what it put on record.
type signing struct {
	*house
	events *events
}

// events is a record in memory.
type events struct {
	mu   sync.Mutex
	list []gateway.AuditEvent
	fail error
}

func (e *events) Append(_ context.Context, event gateway.AuditEvent) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail == nil {
		e.list = append(e.list, event)
	}
	return e.fail
}

func newSigning(t *testing.T, change ...func(*gateway.Deps)) signing {
	t.Helper()
	s := signing{events: &events{}}
	s.house = newHouse(t, append([]func(*gateway.Deps){registering(func(*gateway.Party) {}), func(d *gateway.Deps) {
		d.Issuer, d.Assertions = newIssuer(t, "https://gateway.example", d.Now)
		d.Audit = s.events
	}}, change...)...)
	s.enroll(t, "a", face("alice"))
	return s
}

func newIssuer(t *testing.T, name string, now func() time.Time) (gateway.Issuer, gateway.AssertionReader) {
	t.Helper()
	signer, err := filesigner.Open(filesigner.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	i, err := assertion.New(assertion.Options{Issuer: u, Signer: signer, PairwiseKey: make([]byte, 32), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return i, i
}

// token is an assertion for the bank.
func (s signing) token(t *testing.T) string {
	t.Helper()
	out, err := s.asked(t.Context(), "", face("alice"))
	if err != nil || out.Decision != decision.Match {
		t.Fatalf("%+v %v", out, err)
	}
	return out.Assertion
}

// introspect asks as a device of some audiences.
func (s signing) introspect(t *testing.T, token string, audiences ...string) gateway.Introspected {
	t.Helper()
	got, err := s.Introspect(asDevice(t.Context(), audiences...), token)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Active && got.Claims != nil {
		t.Fatalf("a no with %s", got.Claims)
	}
	return got
}

func asDevice(ctx context.Context, audiences ...string) context.Context {
	return gateway.WithCaller(ctx, gateway.Caller{Device: "rp", Audiences: audiences})
}

func TestIntrospectionSaysYesOnce(t *testing.T) {
	s := newSigning(t)
	token := s.token(t)
	first := s.introspect(t, token, bank)
	var claims assertion.Claims
	if err := json.Unmarshal(first.Claims, &claims); err != nil || !first.Active || claims.Audience != bank || claims.Subject == "" || claims.ID == "" {
		t.Fatalf("%s %v", first.Claims, err)
	}
	for range 3 {
		if s.introspect(t, token, bank).Active {
			t.Fatal("a second yes")
		}
	}
	var seen []string
	for _, e := range s.events.list {
		if e.Action == "introspect" {
			seen = append(seen, e.Outcome)
			if e.Device != "rp" || e.Audience != bank || e.Assertion != claims.ID || e.Subject != "" {
				t.Errorf("on record: %+v", e)
			}
		}
	}
	if !slices.Equal(seen, []string{"active", "used", "used", "used"}) {
		t.Errorf("on record: %v", seen)
	}
}

func TestOfManyIntrospectionsAtOnceOneIsTold(t *testing.T) {
	s := newSigning(t)
	for range 20 {
		token := s.token(t)
		var yes atomic.Int32
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				if got, err := s.Introspect(asDevice(context.Background(), bank), token); err != nil {
					t.Error(err)
				} else if got.Active {
					yes.Add(1)
				}
			})
		}
		if all.Wait(); yes.Load() != 1 {
			t.Fatalf("%d were told", yes.Load())
		}
	}
}

// Whoever a token is not for learns nothing of it, and leaves it as it is.
func TestForeignTokensAreNotUsedUp(t *testing.T) {
	s := newSigning(t)
	token := s.token(t)
	for name, audiences := range map[string][]string{"another party": {"https://shop.example"}, "a device of no audience": nil, "a prefix": {"https://bank"}} {
		if s.introspect(t, token, audiences...).Active {
			t.Errorf("%s is told", name)
		}
	}
	for _, e := range s.events.list {
		if e.Action == "introspect" && (e.Outcome != "unknown" || e.Assertion != "" || e.Audience != "") {
			t.Errorf("on record: %+v", e)
		}
	}
	if !s.introspect(t, token, "https://shop.example", bank).Active {
		t.Error("it was used up by those whom it is not for")
	}
}

func TestOtherTokensAreNotActive(t *testing.T) {
	s := newSigning(t)
	token := s.token(t)
	other := newSigning(t) // same name, other keys
	receipt, err := s.deps.Issuer.DeletionReceipt(t.Context(), gateway.DeletionFacts{Subject: "a", DeletedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "text": "x", "of another gateway": other.token(t), "a receipt": receipt, "with a byte more": token + "A", "with a line break": token + "\n",
		"huge": token + string(make([]byte, 1<<20)),
	} {
		if s.introspect(t, text, bank).Active {
			t.Errorf("%s is active", name)
		}
	}
	s.now.Add(int64(2 * time.Minute))
	if s.introspect(t, token, bank).Active {
		t.Error("an expired one is active")
	}
}

func TestIntrospectionCanBeOff(t *testing.T) {
	s := newSigning(t, registering(func(p *gateway.Party) { p.Introspection = gateway.IntrospectOff }))
	if s.introspect(t, s.token(t), bank).Active {
		t.Error("it is answered")
	}
}

// Where nobody is known, in development, anybody is the relying party; in production nobody is.
func TestIntrospectionByNobody(t *testing.T) {
	s := newSigning(t)
	if got, err := s.Introspect(t.Context(), s.token(t)); err != nil || !got.Active {
		t.Errorf("in development: %+v %v", got, err)
	}
	s.deps.OnlyParties = true
	s.restart(t)
	if got, err := s.Introspect(t.Context(), s.token(t)); err != nil || got.Active {
		t.Errorf("in production: %+v %v", got, err)
	}
}

// What was used is said by the memory that nodes share; without it nobody is told anything.
func TestIntrospectionNeedsItsMemoryAndItsRecord(t *testing.T) {
	s := newSigning(t)
	token := s.token(t)
	s.deps.Nonces = brokenNonces{}
	s.restart(t)
	_, err := s.Introspect(asDevice(t.Context(), bank), token)
	wantCode(t, err, "nonces-unavailable", gateway.Unavailable)

	shared := challenge.NewSpent(100, s.deps.Now)
	s.deps.Nonces = shared
	s.restart(t)
	s.events.fail = errors.New("disk full")
	got, err := s.Introspect(asDevice(t.Context(), bank), token)
	wantCode(t, err, "audit-unavailable", gateway.Unavailable)
	if got.Active || got.Claims != nil {
		t.Error("it left without being on record")
	}
	s.events.fail = nil
	second := s.house.deps
	other, err := gateway.New(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := other.Introspect(asDevice(t.Context(), bank), token); err != nil || got.Active {
		t.Errorf("used up at one node, and good at another: %+v %v", got, err)
	}
}

type brokenNonces struct{}

func (brokenNonces) Spend(context.Context, string, time.Time) (bool, error) {
	return false, errors.New("no answer")
}

func (brokenNonces) Used(context.Context, string) (bool, error) {
	return false, errors.New("no answer")
}

// An assertion states what was so: that its subject is forgotten meanwhile does not change it, and no other is made.
func TestIntrospectionAfterForgetting(t *testing.T) {
	s := newSigning(t)
	token := s.token(t)
	if _, err := s.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if !s.introspect(t, token, bank).Active {
		t.Error("it is not good any more")
	}
	if _, err := s.asked(t.Context(), "", face("alice")); err == nil {
		t.Error("another was made")
	}
}

// forgetful is a memory of what was used that nodes share, and that began anew.
type forgetful struct {
	*challenge.Spent
	since time.Time
}

func (f forgetful) Shared() (time.Time, bool) { return f.since, true }

func (f forgetful) SpendHere(ctx context.Context, nonce string, until time.Time) (bool, error) {
	return f.Spend(ctx, nonce, until)
}

// An assertion that was introspected is not good again because what was used is forgotten; those made afterwards are good, at every
// node, though the times that they show begin before.
func TestIntrospectionOfWhatIsForgotten(t *testing.T) {
	s := newSigning(t, func(d *gateway.Deps) { d.ChallengeKey = make([]byte, 32) })
	used, unused := s.token(t), s.token(t)
	if !s.introspect(t, used, bank).Active {
		t.Fatal("the first is no")
	}
	s.now.Add(int64(time.Second))
	s.deps.Nonces = forgetful{challenge.NewSpent(100, s.deps.Now), s.deps.Now()}
	s.restart(t)
	for _, token := range []string{used, unused} {
		if s.introspect(t, token, bank).Active {
			t.Error("one that may have been used before is good again")
		}
	}
	later := s.token(t)
	s.restart(t) // another node
	if !s.introspect(t, later, bank).Active {
		t.Error("one that was made afterwards is not good at another node")
	}
}

// Where no memory is shared, a restart is the end of it.
func TestIntrospectionAfterARestart(t *testing.T) {
	s := newSigning(t)
	token := s.token(t)
	if !s.introspect(t, token, bank).Active {
		t.Fatal("the first is no")
	}
	s.restart(t)
	if s.introspect(t, token, bank).Active {
		t.Error("a second yes, after a restart")
	}
	if !s.introspect(t, s.token(t), bank).Active {
		t.Error("one made after the restart is not good")
	}
}
