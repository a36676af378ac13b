package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/prommetrics"
	"biogate/adapters/tinkkeys"
	"biogate/gateway"
	"biogate/gateway/guard"
	"biogate/gateway/vault"
)

// initTemplateKeys makes the template keys of a production deployment; it leaves keys that are there alone, and fails.
func initTemplateKeys(dir string) (tinkkeys.KeyInfo, error) {
	_, err := tinkkeys.Open(tinkkeys.Options{Dir: dir})
	if err == nil {
		return tinkkeys.KeyInfo{}, fmt.Errorf("there are template keys in %s already; they are not replaced", dir)
	}
	if !errors.Is(err, tinkkeys.ErrNoKeys) {
		return tinkkeys.KeyInfo{}, err
	}
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: dir, Create: true})
	if err != nil {
		return tinkkeys.KeyInfo{}, err
	}
	return keys.List()[0], nil
}

// checkNoTemplates refuses a record whose templates are encrypted already: no new key opens them.
func checkNoTemplates(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	store, err := bolttemplates.Open(path, bolttemplates.Options{LockTimeout: time.Second, Upgradable: true})
	if err != nil {
		return err
	}
	defer store.Close()
	plain, err := store.Plain(ctx)
	if err != nil || plain {
		return err
	}
	if empty, err := store.Empty(ctx); err != nil || empty {
		return err
	}
	return fmt.Errorf("%s holds templates that only the template keys can open that were lost: restore the folder of the keys from its backup, or choose another data folder", path)
}

// rotation re-encrypts, behind the requests, what rests under template keys that were replaced.
func (a *app) rotation(record *guard.Guard, metrics *prommetrics.Metrics, log *slog.Logger) *vault.Rotation {
	return &vault.Rotation{
		Registry: a.registry, Lister: record.Templates(a.store).(gateway.TemplateLister), Sealer: a.sealer, Keys: a.templateKeys,
		Progress: tellProgress(metrics, log),
	}
}

// tellProgress says at most every ten seconds how far it is.
func tellProgress(metrics *prommetrics.Metrics, log *slog.Logger) func(vault.Progress) {
	var mu sync.Mutex
	var said time.Time
	return func(p vault.Progress) {
		mu.Lock()
		defer mu.Unlock()
		metrics.Reencryption(p.Remaining)
		switch now := time.Now(); {
		case p.Done:
			log.Info("no record needs the replaced template keys any more: biogate keys retire --templates ID removes one")
		case p.Remaining > 0 && now.Sub(said) >= 10*time.Second:
			said = now
			log.Info("re-encrypting under the new template key", "remaining", p.Remaining, "damaged", p.Damaged)
		}
	}
}

// templates reads the template keys of the gateway that these settings belong to, and says where its record is.
func (f keyFlags) templates() (keys *tinkkeys.Keys, record string, err error) {
	c, err := serveFlags{Config: f.Config, Data: f.Data}.load()
	if err != nil {
		return nil, "", err
	}
	keys, err = tinkkeys.Open(tinkkeys.Options{Dir: keyDir(c.Data)})
	return keys, storeFile(c.Data), err
}

// templateKeyAnswer is a template key as keys list shows it.
type templateKeyAnswer struct {
	tinkkeys.KeyInfo
	Records *int `json:"records,omitempty"` // under it; nil: the record cannot be read, as while a running gateway has it open
}

// listTemplateKeys counts the records under each key where no gateway has the record open. It is empty where there are no keys.
func (f keyFlags) listTemplateKeys(ctx context.Context) ([]templateKeyAnswer, error) {
	keys, record, err := f.templates()
	if errors.Is(err, tinkkeys.ErrNoKeys) || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	counted, known, _ := recordsUnder(ctx, record) // keys are shown beside a record that cannot be read, too
	var out []templateKeyAnswer
	for _, info := range keys.List() {
		a := templateKeyAnswer{KeyInfo: info}
		if n := counted[info.ID]; known {
			a.Records = &n
		}
		out = append(out, a)
	}
	return out, nil
}

// recordsUnder counts the records under each template key. known is false when another process has the record open.
func recordsUnder(ctx context.Context, path string) (counted map[uint32]int, known bool, err error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, true, nil
	}
	store, err := bolttemplates.Open(path, bolttemplates.Options{LockTimeout: 100 * time.Millisecond, Upgradable: true})
	if errors.Is(err, bolttemplates.ErrHeld) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer store.Close()
	counted = map[uint32]int{}
	err = store.Each(ctx, func(r gateway.References) error {
		if id, ok := vault.KeyOf(r); ok {
			counted[id]++
		}
		return nil
	})
	return counted, err == nil, err
}

func printTemplateKeys(w io.Writer, keys []templateKeyAnswer) {
	for _, k := range keys {
		fmt.Fprintf(w, "%-8s templates %d  made %s", k.State, k.ID, k.CreatedAt.Format(time.RFC3339))
		if k.Records != nil {
			fmt.Fprintf(w, ", %d records", *k.Records)
		}
		fmt.Fprintln(w)
	}
}

// rotateTemplates makes a new template key.
func (f keyFlags) rotateTemplates(out console) error {
	keys, _, err := f.templates()
	if err != nil {
		return err
	}
	made, err := keys.Rotate()
	if err != nil {
		return err
	}
	return out.answer(made, func(w io.Writer) {
		fmt.Fprintf(w, "template key %d is the primary one now; a running gateway re-encrypts the record in the background\n", made.ID)
	})
}

type keysRetireCmd struct {
	keyFlags  `embed:""`
	Templates uint32 `help:"The template key to remove for good, as keys list shows it." placeholder:"ID" required:""`
}

// Run removes a key that no record needs: as the record itself says, or a running gateway that has gone through all of it.
func (c keysRetireCmd) Run(ctx context.Context, out console) error {
	keys, record, err := c.templates()
	if err != nil {
		return err
	}
	counted, known, err := recordsUnder(ctx, record)
	if err != nil {
		return err
	}
	if n := counted[c.Templates]; n > 0 {
		return fmt.Errorf("%d records need template key %d: run the gateway until they are re-encrypted (biogate_reencryption_remaining is 0)", n, c.Templates)
	}
	retire := keys.Retire
	if !known {
		retire = keys.RetireUnused
	}
	err = retire(c.Templates)
	if errors.Is(err, tinkkeys.ErrNeeded) {
		return fmt.Errorf("records may need template key %d: the running gateway has not said yet that none does; keys list shows unused when it has", c.Templates)
	}
	if err != nil {
		return err
	}
	return out.answer(map[string]any{"retired": c.Templates}, func(w io.Writer) { fmt.Fprintf(w, "template key %d is gone\n", c.Templates) })
}

type storeCmd struct {
	Upgrade storeUpgradeCmd `cmd:"" help:"Encrypt the templates of a record that an earlier version wrote. The gateway is stopped."`
}

type storeUpgradeCmd struct {
	keyFlags `embed:""`
}

func (c storeUpgradeCmd) Run(ctx context.Context, out console) error {
	keys, record, err := c.templates()
	if err != nil {
		return err
	}
	if _, err := os.Stat(record); err != nil {
		return fmt.Errorf("there is no record: %w", err)
	}
	store, err := bolttemplates.Open(record, bolttemplates.Options{Upgradable: true})
	if err != nil {
		return err
	}
	n, err := store.Upgrade(ctx, vault.NewSealer(keys).Seal)
	left, failed := store.Unsealed(ctx)
	if err = errors.Join(err, failed, store.Close()); err != nil {
		return err
	}
	err = out.answer(map[string]any{"sealed": n, "damaged": append([]string{}, left...)}, func(w io.Writer) {
		fmt.Fprintf(w, "%d subjects' templates were encrypted\n", n)
	})
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the records of %d subjects are damaged, and what is left of their templates rests unencrypted: %q; delete these subjects", len(left), left)
	}
	return err
}
