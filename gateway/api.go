package gateway

import (
	"context"
	"time"

	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// EnrollRequest asks to hold captures as references of a subject.
type EnrollRequest struct {
	Subject  string
	Captures []matcher.Sample // 1..n, all or none are enrolled
	// ExpiresAt is when the references expire; zero, and anything later than the policy's: when the policy says.
	ExpiresAt time.Time
}

// EnrollResult says what is held now because of the request.
type EnrollResult struct {
	Subject   string
	Templates []TemplateInfo
	Degraded  []string
	Trace     string
}

// TemplateInfo describes a held template, never its bytes.
type TemplateInfo struct {
	ID         string
	Modality   matcher.Modality
	Position   matcher.Position
	Model      string
	Quality    matcher.Quality
	EnrolledAt time.Time
	ExpiresAt  time.Time // zero: never
}

// SubjectInfo is what is held about a subject.
type SubjectInfo struct {
	Subject   string
	Templates []TemplateInfo
	Galleries []string
	Degraded  []string
}

// VerifyRequest asks whether captures come from a subject (1:1).
type VerifyRequest struct {
	Subject  string
	Audience string
	Nonce    string // the relying party's, or in place of Challenge a nonce of Challenge()
	// Challenge is the nonce of Challenge() that the captures answer; empty: none.
	Challenge string
	Captures  []matcher.Sample
	Arrived   time.Time // when all captures had arrived, before they waited for anything; zero: when the call began
}

// IdentifyRequest asks who of a gallery the captures come from (1:N).
type IdentifyRequest struct {
	Gallery       string
	Audience      string
	Nonce         string // as in VerifyRequest
	Challenge     string // as in VerifyRequest
	Captures      []matcher.Sample
	Arrived       time.Time      // as in VerifyRequest
	MaxCandidates int            // 0: the default
	Among         matcher.Filter // a group or some subjects of the gallery; zero: all members
}

// ChallengeRequest asks for a nonce. Where Audience, Subject or Gallery is stated, it serves for that alone.
type ChallengeRequest struct {
	Kind     string // challenge.KindNonce or one of matcher's
	Audience string
	Subject  string // of the verification
	Gallery  string // of the identification
}

// Outcome is what a verification or identification came to.
type Outcome struct {
	Decision     decision.Verdict
	FMR          float64 // at which the evidence would be accepted; 1 when nothing was compared
	Extrapolated bool
	Reasons      []string // why inconclusive, or why a modality was left out
	Scores       []Comparison
	Captures     []CaptureInfo
	Degraded     []string
	Assertion    string // only with decision.Match
	Trace        string
	NotBefore    time.Time // when it may be told; zero: at once
}

// Comparison is the best comparison of one capture.
type Comparison struct {
	Modality     matcher.Modality
	Position     matcher.Position
	Model        string
	Score        float64
	FMR          float64
	Extrapolated bool
	Comparisons  int // references compared; FMR accounts for them
}

// CaptureInfo is what the engine made of one capture, in the order of the request.
type CaptureInfo struct {
	Modality matcher.Modality
	Position matcher.Position
	Usable   bool
	Quality  matcher.Quality
	PAD      *matcher.PAD // captures that were judged together, as a sequence, share it
}

// IdentifyOutcome is an Outcome with candidates, best first.
type IdentifyOutcome struct {
	Outcome
	Candidates []Candidate
	// Searched is how many members the decision charges for: those that the search could have found, never fewer.
	Searched int
	// FPIR is the rate at which the search of a stranger finds somebody who is as near as the best candidate, or as the
	// nearest member where none was accepted; at most 1.
	FPIR float64
}

// Candidate is a member of the gallery that the captures match at the policy's rate.
type Candidate struct {
	Subject      string
	FMR          float64
	Extrapolated bool
	Scores       []Comparison
}

// Deletion is the answer to a request to forget.
type Deletion struct {
	Subject   string
	Templates int
	Receipt   string // compact JWS
	Degraded  []string
}

// GalleryInfo is a gallery with its count.
type GalleryInfo struct {
	Gallery
	Members    int // subjects
	Searchable map[matcher.Modality]int
	Version    uint64 // grows with every change while the process runs
}

// MemberResult is one line's outcome of adding many members.
type MemberResult struct {
	Subject string
	Err     *Error // nil: added
}

// API is the service as its inbound adapters see it. Who asks is in ctx: see WithCaller.
type API interface {
	Enroll(ctx context.Context, r EnrollRequest) (EnrollResult, error)
	Subject(ctx context.Context, subject string) (SubjectInfo, error)
	Forget(ctx context.Context, subject string) (Deletion, error)
	Verify(ctx context.Context, r VerifyRequest) (Outcome, error)
	Identify(ctx context.Context, r IdentifyRequest) (IdentifyOutcome, error)
	// Challenge issues a nonce that can be used once, by the caller alone.
	Challenge(ctx context.Context, r ChallengeRequest) (challenge.Issued, error)
	// Introspect tells a relying party that an assertion is good, once.
	Introspect(ctx context.Context, token string) (Introspected, error)
	PutGallery(ctx context.Context, g Gallery) (info GalleryInfo, created bool, err error)
	Gallery(ctx context.Context, name string) (GalleryInfo, error)
	DeleteGallery(ctx context.Context, name string) (GalleryEnd, error)
	// Ended is the end of a gallery, while its receipt is kept.
	Ended(ctx context.Context, name string) (GalleryEnd, error)
	AddMembers(ctx context.Context, gallery string, members []Membership) ([]MemberResult, error)
	RemoveMember(ctx context.Context, gallery, subject string) error
	// Ready is nil when requests can be decided; Degraded names the modes in force.
	Ready(ctx context.Context) error
	Degraded() []string
}
