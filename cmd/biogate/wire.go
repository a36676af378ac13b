package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/filedevices"
	"biogate/adapters/filesigner"
	"biogate/adapters/prommetrics"
	"biogate/adapters/redismemory"
	"biogate/adapters/redistemplates"
	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/gateway/config"
	"biogate/gateway/guard"
	"biogate/gateway/httpapi"
	"biogate/gateway/limits"
	"biogate/gateway/registry"
	"biogate/gateway/replay"
	"biogate/gateway/vault"
	"biogate/internal/buildinfo"
)

// app is everything that a running gateway consists of.
type app struct {
	encryption

	config   config.Config
	engines  engines
	store    *bolttemplates.Store
	signer   *filesigner.Signer
	registry *registry.Registry
	memory   *replay.Memory   // of what was used
	shared   gateway.Attempts // that all nodes count; nil without Redis
	devices  *filedevices.Registry
	// recordable says whether the audit trail can be written; nil when none is kept.
	recordable func() bool
	service    *gateway.Service
	server     *httpapi.Server
	listener   net.Listener
	closers    []func() error // in order of making
}

// build makes a gateway that listens and does not serve yet. What was opened is closed again when something is missing.
func build(ctx context.Context, c config.Config, log *slog.Logger) (*app, error) {
	if err := unready(c); err != nil {
		return nil, err
	}
	a := &app{config: c}
	if err := a.open(ctx, log); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// open is the one place that puts adapters behind ports.
func (a *app) open(ctx context.Context, log *slog.Logger) (err error) {
	c := a.config
	if err := a.listen(); err != nil {
		return err
	}
	workers := c.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if a.engines, err = openEngines(engineOptions{models: c.Models, face: c.FaceModel, networks: c.Networks, sessions: workers}); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.engines.close(); return nil })
	if err := a.openStore(ctx, log); err != nil {
		return err
	}
	if err := a.trailLost(ctx, log); err != nil {
		return err
	}
	if a.signer, err = a.openSigner(ctx); err != nil {
		return err
	}
	metrics := prommetrics.New(buildinfo.Version(), "record", "cache", "signer", "memory", "audit")
	watched := speak(metrics, log)
	record := guard.New(guardOptions("record", c.Breakers.Record, watched))
	if err := a.openRegistry(ctx, record, watched); err != nil {
		return err
	}
	challengeKey, err := a.openMemory(ctx, watched)
	if err != nil {
		return err
	}
	issuer, err := a.issuer()
	if err != nil {
		return err
	}
	trail, err := a.openAudit(log, watched)
	if err != nil {
		return err
	}
	kiosks, err := a.kiosks(log, metrics, trail)
	if err != nil {
		return err
	}
	surface, err := a.surface(log)
	if err != nil {
		return err
	}
	a.reencryption = a.rotation(record, metrics, log)
	a.references = vault.Registry(a.registry, a.sealer)
	a.service, err = gateway.New(ctx, gateway.Deps{
		Engines:      a.engines.list,
		Calibrations: a.engines.calibrations,
		Registry:     a.references,
		Lister:       record.Templates(a.store).(gateway.TemplateLister),
		Open:         a.sealer.OrSubject,
		Galleries:    record.Galleries(a.store),
		Issuer:       guard.New(guardOptions("signer", c.Breakers.Signer, watched)).Issuer(issuer),
		Attempts:     a.attempts(),
		Assertions:   issuer,
		Nonces:       a.memory,
		ChallengeKey: challengeKey,
		Devices:      a.devices,
		Audit:        trail,
		Recordable:   a.recordable,
		Observer:     metrics,
		Now:          time.Now,
		Policy:       c.DecisionPolicy(),
		Parties:      c.Parties(),
		OnlyParties:  c.Mode == config.Production,
		Workers:      workers,
		Patience:     c.Limits.QueueWait,
		Deduplicate:  c.Policy.Deduplicate,
		Quantum:      c.Policy.ConcealQuantum,
		Retention:    c.Retention.References,
		KeepEnds:     c.Retention.Receipts,
	})
	if err != nil {
		return err
	}
	a.server = httpapi.New(httpapi.Deps{
		API:       a.service,
		Receipts:  record.Receipts(a.store),
		Keys:      func() ([]byte, error) { return a.signer.JWKS(), nil },
		Discovery: issuer.OpenIDConfiguration,
		Metrics:   metrics.Handler(),
		Observer:  metrics,
		Log:       log,
		Config:    surface,
		Kiosks:    kiosks,
	})
	return nil
}

// maxTried bounds the subjects whose failed attempts one process remembers, some 300 bytes each.
const maxTried = 200_000

// attempts counts failed verifications; nil: nobody does.
func (a *app) attempts() gateway.Attempts {
	t := a.config.Attempts
	if t.Failures == 0 {
		return nil
	}
	local := limits.NewLocal(limits.Rule{Failures: t.Failures, Delay: t.Delay, Longest: t.Longest}, maxTried, time.Now)
	if a.shared == nil {
		return local
	}
	both := limits.NewBoth(local, a.shared, time.Now)
	a.closers = append(a.closers, both.Close) // before the shared memory's
	return both
}

// storeFile is the record of a gateway with this data folder.
func storeFile(data string) string { return filepath.Join(data, "biogate.db") }

// listen comes first: the issuer's name may depend on the port, and a port that is taken should cost no time.
func (a *app) listen() (err error) {
	a.listener, err = net.Listen("tcp", a.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w; --listen or BIOGATE_LISTEN chooses another address", err)
	}
	a.closers = append(a.closers, func() error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// openRegistry puts the cache, when there is one, in front of the record.
func (a *app) openRegistry(ctx context.Context, record *guard.Guard, observer gateway.Observer) error {
	o := registry.Options{Record: record.Templates(a.store), Generations: record.Generations(a.store), Generation: new(atomic.Uint64), Erasing: a.store.ErasurePending}
	if a.config.Redis != "" {
		key, err := a.signer.Secret("cache")
		if err != nil {
			return err
		}
		cache, err := redistemplates.New(redistemplates.Options{
			URL: a.config.Redis, Authorities: a.config.RedisCA, Deployment: a.config.Cache.Deployment, Key: key, Generation: o.Generation.Load,
			TTL: a.config.Cache.TTL, TombstoneTTL: a.config.Cache.DeletionTTL, IOTimeout: a.config.Breakers.Cache.Timeout,
		})
		if err != nil {
			return err
		}
		a.closers = append(a.closers, cache.Close)
		o.Cache = guard.New(guardOptions("cache", a.config.Breakers.Cache, observer)).Templates(cache)
	}
	a.registry = registry.New(o)
	a.registry.Start(ctx) // so that the first answers know what is missing
	return nil
}

// openMemory makes the memory of what was used, and returns what the nodes that share it sign challenges with. Without Redis this
// is the only node: then there is no such key, and challenges end with the process.
func (a *app) openMemory(ctx context.Context, observer gateway.Observer) (challengeKey []byte, err error) {
	c := a.config
	o := replay.Options{Remembered: c.Kiosks.Remembered, Window: c.Kiosks.Window, Narrow: c.Kiosks.NarrowWindow, Now: time.Now}
	if c.Redis != "" {
		key, err := a.signer.Secret("memory")
		if err != nil {
			return nil, err
		}
		if challengeKey, err = a.signer.Secret("challenge"); err != nil {
			return nil, err
		}
		shared, err := redismemory.New(redismemory.Options{
			URL: c.Redis, Authorities: c.RedisCA, Deployment: c.Cache.Deployment, Key: key, Now: time.Now, IOTimeout: c.Breakers.Memory.Timeout,
			Rule: limits.Rule{Failures: c.Attempts.Failures, Delay: c.Attempts.Delay, Longest: c.Attempts.Longest},
		})
		if err != nil {
			return nil, err
		}
		a.closers = append(a.closers, shared.Close)
		g := guard.New(guardOptions("memory", c.Breakers.Memory, observer))
		o.Shared, o.Began, a.shared = g.Nonces(shared), shared.Began, g.Attempts(shared)
	}
	a.memory = replay.New(o)
	a.memory.Probe(ctx) // so that the first requests know
	return challengeKey, nil
}

func (a *app) issuer() (*assertion.Issuer, error) {
	pairwise, err := a.signer.Secret("pairwise")
	if err != nil {
		return nil, err
	}
	name, err := a.config.IssuerURL(a.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return assertion.New(assertion.Options{
		Issuer: name, Lifetime: a.config.Assertion.Lifetime, Signer: a.signer,
		PairwiseKey: pairwise, Parties: a.config.Parties(),
	})
}

func (a *app) surface(log *slog.Logger) (httpapi.Config, error) {
	l := a.config.Limits
	secure, err := a.tls(log)
	return httpapi.Config{
		TLS:       secure,
		BodyLimit: l.BodyBytes, BodyBudget: l.BodyBudgetBytes, Connections: l.Connections, Slots: l.Slots, Queue: l.Queue,
		QueueWait: l.QueueWait, RequestTimeout: l.RequestTimeout, Grace: l.DrainGrace,
		LoopbackOnly: a.config.Mode == config.Development, Rates: a.rates(),
	}, err
}

func (a *app) rates() httpapi.Rates {
	rate := func(r config.Rate) limits.Rate { return limits.Rate{PerSecond: r.PerSecond, Burst: r.Burst} }
	r := a.config.Rates
	return httpapi.Rates{Device: rate(r.Device), Global: rate(r.Global), Refused: rate(r.Refused), Proxied: a.config.TLS.Terminated}
}

func guardOptions(system string, b config.Breaker, observer gateway.Observer) guard.Options {
	return guard.Options{
		System: system, Observer: observer, Deadline: b.Timeout, Capacity: b.Concurrent,
		Breaker: guard.BreakerOptions{Failures: b.Failures, OpenFor: b.OpenFor},
	}
}

// serve answers requests until ctx ends, then drains: the watch over the stores lasts until the last request is answered.
func (a *app) serve(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() { a.registry.Run(background) })
	watch.Go(func() { a.service.Run(background) })
	watch.Go(func() { a.memory.Run(background) })
	watch.Go(func() { a.reencryption.Run(background) })
	defer watch.Wait()
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- a.server.Serve(a.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(background, a.config.Limits.DrainTimeout)
	defer cancel()
	return errors.Join(a.server.Shutdown(drain), <-ended)
}

// close frees everything, last made first.
func (a *app) close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i](); err != nil {
			fmt.Fprintln(os.Stderr, "biogate: close:", err)
		}
	}
}
