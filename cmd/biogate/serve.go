package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"biogate/gateway/config"
	"biogate/internal/logbuffer"
	"biogate/matcher"
)

// serveFlags override the file and the environment.
type serveFlags struct {
	Config string `help:"Configuration file (YAML). Without one: development mode." placeholder:"FILE" type:"path"`
	Listen string `help:"Address to listen on, host:port." placeholder:"ADDR"`
	Data   string `help:"Folder of the embedded store and the keys." placeholder:"DIR"`
	Redis  string `help:"Cache in front of the store." placeholder:"redis://host:port/0"`

	FaceModel string `help:"Face model; usual: ${face_model}." placeholder:"ID"`
	Networks  string `help:"What the face networks run in: ort (ONNX Runtime), opencv, or auto: the first of them that can be had; usual: auto." enum:",auto,ort,opencv" default:""`
}

type serveCmd struct {
	serveFlags `embed:""`
}

func (f serveFlags) load() (config.Config, error) {
	c, err := f.settings()
	if err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, misuseError{err}
	}
	return c, nil
}

// settings are those of the file, the environment and the flags, and may be unsound.
func (f serveFlags) settings() (config.Config, error) {
	c, err := config.Load(f.Config)
	if err != nil {
		return c, misuseError{err}
	}
	if err := c.Environment(os.Environ()); err != nil {
		return c, misuseError{err}
	}
	c.Override(config.Overrides{Listen: f.Listen, Data: f.Data, Redis: f.Redis, FaceModel: f.FaceModel, Networks: f.Networks})
	return c, nil
}

func (s serveCmd) Run(ctx context.Context) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	lines := logbuffer.New(os.Stderr)
	defer lines.Close()
	log := gatheredLog(lines, c.LogLevel)
	defer runtime.KeepAlive(heapFloor())
	for _, name := range config.Unknown(os.Environ(), clientVariables) {
		log.Warn("a variable of the environment looks like a setting and is none: `biogate config show` lists them", "variable", name)
	}
	a, err := build(ctx, c, log)
	if err != nil {
		return err
	}
	defer a.close()
	a.announce(log)
	context.AfterFunc(ctx, func() { log.Info("stopping", "cause", context.Cause(ctx).Error()) })
	err = a.serve(ctx)
	log.Info("stopped")
	return err
}

func newLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // Validate has seen it
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}

// gatheredLog is for a gateway, which logs every request. It outlives whoever reads the log: by default a program ends when it
// writes to a standard error that nobody reads.
func gatheredLog(lines *logbuffer.Writer, level string) *slog.Logger {
	signal.Ignore(syscall.SIGPIPE)
	return slog.New(logbuffer.Handler{Handler: newLog(lines, level).Handler(), Lines: lines})
}

func quietLog() *slog.Logger { return newLog(io.Discard, "error") }

// announce says what runs, and what an operator must not overlook.
func (a *app) announce(log *slog.Logger) {
	for _, e := range a.engines.list {
		log.Info("engine ready", "modality", e.Modality(), "model", e.Model())
	}
	if a.engines.networks != "" {
		log.Info("face networks ready", "runtime", a.engines.networks)
	}
	if a.engines.instead != nil {
		log.Warn("face networks run in "+a.engines.networks+", which takes longer than ONNX Runtime", "cause", a.engines.instead.Error())
	}
	for modality, cause := range a.engines.missing {
		log.Warn("engine missing: captures of this modality are answered 501", "modality", modality, "cause", cause.Error())
	}
	for modality, n := range a.service.Outdated() {
		log.Warn("references of an earlier model: these subjects are not found by searches and deduplication until they are enrolled again", "modality", modality, "subjects", n)
	}
	if n := a.sealer.Unopened(); n > 0 {
		log.Error("the templates of members do not open with the template keys: these subjects are answered as damaged until the record or the keys are restored, or they are deleted", "subjects", n)
	}
	log.Info("listening", "url", a.baseURL(), "mode", a.config.Mode, "store", storeFile(a.config.Data), "cache", a.config.Redis != "")
	if a.config.Mode == config.Development {
		log.Warn("development mode: " + strings.Join(append(unprotected(a.config), "keys were made on first start in "+keyDir(a.config.Data)), ", "))
	}
}

// withGateway runs a gateway inside this process on a free port while f asks it.
func withGateway(ctx context.Context, flags serveFlags, f func(base string) error) error {
	c, err := flags.load()
	if err != nil {
		return err
	}
	if c.CredentialRequired() { // an open port, even one that nobody is told of, would serve whoever finds it
		return misuse("this gateway serves registered devices alone: ask the one that runs, with --url, --device and --device-key")
	}
	c.TLS = config.TLS{}    // it does not leave this machine
	c.Limits.DrainGrace = 0 // nobody else asks it
	a, err := build(ctx, c, newLog(io.Discard, "error"))
	if err != nil {
		return fmt.Errorf("%w; to ask a gateway that runs, give --url", err)
	}
	defer a.close()
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.serve(serving) }()
	err = f("http://" + a.listener.Addr().String())
	stop()
	if stopped := <-ended; err == nil {
		err = stopped
	}
	return err
}

// served lists the modalities, for doctor.
func (e engines) served() []matcher.Modality {
	var out []matcher.Modality
	for _, engine := range e.list {
		out = append(out, engine.Modality())
	}
	return out
}
