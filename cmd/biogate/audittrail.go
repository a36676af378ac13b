package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/fileaudit"
	"biogate/gateway"
	"biogate/gateway/audit"
	"biogate/gateway/config"
	"biogate/gateway/guard"
)

// auditDir is where a gateway with this configuration keeps its audit trail.
func auditDir(c config.Config) string {
	return cmp.Or(c.Audit.Dir, filepath.Join(c.Data, "audit"))
}

// auditSecret names the deployment's secret under which subjects stand in the audit trail.
const auditSecret = "audit"

// openAudit opens the audit trail; nil when none is kept.
func (a *app) openAudit(log *slog.Logger, observer gateway.Observer) (gateway.Audit, error) {
	if !a.config.Audit.Enabled {
		return nil, nil
	}
	trail, err := a.openTrail(log)
	if err != nil {
		return nil, err
	}
	a.recordable = trail.Writable
	return guard.New(guardOptions("audit", a.config.Breakers.Audit, observer)).Audit(trail), nil
}

// trailLost refuses to begin a trail beside a record in which somebody is enrolled: whoever takes the trail away must not be given a
// clean one by the next start. In development mode it is said.
func (a *app) trailLost(ctx context.Context, log *slog.Logger) error {
	if !a.config.Audit.Enabled {
		return nil
	}
	lost, err := missesTrail(ctx, auditDir(a.config), a.store)
	if err != nil || !lost {
		return err
	}
	if a.config.Mode == config.Production {
		return errTrailLost(auditDir(a.config))
	}
	log.Warn(errTrailLost(auditDir(a.config)).Error())
	return nil
}

func errTrailLost(dir string) error {
	return fmt.Errorf("people are enrolled, and there is no audit trail in %s: put it back, or let a new one begin with: biogate audit begin", dir)
}

// missesTrail says whether somebody is enrolled in a record beside which there is no trail.
func missesTrail(ctx context.Context, dir string, store *bolttemplates.Store) (bool, error) {
	if begun, err := fileaudit.Begun(dir); err != nil || begun {
		return false, err
	}
	empty, err := store.Empty(ctx)
	return err == nil && !empty, err
}

// holdStore opens the record, if there is one, so that no gateway runs beside what follows.
func (a *app) holdStore() (err error) {
	path := storeFile(a.config.Data)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if a.store, err = bolttemplates.Open(path, bolttemplates.Options{LockTimeout: 100 * time.Millisecond, Upgradable: true}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.store.Close)
	return nil
}

// openTrail opens the trail's folder; the end of a gateway closes it.
func (a *app) openTrail(log *slog.Logger) (*fileaudit.Log, error) {
	secret, err := a.signer.Secret(auditSecret)
	if err != nil {
		return nil, err
	}
	subjects, err := audit.NewSubjects(secret)
	if err != nil {
		return nil, err
	}
	trail, err := fileaudit.Open(fileaudit.Options{
		Dir: auditDir(a.config), SegmentBytes: a.config.Audit.SegmentBytes, Signer: a.signer, Keys: a.signer.EveryKey,
		Subjects: subjects, Now: time.Now,
		Warn: func(what string, err error) {
			if err != nil {
				log.Error(what, "cause", err.Error())
				return
			}
			log.Warn(what)
		},
	})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, trail.Close)
	return trail, nil
}

type auditBeginCmd struct {
	keyFlags `embed:""`
}

// Run begins a trail, and says in it that somebody wanted one.
func (c auditBeginCmd) Run(ctx context.Context, out console) (err error) {
	settings, err := c.load()
	if err != nil {
		return err
	}
	dir := auditDir(settings)
	if begun, err := fileaudit.Begun(dir); err != nil || begun {
		return cmp.Or(err, fmt.Errorf("there is an audit trail in %s already: to go on with a new one, move the folder away and keep it", dir))
	}
	a := &app{config: settings}
	defer a.close()
	if err := a.holdStore(); err != nil { // a gateway whose folder was moved away writes HEAD into whatever stands there now
		return err
	}
	if a.signer, err = a.openSigner(ctx); err != nil {
		return err
	}
	trail, err := a.openTrail(newLog(os.Stderr, settings.LogLevel))
	if err != nil {
		return err
	}
	if err := trail.Append(ctx, gateway.AuditEvent{At: time.Now().UTC(), Action: "begin-trail", Outcome: "done"}); err != nil {
		return err
	}
	return out.answer(map[string]any{"dir": dir}, func(w io.Writer) { fmt.Fprintf(w, "a new audit trail was begun in %s\n", dir) })
}
