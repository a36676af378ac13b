package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

// fakeAPI answers what a test says; what it does not say succeeds.
type fakeAPI struct {
	gateway.API // nil: a call that no test expects panics
	enroll      func(context.Context, gateway.EnrollRequest) (gateway.EnrollResult, error)
	verify      func(context.Context, gateway.VerifyRequest) (gateway.Outcome, error)
	notReady    error
}

var at = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

var heldTemplate = gateway.TemplateInfo{
	ID: "t1", Modality: matcher.Finger, Position: "right-index", Model: "minutiae-1",
	Quality: matcher.Quality{Score: 71, Reasons: []string{"dry"}}, EnrolledAt: at,
}

var enrolFailures = map[string]error{
	"unusable":  &matcher.Error{Code: matcher.CodeUnusable, Detail: "the picture is blank", Reasons: []string{"blank"}},
	"huge":      &matcher.Error{Code: matcher.CodeTooLarge, Detail: "65000 x 65000 pixels"},
	"liar":      &matcher.Error{Code: matcher.CodeFormatMismatch, Detail: "the bytes are no PNG"},
	"broken":    &matcher.Error{Code: matcher.CodeUndecodable, Detail: "the JPEG is cut off"},
	"unbuilt":   &matcher.Error{Code: matcher.CodeEngineMissing, Detail: "no engine for faces"},
	"duplicate": &gateway.Error{Kind: gateway.Conflict, Code: "duplicate-subject", Detail: "this person is enrolled under another id"},
	"late":      context.DeadlineExceeded,
	"fault":     errors.New("disk on fire"),
}

func (f *fakeAPI) Enroll(ctx context.Context, r gateway.EnrollRequest) (gateway.EnrollResult, error) {
	if f.enroll != nil {
		return f.enroll(ctx, r)
	}
	if err, ok := enrolFailures[r.Subject]; ok {
		return gateway.EnrollResult{}, err
	}
	face := heldTemplate
	face.Modality, face.Position, face.Quality.Reasons = matcher.Face, "", nil
	return gateway.EnrollResult{Subject: r.Subject, Templates: []gateway.TemplateInfo{heldTemplate, face}}, nil
}

func (f *fakeAPI) Verify(ctx context.Context, r gateway.VerifyRequest) (gateway.Outcome, error) {
	if f.verify != nil {
		return f.verify(ctx, r)
	}
	if r.Subject == "nobody" {
		return gateway.Outcome{}, &gateway.Error{Kind: gateway.NotFound, Code: "subject-unknown", Detail: "nothing is held about this subject"}
	}
	if r.Subject == "tried" {
		return gateway.Outcome{}, &gateway.Error{Kind: gateway.Limited, Code: "attempts-exceeded", Detail: "too many attempts failed", RetryAfter: 30 * time.Second}
	}
	if r.Subject == "spent" {
		return gateway.Outcome{}, &gateway.Error{Kind: gateway.Conflict, Code: "nonce-spent", Detail: "the nonce was used before"}
	}
	return matched(ctx), nil
}

var sequencePAD = &matcher.PAD{Score: 0.9, Advisory: true, Evidence: []matcher.PADEvidence{
	{Name: "network", Score: 0.9, Advisory: true}, {Name: "parallax", Score: 0.2, Suspect: true, Advisory: true, Reason: "flat"},
}}

func matched(ctx context.Context) gateway.Outcome {
	return gateway.Outcome{
		Decision: decision.Match, FMR: 1e-6, Extrapolated: true, Degraded: []string{"cache"}, Assertion: "a.b.c", Trace: gateway.TraceID(ctx),
		Scores: []gateway.Comparison{{Modality: matcher.Finger, Position: "right-index", Model: "minutiae-1", Score: 88, FMR: 1e-6, Comparisons: 2}},
		Captures: []gateway.CaptureInfo{
			{Modality: matcher.Finger, Position: "right-index", Usable: true, Quality: matcher.Quality{Score: 71}},
			{Modality: matcher.Face, PAD: sequencePAD, Quality: matcher.Quality{Reasons: []string{"too-small"}, Hint: "Come closer."}},
			{Modality: matcher.Face, PAD: sequencePAD},
		},
	}
}

func (f *fakeAPI) Introspect(_ context.Context, token string) (gateway.Introspected, error) {
	if token != "good" {
		return gateway.Introspected{}, nil
	}
	return gateway.Introspected{Active: true, Claims: []byte(`{"iss":"https://gateway.example","sub":"s","aud":"a","exp":1,"acr":"urn:biogate:acr:1","amr":["face"]}`)}, nil
}

func (f *fakeAPI) Identify(ctx context.Context, r gateway.IdentifyRequest) (gateway.IdentifyOutcome, error) {
	o := matched(ctx)
	return gateway.IdentifyOutcome{Outcome: o, Searched: 180, FPIR: 180e-6, Candidates: []gateway.Candidate{{Subject: "s1", FMR: 1e-6, Scores: o.Scores}}}, nil
}

func (f *fakeAPI) Subject(_ context.Context, subject string) (gateway.SubjectInfo, error) {
	switch subject {
	case "nobody":
		return gateway.SubjectInfo{}, &gateway.Error{Kind: gateway.NotFound, Code: "subject-unknown", Detail: "nothing is held about this subject"}
	case "panic":
		panic("with a subject in it")
	case "down":
		return gateway.SubjectInfo{}, &gateway.Error{Kind: gateway.Unavailable, Code: "record-unavailable", Detail: "the record does not answer", RetryAfter: 2500 * time.Millisecond}
	}
	return gateway.SubjectInfo{Subject: subject, Templates: []gateway.TemplateInfo{heldTemplate}}, nil
}

func (f *fakeAPI) Forget(_ context.Context, subject string) (gateway.Deletion, error) {
	return gateway.Deletion{Subject: subject, Templates: 2, Receipt: "r.s.t"}, nil
}

func (f *fakeAPI) Challenge(_ context.Context, r gateway.ChallengeRequest) (challenge.Issued, error) {
	if r.Kind == matcher.ChallengeHeadTurn {
		return challenge.Issued{}, &gateway.Error{Kind: gateway.NotBuilt, Code: "engine-unavailable", Detail: "no engine judges it"}
	}
	return challenge.NewMinter(nil, func() time.Time { return at }).Issue(r.Kind, challenge.Binding{}, false), nil
}

func (f *fakeAPI) PutGallery(_ context.Context, g gateway.Gallery) (gateway.GalleryInfo, bool, error) {
	return gateway.GalleryInfo{Gallery: g}, g.Name == "new", nil
}

func (f *fakeAPI) Gallery(_ context.Context, name string) (gateway.GalleryInfo, error) {
	if name == "none" {
		return gateway.GalleryInfo{}, &gateway.Error{Kind: gateway.NotFound, Code: "gallery-unknown", Detail: "there is no such gallery"}
	}
	return gateway.GalleryInfo{
		Gallery: gateway.Gallery{Name: name, Purpose: "boarding", ExpiresAt: at, CreatedAt: at}, Members: 3,
		Searchable: map[matcher.Modality]int{matcher.Face: 3},
	}, nil
}

func (f *fakeAPI) DeleteGallery(_ context.Context, name string) (gateway.GalleryEnd, error) {
	return gateway.GalleryEnd{Gallery: name, Reason: gateway.EndDeleted, Members: 3, Erased: 2, EndedAt: at, Receipt: "a.b.c"}, nil
}

func (f *fakeAPI) Ended(_ context.Context, name string) (gateway.GalleryEnd, error) {
	if name == "none" {
		return gateway.GalleryEnd{}, &gateway.Error{Kind: gateway.NotFound, Code: "receipt-unknown", Detail: "no gallery of this name has ended"}
	}
	return gateway.GalleryEnd{Gallery: name, Reason: gateway.EndExpired, Members: 3, EndedAt: at, Receipt: "a.b.c"}, nil
}

func (f *fakeAPI) AddMembers(_ context.Context, _ string, members []gateway.Membership) (out []gateway.MemberResult, err error) {
	for _, member := range members {
		m := gateway.MemberResult{Subject: member.Subject}
		if m.Subject == "nobody" {
			m.Err = &gateway.Error{Kind: gateway.NotFound, Code: "subject-unknown", Detail: "nothing is held about this subject"}
		}
		out = append(out, m)
	}
	return out, nil
}

func (f *fakeAPI) RemoveMember(context.Context, string, string) error { return nil }
func (f *fakeAPI) Ready(context.Context) error                        { return f.notReady }
func (f *fakeAPI) Degraded() []string                                 { return nil }

// receipts is a gateway.Receipts in memory.
type receipts struct {
	mu   sync.Mutex
	held map[string]gateway.Receipt
	fail error
}

func (m *receipts) Recall(_ context.Context, key string) (gateway.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.held[key]; ok {
		return r, nil
	}
	if m.fail != nil {
		return gateway.Receipt{}, m.fail
	}
	return gateway.Receipt{}, gateway.ErrNotFound
}

func (m *receipts) Remember(_ context.Context, key string, r gateway.Receipt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.held[key]; ok {
		return gateway.ErrConflict
	}
	if m.held == nil {
		m.held = make(map[string]gateway.Receipt)
	}
	m.held[key] = r
	return nil
}

// lockedBuffer collects the log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is a server on a socket of its own.
type rig struct {
	*Server
	url, addr string
	log       *lockedBuffer
	served    chan error
}

func start(t testing.TB, api gateway.API, change func(*Deps)) *rig {
	t.Helper()
	log := &lockedBuffer{}
	deps := Deps{
		API: api, Receipts: &receipts{}, Log: slog.New(slog.NewJSONHandler(log, nil)),
		Keys:      func() ([]byte, error) { return []byte(`{"keys":[]}`), nil },
		Discovery: func() ([]byte, error) { return []byte(`{"issuer":"https://gateway.example"}`), nil },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "up 1\n")
		}),
	}
	if change != nil {
		change(&deps)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: New(deps), addr: ln.Addr().String(), url: "http://" + ln.Addr().String(), log: log, served: make(chan error, 1)}
	go func() { r.served <- r.Serve(ln) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-r.served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

type reply struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

func (r reply) code() string {
	code, _ := r.json["code"].(string)
	return code
}

// call sends one request; headers are name, value, ...
func (r *rig) call(t testing.TB, method, path string, body io.Reader, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequest(method, r.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	out := reply{status: res.StatusCode, header: res.Header}
	if out.body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(out.body, &out.json)
	return out
}

func (r *rig) postJSON(t testing.TB, path, body string, headers ...string) reply {
	t.Helper()
	return r.call(t, "POST", path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}
