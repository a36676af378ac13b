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
	"sync/atomic"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/adapters/filesigner"
	"biogate/adapters/prommetrics"
	"biogate/adapters/redistemplates"
	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/gateway/config"
	"biogate/gateway/guard"
	"biogate/gateway/httpapi"
	"biogate/gateway/registry"
	"biogate/internal/buildinfo"
)

// app is everything that a running gateway consists of.
type app struct {
	config   config.Config
	engines  engines
	signer   *filesigner.Signer
	registry *registry.Registry
	service  *gateway.Service
	server   *httpapi.Server
	listener net.Listener
	closers  []func() error // in order of making
}

// build makes a gateway that listens and does not serve yet. This is the one place that puts adapters behind ports.
func build(ctx context.Context, c config.Config, log *slog.Logger) (a *app, err error) {
	a = &app{config: c}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if err := a.listen(); err != nil {
		return nil, err
	}
	workers := c.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if a.engines, err = openEngines(c.Models, workers); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { a.engines.close(); return nil })
	metrics := prommetrics.New(buildinfo.Version(), "record", "cache", "signer")
	store, err := bolttemplates.Open(filepath.Join(c.Data, "biogate.db"), bolttemplates.Options{})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, store.Close)
	if a.signer, err = filesigner.Open(filesigner.Options{Dir: keyDir(c.Data), Algorithm: c.Assertion.Algorithm, Overlap: c.Assertion.KeyOverlap}); err != nil {
		return nil, err
	}
	record := guard.New(guardOptions("record", c.Breakers.Record, metrics))
	if err := a.openRegistry(ctx, record, store, metrics); err != nil {
		return nil, err
	}
	issuer, err := a.issuer()
	if err != nil {
		return nil, err
	}
	templates := record.Templates(store)
	a.service, err = gateway.New(ctx, gateway.Deps{
		Engines:      a.engines.list,
		Calibrations: a.engines.calibrations,
		Registry:     a.registry,
		Lister:       templates.(gateway.TemplateLister),
		Galleries:    record.Galleries(store),
		Issuer:       guard.New(guardOptions("signer", c.Breakers.Signer, metrics)).Issuer(issuer),
		Observer:     metrics,
		Now:          time.Now,
		Policy:       c.DecisionPolicy(),
		Audiences:    c.AudiencePolicies(),
		Workers:      workers,
		Deduplicate:  c.Policy.Deduplicate,
	})
	if err != nil {
		return nil, err
	}
	a.server = httpapi.New(httpapi.Deps{
		API:       a.service,
		Receipts:  record.Receipts(store),
		Keys:      func() ([]byte, error) { return a.signer.JWKS(), nil },
		Discovery: issuer.OpenIDConfiguration,
		Metrics:   metrics.Handler(),
		Observer:  metrics,
		Log:       log,
		Config:    a.surface(),
	})
	return a, nil
}

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
func (a *app) openRegistry(ctx context.Context, record *guard.Guard, store *bolttemplates.Store, metrics *prommetrics.Metrics) error {
	o := registry.Options{Record: record.Templates(store), Generations: record.Generations(store), Generation: new(atomic.Uint64)}
	if a.config.Redis != "" {
		key, err := a.signer.Secret("cache")
		if err != nil {
			return err
		}
		cache, err := redistemplates.New(redistemplates.Options{
			URL: a.config.Redis, Deployment: a.config.Cache.Deployment, Key: key, Generation: o.Generation.Load,
			TTL: a.config.Cache.TTL, TombstoneTTL: a.config.Cache.DeletionTTL, IOTimeout: a.config.Breakers.Cache.Timeout,
		})
		if err != nil {
			return err
		}
		a.closers = append(a.closers, cache.Close)
		o.Cache = guard.New(guardOptions("cache", a.config.Breakers.Cache, metrics)).Templates(cache)
	}
	a.registry = registry.New(o)
	a.registry.Start(ctx) // so that the first answers know what is missing
	return nil
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
		PairwiseKey: pairwise, PlainSubjectAudiences: a.config.PlainSubjectAudiences(),
	})
}

func (a *app) surface() httpapi.Config {
	l := a.config.Limits
	return httpapi.Config{
		BodyLimit: l.BodyBytes, BodyBudget: l.BodyBudgetBytes, Connections: l.Connections, Slots: l.Slots, Queue: l.Queue,
		QueueWait: l.QueueWait, RequestTimeout: l.RequestTimeout,
		LoopbackOnly: a.config.Mode == config.Development,
	}
}

func guardOptions(system string, b config.Breaker, observer gateway.Observer) guard.Options {
	return guard.Options{
		System: system, Observer: observer, Deadline: b.Timeout, Capacity: b.Concurrent,
		Breaker: guard.BreakerOptions{Failures: b.Failures, OpenFor: b.OpenFor},
	}
}

// serve answers requests until ctx ends, then drains.
func (a *app) serve(ctx context.Context) error {
	background, stop := context.WithCancel(ctx)
	defer stop()
	go a.registry.Run(background)
	go a.service.Run(background)
	ended := make(chan error, 1)
	go func() { ended <- a.server.Serve(a.listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.Limits.DrainTimeout)
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
