package httpapi

import (
	"math"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
	"biogate/gateway/limits"
)

// Rates bound requests that are not of operations. Those with a PerSecond of 0 bound nothing.
type Rates struct {
	Device  limits.Rate // of each device; without one of each peer address, other machines' alone
	Global  limits.Rate // of all together
	Refused limits.Rate // of each peer address, whose signatures were refused
	// Proxied says that peers are proxies: their addresses tell nobody from others.
	Proxied bool
}

// maxRated bounds the devices and addresses that are told apart at a time.
const maxRated = 1 << 16

// rates counts requests. A table that is nil bounds nothing.
type rates struct {
	device, global, refused *limits.Table[string]
	proxied                 bool
}

func newRates(r Rates, now func() time.Time) *rates {
	table := func(rate limits.Rate) *limits.Table[string] {
		if rate.PerSecond <= 0 {
			return nil
		}
		return limits.NewTable[string](rate, maxRated, now)
	}
	return &rates{table(r.Device), table(r.Global), table(r.Refused), r.Proxied}
}

// admit counts a request of a caller, and refuses it when there were too many. It comes after the caller was identified, so
// that nobody uses up what is another's, and before the body is read. Its device's rate comes first: what is above it must not
// use up the rate of all.
func (r *rates) admit(c *fiber.Ctx, caller gateway.Caller) error {
	key, rated := r.key(c, caller)
	if rated && r.device != nil {
		v := r.device.Take(key)
		tell(c, "device", r.device.Rate(), v)
		if !v.Allowed {
			return rateExceeded(v)
		}
	}
	if r.global == nil {
		return nil
	}
	v := r.global.Take("")
	if !v.Allowed || !rated || r.device == nil {
		tell(c, "global", r.global.Rate(), v)
	}
	if !v.Allowed {
		return rateExceeded(v)
	}
	return nil
}

// knock refuses a peer whose signatures were refused too often, before another one of them costs anything.
func (r *rates) knock(c *fiber.Ctx) error {
	key, ok := r.address(c)
	if !ok || r.refused == nil {
		return nil
	}
	if v := r.refused.Look(key); !v.Allowed {
		return rateExceeded(v)
	}
	return nil
}

// unknown counts a refused signature of a peer.
func (r *rates) unknown(c *fiber.Ctx) {
	if key, ok := r.address(c); ok && r.refused != nil {
		r.refused.Take(key)
	}
}

// key is whose requests are counted together. Without a device it is the peer; this machine's own requests without a device,
// those of development and load tests, are bounded together alone.
func (r *rates) key(c *fiber.Ctx, caller gateway.Caller) (key string, rated bool) {
	if caller.Device != "" {
		return "device " + caller.Device, true
	}
	return r.address(c)
}

// address is where a peer is: an IPv4 address, or the network of an IPv6 address, of which a single host has all. A peer on
// this machine, which may be a proxy, and proxies elsewhere speak for many.
func (r *rates) address(c *fiber.Ctx) (string, bool) {
	if r.proxied {
		return "", false
	}
	return addressOf(c.Context().RemoteIP())
}

func addressOf(ip net.IP) (string, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	if addr = addr.Unmap(); !ok || addr.IsLoopback() {
		return "", false
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.WithZone("").Prefix(bits)
	return "address " + network.String(), err == nil
}

// tell says what a rate is and what is left of it (draft-ietf-httpapi-ratelimit-headers-10).
func tell(c *fiber.Ctx, name string, rate limits.Rate, v limits.Verdict) {
	quoted := strconv.Quote(name)
	c.Set("RateLimit-Policy", quoted+";q="+strconv.Itoa(rate.Burst)+";w="+strconv.Itoa(seconds(rate.Window())))
	c.Set("RateLimit", quoted+";r="+strconv.Itoa(v.Left)+";t="+strconv.Itoa(seconds(v.Full)))
}

// seconds are whole ones, rounded up: at least 1.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

func rateExceeded(v limits.Verdict) error {
	return &gateway.Error{Kind: gateway.Limited, Code: codeRate, Detail: "there are more requests than this gateway takes of its caller", RetryAfter: v.Wait}
}
