//go:build race

package enginetest

// raceEnabled: the race detector makes sync.Pool drop things at random, so allocations say nothing.
const raceEnabled = true
