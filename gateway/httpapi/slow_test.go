package httpapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// eachWay runs a test over plain connections and over TLS, on a gateway whose times are short.
func eachWay(t *testing.T, run func(t *testing.T, r *rig, dial func() net.Conn)) {
	for _, name := range []string{"plain", "TLS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, &fakeAPI{}, func(d *Deps) {
				c := &d.Config
				c.HeaderTimeout, c.BodyTimeout, c.IdleTimeout = 2*time.Second, 2*time.Second, 2*time.Second // a handshake on a busy machine is within it
				c.WriteTimeout = 8 * time.Second                                                            // of TLS it begins with the handshake
				if name == "TLS" {
					secure(t, d)
				}
			})
			run(t, r, func() net.Conn {
				if name == "plain" {
					return r.dial(t)
				}
				c, err := r.dialTLS(t, &tls.Config{})
				if err != nil {
					t.Fatal(err)
				}
				return c
			})
		})
	}
}

// serves: others are answered.
func serves(t *testing.T, c net.Conn) {
	t.Helper()
	fmt.Fprint(c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, text := readRaw(t, c); status != 200 {
		t.Errorf("another client gets %d %s", status, text)
	}
	_ = c.Close()
}

// freed waits until nothing is held any more, while the attackers' ends are still open.
func freed(t *testing.T, r *rig) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !r.listener.isEmpty() || r.gate.count() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections and %d requests are still held", r.listener.open.Load(), r.gate.count())
		}
	}
	if left := r.bodies.left.Load(); left != 256<<20 {
		t.Errorf("%d bytes of the budget are left", left)
	}
}

const slowHead = "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// TestDrippingClientsEnd: a byte now and then gains no time: what counts is when the header, or the body, began.
func TestDrippingClientsEnd(t *testing.T) {
	for name, c := range map[string]struct{ begin, drip string }{
		"header":       {"GET /livez HTTP/1.1\r\nHost: x\r\nX: ", "x"},
		"fields":       {"GET /livez HTTP/1.1\r\nHost: x\r\n", "X: y\r\n"},
		"body":         {slowHead + "Content-Length: 100000\r\n\r\n", " "},
		"large body":   {slowHead + "Content-Length: 1000000\r\n\r\n" + strings.Repeat(" ", 500_000), " "},
		"chunked body": {slowHead + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, r *rig, dial func() net.Conn) {
				conn := dial()
				if _, err := io.WriteString(conn, c.begin); err != nil {
					t.Fatal(err)
				}
				serves(t, dial())
				go func() { // until the gateway hangs up; of the header's limit it would take a minute
					for err := error(nil); err == nil; time.Sleep(20 * time.Millisecond) {
						_, err = io.WriteString(conn, c.drip)
					}
				}()
				if status, text := readRaw(t, conn); status != 408 {
					t.Errorf("%d %s", status, text)
				}
				_ = conn.Close()
				freed(t, r)
			})
		})
	}
}

// TestClientsThatDoNotRead ask for more than connections hold, and never read an answer.
func TestClientsThatDoNotRead(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, dial func() net.Conn) {
		var deaf []net.Conn
		for range 8 {
			conn := dial()
			deaf = append(deaf, conn)
			go func() {
				for err := error(nil); err == nil; {
					_, err = io.WriteString(conn, "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n")
				}
			}()
		}
		serves(t, dial())
		freed(t, r)
		for _, conn := range deaf {
			_ = conn.Close()
		}
	})
}

// TestIdleConnectionsEnd: those that say nothing, before or after a request; and half of them have closed their side.
func TestIdleConnectionsEnd(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, dial func() net.Conn) {
		for i := range 40 {
			conn := dial()
			if i%2 == 0 {
				fmt.Fprint(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			if half, ok := conn.(interface{ CloseWrite() error }); ok && i%4 < 2 {
				_ = half.CloseWrite()
			}
			if i%2 == 0 {
				if status, _ := readRaw(t, conn); status != 200 {
					t.Error(status)
				}
			}
		}
		serves(t, dial())
		freed(t, r)
	})
}

// TestManyHeaders: as many as fit are read, more are refused, and neither costs the connection of another.
func TestManyHeaders(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, dial func() net.Conn) {
		for n, want := range map[int]int{1500: 200, 3000: 431, 100_000: 431} {
			conn := dial()
			_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("a:\r\n", n)+"\r\n")
			if status, text := readRaw(t, conn); status != want {
				t.Errorf("%d fields: %d %s", n, status, text)
			}
			_ = conn.Close()
		}
		serves(t, dial())
		freed(t, r)
	})
}

// TestPipelinedRequestsAreAnsweredInOrder: each its own answer, and what follows a refused one that has a body is not served.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	eachWay(t, func(t *testing.T, r *rig, dial func() net.Conn) {
		conn := dial()
		var sent strings.Builder
		for i := range 100 {
			fmt.Fprintf(&sent, "GET /v1/subjects/s%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		}
		sent.WriteString("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nxGET /v1/subjects/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
		go func() { _, _ = io.WriteString(conn, sent.String()) }()
		in := bufio.NewReader(conn)
		for i := range 101 {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(i, err)
			}
			body, _ := io.ReadAll(res.Body)
			if i < 100 && (res.StatusCode != 200 || !strings.Contains(string(body), fmt.Sprintf(`"s%d"`, i))) || i == 100 && res.StatusCode != 404 {
				t.Errorf("%d: %d %s", i, res.StatusCode, body)
			}
		}
		if rest, _ := io.ReadAll(in); len(rest) > 0 {
			t.Errorf("behind a body that was not read: %s", rest)
		}
		_ = conn.Close()
		freed(t, r)
	})
}

// TestRenegotiationEndsTheConnection: in TLS 1.2 a client could ask for new handshakes without end, each of them a signature.
func TestRenegotiationEndsTheConnection(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl on this machine")
	}
	r := start(t, &fakeAPI{}, func(d *Deps) { secure(t, d) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := exec.CommandContext(ctx, openssl, "s_client", "-connect", r.addr, "-tls1_2", "-quiet", "-no_ign_eof")
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out lockedBuffer
	client.Stdout, client.Stderr = &out, &out
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "verify"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Skipf("this openssl says nothing of a handshake: %s", out.String())
		}
	}
	fmt.Fprint(in, "GET /livez HTTP/1.1\nHost: x\n\n")
	fmt.Fprint(in, "R\n")
	_ = client.Wait() // ends with the connection
	if ctx.Err() != nil {
		t.Errorf("the connection goes on: %s", out.String())
	}
	serves(t, func() net.Conn {
		c, err := r.dialTLS(t, &tls.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}())
}
