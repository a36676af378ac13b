package main

import "os"

// floorBytes is how much garbage may gather at least before it is collected.
const floorBytes = 64 << 20

// heapFloor is memory that is never touched, and so takes none, and counts as living for as long as it is held: Go collects when
// what lives has doubled. Of a gateway without large galleries 4 MB live, and it would collect every few hundred requests. Where an operator
// set GOGC or GOMEMLIMIT, they mean what they say (docs/adr/0070-log-and-heap.md).
func heapFloor() []byte {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return nil
		}
	}
	return make([]byte, floorBytes)
}
