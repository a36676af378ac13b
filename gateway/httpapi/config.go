package httpapi

import (
	"crypto/tls"
	"runtime"
	"time"
)

// Config holds the limits of the HTTP surface. The zero value is ready for use: every field has a default.
type Config struct {
	BodyLimit     int           // bytes of a body with captures; 20 MiB
	BodyBudget    int           // bytes of all bodies over 64 KiB held at once; base64 decoded takes 1.75 times as much; 256 MiB
	HeaderLimit   int           // bytes of a request's line and header; 8 KiB
	HeaderTimeout time.Duration // from a request's first byte to the end of its header; 10 s
	BodyTimeout   time.Duration // from there to the end of its body; 30 s
	WriteTimeout  time.Duration // to send an answer; 30 s
	IdleTimeout   time.Duration // between the requests of one connection; 60 s
	Grace         time.Duration // Shutdown still serves for so long, while /readyz sends new clients elsewhere; none
	Connections   int           // open at once, more are answered 503; 4096

	Slots          int           // heavy requests (those with captures) worked on at once; 32 a processor and at most 192: they also wait, for a processor or other systems
	Queue          int           // heavy requests that may wait for a slot, more are answered 503; one a slot
	QueueWait      time.Duration // how long one may wait; 2 s
	RequestTimeout time.Duration // from the body's end to the answer; 15 s

	// Rates bound requests of each device and of all together; the zero value bounds nothing.
	Rates Rates

	// TLS protects the connections; nil: plain HTTP. See ServerTLS.
	TLS *tls.Config

	// LoopbackOnly refuses requests that did not come from this machine, or that a web page of another site sent: without
	// credentials, where a request comes from is all that protects the gateway.
	LoopbackOnly bool
}

const (
	maxSlots    = 192      // unless more are asked for: fewer than the calls that guards let through at a time
	smallBody   = 64 << 10 // bytes; bodies up to this size are outside the budget
	memberBody  = 16 << 20 // bytes of a list of members: 100,000 lines of a long id
	lingerBytes = 64 << 20 // bytes read and thrown away, so that a sender who is not listening yet sees the refusal
	lingerTime  = 2 * time.Second
	refusals    = 64                     // connections over the limit that linger at once
	cancelGrace = time.Second            // for cancelled requests to answer when a shutdown ran out of time
	lastCall    = 200 * time.Millisecond // at most, for the clients that are connected when the listener closes
	queueEmpty  = 10 * time.Millisecond  // without another such client, there are no more
	partPoll    = 5 * time.Millisecond   // how often a shutdown looks whether the last connections have ended
)

func (c Config) withDefaults() Config {
	set(&c.BodyLimit, 20<<20)
	set(&c.BodyBudget, 256<<20)
	set(&c.HeaderLimit, 8<<10)
	set(&c.HeaderTimeout, 10*time.Second)
	set(&c.BodyTimeout, 30*time.Second)
	set(&c.WriteTimeout, 30*time.Second)
	set(&c.IdleTimeout, time.Minute)
	set(&c.Connections, 4096)
	set(&c.Slots, min(32*runtime.GOMAXPROCS(0), maxSlots))
	set(&c.Queue, c.Slots)
	set(&c.QueueWait, 2*time.Second)
	set(&c.RequestTimeout, 15*time.Second)
	return c
}

func set[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
