package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/fileaudit"
	"biogate/gateway/config"
	"biogate/models"
)

type doctorCmd struct {
	serveFlags `embed:""`
}

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning or failure
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func (d doctorCmd) Run(ctx context.Context, out console) error {
	findings := d.examine(ctx)
	failed := false
	for _, f := range findings {
		failed = failed || f.State == failure
	}
	err := out.answer(map[string]any{"ok": !failed, "findings": findings}, func(w io.Writer) {
		for _, f := range findings {
			fmt.Fprintf(w, "%-8s %-9s %s\n", f.State, f.Check, strings.ReplaceAll(f.Detail, "\n", fmt.Sprintf("\n%19s", "")))
			if f.Remedy != "" {
				fmt.Fprintf(w, "%19s-> %s\n", "", f.Remedy)
			}
		}
	})
	if err == nil && failed {
		return errNegative
	}
	return err
}

func (d doctorCmd) examine(ctx context.Context) []finding {
	c, err := d.load()
	out := []finding{judge("config", err, failure, "the settings are sound", "mend the setting that is named")}
	if err != nil {
		return out
	}
	out = append(out, judge("files", errors.Join(checkFiles(c)...), failure, "the files that the settings name can be used", "mend the file that is named"))
	out = append(out, finding{"machine", fine, fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), runtime.Version()), ""})
	out = append(out, judge("models", models.Verify(c.Models), warning, "every network is what its manifest says", "make models"))
	e, err := openEngines(engineOptions{models: c.Models, face: c.FaceModel, networks: c.Networks, sessions: 1})
	if err == nil {
		defer e.close()
		err = errors.Join(e.missingErrors()...)
	}
	if e.networks != "" {
		out = append(out, judge("networks", e.instead, warning, "face networks run in "+e.networks, "make models; until then they run in "+e.networks+" and take longer"))
	}
	out = append(out, judge("engines", err, warning, fmt.Sprintf("%v", e.served()), "fetch the networks and their runtime (make models)"))
	runs := c.Audit.Enabled && fileaudit.Running(auditDir(c))
	out = append(out, examineMode(c), examineKeys(c), examineTemplateKeys(c))
	out = append(out, examineToken(ctx, c)...)
	out = append(out, examineDevices(c, time.Now()))
	out = append(out, examineTLS(c, time.Now())...)
	out = append(out, examineAudit(ctx, c, runs)...)
	out = append(out, examineRedis(ctx, c)...)
	out = append(out, examineClock())
	if runs {
		return append(out, finding{"running", fine, "a gateway runs on this record", ""})
	}
	out = append(out, judge("store", checkStore(c), failure, storeFile(c.Data)+" can be opened", "stop the gateway that has it open, or give the folder to this user"))
	return append(out, judge("listen", checkListen(c.Listen), failure, c.Listen+" is free", "choose another address with --listen"))
}

func judge(check string, err error, state, good, remedy string) finding {
	if err == nil {
		return finding{check, fine, good, ""}
	}
	return finding{check, state, err.Error(), remedy}
}

func (e engines) missingErrors() (errs []error) {
	for _, err := range e.missing {
		errs = append(errs, err)
	}
	return errs
}

// checkStore opens the store if there is one; it makes none.
func checkStore(c config.Config) error {
	name := storeFile(c.Data)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	store, err := bolttemplates.Open(name, bolttemplates.Options{LockTimeout: 100 * time.Millisecond})
	if err != nil {
		return err
	}
	return store.Close()
}

func checkListen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}
