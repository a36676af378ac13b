// Package redisbatch sends commands that many callers have at the same time to Redis in one write, and reads their answers in one
// read: on a busy node most of what a command costs is the two calls to the kernel. A command that comes alone leaves at once.
//
// One connection carries what many wait for: where it breaks, all of them fail, and none is sent again.
package redisbatch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/redis/go-redis/v9"
)

// maxBatch bounds the commands of a batch: their answers share one deadline, the connection's.
const maxBatch = 128

// Batcher sends through one client. It is safe for concurrent use and holds nothing that has to be closed.
type Batcher struct {
	client *redis.Client

	mu      sync.Mutex
	waiting []*call
	sending bool // one batch is under way at a time; meanwhile commands gather for the next
}

// call is a command that somebody waits for.
type call struct {
	ctx  context.Context
	cmd  redis.Cmder
	done chan struct{} // closed when cmd has its answer; from then on it is the caller's
}

// New makes a batcher. The client must not repeat commands (MaxRetries -1), or an answer that got lost would be asked for twice.
func New(client *redis.Client) *Batcher { return &Batcher{client: client} }

// Do sends cmd and returns its error, or ctx's when that ends first: cmd is then not to be looked at, and what came of it is not
// known, as with any command whose answer is lost. A command whose caller has left before it was sent is not sent.
func (b *Batcher) Do(ctx context.Context, cmd redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{ctx: ctx, cmd: cmd, done: make(chan struct{})}
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	start := !b.sending
	b.sending = true
	b.mu.Unlock()
	if start {
		go b.sendAll()
	}
	select {
	case <-c.done:
		return cmd.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Script runs a script by its hash; by itself, and whole, where the server does not know it.
func (b *Batcher) Script(ctx context.Context, s *redis.Script, key string, args ...any) (*redis.Cmd, error) {
	cmd := redis.NewCmd(ctx, append([]any{"evalsha", s.Hash(), 1, key}, args...)...)
	err := b.Do(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // it did nothing
		cmd = s.Eval(ctx, b.client, []string{key}, args...)
		err = cmd.Err()
	}
	return cmd, err
}

// sendAll sends batches until nothing waits. Before each it lets those run who are ready to: they may have a command for it.
func (b *Batcher) sendAll() {
	for {
		runtime.Gosched()
		batch := b.take()
		if len(batch) == 0 {
			return
		}
		b.send(batch)
	}
}

// take is what waits; nothing: sending has ended.
func (b *Batcher) take() []*call {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxBatch)
	if n == 0 {
		b.sending = false
		return nil
	}
	batch := b.waiting[:n:n]
	if b.waiting = b.waiting[n:]; len(b.waiting) == 0 {
		b.waiting = nil
	}
	return batch
}

// errUnanswered stands in every command until its own answer replaces it: nothing that a connection may do, a refused password
// among it, can make a command look as if it had succeeded.
var errUnanswered = errors.New("redis: the command was not answered")

// send answers every call of a batch. The client's own timeouts bound it: callers may leave earlier, each for itself.
func (b *Batcher) send(batch []*call) {
	pipe := b.client.Pipeline()
	for _, c := range batch {
		c.cmd.SetErr(errUnanswered)
		if c.ctx.Err() == nil {
			_ = pipe.Process(context.Background(), c.cmd)
		}
	}
	_, err := pipe.Exec(context.Background())
	for _, c := range batch {
		if err != nil && c.cmd.Err() == errUnanswered {
			c.cmd.SetErr(fmt.Errorf("%w: %w", errUnanswered, err))
		}
		close(c.done)
	}
}
