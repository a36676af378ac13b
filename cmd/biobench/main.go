// Command biobench measures: recognition accuracy, calibration, kernels, synthetic populations.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"biogate/models"
)

// Exit statuses, the same for every command.
const (
	statusDone     = 0
	statusNegative = 1 // the answer is no
	statusMisuse   = 2
	statusFailure  = 3
)

type cli struct {
	JSON bool `name:"json" help:"Print one JSON document on standard output."`

	Accuracy accuracyCmd `cmd:"" help:"Measure recognition accuracy on a data set; make and check calibrations."`
	Synth    synthCmd    `cmd:"" help:"Write a seeded population of synthetic fingerprints."`
	Search   searchCmd   `cmd:"" help:"Measure 1:N search in a synthetic gallery."`
	PAD      padCmd      `cmd:"" name:"pad" help:"Measure presentation attack detection on simulated presentations."`
	Kernels  kernelsCmd  `cmd:"" help:"Measure every implementation of every kernel against the portable one."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is what a subcommand does; answers go to the console's standard output.
type command interface {
	run(ctx context.Context, s *console) error
}

// console is where a command's words go.
type console struct {
	json     bool
	out, err io.Writer
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c cli
	exit := -1
	parser := kong.Must(&c, kong.Name("biobench"), kong.Description("Measures biogate's engines."),
		kong.Vars{"models": models.DefaultDir, "face_model": models.DefaultFace}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Writers(out, errOut), kong.Exit(func(code int) { exit = code }))
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	s := &console{json: c.JSON || err != nil && saysJSON(args), out: out, err: errOut}
	if err != nil {
		return s.fail(&misuse{fmt.Sprintf("%v; see biobench --help", err)})
	}
	selected := parsed.Selected().Target.Addr().Interface().(command)
	if err := selected.run(ctx, s); err != nil {
		return s.fail(err)
	}
	return statusDone
}

// saysJSON stands in for the parser, which stops at the first argument that it does not understand.
func saysJSON(args []string) bool {
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// fail reports an error and picks the exit status.
func (s *console) fail(err error) int {
	if s.json && !errors.As(err, new(*negative)) {
		_ = s.printJSON(map[string]any{"error": map[string]string{"detail": err.Error()}})
	}
	fmt.Fprintln(s.err, "biobench:", err)
	switch {
	case errors.As(err, new(*negative)):
		return statusNegative
	case errors.As(err, new(*misuse)):
		return statusMisuse
	}
	return statusFailure
}

func (s *console) printJSON(v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// misuse is an error of the command line.
type misuse struct{ text string }

func (m *misuse) Error() string { return m.text }

// negative is an answer, not a failure.
type negative struct{ text string }

func (n *negative) Error() string { return n.text }
