package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
	"biogate/gateway/intake"
	"biogate/gateway/kiosk"
)

// route is one line of the table.
type route struct {
	method, path string
	about        string
	body         bodyClass
	traits       traits
	needs        kiosk.Capability // of the device that asks; empty: anybody may
	read         func(s *Server, r request) (work, error)
}

// bodyClass is how large a body a route takes.
type bodyClass int

const (
	noBody      bodyClass = iota // up to smallBody is read and thrown away
	smallJSON                    // smallBody
	smallForm                    // smallBody
	memberList                   // memberBody
	captureBody                  // Config.BodyLimit
)

type traits uint8

const (
	heavy  traits = 1 << iota // extracts features: needs a slot
	write                     // changes what is held: takes an Idempotency-Key
	always                    // is answered while the gateway goes down
)

// routes is the whole surface.
var routes = []route{
	{"POST", "/v1/subjects/:subject/templates", "Enrol captures of a subject", captureBody, heavy | write, kiosk.Enroll, readEnroll},
	{"GET", "/v1/subjects/:subject", "What is held about a subject", noBody, 0, kiosk.Read, readSubject},
	{"DELETE", "/v1/subjects/:subject", "Forget a subject everywhere", noBody, write, kiosk.Forget, readForget},
	{"POST", "/v1/verifications", "Compare captures with one subject (1:1)", captureBody, heavy, kiosk.Verify, readVerify},
	{"POST", "/v1/identifications", "Search a gallery for captures (1:N)", captureBody, heavy, kiosk.Identify, readIdentify},
	{"POST", "/v1/challenges", "A one-time nonce, with an instruction to follow", smallJSON, 0, kiosk.Ask, readChallenge},
	{"POST", "/v1/introspect", "Whether an assertion is good, said once", smallForm, 0, kiosk.Introspect, readIntrospect},
	{"PUT", "/v1/galleries/:gallery", "Make a gallery or change it", smallJSON, write, kiosk.Galleries, readPutGallery},
	{"GET", "/v1/galleries/:gallery", "A gallery and its counts", noBody, 0, kiosk.Galleries, readGallery},
	{"DELETE", "/v1/galleries/:gallery", "Forget a gallery and its memberships", noBody, write, kiosk.Galleries, readDeleteGallery},
	{"GET", "/v1/galleries/:gallery/receipt", "What became of a gallery that ended", noBody, 0, kiosk.Galleries, readGalleryReceipt},
	{"PUT", "/v1/galleries/:gallery/members/:subject", "Add a member or change its group", smallJSON, write, kiosk.Galleries, readAddMember},
	{"DELETE", "/v1/galleries/:gallery/members/:subject", "Remove a member", noBody, write, kiosk.Galleries, readRemoveMember},
	{"POST", "/v1/galleries/:gallery/members", "Add many members, one a line", memberList, write, kiosk.Galleries, readAddMembers},
	{"GET", "/.well-known/jwks.json", "Keys that verify assertions", noBody, always, "", readKeys},
	{"GET", "/.well-known/openid-configuration", "Where relying parties find the keys", noBody, always, "", readDiscovery},
	{"GET", "/livez", "Whether the process answers", noBody, always, "", readLive},
	{"GET", "/readyz", "Whether requests can be decided", noBody, always, "", readReady},
	{"GET", "/metrics", "Prometheus metrics", noBody, always, kiosk.Operate, readMetrics},
	{"GET", "/openapi.yaml", "This contract", noBody, always, "", readOpenAPI},
	{"GET", "/docs", "Documentation for people", noBody, always, "", readDocs},
}

func (r route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}

func (r route) is(t traits) bool { return r.traits&t != 0 }

func (s *Server) bodyLimit(class bodyClass) int {
	switch class {
	case memberList:
		return memberBody
	case captureBody:
		return s.deps.Config.BodyLimit
	}
	return smallBody
}

// request is what a route's read sees of a request.
type request struct {
	c    *fiber.Ctx
	body intake.Body
}

// work is a request that was understood and can be run.
type work struct {
	run func(ctx context.Context) (answer, error)
	// identity writes what tells this request from others of its route and path; nil: nothing more does.
	identity func(w io.Writer)
}

// handler is how every route is served: read, keep to one run a key, admit, run, answer.
func (s *Server) handler(r route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		e := eventOf(c)
		e.route, e.probe = r.path, r.is(always)
		a, err := s.serve(c, r, e)
		if err != nil {
			return err
		}
		return a.send(c, e)
	}
}

func (s *Server) serve(c *fiber.Ctx, r route, e *event) (answer, error) {
	if !r.is(always) {
		if !s.gate.enter() {
			return answer{}, errDraining
		}
		defer s.gate.leave()
	}
	traced := gateway.WithTrace(s.base, e.trace)
	ctx, cancel := context.WithTimeout(traced, s.deps.Config.RequestTimeout)
	defer cancel()
	id, err := s.identify(ctx, c, r)
	if err != nil {
		return answer{}, err
	}
	if !r.is(always) {
		if err := s.rates.admit(c, id.Caller); err != nil {
			return answer{}, err
		}
	}
	key, keyed := idempotencyKey(c) // before the body: a trailer behind it was not signed
	b, err := s.readBody(c, s.bodyLimit(r.body))
	if err != nil {
		return answer{}, err
	}
	defer b.release()
	e.bytesIn = len(b.bytes)
	if err := id.CheckBody(ctx, b.bytes); err != nil {
		return answer{}, err
	}
	w, err := r.read(s, request{c, intake.Body{
		ContentType: c.Get(fiber.HeaderContentType), Query: string(c.Request().URI().QueryString()), Bytes: b.bytes,
	}})
	if err != nil {
		return answer{}, err
	}
	ctx, cancel = context.WithTimeout(gateway.WithCaller(traced, id.Caller), s.deps.Config.RequestTimeout)
	defer cancel()
	if !keyed || !r.is(write) {
		return s.admitted(ctx, r, w)
	}
	return s.once.do(ctx, key, c, w, func() (answer, error) { return s.admitted(ctx, r, w) })
}

// admitted runs w, and keeps what came of it until it may be told.
func (s *Server) admitted(ctx context.Context, r route, w work) (answer, error) {
	a, err := s.worked(ctx, r, w)
	notBefore := a.notBefore
	if e := (*gateway.Error)(nil); errors.As(err, &e) {
		notBefore = e.NotBefore
	}
	if d := time.Until(notBefore); d > 0 {
		pause(ctx, d)
	}
	return a, err
}

// worked runs w, heavy work in a slot.
func (s *Server) worked(ctx context.Context, r route, w work) (answer, error) {
	if r.is(heavy) {
		if err := s.heavy.enter(ctx); err != nil {
			return answer{}, err
		}
		defer s.heavy.leave()
	}
	return w.run(ctx)
}
