package search

import (
	"math/rand/v2"
	"time"

	"biogate/matcher/kernel"
)

// machine is what one thread can do at best.
type machine struct {
	readGBS    float64 // reading memory
	popcountGS float64 // counting ones in 64-bit words, billions a second
}

// measureMachine takes some tenths of a second.
func measureMachine() machine {
	var m machine
	data := make([]uint64, readWords)
	for i := range data {
		data[i] = uint64(i) // every page is there
	}
	for range machineTries {
		before := processTime() // other programs take the clock's time
		kernel.ReadSum(data)
		if took := processTime() - before; took > 0 {
			m.readGBS = max(m.readGBS, 8*readWords/1e9/took.Seconds())
		}
	}
	data = data[:countWords]
	for i := range data {
		data[i] = rand.Uint64()
	}
	for range machineTries {
		words, started := 0, time.Now()
		for time.Since(started) < countFor {
			kernel.CountOnes(data)
			words += len(data)
		}
		m.popcountGS = max(m.popcountGS, float64(words)/1e9/time.Since(started).Seconds())
	}
	return m
}

func (m machine) better(other machine) machine {
	return machine{max(m.readGBS, other.readGBS), max(m.popcountGS, other.popcountGS)}
}
