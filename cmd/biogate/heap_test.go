package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

var garbage []byte

// TestHeapFloor: a part of what the floor leaves room for is not collected, and the floor itself takes no memory.
func TestHeapFloor(t *testing.T) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		t.Skip("the collector is set otherwise")
	}
	runtime.GC()
	before := resident(t)
	floor := heapFloor()
	runtime.GC()
	if more := resident(t) - before; more > floorBytes/4 {
		t.Errorf("the floor takes %d bytes", more)
	}
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	for range floorBytes / 2 / 1024 {
		garbage = make([]byte, 1024)
	}
	runtime.ReadMemStats(&end)
	runtime.KeepAlive(floor)
	if n := end.NumGC - start.NumGC; n > 1 {
		t.Errorf("%d collections", n)
	}
}

func TestHeapFloorLeavesTheOperatorsSettings(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "100")
		if heapFloor() != nil {
			t.Errorf("there is a floor in spite of %s", name)
		}
		t.Setenv(name, "")
	}
}

// resident is the memory of this process that is there.
func resident(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
