// Package gateway is the service: captures in, decisions and signed assertions out. It knows no HTTP, no database and no
// modality; those reach it through ports.go and matcher.Engine.
package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// Deps is everything that a Service stands on. All fields are required but those that say otherwise.
type Deps struct {
	Engines      []matcher.Engine       // one a modality
	Calibrations map[string]Calibration // by model id, one for each engine
	Registry     Registry
	Lister       TemplateLister              // of the record as it rests: of a template what stands beside its data alone
	Open         func(References) References // optional: what Lister shows with its data, the subject alone where that cannot be had; for many goroutines
	Galleries    Galleries
	Issuer       Issuer
	Assertions   AssertionReader // optional: without it every introspection is answered no
	Nonces       Nonces          // optional: used nonces of challenges; without it this process remembers its own
	ChallengeKey []byte          // optional: what nodes sign challenges with, and make ids of assertions under, that any of them knows again
	Attempts     Attempts        // optional: without it attempts are not counted
	Devices      Degrader        // optional: the registry of who may ask, which says when revocations do not arrive
	Audit        Audit           // optional: without it nothing is put on record
	Recordable   func() bool     // optional: whether Audit works just now; while it does not the Service is not ready
	Observer     Observer
	Now          func() time.Time
	Policy       decision.Policy
	Parties      map[string]Party // registered relying parties by audience
	OnlyParties  bool             // refuse audiences that are not registered; otherwise Policy holds for them
	Workers      int              // extractions at a time; cores
	Patience     time.Duration    // how long a request waits for its turn to be extracted, to search or to be enrolled; 0: 2 s
	Retention    time.Duration    // of references after their enrolment; 0: no limit
	KeepEnds     time.Duration    // of the receipts of galleries that ended; 0: 30 days
	Quantum      time.Duration    // answers that hide who is enrolled leave at multiples of it; 0: 50 ms
	Deduplicate  bool             // refuse to enrol a person who is held under another id
}

// Service fulfils API. It is safe for concurrent use.
type Service struct {
	deps      Deps
	engines   map[matcher.Modality]model
	galleries *galleries
	sectors   map[string]bool // of registered parties
	minter    *challenge.Minter
	tokenIDs  tokenIDs
	decoys    map[matcher.Modality]StoredTemplate // where who is enrolled is hidden
	nonces    Nonces
	workers   chan struct{} // of extractions
	// extracting holds requests from their first capture to their last: with more at a time than two a worker all of them would end
	// late, and those of many captures never in time.
	extracting chan struct{}
	searching  chan struct{} // of searches, which share passes over a gallery
	enrolling  chan struct{} // one at a time when deduplicating; nil otherwise
}

// model is an engine with what its scores mean.
type model struct {
	matcher.Engine
	impostors *decision.Impostors
}

// New checks d and loads every gallery into memory. Call Run as well: it forgets galleries that expire.
func New(ctx context.Context, d Deps) (*Service, error) {
	s := &Service{
		deps: d, engines: map[matcher.Modality]model{}, workers: make(chan struct{}, max(d.Workers, 1)),
		extracting: make(chan struct{}, 2*max(d.Workers, 1)), searching: make(chan struct{}, 2*max(d.Workers, 1)),
		minter: challenge.NewMinter(d.ChallengeKey, d.Now), nonces: d.Nonces, sectors: sectorsOf(d.Parties),
	}
	if s.nonces == nil {
		s.nonces = challenge.NewSpent(spentNonces, d.Now)
	}
	if d.Patience == 0 {
		s.deps.Patience = 2 * time.Second
	}
	if err := d.Policy.Check(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	for audience, party := range d.Parties {
		if err := party.Policy.Check(); err != nil {
			return nil, fmt.Errorf("policy of audience %q: %w", audience, err)
		}
	}
	for _, e := range d.Engines {
		calibration := d.Calibrations[e.Model()]
		if calibration == nil {
			return nil, fmt.Errorf("model %s has no calibration: its scores mean nothing", e.Model())
		}
		if _, twice := s.engines[e.Modality()]; twice {
			return nil, fmt.Errorf("two engines for modality %s", e.Modality())
		}
		s.engines[e.Modality()] = model{e, decision.NewImpostors(calibration)}
	}
	ids, err := newTokenIDs(d.ChallengeKey)
	if err != nil {
		return nil, err
	}
	s.tokenIDs = ids
	decoys, err := makeDecoys(d)
	if err != nil {
		return nil, err
	}
	s.decoys = decoys
	s.galleries = newGalleries(s.engines, d.Now)
	if d.Deduplicate {
		s.enrolling = make(chan struct{}, 1)
	}
	d.Registry.Follow(s.follow)
	return s, s.load(ctx)
}

// Run forgets expired galleries and references, and brings into memory what could not be brought at once, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var jobs sync.WaitGroup // each by itself: a night's expiries must not keep what is in doubt waiting
	jobs.Go(func() { repeat(ctx, expireEvery, func() { _ = s.expire(ctx) }) })
	failed := retries{}
	jobs.Go(func() { repeat(ctx, time.Second, func() { s.endAllExpired(ctx, failed) }) })
	repeat(ctx, time.Second, func() { _ = s.lookAgain(ctx) })
	jobs.Wait()
}

// repeat calls do now and then every so often, until ctx ends. What failed is tried again.
func repeat(ctx context.Context, every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// endAllExpired: what fails is out of reach already, and is tried again later.
func (s *Service) endAllExpired(ctx context.Context, failed retries) {
	names := s.galleries.expired()
	failed.keep(names)
	for _, name := range names {
		if failed.due(name, s.deps.Now()) {
			err := s.endExpired(ctx, name)
			failed.tried(name, s.deps.Now(), err) // from the end of the try: one that takes a minute is not begun again at once
		}
	}
}

// lookAgain brings into memory what is held about the subjects in doubt. It ends with the first that the registry does not
// answer about: the others can wait too.
func (s *Service) lookAgain(ctx context.Context) error {
	for subject, until := range s.galleries.unsure() {
		if err := s.refresh(ctx, subject); err != nil && !errors.Is(err, ErrNotFound) && !isDamage(err) {
			return err
		}
		s.galleries.settle(subject, until)
	}
	return nil
}

// Ready is nil when requests can be decided, and the decision can leave.
func (s *Service) Ready(context.Context) error {
	if s.deps.Recordable != nil && !s.deps.Recordable() {
		return unavailable("audit-unavailable", "what happens cannot be put on record", nil)
	}
	if s.deps.Registry.CanDecide() {
		return nil
	}
	return unavailable("record-unavailable", "neither the record of templates nor a cache in front of it answers", nil)
}

// Degraded names the modes in force.
func (s *Service) Degraded() []string { return union(s.deps.Registry.Degraded(), s.withoutMemory()) }

// arrival is when captures had arrived: now, unless their inbound adapter knows better.
func (s *Service) arrival(known time.Time) time.Time {
	if known.IsZero() {
		return s.deps.Now()
	}
	return known
}

// staged runs one named stage and observes how long it took.
func (s *Service) staged(name string, run func() error) error {
	start := s.deps.Now()
	err := run()
	s.deps.Observer.Stage(name, s.deps.Now().Sub(start))
	return err
}

// checkIdentifier is the service's own guard: nothing that a store or a token could misread gets past any inbound adapter.
func checkIdentifier(what, value string) error {
	if isIdentifier(value) {
		return nil
	}
	return &Error{Kind: Malformed, Code: what + "-invalid", Detail: "the " + what + " is not 1 to 128 characters of A-Z a-z 0-9 . _ : @ -"}
}

func isIdentifier(text string) bool {
	for _, c := range []byte(text) {
		letter, digit := c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9'
		if !letter && !digit && strings.IndexByte("._:@-", c) < 0 {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= 128
}

func checkAudience(audience string) error {
	if audience == "" || len(audience) > 512 {
		return &Error{Kind: Malformed, Code: "audience-invalid", Detail: "the audience is not 1 to 512 bytes long"}
	}
	return nil
}

func unavailable(code, detail string, cause error) error {
	return &Error{Kind: Unavailable, Code: code, Detail: detail, Hint: "repeat the request after the time in Retry-After", RetryAfter: 2 * time.Second, Cause: cause}
}

// stored makes the error of a store presentable: unknown failures mean that the record could not answer.
func stored(err error, missing *Error) error {
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return missing
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return err
	}
	return unavailable("record-unavailable", "the record of templates does not answer", err)
}

func unknownSubject() *Error {
	return &Error{Kind: NotFound, Code: "subject-unknown", Detail: "nothing is held about this subject"}
}

func unknownGallery() *Error {
	return &Error{Kind: NotFound, Code: "gallery-unknown", Detail: "there is no such gallery"}
}

// newID makes an identifier that nobody can guess or relate to a person.
func newID() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var _ API = (*Service)(nil)
