package main

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

var garbage []byte

// TestHeapFloor: a part of what the floor leaves room for is not collected, and the floor itself takes no memory. It runs in a process
// of its own, where no other test's garbage is.
func TestHeapFloor(t *testing.T) {
	const alone = "BIOGATE_TEST_ALONE"
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		t.Skip("the collector is set otherwise")
	}
	if os.Getenv(alone) == "" {
		p := exec.Command(os.Args[0], "-test.run=^TestHeapFloor$", "-test.count=1")
		p.Env = append(os.Environ(), alone+"=1")
		if text, err := p.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		return
	}
	garbage = bytes.Repeat([]byte{1}, 2*floorBytes) // so that the floor is not the first there
	garbage = nil
	debug.FreeOSMemory()
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
