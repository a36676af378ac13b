package httpapi

import (
	"fmt"
	"net"
	"net/url"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
)

// contentPolicy lets a browser load nothing: /docs brings its style along.
const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// around stands around every routed request: it opens the event, answers every failure with a problem, and logs.
func (s *Server) around(c *fiber.Ctx) error {
	e := begin(c)
	defer s.finish(c, e)
	defer leaveUnread(c, e)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	if err := s.framed(c, e); err != nil {
		newProblem(err, e.trace).send(c, e)
	}
	if s.gate.isClosing() {
		c.Context().SetConnectionClose()
	}
	return nil
}

// unrouted answers requests that broke before they were routed.
func (s *Server) unrouted(c *fiber.Ctx, err error) error {
	e := begin(c)
	newProblem(err, e.trace).send(c, e)
	c.Context().SetConnectionClose()
	lingerOn(c)
	s.finish(c, e)
	return nil
}

// framed goes on with a request of which it is clear where it ends.
func (s *Server) framed(c *fiber.Ctx, e *event) error {
	header := &c.Request().Header
	f, err := frame(header)
	if e.unread = err != nil || f.length != 0; err != nil {
		return err
	}
	e.awaited = f.awaited
	if f.length > 0 {
		header.SetContentLength(f.length)
	}
	return s.guarded(c)
}

func (s *Server) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.deps.Log.Error("panic", "what", panicText(v), "stack", string(debug.Stack()))
			err = &gateway.Error{Kind: gateway.Internal, Code: codeInternal, Cause: fmt.Errorf("panic: %s", panicText(v))}
		}
	}()
	if s.deps.Config.LoopbackOnly {
		if err := local(c); err != nil {
			return err
		}
	}
	return c.Next()
}

// panicText names a panic without the values that it may carry, except for those of the runtime.
func panicText(v any) string {
	if err, ok := v.(interface {
		error
		RuntimeError()
	}); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}

// local refuses requests that another machine sent, or a browser on behalf of another site: by its Origin, and by a Host
// that only looks local because its name was made to point here.
func local(c *fiber.Ctx) error {
	if !c.Context().RemoteIP().IsLoopback() {
		return errRemote
	}
	if !loopbackHost(c.Context().Host()) {
		return errCrossSite
	}
	if origin := c.Get(fiber.HeaderOrigin); origin != "" {
		if u, err := url.Parse(origin); err != nil || !loopbackHost([]byte(u.Host)) {
			return errCrossSite
		}
	}
	return nil
}

func loopbackHost(hostport []byte) bool {
	host, _, err := net.SplitHostPort(string(hostport))
	if err != nil {
		host = string(hostport)
	}
	if host == "localhost" {
		return true
	}
	if n := len(host); n > 2 && host[0] == '[' {
		host = host[1 : n-1]
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// leaveUnread ends the connection when a part of the request was not read: what is left would be taken for the next one.
func leaveUnread(c *fiber.Ctx, e *event) {
	if e.unread {
		c.Context().SetConnectionClose()
		lingerOn(c)
	}
}

// lingerOn makes the connection linger when it is closed.
func lingerOn(c *fiber.Ctx) {
	if conn, ok := c.Context().Conn().(interface{ lingerOn() }); ok {
		conn.lingerOn()
	}
}
