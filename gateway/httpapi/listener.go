package httpapi

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// listener bounds the open connections and gives each the manners of conn.
type listener struct {
	net.Listener
	open     atomic.Int64
	limit    int64
	refusing chan struct{} // a slot for each refused connection that lingers
	closing  atomic.Bool
	tls      *tls.Config // nil: plain HTTP
	close    sync.Once
}

func newListener(ln net.Listener, limit int, secure *tls.Config) *listener {
	return &listener{Listener: ln, limit: int64(limit), tls: secure, refusing: make(chan struct{}, refusals)}
}

// isEmpty says that every connection has been closed.
func (l *listener) isEmpty() bool { return l.open.Load() == 0 && len(l.refusing) == 0 }

// Close may be called again.
func (l *listener) Close() (err error) {
	l.close.Do(func() {
		l.closing.Store(true)
		l.refuseQueued()
		err = l.Listener.Close()
	})
	return err
}

// refuseQueued answers the clients that are connected and not accepted, whom a close would cut off.
func (l *listener) refuseQueued() {
	queue, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
	for end := time.Now().Add(lastCall); ok && time.Now().Before(end); {
		if queue.SetDeadline(time.Now().Add(queueEmpty)) != nil {
			return
		}
		c, err := l.Listener.Accept()
		if err != nil {
			return
		}
		l.refuse(c, refusedDraining)
	}
}

// Accept answers connections over the limit itself.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil && l.closing.Load() {
			return nil, net.ErrClosed
		}
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.limit {
			return l.mannered(c, func() { l.open.Add(-1) }), nil
		}
		l.open.Add(-1)
		l.refuse(c, refusedConnection)
	}
}

// mannered is a connection as requests come over it. The first of them shakes hands.
func (l *listener) mannered(c net.Conn, done func()) interface {
	net.Conn
	lingerOn()
} {
	if l.tls == nil {
		return &conn{Conn: c, done: done}
	}
	return newSecureConn(c, l.tls, done)
}

// refuse does not block: one write to a fresh socket, and a bounded number of connections that linger for their clients.
func (l *listener) refuse(c net.Conn, answer string) {
	if l.tls == nil {
		_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond))
		_, _ = io.WriteString(c, answer)
	}
	select {
	case l.refusing <- struct{}{}:
		lingering := l.mannered(c, func() { <-l.refusing })
		lingering.lingerOn()
		go l.part(lingering, answer)
	default:
		_ = c.Close()
	}
}

// part closes a refused connection. Over TLS nothing can be said before hands are shaken.
func (l *listener) part(c net.Conn, answer string) {
	if l.tls != nil {
		_ = c.SetDeadline(time.Now().Add(lingerTime))
		_, _ = io.WriteString(c, answer)
	}
	_ = c.Close()
}

var (
	refusedConnection = refusal(errTooManyConnections)
	refusedDraining   = refusal(errDraining)
	refusedPlain      = refusal(errPlain)
)

// refusal is an answer to a request that was not read.
func refusal(err error) string {
	p := newProblem(err, "")
	body, retry := p.encode(), ""
	if p.retryAfter > 0 {
		retry = "Retry-After: 1\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n%s",
		p.Status, http.StatusText(p.Status), typeProblem, len(body), retry, body)
}

// conn is a connection that can linger: when it is closed with a part of a request unread, the kernel would throw away
// the answer that is under way. So it ends its own side first and reads on, within bounds, until the client ends too.
type conn struct {
	net.Conn
	done   func() // once, after it is closed
	linger atomic.Bool
	once   sync.Once
}

func (c *conn) lingerOn() { c.linger.Store(true) }

func (c *conn) Close() (err error) {
	c.once.Do(func() {
		if c.linger.Load() {
			c.drain()
		}
		err = c.Conn.Close()
		c.done()
	})
	return err
}

func (c *conn) drain() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
}
