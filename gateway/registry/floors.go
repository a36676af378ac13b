package registry

import "sync"

// maxFloors bounds the subjects whose changes are remembered, some 150 bytes each.
const maxFloors = 100_000

// floors are the versions before which nothing of a subject is believed, in a generation of the cache: of those subjects whose
// earlier state may be in the cache's hands. Who can write to the cache cannot make a value, but can keep one and put it back
// later: without floors somebody who was deleted would be known again.
type floors struct {
	mu    sync.RWMutex
	least map[string]uint64
}

// of is 0 when nothing of subject has changed.
func (f *floors) of(subject string) uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.least[subject]
}

// raise is false when there is no room: then the generation has to move on.
func (f *floors) raise(subject string, version uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.least[subject]; !known && len(f.least) >= maxFloors {
		return false
	}
	if f.least == nil {
		f.least = map[string]uint64{}
	}
	f.least[subject] = max(f.least[subject], version)
	return true
}

func (f *floors) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.least = nil
}
