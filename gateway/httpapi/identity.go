package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
	"biogate/gateway/httpsig"
	"biogate/gateway/kiosk"
)

// identify says who asks, from the header and the connection alone: nobody makes the gateway read a body without being known.
// Without an authenticator everybody is nobody in particular.
func (s *Server) identify(ctx context.Context, c *fiber.Ctx, r route) (kiosk.Identity, error) {
	if s.deps.Kiosks == nil || r.needs == "" {
		return kiosk.Identity{}, nil
	}
	claims := s.claims(c, r)
	if !claims.Signed() { // a certificate is looked up, and cannot be guessed
		return s.deps.Kiosks.Authenticate(ctx, claims)
	}
	if err := s.rates.knock(c); err != nil {
		return kiosk.Identity{}, err
	}
	id, err := s.deps.Kiosks.Authenticate(ctx, claims)
	if err != nil && slices.Contains(guesses, gateway.AsError(err).Code) {
		s.rates.unknown(c)
	}
	return id, err
}

// guesses are the refusals that count against an address: each cost a verification, and comes from somebody who has no right. A
// site's devices may share an address, so that one of them whose clock is wrong, which is refused before that, must not keep the
// others out.
var guesses = []string{"credential-refused", "device-revoked", "device-expired", "request-replayed", "proof-invalid"}

// claims are what a request says of itself, as it came over the wire.
func (s *Server) claims(c *fiber.Ctx, r route) kiosk.Request {
	header := &c.Request().Header
	raw := header.RawHeaders()
	path, query, _ := bytes.Cut(header.RequestURI(), []byte("?"))
	m := httpsig.Message{
		Method: c.Method(), Path: string(path), Query: string(query),
		Header: func(name string) []string { return fieldLines(raw, name) },
	}
	if host := m.Header("host"); len(host) == 1 {
		m.Authority = host[0]
	}
	claims := kiosk.Request{Message: m, Needs: r.needs}
	if conn, ok := c.Context().Conn().(*secureConn); ok && !s.deps.Config.Rates.Proxied { // a proxy's certificate is no device's
		claims.Peer = conn.peer()
	}
	return claims
}

// fieldLines are the lines of one field of a header that frame has read.
func fieldLines(header []byte, name string) (lines []string) {
	for len(header) > 0 {
		line, rest, _ := bytes.Cut(header, []byte("\r\n"))
		header = rest
		field, value, _ := bytes.Cut(line, []byte(":"))
		if len(field) == len(name) && bytes.EqualFold(field, []byte(name)) {
			lines = append(lines, string(bytes.Trim(value, " \t")))
		}
	}
	return lines
}

// challengeOf is what a refusal says about how to prove who one is (RFC 9110, section 11.6.1).
func challengeOf(c *fiber.Ctx, status int) {
	if status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Signature realm="biogate"`)
	}
}
