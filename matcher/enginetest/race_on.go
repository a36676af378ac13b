//go:build race

package enginetest

// Racing says that the race detector is on. It makes sync.Pool drop things at random, so allocations say nothing, and code
// that counts pixels or comparisons some twenty times as slow.
const Racing = true
