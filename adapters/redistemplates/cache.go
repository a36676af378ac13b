// Package redistemplates keeps references in Redis: a cache in front of the record, never the record itself.
//
// Keys and values are bound to the deployment by a key that Redis does not know: a key of Redis carries no identifier,
// and a value that another deployment, another subject, another generation, another run of the server or chance put
// there is not believed. References come in their envelope (gateway/vault): Redis sees no template.
//
// What a Redis server kept over a restart may be older than what it acknowledged (its snapshots lag). Every value
// therefore names the run of the server that took it, and values of another run count as absent. A server that hides
// its run id must not persist anything.
package redistemplates

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"biogate/gateway"
	"biogate/internal/redisbatch"
	"biogate/internal/redisurl"
)

// Options of a cache. URL, Deployment and Key are required.
type Options struct {
	URL          string        // redis://[user:password@]host:port/db or rediss://
	Authorities  string        // PEM file of those who vouch for the server's certificate; empty: the system's
	Deployment   string        // name in every key: a-z, 0-9 and -, at most 64
	Key          []byte        // at least 32 random bytes, the same for all nodes of the deployment
	Generation   func() uint64 // asked at every call; nil: always 0
	TTL          time.Duration // of references; 0: 24 h
	TombstoneTTL time.Duration // of deletions, longer than any read can be late; 0: 10 min
	DialTimeout  time.Duration // 0: 250 ms
	IOTimeout    time.Duration // of one read or write on the connection; 0: 250 ms
	PoolSize     int           // connections; 0: 10 for each processor
}

// Cache is a connected cache. Its methods are safe for concurrent use.
type Cache struct {
	client       *redis.Client
	batch        *redisbatch.Batcher // of what requests wait for
	seal         sealer
	generation   func() uint64
	ttl          time.Duration
	tombstoneTTL time.Duration
	run          atomic.Pointer[string] // run id of the server on the newest connection
}

// New checks o; it does not connect. No error of this package shows the URL's password.
func New(o Options) (*Cache, error) {
	if err := checkDeployment(o.Deployment); err != nil {
		return nil, err
	}
	if len(o.Key) < 32 {
		return nil, fmt.Errorf("redis: key of %d bytes, at least 32 are needed", len(o.Key))
	}
	client, err := redisurl.Parse(o.URL, o.Authorities)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		seal: newSealer(o.Deployment, o.Key), generation: o.Generation,
		ttl: orDefault(o.TTL, 24*time.Hour), tombstoneTTL: orDefault(o.TombstoneTTL, 10*time.Minute),
	}
	if c.generation == nil {
		c.generation = func() uint64 { return 0 }
	}
	c.run.Store(new(string))
	client.OnConnect = c.learnRun
	bound(client, o)
	quiet()
	c.client = redis.NewClient(client)
	c.batch = redisbatch.New(c.client)
	return c, nil
}

// bound sets every limit of the client: the breaker in front is the one that decides about trying again.
func bound(c *redis.Options, o Options) {
	c.MaxRetries = -1
	c.DialerRetries = 1
	c.DialTimeout = orDefault(o.DialTimeout, 250*time.Millisecond)
	c.ReadTimeout = orDefault(o.IOTimeout, 250*time.Millisecond)
	c.WriteTimeout = c.ReadTimeout
	c.PoolTimeout = c.ReadTimeout
	c.PoolSize = o.PoolSize
	c.ContextTimeoutEnabled = true
	c.Protocol = 2
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

var errRestarts = errors.New("redis: the server restarts again and again")

// Close ends the connections.
func (c *Cache) Close() error { return c.client.Close() }

// Ping implements gateway.Pinger.
func (c *Cache) Ping(ctx context.Context) error { return c.client.Ping(ctx).Err() }

// Get implements gateway.Templates. A value that is not to be believed is removed and counts as absent.
func (c *Cache) Get(ctx context.Context, subject string) (gateway.References, error) {
	at := c.place(subject)
	answer := redis.NewStringCmd(ctx, "GETRANGE", at.key, 0, maxValue)
	if err := c.batch.Do(ctx, answer); err != nil {
		return gateway.References{}, err
	}
	b, err := answer.Bytes()
	if err != nil {
		return gateway.References{}, err
	}
	if len(b) == 0 {
		return gateway.References{}, gateway.ErrNotFound
	}
	at.run = *c.run.Load() // again: the first connection to a server tells its run
	v, err := c.seal.open(at, b)
	if err != nil {
		return gateway.References{}, c.discard(ctx, at.key, b)
	}
	if v.tombstone {
		return gateway.References{}, gateway.ErrNotFound
	}
	return v.references, nil
}

// discard removes b from key, if it is still there, and makes it a miss.
func (c *Cache) discard(ctx context.Context, key string, b []byte) error {
	if err := scriptDiscard.Run(ctx, c.client, []string{key}, b[:min(len(b), headerSize)]).Err(); err != nil {
		return err
	}
	return gateway.ErrNotFound
}

// Put implements gateway.Templates for a cache.
func (c *Cache) Put(ctx context.Context, r gateway.References, replaces uint64) error {
	return c.write(r.Subject, func(at place) error {
		value, err := c.seal.entry(at, r)
		if err != nil {
			return err
		}
		stored, err := scriptPut.Run(ctx, c.client, []string{at.key},
			value, c.seal.head(at, kindEntry), c.seal.head(at, kindTombstone), digits(r.Version), digits(replaces), c.ttl.Milliseconds()).Int()
		if err == nil && stored == 0 {
			return gateway.ErrConflict
		}
		return err
	})
}

// Delete implements gateway.Templates for a cache: it leaves a tombstone. What earlier generations left of subject, which nobody
// reads any more, goes too.
func (c *Cache) Delete(ctx context.Context, subject string, version uint64) error {
	if earlier := c.earlier(subject); len(earlier) > 0 {
		if err := c.client.Del(ctx, earlier...).Err(); err != nil {
			return err
		}
	}
	return c.write(subject, func(at place) error {
		return scriptDelete.Run(ctx, c.client, []string{at.key},
			c.seal.tombstone(at, version), c.seal.head(at, kindEntry), c.seal.head(at, kindTombstone), digits(version), c.tombstoneTTL.Milliseconds()).Err()
	})
}

// maxEarlier is how many generations a deletion looks back. They move at every start and at the first failure of an outage;
// what is older than this many is left to its TTL.
const maxEarlier = 64

func (c *Cache) earlier(subject string) []string {
	generation := c.generation()
	keys := make([]string, 0, maxEarlier)
	for back := range min(maxEarlier, generation) {
		keys = append(keys, c.seal.key(subject, generation-1-back))
	}
	return keys
}

// write calls f, and once more when f's own connection showed that the server is another run than the value was made
// for: on first use, and after a restart.
func (c *Cache) write(subject string, f func(place) error) error {
	for range 2 {
		at := c.place(subject)
		if err := f(at); err != nil || at.run == *c.run.Load() {
			return err
		}
	}
	return errRestarts
}

// place is where subject's value belongs now.
func (c *Cache) place(subject string) place {
	generation := c.generation()
	return place{subject: subject, generation: generation, key: c.seal.key(subject, generation), run: *c.run.Load()}
}

// learnRun asks a new connection's server for its run id. A restarted server has none of the old connections, so its new
// run is known before anything it kept can be read.
func (c *Cache) learnRun(ctx context.Context, cn *redis.Conn) error {
	info, err := cn.Info(ctx, "server").Result()
	if refused := redis.Error(nil); err != nil && !errors.As(err, &refused) {
		return err
	}
	run := runID(info)
	if run != *c.run.Load() {
		c.run.Store(&run)
	}
	return nil
}

// quiet ends the client library's own lines on standard error, of which an outage makes many; all that they say is in
// the errors of calls. The library has one logger for the process, to be set before its first client.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

var (
	_ gateway.Templates = (*Cache)(nil)
	_ gateway.Pinger    = (*Cache)(nil)
)
