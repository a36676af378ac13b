// Command biogate is the gateway and its operator's tools.
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

	"biogate/gateway"
	"biogate/models"
)

// Exit statuses, as contract: 0 done, 1 a negative answer, 2 misuse, 3 failure.
const (
	exitDone = iota
	exitNegative
	exitMisuse
	exitFailure
)

// errNegative ends a command that did its work and got "no" for an answer.
var errNegative = errors.New("negative")

// cli is every command and flag.
type cli struct {
	JSON bool `help:"Print one JSON document instead of text."`

	Serve     serveCmd     `cmd:"" help:"Run the gateway."`
	Enroll    enrollCmd    `cmd:"" help:"Hold captures as references of a subject."`
	Verify    verifyCmd    `cmd:"" help:"Ask whether captures come from a subject (1:1)."`
	Identify  identifyCmd  `cmd:"" help:"Ask who of a gallery captures come from (1:N)."`
	Extract   extractCmd   `cmd:"" help:"Make a template of a picture, offline."`
	Match     matchCmd     `cmd:"" help:"Compare two pictures or templates, offline."`
	Assertion assertionCmd `cmd:"" help:"Check assertions as a relying party does."`
	Audiences audiencesCmd `cmd:"" help:"Show what holds for the relying parties that are registered."`
	Devices   devicesCmd   `cmd:"" help:"Register, list and revoke the devices that may ask. A running gateway follows."`
	Keys      keysCmd      `cmd:"" help:"List and rotate the signing keys."`
	Store     storeCmd     `cmd:"" help:"Look after the record."`
	Config    configCmd    `cmd:"" help:"Check and show the configuration."`
	Audit     auditCmd     `cmd:"" help:"Check and read the record of what the gateway did."`
	Models    modelsCmd    `cmd:"" help:"List, check and fetch the models that scores depend on."`
	Doctor    doctorCmd    `cmd:"" help:"Check that this machine can run the gateway."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// console is where a command writes its answer.
type console struct {
	out  io.Writer
	json bool
}

// answer prints v as JSON, or calls text.
func (c console) answer(v any, text func(w io.Writer)) error {
	if !c.json {
		text(c.out)
		return nil
	}
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	parser := kong.Must(&c, kong.Name("biogate"), kong.Description("A biometric authentication gateway: captures in, signed assertions out."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) {}), kong.BindTo(ctx, (*context.Context)(nil)), kong.Vars{"models": models.DefaultDir, "face_model": models.DefaultFace})
	if helped(args) {
		_, _ = parser.Parse(args)
		return exitDone
	}
	command, err := parser.Parse(args)
	if err != nil {
		err = misuse("%w\nbiogate --help lists the commands; biogate COMMAND --help its flags", err)
		return report(err, console{stdout, slices.Contains(args, "--json")}, stderr)
	}
	err = command.Run(console{stdout, c.JSON})
	return report(err, console{stdout, c.JSON}, stderr)
}

func helped(args []string) bool {
	return slices.Contains(args, "--help") || slices.Contains(args, "-h")
}

// report prints a failure once and turns it into an exit status.
func report(err error, out console, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNegative):
		return exitNegative
	}
	var misuse misuseError
	status := exitFailure
	if errors.As(err, &misuse) {
		status = exitMisuse
	}
	if out.json {
		_ = out.answer(map[string]any{"error": describe(err)}, nil)
	}
	fmt.Fprintf(stderr, "biogate: %s\n", err)
	return status
}

// describe is a failure as JSON.
func describe(err error) any {
	if p := (problem{}); errors.As(err, &p) {
		return p
	}
	answer := map[string]any{"detail": err.Error()}
	if e := gateway.AsError(err); e.Kind != gateway.Internal {
		answer["code"], answer["reasons"] = e.Code, append([]string{}, e.Reasons...)
	}
	return answer
}

// misuseError is a failure that another command line would not have.
type misuseError struct{ error }

func misuse(format string, args ...any) error { return misuseError{fmt.Errorf(format, args...)} }
