package porttest

import (
	"testing"
	"time"

	"biogate/gateway"
)

func TestMemoryRecord(t *testing.T) {
	Templates(t, func(testing.TB) gateway.Templates { return NewMemory(Record) }, Record)
	Galleries(t, func(testing.TB) gateway.Galleries { return NewMemory(Record) })
	Generations(t, func(testing.TB) gateway.Generations { return NewMemory(Record) })
	Receipts(t, func(testing.TB, func() time.Time) gateway.Receipts { return NewMemory(Record) }, MemoryRetention, false)
}

func TestMemoryCache(t *testing.T) {
	Templates(t, func(testing.TB) gateway.Templates { return NewMemory(Cache) }, Cache)
}
