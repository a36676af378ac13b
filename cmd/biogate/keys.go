package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"biogate/adapters/filesigner"
	"biogate/gateway/config"
)

type keysCmd struct {
	Init   keysInitCmd   `cmd:"" help:"Make the keys and secrets of a gateway in production: signing key, secrets, template keys. Refuses where there are some."`
	List   keysListCmd   `cmd:"" help:"Every key and what it is for."`
	Rotate keysRotateCmd `cmd:"" help:"Make a new signing key; the old one stays published while its assertions live. A running gateway follows."`
	Retire keysRetireCmd `cmd:"" help:"Remove a template key that no record needs any more."`
}

type keyFlags struct {
	Config string `help:"The gateway's configuration file." placeholder:"FILE" type:"path"`
	Data   string `help:"The gateway's data folder." placeholder:"DIR"`
}

// load reads the configuration of the gateway that these settings belong to.
func (f keyFlags) load() (config.Config, error) {
	return serveFlags{Config: f.Config, Data: f.Data}.load()
}

// keyDir is where a gateway with this data folder keeps its keys.
func keyDir(data string) string { return filepath.Join(data, "keys") }

func makeKeyDir(data string) error { return os.MkdirAll(keyDir(data), 0o700) }

// deploymentSecrets are what the gateway derives names and keys from: made together, so that a backup of the folder has them all.
var deploymentSecrets = []string{"pairwise", "cache", "memory", "challenge", "audit"}

type keysInitCmd struct {
	keyFlags `embed:""`
}

func (k keysInitCmd) Run(ctx context.Context, out console) error {
	c, err := k.load()
	if err != nil {
		return err
	}
	begun, err := checkNoKeys(keyDir(c.Data))
	if err != nil {
		return err
	}
	if err := checkNoTemplates(ctx, storeFile(c.Data)); err != nil {
		return err
	}
	var made []filesigner.KeyInfo
	err = withToken(ctx, c, func(o filesigner.Options) error {
		ring, err := initRing(o, begun)
		if err == nil {
			made = ring.List()
		}
		return err
	})
	if err != nil {
		return err
	}
	templates, err := initTemplateKeys(keyDir(c.Data))
	if err != nil {
		return err
	}
	answer := map[string]any{"folder": keyDir(c.Data), "keys": made, "secrets": deploymentSecrets, "template_key": templates}
	return out.answer(answer, func(w io.Writer) {
		printKeys(w, made)
		fmt.Fprintf(w, "secrets and template keys are in %s: without a backup of it nobody can read the templates, and every subject gets another name\n", keyDir(c.Data))
	})
}

// initRing makes the keyring, or completes the one that an init has made that was broken off.
func initRing(o filesigner.Options, begun bool) (*filesigner.Signer, error) {
	if !begun {
		return filesigner.Init(o, deploymentSecrets...)
	}
	o.Production = true
	ring, err := filesigner.Open(o)
	for _, name := range deploymentSecrets {
		if err == nil {
			_, err = ring.Secret(name)
		}
	}
	return ring, err
}

// checkNoKeys refuses a folder with anything in it that a gateway could have derived something from, but for what an init leaves
// that is broken off between keyring and template keys: begun says that it was.
func checkNoKeys(dir string) (begun bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	var held []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".json" {
			held = append(held, e.Name())
		}
	}
	if len(held) == 0 {
		return false, nil
	}
	if len(held) == 1 && held[0] == "keyring.json" {
		ring, err := filesigner.Open(filesigner.Options{Dir: dir, AsFound: true})
		if err != nil || !ring.Development() {
			return true, err
		}
	}
	return false, fmt.Errorf("%s holds %s already, and nothing is overwritten: keys of a first start in development mode are no keys for production, "+
		"choose another data folder; `biogate keys rotate` makes a new signing key", dir, held[0])
}

type keysListCmd struct {
	keyFlags `embed:""`
}

func (k keysListCmd) Run(ctx context.Context, out console) error {
	c, err := k.load()
	if err != nil {
		return err
	}
	o := ringOptions(c)
	o.Algorithm, o.AsFound = "", true // looking needs no token
	ring, err := filesigner.Open(o)
	if err != nil {
		return err
	}
	templates, err := k.listTemplateKeys(ctx)
	if err != nil {
		return err
	}
	answer := map[string]any{"keys": ring.List(), "development": ring.Development(), "template_keys": templates}
	return out.answer(answer, func(w io.Writer) {
		printKeys(w, ring.List())
		printTemplateKeys(w, templates)
		if ring.Development() {
			fmt.Fprintln(w, "made by a first start in development mode: production refuses them")
		}
	})
}

type keysRotateCmd struct {
	keyFlags   `embed:""`
	Alg        string        `help:"Algorithm of the new key; that of the active key when not stated." enum:",EdDSA,ES256" default:""`
	Templates  bool          `help:"Rotate the key that templates are encrypted with instead."`
	Prepublish time.Duration `help:"Publish the new key for this long before it signs: for relying parties that cache the key set and do not fetch it again on an unknown key (5m covers its Cache-Control)." default:"0"`
}

func (k keysRotateCmd) Run(ctx context.Context, out console) error {
	if k.Templates {
		return k.rotateTemplates(out)
	}
	if k.Prepublish < 0 {
		return misuse("--prepublish %s is negative", k.Prepublish)
	}
	c, err := k.load()
	if err != nil {
		return err
	}
	var made filesigner.KeyInfo
	var all []filesigner.KeyInfo
	err = withToken(ctx, c, func(o filesigner.Options) error {
		o.Algorithm, o.AsFound = k.Alg, true
		ring, err := filesigner.Open(o)
		if err != nil {
			return err
		}
		made, err = ring.Rotate(k.Prepublish)
		all = ring.List()
		return err
	})
	if err != nil {
		return err
	}
	return out.answer(made, func(w io.Writer) { printKeys(w, all) })
}

func printKeys(w io.Writer, keys []filesigner.KeyInfo) {
	for _, k := range keys {
		fmt.Fprintf(w, "%-8s %-6s %-5s %s  signs from %s", k.State, k.Algorithm, k.Holder, k.ID, k.SignsFrom.Format(time.RFC3339))
		if !k.PublishedUntil.IsZero() {
			fmt.Fprintf(w, ", published until %s", k.PublishedUntil.Format(time.RFC3339))
		}
		fmt.Fprintln(w)
	}
}
