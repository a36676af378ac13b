package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"biogate/adapters/filesigner"
)

type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"Every key and what it is for."`
	Rotate keysRotateCmd `cmd:"" help:"Make a new signing key; the old one stays published while its assertions live. A running gateway follows."`
	Retire keysRetireCmd `cmd:"" help:"Remove a template key that no record needs any more."`
}

type keyFlags struct {
	Config string `help:"The gateway's configuration file." placeholder:"FILE" type:"path"`
	Data   string `help:"The gateway's data folder." placeholder:"DIR"`
}

// open reads the keyring of the gateway that these settings belong to.
func (f keyFlags) open(alg string) (*filesigner.Signer, error) {
	c, err := serveFlags{Config: f.Config, Data: f.Data}.load()
	if err != nil {
		return nil, err
	}
	return filesigner.Open(filesigner.Options{Dir: keyDir(c.Data), Algorithm: alg, Overlap: c.Assertion.KeyOverlap, AsFound: true})
}

// keyDir is where a gateway with this data folder keeps its keys.
func keyDir(data string) string { return filepath.Join(data, "keys") }

type keysListCmd struct {
	keyFlags `embed:""`
}

func (c keysListCmd) Run(ctx context.Context, out console) error {
	signer, err := c.open("")
	if err != nil {
		return err
	}
	templates, err := c.listTemplateKeys(ctx)
	if err != nil {
		return err
	}
	return out.answer(map[string]any{"keys": signer.List(), "template_keys": templates}, func(w io.Writer) {
		printKeys(w, signer.List())
		printTemplateKeys(w, templates)
	})
}

type keysRotateCmd struct {
	keyFlags   `embed:""`
	Alg        string        `help:"Algorithm of the new key; that of the active key when not stated." enum:",EdDSA,ES256" default:""`
	Templates  bool          `help:"Rotate the key that templates are encrypted with instead."`
	Prepublish time.Duration `help:"Publish the new key for this long before it signs: for relying parties that cache the key set and do not fetch it again on an unknown key (5m covers its Cache-Control)." default:"0"`
}

func (c keysRotateCmd) Run(out console) error {
	if c.Templates {
		return c.rotateTemplates(out)
	}
	if c.Prepublish < 0 {
		return misuse("--prepublish %s is negative", c.Prepublish)
	}
	signer, err := c.open(c.Alg)
	if err != nil {
		return err
	}
	made, err := signer.Rotate(c.Prepublish)
	if err != nil {
		return err
	}
	return out.answer(made, func(w io.Writer) { printKeys(w, signer.List()) })
}

func printKeys(w io.Writer, keys []filesigner.KeyInfo) {
	for _, k := range keys {
		fmt.Fprintf(w, "%-8s %-6s %s  signs from %s", k.State, k.Algorithm, k.ID, k.SignsFrom.Format(time.RFC3339))
		if !k.PublishedUntil.IsZero() {
			fmt.Fprintf(w, ", published until %s", k.PublishedUntil.Format(time.RFC3339))
		}
		fmt.Fprintln(w)
	}
}
