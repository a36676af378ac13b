package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"biogate/gateway/config"
	"biogate/internal/redisurl"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say everything that is wrong with the settings of file and environment, and with the files that they name."`
	Show  configShowCmd  `cmd:"" help:"Every setting that holds, with its variable in the environment."`
}

type configFlags struct {
	Config string `help:"Configuration file (YAML)." placeholder:"FILE" type:"path"`
}

// read is the configuration of file and environment, with all that is wrong with it.
func (f configFlags) read() (config.Config, []error) {
	c, err := config.Load(f.Config)
	unread := errors.As(err, new(*fs.PathError))
	problems := unjoined(err)
	problems = append(problems, unjoined(c.Environment(os.Environ()))...)
	for _, name := range config.Unknown(os.Environ(), clientVariables) {
		problems = append(problems, fmt.Errorf("%s is no setting: `biogate config show` lists them", name))
	}
	if unread { // what it sets is not known: nothing can be said of it
		return c, problems
	}
	problems = append(problems, unjoined(c.Validate())...)
	return c, append(problems, checkFiles(c)...)
}

// clientVariables are read by commands and tests that are not the gateway.
var clientVariables = []string{
	"BIOGATE_URL", "BIOGATE_DEVICE", "BIOGATE_DEVICE_KEY", "BIOGATE_CLIENT_CERT", "BIOGATE_CLIENT_KEY", "BIOGATE_CA",
	"BIOGATE_REQUIRE_ALL",
}

// unjoined is each of the problems that came as one error, a line each.
func unjoined(err error) (out []error) {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			out = append(out, unjoined(one)...)
		}
		return out
	}
	return []error{err}
}

// checkFiles holds the files that c names against what they must be.
func checkFiles(c config.Config) (errs []error) {
	if c.TLS.Certificate != "" && c.TLS.Key != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.Certificate, c.TLS.Key); err != nil {
			errs = append(errs, fmt.Errorf("tls.certificate is %q and tls.key %q: %w", c.TLS.Certificate, c.TLS.Key, err))
		}
	}
	if c.Keys.Signer == "pkcs11" {
		errs = append(errs, checkFile("keys.pkcs11.module", c.Keys.PKCS11.Module, false), checkFile("keys.pkcs11.pin_file", c.Keys.PKCS11.PINFile, true))
	}
	if c.TLS.Key != "" {
		errs = append(errs, checkFile("tls.key", c.TLS.Key, true))
	}
	if c.RedisCA != "" {
		if _, err := redisurl.Authorities(c.RedisCA); err != nil {
			errs = append(errs, fmt.Errorf("redis_ca is %q: %w", c.RedisCA, err))
		}
	}
	return unjoined(errors.Join(errs...))
}

// checkFile wants a file that is there, and that nobody but its owner can read when it is secret.
func checkFile(setting, path string, secret bool) error {
	if path == "" {
		return nil // Validate has said so
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is %q, and there is no such file", setting, path)
	case err != nil:
		return fmt.Errorf("%s is %q: %w", setting, path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is %q, which is no regular file", setting, path)
	case secret && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is %q, which others can read (mode %o): chmod 600", setting, path, info.Mode().Perm())
	}
	return nil
}

type configCheckCmd struct {
	configFlags `embed:""`
}

func (c configCheckCmd) Run(out console) error {
	settings, problems := c.read()
	texts := []string{}
	for _, p := range problems {
		texts = append(texts, p.Error())
	}
	err := out.answer(map[string]any{"ok": len(texts) == 0, "mode": settings.Mode, "problems": texts}, func(w io.Writer) {
		for _, text := range texts {
			fmt.Fprintln(w, text)
		}
		if len(texts) == 0 {
			fmt.Fprintf(w, "the settings are sound: %s mode\n", settings.Mode)
		}
	})
	if err == nil && len(texts) > 0 {
		return errNegative
	}
	return err
}

type configShowCmd struct {
	configFlags `embed:""`
}

func (c configShowCmd) Run(out console) error {
	settings, problems := c.read()
	list := settings.Settings()
	values := map[string]string{}
	for _, s := range list {
		values[s.Path] = s.Value
	}
	err := out.answer(map[string]any{"settings": values}, func(w io.Writer) {
		for _, s := range list {
			value := s.Value
			if strings.Contains(value, "\n") {
				value = "\n    " + strings.ReplaceAll(value, "\n", "\n    ")
			}
			fmt.Fprintf(w, "%-34s %-44s %s\n", s.Path, s.Variable, value)
		}
	})
	if err != nil || len(problems) == 0 {
		return err
	}
	return fmt.Errorf("%d of the settings are wrong: `biogate config check` says which", len(problems))
}
