// Package prommetrics shows what gateway.Observer sees as Prometheus metrics, in a registry of its own. Labels come from
// the code or are folded to "other": no request can make a series, and no value tells of a subject.
package prommetrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"biogate/gateway"
)

// buckets are upper bounds in seconds, 50 us to 5 s: a comparison is near the lower end, a shed request near the upper.
var buckets = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5}

// maxNames bounds the values of a label that the code chooses: a mistake there must not cost the memory of a server.
const maxNames = 64

// other stands for names beyond maxNames.
const other = "other"

// Build says which build runs.
type Build struct{ Version, Revision, GoVersion string }

// Metrics is a gateway.Observer. Its methods are safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	stages    *prometheus.HistogramVec
	calls     *prometheus.CounterVec
	callTimes *prometheus.HistogramVec
	breakers  *prometheus.GaugeVec
	decisions *prometheus.CounterVec
	names     names
}

// New makes metrics of the gateway, its build, the Go runtime and the process.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "biogate_stage_seconds", Help: "Time that a named step of a request took.", Buckets: buckets,
		}, []string{"stage"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "biogate_calls_total", Help: "Calls to systems outside the gateway, by how they ended.",
		}, []string{"system", "operation", "outcome"}),
		callTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "biogate_call_seconds", Help: "Time that calls to systems outside the gateway took, refused ones left out.", Buckets: buckets,
		}, []string{"system", "operation"}),
		breakers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "biogate_breaker_state", Help: "1 for the state that the breaker of a system is in, 0 for the others.",
		}, []string{"system", "state"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "biogate_decisions_total", Help: "Decided requests.",
		}, []string{"mode", "decision"}),
	}
	m.registry.MustRegister(m.stages, m.calls, m.callTimes, m.breakers, m.decisions, buildInfo(b),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func buildInfo(b Build) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "biogate_build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.GoVersion},
	})
	g.Set(1)
	return g
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Stage implements gateway.Observer.
func (m *Metrics) Stage(name string, took time.Duration) {
	m.stages.WithLabelValues(m.names.bound(name)).Observe(took.Seconds())
}

// Call implements gateway.Observer.
func (m *Metrics) Call(system, operation, outcome string, took time.Duration) {
	system, operation = m.names.bound(system), m.names.bound(operation)
	m.calls.WithLabelValues(system, operation, oneOf(outcome, "ok", "error", "open", "full", "deadline", "canceled")).Inc()
	if outcome != "open" && outcome != "full" {
		m.callTimes.WithLabelValues(system, operation).Observe(took.Seconds())
	}
}

// breakerStates are the states that a breaker can be in.
var breakerStates = []string{"closed", "half-open", "open"}

// Breaker implements gateway.Observer.
func (m *Metrics) Breaker(system, state string) {
	system = m.names.bound(system)
	for _, s := range breakerStates {
		value := 0.0
		if s == state {
			value = 1
		}
		m.breakers.WithLabelValues(system, s).Set(value)
	}
}

// Decision implements gateway.Observer.
func (m *Metrics) Decision(mode, decision string) {
	m.decisions.WithLabelValues(oneOf(mode, "verify", "identify"), oneOf(decision, "match", "no-match", "inconclusive")).Inc()
}

// oneOf is value when it is known, and other when not.
func oneOf(value string, known ...string) string {
	for _, k := range known {
		if value == k {
			return value
		}
	}
	return other
}

// names are the label values met so far.
type names struct {
	mu  sync.RWMutex
	set map[string]bool
}

// bound is name, as long as there are not too many.
func (n *names) bound(name string) string {
	n.mu.RLock()
	known := n.set[name]
	n.mu.RUnlock()
	if known {
		return name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.set == nil {
		n.set = map[string]bool{}
	}
	if len(n.set) >= maxNames && !n.set[name] {
		return other
	}
	n.set[name] = true
	return name
}

var _ gateway.Observer = (*Metrics)(nil)
