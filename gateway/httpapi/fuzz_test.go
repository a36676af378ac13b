package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"biogate/gateway"
)

// wire is a connection whose client has sent everything at once.
type wire struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error)       { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error)      { return w.out.Write(p) }
func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// mild is a fakeAPI that never panics.
type mild struct{ fakeAPI }

func (m *mild) Subject(context.Context, string) (gateway.SubjectInfo, error) {
	return gateway.SubjectInfo{}, nil
}

// FuzzServer: whatever a connection sends, each answer is HTTP, each failure a problem of the catalogue, and none is ours.
func FuzzServer(f *testing.F) {
	f.Add([]byte("GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/subjects/a HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /v1/verifications?modality=face HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("POST /v1/subjects/a/templates HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("PUT /v1/galleries/g/members/%zz HTTP/1.0\r\ntraceparent: 00-x\r\nExpect: 100-continue\r\n\r\n"))
	s := New(Deps{API: &mild{}, Receipts: &receipts{}, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, sent []byte) {
		w := &wire{in: bytes.NewReader(sent)}
		_ = s.app.Server().ServeConn(w)
		for r := bufio.NewReader(&w.out); ; {
			if _, err := r.Peek(1); err != nil {
				return
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("no HTTP: %v", err)
			}
			if res.StatusCode == http.StatusContinue {
				continue
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return // the answer to a HEAD has a length and no body
			}
			var p problem
			if res.StatusCode >= 400 && len(body) > 0 && (json.Unmarshal(body, &p) != nil || p.Status != res.StatusCode || catalogue[p.Code].status != p.Status || p.Code == codeInternal) {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
		}
	})
}
