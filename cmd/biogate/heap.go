package main

import (
	"os"
	"strings"
)

// floorBytes is how much garbage may gather at least before it is collected.
const floorBytes = 64 << 20

// heapFloor is memory that is never touched, and so takes none, and counts as living for as long as it is held: Go collects when
// what lives has doubled. Of a gateway without large galleries 4 MB live, and it would collect every few hundred requests. Where an operator
// set GOGC or GOMEMLIMIT, they mean what they say (docs/adr/0070-log-and-heap.md).
//
// It is a Builder's room, which Go does not clear: a slice would be cleared, and so be there, if a page of it had been in use before.
func heapFloor() *strings.Builder {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return nil
		}
	}
	floor := new(strings.Builder)
	floor.Grow(floorBytes)
	return floor
}
