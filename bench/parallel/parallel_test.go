package parallel

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestEachIsCalledOnce(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 3, 50} {
		for _, n := range []int{0, 1, 2, 20} {
			calls := make([]atomic.Int32, n)
			err := Each(t.Context(), n, workers, func(i int) error {
				calls[i].Add(1)
				return nil
			})
			for i := range calls {
				if got := calls[i].Load(); got != 1 || err != nil {
					t.Errorf("%d workers: call %d of %d was made %d times, error %v", workers, i, n, got, err)
				}
			}
		}
	}
}

func TestTheFirstErrorEndsIt(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	err := Each(t.Context(), 100, 1, func(i int) error {
		calls++
		if i >= 3 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || calls != 4 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

func TestTheEndOfTheContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := Each(ctx, 100, 1, func(i int) error {
		calls++
		if i == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 4 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}
