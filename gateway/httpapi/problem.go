package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
)

const typeProblem = "application/problem+json"

// statuses is the one place that turns a Kind into a status.
var statuses = [...]int{
	gateway.Internal:     http.StatusInternalServerError,
	gateway.Malformed:    http.StatusBadRequest,
	gateway.Unauthorized: http.StatusUnauthorized,
	gateway.Forbidden:    http.StatusForbidden,
	gateway.NotFound:     http.StatusNotFound,
	gateway.Conflict:     http.StatusConflict,
	gateway.TooLarge:     http.StatusRequestEntityTooLarge,
	gateway.Unsupported:  http.StatusUnsupportedMediaType,
	gateway.Unusable:     http.StatusUnprocessableEntity,
	gateway.Limited:      http.StatusTooManyRequests,
	gateway.Unavailable:  http.StatusServiceUnavailable,
	gateway.NotBuilt:     http.StatusNotImplemented,
}

// problem is an RFC 9457 problem document.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Code      string   `json:"code"`
	Retryable bool     `json:"retryable"`
	Hint      string   `json:"hint"`
	Reasons   []string `json:"reasons,omitempty"`
	Trace     string   `json:"trace"`

	retryAfter time.Duration
	cause      error
}

// httpError is a refusal that only HTTP knows, with a status of its own.
type httpError struct {
	status  int
	refusal gateway.Error
}

func (e *httpError) Error() string { return e.refusal.Error() }

// newProblem says err to a client.
func newProblem(err error, trace string) problem {
	e, status := asError(err)
	p := problem{
		Type:       "/docs#" + e.Code,
		Title:      titleOf(e.Code, status),
		Status:     status,
		Detail:     e.Detail,
		Code:       e.Code,
		Retryable:  e.Retryable() || e.RetryAfter > 0,
		Hint:       e.Hint,
		Reasons:    e.Reasons,
		Trace:      trace,
		retryAfter: e.RetryAfter,
		cause:      e.Cause,
	}
	if p.Hint == "" {
		p.Hint = hintOf(e.Code)
	}
	if p.Retryable && p.retryAfter == 0 {
		p.retryAfter = time.Second
	}
	return p
}

func asError(err error) (*gateway.Error, int) {
	if h := (*httpError)(nil); errors.As(err, &h) {
		return &h.refusal, h.status
	}
	if f := (*fiber.Error)(nil); errors.As(err, &f) {
		h := routerError(f)
		return &h.refusal, h.status
	}
	e := gateway.AsError(err)
	if e.Kind == gateway.Internal {
		e = interrupted(err)
	}
	if e.Kind < 0 || int(e.Kind) >= len(statuses) {
		e = &gateway.Error{Kind: gateway.Internal, Code: codeInternal, Detail: "the gateway failed", Cause: err}
	}
	return e, statuses[e.Kind]
}

// interrupted tells the end of time from a fault, and takes every detail out of a fault.
func interrupted(err error) *gateway.Error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &gateway.Error{Kind: gateway.Unavailable, Code: codeDeadline, Detail: "the request could not be answered in time", Cause: err}
	case errors.Is(err, context.Canceled):
		return &gateway.Error{Kind: gateway.Unavailable, Code: codeDraining, Detail: "the gateway is going down", Cause: err}
	}
	return &gateway.Error{Kind: gateway.Internal, Code: codeInternal, Detail: "the gateway failed", Cause: err}
}

// routerError says what fiber or fasthttp refused.
func routerError(f *fiber.Error) *httpError {
	switch f.Code {
	case http.StatusNotFound:
		return errRouteUnknown
	case http.StatusMethodNotAllowed:
		return errMethod
	case http.StatusRequestHeaderFieldsTooLarge:
		return errHeaderTooLarge
	case http.StatusRequestTimeout, http.StatusBadGateway:
		return errHeaderTimeout
	}
	return errHTTP
}

func (p problem) encode() []byte {
	b, _ := json.Marshal(p) // strings, numbers and a bool: cannot fail
	return b
}

// send writes the problem to the client and notes it in the event.
func (p problem) send(c *fiber.Ctx, e *event) {
	e.code = p.Code
	if p.Status >= 500 {
		e.cause = p.cause
	}
	if p.retryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	c.Set(fiber.HeaderCacheControl, noStore)
	challengeOf(c, p.Status)
	c.Status(p.Status)
	c.Set(fiber.HeaderContentType, typeProblem)
	c.Response().SetBodyRaw(p.encode())
}

func hintOf(code string) string {
	if known, ok := catalogue[code]; ok {
		return known.hint
	}
	return "See /docs for the calls and their problems."
}

func titleOf(code string, status int) string {
	if known, ok := catalogue[code]; ok {
		return known.title
	}
	return http.StatusText(status)
}
