package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
)

const cacheable = "public, max-age=300"

//go:embed openapi.yaml
var openAPI []byte

// document is an answer that clients may keep for a while and ask after by its hash.
func document(contentType string, body []byte) answer {
	sum := sha256.Sum256(body)
	return answer{
		status: http.StatusOK, raw: body, contentType: contentType, cache: cacheable,
		etag: `"` + hex.EncodeToString(sum[:12]) + `"`,
	}
}

// generated is a document that a dependency makes.
func generated(f func() ([]byte, error)) (work, error) {
	if f == nil {
		return work{}, errRouteUnknown
	}
	return work{run: func(context.Context) (answer, error) {
		body, err := f()
		return document(fiber.MIMEApplicationJSON, body), err
	}}, nil
}

func fixed(a answer) (work, error) {
	return work{run: func(context.Context) (answer, error) { return a, nil }}, nil
}

func readKeys(s *Server, _ request) (work, error)      { return generated(s.deps.Keys) }
func readDiscovery(s *Server, _ request) (work, error) { return generated(s.deps.Discovery) }
func readOpenAPI(*Server, request) (work, error)       { return fixed(document("application/yaml", openAPI)) }
func readDocs(s *Server, _ request) (work, error)      { return fixed(s.docs) }

type health struct {
	Status   string   `json:"status"`
	Degraded []string `json:"degraded"`
}

func readLive(*Server, request) (work, error) {
	return work{run: func(context.Context) (answer, error) { return ok(health{"live", []string{}}) }}, nil
}

func readReady(s *Server, _ request) (work, error) {
	return work{run: func(ctx context.Context) (answer, error) {
		if s.gate.isClosing() {
			return answer{}, errDraining
		}
		if err := s.deps.API.Ready(ctx); err != nil {
			return answer{}, &gateway.Error{
				Kind: gateway.Unavailable, Code: codeNotReady, Detail: "the gateway cannot decide requests", RetryAfter: time.Second, Cause: err,
			}
		}
		return ok(health{"ready", texts(s.deps.API.Degraded())})
	}}, nil
}

// readMetrics asks an http.Handler, which is how Prometheus' client library answers.
func readMetrics(s *Server, r request) (work, error) {
	if s.deps.Metrics == nil {
		return work{}, errRouteUnknown
	}
	accept := r.c.Get(fiber.HeaderAccept)
	return work{run: func(ctx context.Context) (answer, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
		if err != nil {
			return answer{}, err
		}
		req.Header.Set(fiber.HeaderAccept, accept)
		w := recorder{header: http.Header{}, status: http.StatusOK}
		s.deps.Metrics.ServeHTTP(&w, req)
		return answer{status: w.status, raw: w.body.Bytes(), contentType: w.header.Get(fiber.HeaderContentType)}, nil
	}}, nil
}

// recorder is an http.ResponseWriter in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
