// Package redismemory remembers in Redis what the nodes of a deployment must not take twice: used nonces, and how often attempts
// for a subject failed.
//
// Redis learns no identifier: keys are hashes under a key that it does not know, values are a digit, or a count and two times.
// Everything expires. Whoever can write to Redis can make it forget, so that it deserves the protection of the record; and its
// maxmemory-policy must be noeviction, or its memory large enough never to evict.
//
// What a server kept over a restart may lack what it acknowledged last. So Began says when the run of the server began that
// answers now; what is older has to be refused by whoever asks.
package redismemory

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"biogate/gateway"
	"biogate/gateway/limits"
	"biogate/internal/redisbatch"
	"biogate/internal/redisurl"
)

// Options of a memory. URL, Deployment, Key and Now are required.
type Options struct {
	URL         string           // redis://[user:password@]host:port/db or rediss://
	Authorities string           // PEM file of those who vouch for the server's certificate; empty: the system's
	Deployment  string           // name in every key: a-z, 0-9 and -, at most 64
	Key         []byte           // at least 32 random bytes, the same for all nodes of the deployment
	Rule        limits.Rule      // of attempts
	Now         func() time.Time // of nonces; attempts go by the server's clock, which all nodes share
	IOTimeout   time.Duration    // of dialling, and of one read or write; 0: 250 ms
	PoolSize    int              // connections; 0: 10 for each processor
}

// Memory is a connected memory. It is safe for concurrent use.
type Memory struct {
	client *redis.Client
	batch  *redisbatch.Batcher // of what requests wait for
	o      Options
	began  atomic.Pointer[began]
}

// began is when a run of the server began, by our clock, and not before we last saw another run.
type began struct {
	run string
	at  time.Time
}

// New checks o; it does not connect. No error of this package shows the URL's password.
func New(o Options) (*Memory, error) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if o.Deployment == "" || len(o.Deployment) > 64 || strings.Trim(o.Deployment, letters) != "" {
		return nil, fmt.Errorf("redis: deployment %q, use 1 to 64 of a-z, 0-9 and -", o.Deployment)
	}
	if len(o.Key) < 32 {
		return nil, fmt.Errorf("redis: key of %d bytes, at least 32 are needed", len(o.Key))
	}
	client, err := redisurl.Parse(o.URL, o.Authorities)
	if err != nil {
		return nil, err
	}
	if o.IOTimeout == 0 {
		o.IOTimeout = 250 * time.Millisecond
	}
	m := &Memory{o: o}
	client.OnConnect = m.learnRun
	bound(client, o)
	quiet()
	m.client = redis.NewClient(client)
	m.batch = redisbatch.New(m.client)
	return m, nil
}

// bound sets every limit of the client: the breaker in front decides about trying again. A command that was sent and not
// answered must never be sent again: its second run would find the nonce used by the first.
func bound(c *redis.Options, o Options) {
	c.MaxRetries = -1
	c.DialerRetries = 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.IOTimeout, o.IOTimeout, o.IOTimeout, o.IOTimeout
	c.PoolSize = o.PoolSize
	c.ContextTimeoutEnabled = true
	c.Protocol = 2
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// quiet ends the client library's own lines on standard error: all that they say is in the errors of calls.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Close ends the connections.
func (m *Memory) Close() error { return m.client.Close() }

// Ping implements gateway.Pinger.
func (m *Memory) Ping(ctx context.Context) error { return m.client.Ping(ctx).Err() }

// Began is when the server that answers now began with an empty or an old memory; zero before the first connection. A restarted
// server has none of the old connections, so that its beginning is known before its first answer.
func (m *Memory) Began() time.Time {
	if b := m.began.Load(); b != nil {
		return b.at
	}
	return time.Time{}
}

// learnRun asks a new connection's server which run it is. Without an answer the connection is not used.
func (m *Memory) learnRun(ctx context.Context, cn *redis.Conn) error {
	info, err := cn.Info(ctx, "server").Result()
	if err != nil {
		return err
	}
	run, up, err := parseInfo(info)
	if err != nil {
		return err
	}
	now := m.o.Now()
	for {
		old := m.began.Load()
		if old != nil && old.run == run {
			return nil
		}
		next := &began{run, now.Add(-up)}
		if old != nil { // a replica that took over has long been up and lacks what was not passed on to it
			next.at = now
		}
		if m.began.CompareAndSwap(old, next) {
			return nil
		}
	}
}

// parseInfo finds the run and how long it is up at least: Redis counts whole seconds.
func parseInfo(info string) (run string, up time.Duration, err error) {
	seconds := -1
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "run_id":
			run = value
		case "uptime_in_seconds":
			seconds, _ = strconv.Atoi(value)
		}
	}
	if run == "" || seconds < 0 {
		return "", 0, errors.New("redis: the server does not say which run it is (run_id and uptime_in_seconds of INFO)")
	}
	return run, time.Duration(min(seconds, 1<<30)) * time.Second, nil
}

// key is where what belongs to name is kept. kind tells nonces from attempts.
func (m *Memory) key(kind, name string) string {
	h := hmac.New(sha256.New, m.o.Key)
	h.Write([]byte(kind))
	h.Write([]byte(name))
	return m.o.Deployment + ":" + kind + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// maxAhead bounds how long anything is remembered, whatever a caller says.
const maxAhead = 366 * 24 * time.Hour

// Spend implements gateway.Nonces.
func (m *Memory) Spend(ctx context.Context, nonce string, until time.Time) (first bool, err error) {
	left := until.Sub(m.o.Now())
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case left <= 0:
		return false, nil
	case left > maxAhead:
		return false, fmt.Errorf("redis: a nonce is to be remembered for %s, at most %s are", left, maxAhead)
	}
	// Rounded up, and a second more: clocks run at different speeds.
	err = m.batch.Do(ctx, redis.NewCmd(ctx, "SET", m.key("nonce", nonce), "1", "NX", "PX", left.Milliseconds()+1000))
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

// Used implements gateway.Nonces.
func (m *Memory) Used(ctx context.Context, nonce string) (bool, error) {
	n, err := m.client.Exists(ctx, m.key("nonce", nonce)).Result()
	return n > 0 && err == nil, err
}

var (
	_ gateway.Nonces   = (*Memory)(nil)
	_ gateway.Attempts = (*Memory)(nil)
	_ gateway.Pinger   = (*Memory)(nil)
)
