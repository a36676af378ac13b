package httpapi

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"biogate/gateway"
	"biogate/gateway/kiosk"
	"biogate/gateway/limits"
)

const verifyBody = `{"subject":"a","audience":"https://rp.example","captures":[{"modality":"finger","data":"aGVsbG8="}]}`

// TestGlobalRate: whatever is above the rate is refused before its body is read, says when to come again, and costs the service
// nothing; operations are not limited.
func TestGlobalRate(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.Rates.Global = limits.Rate{PerSecond: 0.01, Burst: 2} })
	for i, want := range []int{200, 200, 429, 429} {
		got := r.postJSON(t, "/v1/verifications", verifyBody)
		if got.status != want {
			t.Fatalf("request %d: %d %s", i, got.status, got.body)
		}
		left := []string{`"global";r=1;t=100`, `"global";r=0;t=200`, `"global";r=0;t=200`, `"global";r=0;t=200`}[i]
		if got.header.Get("RateLimit") != left || got.header.Get("RateLimit-Policy") != `"global";q=2;w=200` {
			t.Errorf("request %d: RateLimit %q, RateLimit-Policy %q", i, got.header.Get("RateLimit"), got.header.Get("RateLimit-Policy"))
		}
		if want == 429 && (got.code() != "rate-exceeded" || got.header.Get("Retry-After") != "100" || got.json["retryable"] != true) {
			t.Errorf("refused with %s, Retry-After %q", got.body, got.header.Get("Retry-After"))
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/.well-known/jwks.json"} {
		if got := r.call(t, "GET", path, nil); got.status != 200 || got.header.Get("RateLimit") != "" {
			t.Errorf("%s is limited: %d", path, got.status)
		}
	}
	endless := &endlessBody{}
	if got := r.call(t, "POST", "/v1/verifications", endless, "Content-Type", "application/json"); got.status != 429 || endless.read.Load() > 1<<30 {
		t.Errorf("an endless body above the rate: %d after %d bytes", got.status, endless.read.Load())
	}
}

// endlessBody is a body that a client would never be done with.
type endlessBody struct{ read atomic.Int64 }

func (b *endlessBody) Read(p []byte) (int, error) {
	b.read.Add(int64(len(p)))
	return len(p), nil
}

// asked is a context of a request from an address.
func asked(t *testing.T, from string) *fiber.Ctx {
	t.Helper()
	app := fiber.New()
	raw := &fasthttp.RequestCtx{}
	raw.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.ParseIP(from)}, nil)
	c := app.AcquireCtx(raw)
	t.Cleanup(func() { app.ReleaseCtx(c) })
	return c
}

func refusedWith(err error) string {
	if err == nil {
		return ""
	}
	return gateway.AsError(err).Code
}

// TestDeviceRate: one device cannot use up what is another's, nor what is everybody's.
func TestDeviceRate(t *testing.T) {
	now := at
	r := newRates(Rates{Device: limits.Rate{PerSecond: 1, Burst: 3}, Global: limits.Rate{PerSecond: 1, Burst: 6}}, func() time.Time { return now })
	gate, booth := gateway.Caller{Device: "gate"}, gateway.Caller{Device: "booth"}
	refused := 0
	for range 100 {
		if r.admit(asked(t, "127.0.0.1"), gate) != nil {
			refused++
		}
	}
	if refused != 97 {
		t.Errorf("%d of 100 requests of a device were refused, its burst is 3", refused)
	}
	for i := range 3 {
		c := asked(t, "127.0.0.1")
		if err := r.admit(c, booth); err != nil {
			t.Errorf("request %d of another device: %v", i, err)
		}
		if got := string(c.Response().Header.Peek("RateLimit-Policy")); got != `"device";q=3;w=3` {
			t.Errorf("RateLimit-Policy %q", got)
		}
	}
	c := asked(t, "127.0.0.1")
	if err := r.admit(c, gateway.Caller{Device: "third"}); refusedWith(err) != "rate-exceeded" || !strings.HasPrefix(string(c.Response().Header.Peek("RateLimit")), `"global";r=0`) {
		t.Errorf("above the global rate: %v, %s", err, c.Response().Header.Peek("RateLimit"))
	}
	now = now.Add(time.Second)
	if err := r.admit(asked(t, "127.0.0.1"), gate); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

// TestPeersWithoutADevice: other machines are limited by their address, an IPv6 host by its network; this machine is not, nor is
// a proxy, which speaks for many.
func TestPeersWithoutADevice(t *testing.T) {
	admitted := func(r *rates, addresses ...string) (n int) {
		for _, from := range addresses {
			if r.admit(asked(t, from), gateway.Caller{}) == nil {
				n++
			}
		}
		return n
	}
	tight := Rates{Device: limits.Rate{PerSecond: 0.01, Burst: 1}}
	fixed := func() time.Time { return at }
	for _, c := range []struct {
		addresses []string
		proxied   bool
		want      int
	}{
		{[]string{"192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"}, false, 1},
		{[]string{"192.0.2.1", "192.0.2.2"}, false, 2},
		{[]string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"}, false, 1},
		{[]string{"2001:db8::1", "2001:db8:0:1::1"}, false, 2},
		{[]string{"127.0.0.1", "127.0.0.1", "::1", "::1"}, false, 4},
		{[]string{"192.0.2.1", "192.0.2.1"}, true, 2},
	} {
		tight.Proxied = c.proxied
		if got := admitted(newRates(tight, fixed), c.addresses...); got != c.want {
			t.Errorf("%v, proxied %v: %d admitted, want %d", c.addresses, c.proxied, got, c.want)
		}
	}
}

// TestRefusedCredentials: whoever guesses signatures is stopped before the next one is looked at; others are not.
func TestRefusedCredentials(t *testing.T) {
	now := at
	r := newRates(Rates{Refused: limits.Rate{PerSecond: 1, Burst: 3}}, func() time.Time { return now })
	looked := 0
	for range 50 {
		c := asked(t, "192.0.2.1")
		if r.knock(c) != nil {
			continue
		}
		looked++
		r.unknown(c)
	}
	if looked != 3 {
		t.Errorf("%d of 50 guesses were looked at", looked)
	}
	if err := r.knock(asked(t, "192.0.2.2")); err != nil {
		t.Errorf("another address is refused: %v", err)
	}
	if err := r.knock(asked(t, "192.0.2.1")); refusedWith(err) != "rate-exceeded" || gateway.AsError(err).RetryAfter != time.Second {
		t.Errorf("refused with %v", err)
	}
	now = now.Add(time.Second)
	if err := r.knock(asked(t, "192.0.2.1")); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

// refusing is an Authenticator that refuses with a code whatever does not come with a certificate or another's signature.
type refusing struct {
	code   string
	looked *atomic.Int64
}

func (r refusing) Authenticate(_ context.Context, q kiosk.Request) (kiosk.Identity, error) {
	r.looked.Add(1)
	if r.code == "" || !q.Signed() {
		return kiosk.Identity{Caller: gateway.Caller{Device: "gate"}}, nil
	}
	return kiosk.Identity{}, &gateway.Error{Kind: gateway.Unauthorized, Code: r.code, Detail: "no"}
}

// TestWhoSharesAnAddress: guesses close an address to signatures alone; those who show a certificate there go on, and a device of
// the same site whose clock is wrong closes it to nobody.
func TestWhoSharesAnAddress(t *testing.T) {
	for code, want := range map[string]int64{"credential-refused": 3, "device-revoked": 3, "request-replayed": 3, "request-stale": 20, "request-out-of-order": 20} {
		var looked atomic.Int64
		s := New(Deps{API: &fakeAPI{}, Kiosks: refusing{code, &looked}, Config: Config{Rates: Rates{Refused: limits.Rate{PerSecond: 0.01, Burst: 3}}}})
		ask := func(signature string) error {
			c := asked(t, "192.0.2.1")
			c.Request().Header.SetRequestURI("/v1/challenges")
			raw := "POST /v1/challenges HTTP/1.1\r\nHost: x\r\n" + signature + "\r\n"
			if err := c.Request().Header.Read(bufio.NewReader(strings.NewReader(raw))); err != nil {
				t.Fatal(err)
			}
			_, err := s.identify(t.Context(), c, route{needs: kiosk.Ask})
			return err
		}
		for range 20 {
			if ask("Signature: sig1=:AAAA:\r\n") == nil {
				t.Fatalf("%s: let in", code)
			}
		}
		if n := looked.Load(); n != want {
			t.Errorf("%s: %d of 20 signatures were looked at, want %d", code, n, want)
		}
		if err := ask(""); err != nil {
			t.Errorf("%s: a device with a certificate at the same address is refused: %v", code, err)
		}
	}
}

func TestNoRatesNoHeaders(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	if got := r.postJSON(t, "/v1/verifications", verifyBody); got.status != http.StatusOK || got.header.Get("RateLimit") != "" {
		t.Errorf("without rates: %d, RateLimit %q", got.status, got.header.Get("RateLimit"))
	}
}
