package gateway

import (
	"context"
	"encoding/json"
	"time"

	"biogate/matcher"
)

// References is all that is held about one subject. Values are never changed in place.
type References struct {
	Subject   string
	Version   uint64 // grows with every change of this subject, also across deletion; 0 is never stored
	Templates []StoredTemplate
	Derived   []DerivedTemplate // references made of Templates; all that is enrolled is in Templates alone
	// Envelope is set while every Data is encrypted: what gateway/vault needs to open them. Stores see nothing else, the service
	// never does.
	Envelope []byte
}

// StoredTemplate is one enrolled template.
type StoredTemplate struct {
	ID         string // unique within the subject
	Modality   matcher.Modality
	Model      string
	Position   matcher.Position
	Quality    int // 0..100 at enrolment
	EnrolledAt time.Time
	ExpiresAt  time.Time // it matches nobody from then on; zero: never
	Data       []byte    // matcher.Template in binary form
}

// DerivedTemplate is one reference made of several enrolled templates of a subject, to be compared with in their place.
type DerivedTemplate struct {
	StoredTemplate          // its own id; the best quality of what it was made of
	Of             []string // ids of the templates that it was made of
}

// Templates keeps references, one document a subject. The record and its cache both fulfil it; gateway/porttest holds
// every implementation to this text.
//
// Every method respects ctx's deadline. Errors: ErrNotFound and ErrConflict as said below, anything else means that the
// store could not answer. What Get returns belongs to the caller; what Put is given stays the caller's.
type Templates interface {
	// Get returns what is held about subject, or ErrNotFound.
	Get(ctx context.Context, subject string) (References, error)
	// Put stores r in place of the version `replaces`, 0 for "nothing is held", or leaves everything as it was and
	// returns ErrConflict when another version is held. When it returns nil a record has r on stable storage. A cache
	// accepts any `replaces` when it holds nothing, and refuses an r that is not newer than a deletion it remembers.
	Put(ctx context.Context, r References, replaces uint64) error
	// Delete forgets subject up to and including version, and is nil when nothing (or something newer) is held.
	// A cache remembers the deletion for a while, so that a late Put of what was read before it is refused.
	Delete(ctx context.Context, subject string, version uint64) error
}

// Registry is the record behind its cache, as the service uses it. gateway/registry is the implementation. degraded names
// what was missing while the call succeeded: "cache", "record".
type Registry interface {
	// Get returns what is held about subject, or ErrNotFound. Data that was forgotten before the call is never returned.
	Get(ctx context.Context, subject string) (r References, degraded []string, err error)
	// Update changes what is held about subject by change, which sees the record's state (without templates when nothing is
	// held) and may run more than once. When the error is nil the change is durable.
	Update(ctx context.Context, subject string, change func(held References) (References, error)) (r References, degraded []string, err error)
	// Forget deletes subject everywhere and waits for every Hold on it to end; ErrNotFound when nothing was held. With when, it
	// does so only if when says yes to what is held, and returns ErrConflict otherwise; when may not call the registry.
	Forget(ctx context.Context, subject string, when func(held References) bool) (held References, degraded []string, err error)
	// Hold keeps Update and Forget of subject waiting until release is called. A decision is made and signed inside a Hold,
	// so that after Forget returns nothing matches subject. Never hold two subjects at once.
	Hold(subject string) (release func())
	// Follow has f called after every durable change of a subject, before Update or Forget return and in the order of the
	// changes: with what is held now, or with the subject alone when it was forgotten. f may not call the registry.
	Follow(f func(References))
	// CanDecide says whether references can be read at all.
	CanDecide() bool
	// Degraded names what is known to be missing now.
	Degraded() []string
}

// TemplateLister is what a record can do beyond Templates: show many subjects at once, for building galleries at start.
// Both methods call f until it fails or ctx ends, with the subject alone where what is held cannot be read; f may not call
// the store.
type TemplateLister interface {
	// Each calls f with every subject's references.
	Each(ctx context.Context, f func(References) error) error
	// Some calls f with the references of those of subjects that are held, in their order. It is fastest when they ascend.
	Some(ctx context.Context, subjects []string, f func(References) error) error
}

// Pinger is a store whose health can be asked without touching a subject.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Generations keeps the number under which a cache's entries are valid. It lives in the record, because the record is
// what survives: when a cache could not be told of a change, the number moves on and everything in the cache is void.
type Generations interface {
	Generation(ctx context.Context) (uint64, error)
	// NextGeneration moves the number on, durably, and returns it.
	NextGeneration(ctx context.Context) (uint64, error)
}

// Gallery is a named set of subjects for 1:N. It is data; the templates stay with their subjects.
type Gallery struct {
	Name      string
	Purpose   string
	ExpiresAt time.Time // zero: never
	CreatedAt time.Time
	// EraseMembers: when the gallery ends, its members who are in no other one are forgotten with it.
	EraseMembers bool
}

// GalleryEnd is what became of a gallery that ended.
type GalleryEnd struct {
	Gallery  string
	Reason   string // EndDeleted or EndExpired
	Members  int    // memberships that it had when it was ended
	Erased   int    // subjects forgotten with it
	EndedAt  time.Time
	Degraded []string
	Receipt  string // compact JWS; empty: the signer was not there
}

// Why a gallery ended.
const (
	EndDeleted = "deleted"
	EndExpired = "expired"
)

// Membership is a subject's place in a gallery.
type Membership struct {
	Subject string
	Group   string // what a search may be confined to; empty: none
}

// Galleries keeps galleries and their members durably. Errors as in Templates. A store that keeps the record too forgets a
// subject's memberships together with its references.
type Galleries interface {
	// PutGallery makes the gallery or changes its purpose and expiry; created says which.
	PutGallery(ctx context.Context, g Gallery) (created bool, err error)
	// EndGallery forgets the gallery that end names and its memberships, and keeps end until a time, in one step; ErrNotFound
	// when there is none.
	EndGallery(ctx context.Context, end GalleryEnd, until time.Time) error
	// Ended returns what EndGallery kept, of the last gallery of this name; ErrNotFound when there is none, or its time is over.
	Ended(ctx context.Context, name string) (GalleryEnd, error)
	// AddMembers adds members, all or none; those already in take the group they come with, and of one that comes twice the
	// last counts. ErrNotFound when the gallery is not there.
	AddMembers(ctx context.Context, name string, members []Membership) error
	// RemoveMember is nil when the subject was no member; ErrNotFound when the gallery is not there.
	RemoveMember(ctx context.Context, name, subject string) error
	// ForgetMember removes subject from every gallery.
	ForgetMember(ctx context.Context, subject string) error
	// EachGallery calls f with every gallery and its members, in no order. The members are f's to keep.
	EachGallery(ctx context.Context, f func(Gallery, []Membership) error) error
}

// Receipts remembers the answers to writes that carried an Idempotency-Key.
type Receipts interface {
	// Recall returns what Remember kept under key and is not older than the store's retention, or ErrNotFound.
	Recall(ctx context.Context, key string) (Receipt, error)
	// Remember keeps r durably under key; ErrConflict when the key is taken.
	Remember(ctx context.Context, key string, r Receipt) error
}

// Nonces remembers which nonces were used: of challenges, of signed requests, ids of tokens. A nonce begins with what it is
// for ("challenge:", "introspect:", ...), so that nobody uses up another kind's.
type Nonces interface {
	// Spend marks a nonce as used and remembers that until a time at least. first is false when it was used before, and when that
	// time has come: it may be forgotten already. Of several calls at once, at all nodes of a deployment, one is the first. After
	// an error nobody may rely on the nonce.
	Spend(ctx context.Context, nonce string, until time.Time) (first bool, err error)
	// Used says whether a nonce was used and is remembered. It spares work for nothing; only Spend decides.
	Used(ctx context.Context, nonce string) (bool, error)
}

// SharedNonces is a Nonces that knows whether the nodes of a deployment share it now. Where Deps.Nonces is none, this process
// is taken for the only node.
type SharedNonces interface {
	Nonces
	// Shared says whether what is spent now is known to all nodes, and since when nothing that was spent was forgotten.
	Shared() (since time.Time, ok bool)
	// SpendHere is Spend of what no other node takes.
	SpendHere(ctx context.Context, nonce string, until time.Time) (first bool, err error)
}

// Degrader is a dependency that goes on in a named mode while something is missing.
type Degrader interface {
	// Degraded names the modes in force.
	Degraded() []string
}

// Attempts counts the failed attempts to be verified as a subject, and makes the next wait when there were too many.
type Attempts interface {
	// Begin counts an attempt as failed; or says how long subject has to wait, and counts nothing.
	Begin(ctx context.Context, subject string) (wait time.Duration, err error)
	// Succeed forgets the subjects' failures.
	Succeed(ctx context.Context, subjects ...string) error
	// Withdraw takes one attempt back: it compared nothing.
	Withdraw(ctx context.Context, subject string) error
}

// Audit is the record of what the gateway did.
type Audit interface {
	// Append returns nil once e is on stable storage. After an error it may be there or not, and what it speaks of must not
	// leave.
	Append(ctx context.Context, e AuditEvent) error
}

// AuditEvent is one thing that the gateway did. It holds nothing biometric; whoever keeps it replaces Subject by a keyed
// hash. Empty fields do not apply.
type AuditEvent struct {
	At        time.Time
	Action    string // verify, identify, enroll, forget, ...
	Outcome   string // a decision, done, or the code of a refusal
	Trace     string
	Device    string
	Audience  string
	Subject   string // enrolled id
	Gallery   string
	FMR       float64
	Assertion string // claim "jti" of the token that left
	Count     int    // templates, members, ...
	Reasons   []string
	Degraded  []string
}

// Receipt is the answer to an earlier write.
type Receipt struct {
	Request [32]byte // SHA-256 over method, path and body: the same key with another request is refused
	Status  int
	Body    []byte
	At      time.Time
}

// Issuer makes the signed statements that leave the gateway, compact JWS.
type Issuer interface {
	// Assertion states a match to an audience.
	Assertion(ctx context.Context, a AssertionFacts) (string, error)
	// DeletionReceipt states that a subject was forgotten.
	DeletionReceipt(ctx context.Context, d DeletionFacts) (string, error)
	// GalleryReceipt states that a gallery ended.
	GalleryReceipt(ctx context.Context, e GalleryEnd) (string, error)
}

// AssertionFacts is what an assertion says; the issuer adds who, when, how long and the pairwise subject.
type AssertionFacts struct {
	ID      string // claim "jti", unique
	Subject string // enrolled id; made pairwise by the issuer
	Party   Party  // whom it is for, and what that party is told
	Level   int    // of assurance, 1 or 2
	Fresh   bool   // the captures answer a nonce that the gateway issued
	Nonce   string // of the relying party, or a challenge of ours; empty: none
	// Challenge is the challenge of ours that the request used up; empty: none, and nothing says that the captures are fresh.
	Challenge string
	AuthTime  time.Time
	Mode      string // "verify" or "identify"
	FMR       float64
	// Extrapolated: FMR lies below what the calibration's data supports.
	Extrapolated bool
	Modalities   []ModalityFacts
	Gallery      string // empty for 1:1
	Group        string // the search was confined to it; empty: to none
	Searched     int    // members that the search could have found; 0 for 1:1
	Degraded     []string
	Caller       Caller
}

// ModalityFacts is one modality's part in a decision.
type ModalityFacts struct {
	Modality     matcher.Modality
	Model        string
	FMR          float64
	Extrapolated bool
	Quality      int
	PAD          *matcher.PAD
}

// AssertionReader reads what Issuer made.
type AssertionReader interface {
	// ReadAssertion returns what a token states that this gateway signed and that is valid now. ok is false for any other text,
	// whatever is wrong with it.
	ReadAssertion(ctx context.Context, token string) (s Statement, ok bool, err error)
}

// Statement is an assertion that was read.
type Statement struct {
	ID       string // claim "jti"
	Audience string
	Issued   time.Time // coarse: less than a minute from when the assertion was made
	Expires  time.Time
	Claims   json.RawMessage // all of them, one JSON object
}

// DeletionFacts is what a deletion receipt says.
type DeletionFacts struct {
	Subject   string
	Templates int // how many were held
	DeletedAt time.Time
	Degraded  []string
}

// Calibration gives the scores of one model a meaning.
type Calibration interface {
	// FMR is the false match rate at which score would be accepted, 0 < fmr <= 1, decreasing in score. extrapolated: it
	// lies below the lowest rate that the calibration's data supports, and comes from a fitted tail.
	FMR(score float64) (fmr float64, extrapolated bool)
	// LLR is the natural logarithm of the likelihood ratio genuine : impostor at score, non-decreasing in score.
	LLR(score float64) float64
	// Range is the span of scores over which FMR and LLR change.
	Range() (lowest, highest float64)
}

// Observer sees how long things take and how they end. It never sees subjects, templates or scores.
type Observer interface {
	// Stage: one named step of a request ended (decode, quality, extract, fuse, lookup, compare, sign). A stage
	// that failed and was done without is named so: fuse-failed.
	Stage(name string, took time.Duration)
	// Call: one call to an outside system ended. outcome is "ok", "error", "open" (refused by its breaker), "full" (refused
	// by its bulkhead), "deadline" or "canceled" (its caller left).
	Call(system, operation, outcome string, took time.Duration)
	// Breaker: the breaker of a system changed its state: "closed", "half-open" or "open".
	Breaker(system, state string)
	// Decision: a request was decided: mode is "verify" or "identify". "refused" stands for a request that was not, because too
	// many attempts failed before.
	Decision(mode, decision string)
}
