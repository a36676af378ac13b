package redistemplates

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// held reads what is believable at KEYS[1] as kind ("E", "T" or "" for nothing) and version (digits). Entries begin with
// ARGV[2], tombstones with ARGV[3]; what begins otherwise counts as nothing.
var held = fmt.Sprintf(`
local header = redis.call('GETRANGE', KEYS[1], 0, %d)
local head, version = string.sub(header, 1, %d), string.sub(header, %d)
local kind = ''
if head == ARGV[2] then kind = 'E' elseif head == ARGV[3] then kind = 'T' end
`, headSize+versionSize-1, headSize, headSize+1)

// scriptPut: value, heads, version, replaces, TTL in ms. It answers 1 when it stored and 0 when it must not.
var scriptPut = redis.NewScript(held + `
if kind == 'E' and version ~= ARGV[5] then return 0 end
if kind == 'T' and ARGV[4] <= version then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[6])
return 1
`)

// scriptDelete: tombstone, heads, version, TTL in ms. It keeps what is newer.
var scriptDelete = redis.NewScript(held + `
if kind ~= '' and version > ARGV[4] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5])
return 1
`)

// scriptDiscard: the beginning of the value that was not believed.
var scriptDiscard = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, string.len(ARGV[1]) - 1) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)
