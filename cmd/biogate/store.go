package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/tinkkeys"
	"biogate/gateway"
	"biogate/gateway/config"
	"biogate/gateway/vault"
)

// encryption is what stands between the service and the registry.
type encryption struct {
	templateKeys *tinkkeys.Keys
	sealer       *vault.Sealer
	references   gateway.Registry // the registry, for those who know no encryption
	reencryption *vault.Rotation
}

// openStore opens the record and the keys that its templates are encrypted with.
func (a *app) openStore(ctx context.Context, log *slog.Logger) (err error) {
	development := a.config.Mode == config.Development
	if err := forgetMarks(keyDir(a.config.Data)); err != nil {
		return err
	}
	if a.store, err = bolttemplates.Open(storeFile(a.config.Data), bolttemplates.Options{Upgradable: development}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.store.Close)
	if a.templateKeys, err = keysOf(ctx, a.store, keyDir(a.config.Data), development); err != nil {
		return err
	}
	if !development && a.templateKeys.Development() {
		return developmentTemplateKeys(a.config.Data)
	}
	a.sealer = vault.NewSealer(a.templateKeys)
	return upgrade(ctx, a.store, a.sealer, log)
}

// keysOf opens the template keys of a record. New ones are made only where nothing was encrypted with others.
func keysOf(ctx context.Context, store *bolttemplates.Store, dir string, create bool) (*tinkkeys.Keys, error) {
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: dir})
	if err == nil {
		return keys, checkOpens(ctx, store, keys, dir)
	}
	if !errors.Is(err, tinkkeys.ErrNoKeys) {
		return nil, err
	}
	plain, err := store.Plain(ctx)
	if err != nil {
		return nil, err
	}
	empty, err := store.Empty(ctx)
	switch {
	case err != nil:
		return nil, err
	case !plain && !empty:
		return nil, fmt.Errorf("the template keys are missing in %s, and the record holds templates that only they can open: restore the folder from the backup of the keys", dir)
	case !create:
		return nil, fmt.Errorf("there are no template keys in %s; run: biogate keys init", dir)
	}
	return tinkkeys.Open(tinkkeys.Options{Dir: dir, Create: true, Development: true})
}

// forgetMarks takes back which template keys no record needs: the record may be a backup's by now, and from when it is held
// `keys retire` believes what stands there. This gateway says it again when it has gone through the record.
func forgetMarks(dir string) error {
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: dir})
	if errors.Is(err, tinkkeys.ErrNoKeys) {
		return nil
	}
	if err != nil {
		return err
	}
	return keys.MarkNeeded(keys.Replaced())
}

// looked is how many records tell whether these are the keys of a record.
const looked = 1000

var errEnough = errors.New("enough was seen")

// checkOpens refuses keys of which none encrypted anything that is looked at: those of another record, or of an old backup.
func checkOpens(ctx context.Context, store *bolttemplates.Store, keys *tinkkeys.Keys, dir string) error {
	known := map[uint32]bool{}
	for _, k := range keys.List() {
		known[k.ID] = true
	}
	sealed, ours := 0, false
	err := store.Each(ctx, func(r gateway.References) error {
		id, ok := vault.KeyOf(r)
		if ok {
			sealed++
			ours = ours || known[id]
		}
		if ours || sealed >= looked {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return err
	case sealed > 0 && !ours:
		return fmt.Errorf("the template keys in %s are not those that the record's templates were encrypted with: restore the folder from the newest backup of the keys", dir)
	}
	return nil
}

// upgrade encrypts a record of an earlier version.
func upgrade(ctx context.Context, store *bolttemplates.Store, sealer *vault.Sealer, log *slog.Logger) error {
	plain, err := store.Plain(ctx)
	if err != nil || !plain {
		return err
	}
	log.Info("the record is of an earlier version: its templates are being encrypted")
	n, err := store.Upgrade(ctx, sealer.Seal)
	if err != nil {
		return err
	}
	log.Info("the templates are encrypted", "subjects", n)
	left, err := store.Unsealed(ctx)
	if len(left) > 0 {
		log.Error("damaged records could not be encrypted and rest as they are: stop the gateway, `biogate store upgrade` names them", "subjects", len(left))
	}
	return err
}
