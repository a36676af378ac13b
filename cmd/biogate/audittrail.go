package main

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"time"

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
	a.recordable = trail.Writable
	return guard.New(guardOptions("audit", a.config.Breakers.Audit, observer)).Audit(trail), nil
}
