package redismemory

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// tally reads what is remembered of a subject: failures, the last of them, the one before, in milliseconds of the server's
// clock. It does what limits.Tally does; a test holds one against the other.
const tally = `
local held = redis.call('HMGET', KEYS[1], 'n', 'last', 'before')
local n, last, before = tonumber(held[1]) or 0, tonumber(held[2]) or 0, tonumber(held[3]) or 0
`

// scriptBegin: failures, delay, longest, kept, all times in ms. It answers how many ms to wait; 0: the attempt is counted.
var scriptBegin = redis.NewScript(tally + `
local failures, delay, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if failures > 0 and n >= failures then
	if delay > longest then delay = longest end
	for _ = failures + 1, n do
		delay = delay * 2
		if delay >= longest then delay = longest break end
	end
	local wait = last + delay - now
	if wait > delay then wait = delay end
	if wait > 0 then return wait end
end
redis.call('HSET', KEYS[1], 'n', n + 1, 'last', string.format('%d', now), 'before', string.format('%d', last))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
`)

// scriptWithdraw takes one attempt back.
var scriptWithdraw = redis.NewScript(tally + `
if n <= 1 then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'n', n - 1, 'last', string.format('%d', before), 'before', string.format('%d', before))
return 1
`)

// Begin implements gateway.Attempts.
func (m *Memory) Begin(ctx context.Context, subject string) (wait time.Duration, err error) {
	r := m.o.Rule
	if err := ctx.Err(); err != nil || r.Failures <= 0 {
		return 0, err
	}
	answer, err := m.batch.Script(ctx, scriptBegin, m.key("attempts", subject),
		r.Failures, r.Delay.Milliseconds(), r.Longest.Milliseconds(), r.Kept().Milliseconds())
	if err != nil {
		return 0, err
	}
	ms, err := answer.Int64()
	return time.Duration(ms) * time.Millisecond, err
}

// Succeed implements gateway.Attempts.
func (m *Memory) Succeed(ctx context.Context, subjects ...string) error {
	if err := ctx.Err(); err != nil || len(subjects) == 0 {
		return err
	}
	del := []any{"DEL"}
	for _, subject := range subjects {
		del = append(del, m.key("attempts", subject))
	}
	return m.batch.Do(ctx, redis.NewIntCmd(ctx, del...))
}

// Withdraw implements gateway.Attempts.
func (m *Memory) Withdraw(ctx context.Context, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := m.batch.Script(ctx, scriptWithdraw, m.key("attempts", subject))
	return err
}
