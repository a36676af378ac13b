package prommetrics

import (
	"slices"
	"sync"
)

// maxNames bounds the values of a label that the code chooses: a mistake there must not cost the memory of a server.
const maxNames = 64

// other stands for what is not known, or one too many.
const other = "other"

// oneOf is value when it is known, and other when not.
func oneOf(value string, known ...string) string {
	if slices.Contains(known, value) {
		return value
	}
	return other
}

// names are the values of one label met so far.
type names struct {
	mu  sync.RWMutex
	set map[string]bool
}

// bound is name, as long as there are not too many.
func (n *names) bound(name string) string {
	n.mu.RLock()
	known := n.set[name]
	n.mu.RUnlock()
	if known {
		return name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.set == nil {
		n.set = map[string]bool{}
	}
	if len(n.set) >= maxNames && !n.set[name] {
		return other
	}
	n.set[name] = true
	return name
}
