// Package prommetrics counts and times what the gateway does, for Prometheus. No label carries anything of a request but
// names out of fixed lists.
package prommetrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"biogate/gateway"
	"biogate/gateway/httpapi"
)

// Metrics is one gateway's set of metrics. It is safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	stages    *prometheus.HistogramVec
	calls     *prometheus.HistogramVec
	requests  *prometheus.HistogramVec
	breakers  *prometheus.GaugeVec
	decisions *prometheus.CounterVec
}

// seconds spans a comparison (50 us) to a request's deadline.
var seconds = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 15}

// breakerStates are the values of the gauge.
var breakerStates = map[string]float64{"closed": 0, "half-open": 1, "open": 2}

// New makes a set with a registry of its own, and the breakers of systems shown as closed.
func New(version string, systems ...string) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		stages:    histogram("biogate_stage_seconds", "Time of one named stage of a request.", "stage"),
		calls:     histogram("biogate_call_seconds", "Time of one call to an outside system.", "system", "operation", "outcome"),
		requests:  histogram("biogate_http_request_seconds", "Time of one HTTP request, from its header to its answer.", "method", "route", "status"),
		breakers:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "biogate_breaker_state", Help: "0 closed, 1 half-open, 2 open."}, []string{"system"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "biogate_decisions_total", Help: "Decisions by mode and outcome."}, []string{"mode", "decision"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "biogate_build_info", Help: "Always 1."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	for _, system := range systems {
		m.Breaker(system, "closed")
	}
	m.registry.MustRegister(m.stages, m.calls, m.requests, m.breakers, m.decisions, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, labels)
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Stage observes a stage.
func (m *Metrics) Stage(name string, took time.Duration) {
	m.stages.WithLabelValues(name).Observe(took.Seconds())
}

// Call observes a call to an outside system.
func (m *Metrics) Call(system, operation, outcome string, took time.Duration) {
	m.calls.WithLabelValues(system, operation, outcome).Observe(took.Seconds())
}

// Breaker shows a breaker's state.
func (m *Metrics) Breaker(system, state string) {
	m.breakers.WithLabelValues(system).Set(breakerStates[state])
}

// Decision counts a decision.
func (m *Metrics) Decision(mode, decision string) {
	m.decisions.WithLabelValues(mode, decision).Inc()
}

// Request observes an HTTP request.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

var (
	_ gateway.Observer = (*Metrics)(nil)
	_ httpapi.Observer = (*Metrics)(nil)
)
