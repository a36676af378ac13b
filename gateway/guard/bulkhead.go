package guard

// bulkhead lets so many calls run at the same time and refuses more at once: a slow system must not collect all workers.
type bulkhead struct {
	system string
	places chan struct{}
}

func newBulkhead(system string, capacity int) *bulkhead {
	return &bulkhead{system, make(chan struct{}, capacity)}
}

func (b *bulkhead) inside(call func() error) error {
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
		return call()
	default:
		return &Refused{System: b.system, Reason: Full, RetryAfter: minRetry}
	}
}
