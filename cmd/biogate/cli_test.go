package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"biogate/bench/synth"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(rotatorEnv); dir != "" {
		rotateUntilKilled(dir)
	}
	testscript.Main(m, map[string]func(){"biogate": main})
}

// TestCommandLine runs testdata/script/*.txtar: what a person types, and what must come back.
func TestCommandLine(t *testing.T) {
	models := modelsDir(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("BIOGATE_MODELS", models)
			addr, err := freeAddress()
			e.Setenv("ADDR", addr)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"print":  printFinger,
			"await":  await,
			"choose": choose,
		},
	})
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// printFinger FILE FINGER IMPRESSION writes a synthetic print.
func printFinger(ts *testscript.TestScript, _ bool, args []string) {
	finger, err := strconv.Atoi(args[1])
	ts.Check(err)
	k, err := strconv.Atoi(args[2])
	ts.Check(err)
	data, err := synth.EncodePNG(synth.Member(2026, finger).Impression(k, easy))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// await ADDR waits until somebody listens.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 1500 {
		if c, err := net.Dial("tcp", args[0]); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("nobody listens at %s", args[0])
}

// choose VARIABLE FILE sets a variable to the word in a file that looks like a token.
func choose(ts *testscript.TestScript, _ bool, args []string) {
	for _, line := range strings.Fields(ts.ReadFile(args[1])) {
		if strings.HasPrefix(line, "ey") && strings.Count(line, ".") == 2 {
			ts.Setenv(args[0], line)
			return
		}
	}
	ts.Fatalf("no token in %s", filepath.Base(args[1]))
}

func TestHintsGoOnBehindASemicolon(t *testing.T) {
	for hint, want := range map[string]string{"": "", "Repeat it. Then": "repeat it. Then", "JSON keeps": "JSON keeps", "repeat": "repeat", "A": "A", "Ở nhà": "Ở nhà"} {
		if got := goingOn(hint); got != want {
			t.Errorf("%q goes on as %q", hint, got)
		}
	}
}
