package httpapi

import (
	"context"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
)

// event is all that is logged about a request, in one line. It has no room for who was asked about or who asked.
type event struct {
	start    time.Time
	trace    string
	span     string
	method   string // "other" for one that HTTP does not define
	route    string // pattern, never the path: that holds the subject
	code     string // of the problem
	cause    error  // of a fault of ours
	decision string
	degraded []string
	replayed bool // the answer is that of an earlier request with the same Idempotency-Key
	unkept   bool // the answer could not be kept for its Idempotency-Key
	probe    bool // a question of operations, asked every few seconds
	unread   bool // a part of the body may follow on the connection
	awaited  bool // the client waits for 100 Continue
	bytesIn  int
}

type eventKey struct{}

func eventOf(c *fiber.Ctx) *event {
	return c.Locals(eventKey{}).(*event) // around has put it there
}

func begin(c *fiber.Ctx) *event {
	e := &event{start: time.Now(), method: "other", route: "none"}
	if knownMethod(c.Method()) {
		e.method = c.Method()
	}
	e.trace, e.span = newTrace(c.Get("traceparent"))
	c.Locals(eventKey{}, e)
	c.Set("X-Trace-Id", e.trace)
	c.Set("traceparent", "00-"+e.trace+"-"+e.span+"-00")
	return e
}

// finish logs the event and tells the observer.
func (s *Server) finish(c *fiber.Ctx, e *event) {
	took := time.Since(e.start)
	status := c.Response().StatusCode()
	if s.deps.Observer != nil {
		s.deps.Observer.Request(e.method, e.route, status, took)
	}
	level := slog.LevelInfo
	switch {
	case e.probe && status < 400:
		level = slog.LevelDebug
	case status == fiber.StatusInternalServerError:
		level = slog.LevelError
	case status > fiber.StatusInternalServerError:
		level = slog.LevelWarn
	}
	attrs := make([]slog.Attr, 0, 13)
	attrs = append(
		attrs,
		slog.String("method", e.method),
		slog.String("route", e.route),
		slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.Int("bytes_in", e.bytesIn),
		slog.Int("bytes_out", len(c.Response().Body())),
		slog.String("trace", e.trace),
	)
	attrs = appendString(attrs, "code", e.code)
	attrs = appendString(attrs, "decision", e.decision)
	if len(e.degraded) > 0 {
		attrs = append(attrs, slog.Any("degraded", e.degraded))
	}
	if e.replayed {
		attrs = append(attrs, slog.Bool("replayed", true))
	}
	if e.unkept {
		attrs = append(attrs, slog.Bool("receipt_lost", true))
	}
	if e.cause != nil {
		attrs = append(attrs, slog.String("cause", e.cause.Error()))
	}
	s.deps.Log.LogAttrs(context.Background(), level, "request", attrs...)
}

func appendString(attrs []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return attrs
	}
	return append(attrs, slog.String(key, value))
}
