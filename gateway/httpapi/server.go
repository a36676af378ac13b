// Package httpapi is the HTTP surface of the gateway: it reads requests, admits them, asks the service and says what it
// answered. All routes stand in routes.go, all error codes in catalogue.go; openapi.yaml is the contract.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"biogate/gateway"
	"biogate/gateway/kiosk"
)

// Deps is what the surface stands on.
type Deps struct {
	API       gateway.API
	Receipts  gateway.Receipts       // nil: writes with an Idempotency-Key are refused
	Keys      func() ([]byte, error) // JWK set that verifies assertions, RFC 7517
	Discovery func() ([]byte, error) // OpenID Connect discovery document
	Metrics   http.Handler           // nil: /metrics is not found
	Observer  Observer               // nil: nobody watches
	Log       *slog.Logger           // nil: slog.Default
	Config    Config
	Kiosks    Authenticator // nil: requests are nobody's in particular
}

// Authenticator says who asks; kiosk.Authenticator does.
type Authenticator interface {
	Authenticate(ctx context.Context, r kiosk.Request) (kiosk.Identity, error)
}

// Observer sees every request end. method is one
// that HTTP defines or "other"; route is a pattern of the route table, or "none" for a path that is not in it.
type Observer interface {
	Request(method, route string, status int, took time.Duration)
}

// Server answers HTTP requests. Make it with New, start it once with Listen or Serve, stop it with Shutdown.
type Server struct {
	deps   Deps
	app    *fiber.App
	gate   *gate
	heavy  *admission
	bodies *budget
	once   *keeper
	rates  *rates
	docs   answer

	mu       sync.Mutex
	listener *listener
	stopped  bool

	base   context.Context // of every request; ends when a shutdown runs out of time
	cancel context.CancelFunc
}

// New makes a server that does not listen yet.
func New(deps Deps) *Server {
	cfg := deps.Config.withDefaults()
	deps.Config = cfg
	if deps.Log == nil {
		deps.Log = slog.Default()
	}
	s := &Server{
		deps:   deps,
		gate:   newGate(),
		heavy:  newAdmission(cfg.Slots, cfg.Queue, cfg.QueueWait),
		bodies: newBudget(cfg.BodyBudget),
		once:   newKeeper(deps.Receipts),
		rates:  newRates(cfg.Rates, time.Now),
	}
	page, err := renderDocs(routes, cfg.BodyLimit)
	if err != nil {
		panic(err) // the page is part of the program, and a test renders it
	}
	s.docs = document("text/html; charset=utf-8", page)
	s.base, s.cancel = context.WithCancel(context.Background())
	s.app = s.newApp()
	return s
}

func (s *Server) newApp() *fiber.App {
	cfg := s.deps.Config
	app := fiber.New(fiber.Config{
		AppName:                      "biogate",
		DisableStartupMessage:        true,
		StrictRouting:                true,
		CaseSensitive:                true,
		Immutable:                    true, // fasthttp reuses a request's buffers after its handler
		StreamRequestBody:            true, // so that limits stand before the body is read
		DisablePreParseMultipartForm: true,
		BodyLimit:                    cfg.BodyLimit,
		ReadBufferSize:               cfg.HeaderLimit,
		ReadTimeout:                  cfg.HeaderTimeout,
		WriteTimeout:                 cfg.WriteTimeout,
		IdleTimeout:                  cfg.IdleTimeout,
		Concurrency:                  2 * cfg.Connections, // listener refuses before fasthttp would, and in our words
		ErrorHandler:                 s.unrouted,
	})
	app.Use(s.around)
	for _, r := range routes {
		for _, method := range r.methods() {
			app.Add(method, r.path, s.handler(r))
		}
	}
	routed := app.Handler()
	app.Server().Handler = func(c *fasthttp.RequestCtx) { s.methods(c, routed) }
	app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		handBody(h)
		return fasthttp.RequestConfig{ReadTimeout: cfg.BodyTimeout}
	}
	return app
}

// methods answers the methods that fiber has no number for, which it would answer in plain text.
func (s *Server) methods(c *fasthttp.RequestCtx, routed fasthttp.RequestHandler) {
	if knownMethod(string(c.Method())) {
		routed(c)
		return
	}
	ctx := s.app.AcquireCtx(c)
	defer s.app.ReleaseCtx(ctx)
	_ = s.unrouted(ctx, fiber.ErrMethodNotAllowed)
}

func knownMethod(method string) bool { return slices.Contains(fiber.DefaultMethods, method) }

// Listen serves addr, host:port, until Shutdown.
func (s *Server) Listen(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return s.Serve(ln)
}

// Serve serves the connections of ln, which it closes, until Shutdown. It may be called once.
func (s *Server) Serve(ln net.Listener) error {
	bounded := newListener(ln, s.deps.Config.Connections, s.deps.Config.TLS)
	s.mu.Lock()
	s.listener = bounded
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return bounded.Close()
	}
	return s.app.Listener(bounded)
}

// Drain makes /readyz answer 503 and refuses new requests, while those under way go on. It returns when they are done
// or ctx ends. The listener stays open.
func (s *Server) Drain(ctx context.Context) error { return s.gate.close(ctx) }

// Shutdown makes /readyz answer 503 and goes on serving for Config.Grace, then drains and closes every connection. When
// ctx ends first, requests under way are cancelled and given a moment to answer 503; the error is then ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.gate.announce() {
		pause(ctx, s.deps.Config.Grace)
	}
	drained := s.Drain(ctx)
	s.cancel()
	closed := s.stopListening()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
	defer cancel()
	if drained == nil && ctx.Err() == nil {
		grace = ctx
	}
	ended := s.app.ShutdownWithContext(grace)
	s.part(grace)
	return errors.Join(drained, closed, ended)
}

// part waits until the last connections have ended: a process that ends before them takes back what it answered.
func (s *Server) part(ctx context.Context) {
	s.mu.Lock()
	listener := s.listener
	s.mu.Unlock()
	for listener != nil && !listener.isEmpty() && ctx.Err() == nil {
		pause(ctx, partPoll)
	}
}

// pause lasts until ctx ends, or d has passed.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stopListening also holds when Serve has not begun.
func (s *Server) stopListening() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}
