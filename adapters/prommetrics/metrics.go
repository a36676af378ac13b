// Package prommetrics counts and times what the gateway does, for Prometheus, in a registry of its own. Labels are names
// out of the code or out of fixed lists, and there is an end to their number: no request can make series, and no value
// tells of a subject.
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

// seconds spans a comparison (50 us) to a request's deadline.
var seconds = []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 15}

// breakerStates are the values of the gauge.
var breakerStates = map[string]float64{"closed": 0, "half-open": 1, "open": 2}

// Metrics is one gateway's set of metrics. It is safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	stages    *prometheus.HistogramVec
	calls     *prometheus.CounterVec
	callTimes *prometheus.HistogramVec
	requests  *prometheus.HistogramVec
	breakers  *prometheus.GaugeVec
	decisions *prometheus.CounterVec
	reencrypt prometheus.Gauge
	refusals  *prometheus.CounterVec

	stageNames, systems, operations, routes, refusalCodes names

	ofStage    series[string, prometheus.Observer]
	ofCall     series[callLabels, callSeries]
	ofDecision series[decisionLabels, prometheus.Counter]
	ofRequest  series[requestLabels, prometheus.Observer]
}

type (
	callLabels     struct{ system, operation, outcome string }
	decisionLabels struct{ mode, decision string }
	requestLabels  struct {
		method, route string
		status        int
	}
)

// callSeries are those that one call is seen in.
type callSeries struct {
	ended prometheus.Counter
	took  prometheus.Observer // nil: it was not tried
}

// New makes a set with metrics of the gateway, its build, the Go runtime and the process, and shows the breakers of
// systems as closed.
func New(version string, systems ...string) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		stages:    histogram("biogate_stage_seconds", "Time of one named stage of a request.", "stage"),
		calls:     counter("biogate_calls_total", "Calls to outside systems by how they ended; open and full ones were not tried.", "system", "operation", "outcome"),
		callTimes: histogram("biogate_call_seconds", "Time of one call to an outside system that was tried.", "system", "operation"),
		requests:  histogram("biogate_http_request_seconds", "Time of one HTTP request, from its header to its answer.", "method", "route", "status"),
		breakers:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "biogate_breaker_state", Help: "0 closed, 1 half-open, 2 open."}, []string{"system"}),
		refusals:  counter("biogate_credentials_refused_total", "Requests that were refused for who asked, by the problem's code.", "code"),
		decisions: counter("biogate_decisions_total", "Decisions by mode and outcome.", "mode", "decision"),
	}
	m.reencrypt = prometheus.NewGauge(prometheus.GaugeOpts{Name: "biogate_reencryption_remaining", Help: "Records under a template key that was replaced."})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "biogate_build_info", Help: "Always 1."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	for _, system := range systems {
		m.Breaker(system, "closed")
	}
	m.registry.MustRegister(m.stages, m.calls, m.callTimes, m.requests, m.breakers, m.decisions, m.refusals, m.reencrypt, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Stage observes a stage.
func (m *Metrics) Stage(name string, took time.Duration) {
	m.ofStage.of(name, m.findStage).Observe(took.Seconds())
}

func (m *Metrics) findStage(name string) (prometheus.Observer, bool) {
	bound := m.stageNames.bound(name)
	return m.stages.WithLabelValues(bound), bound == name
}

// Call counts a call to an outside system, and times it unless it was not tried.
func (m *Metrics) Call(system, operation, outcome string, took time.Duration) {
	c := m.ofCall.of(callLabels{system, operation, outcome}, m.findCall)
	c.ended.Inc()
	if c.took != nil {
		c.took.Observe(took.Seconds())
	}
}

func (m *Metrics) findCall(l callLabels) (c callSeries, asTheyAre bool) {
	bound := callLabels{
		m.systems.bound(l.system), m.operations.bound(l.operation),
		oneOf(l.outcome, "ok", "error", "open", "full", "deadline", "canceled"),
	}
	c.ended = m.calls.WithLabelValues(bound.system, bound.operation, bound.outcome)
	if l.outcome != "open" && l.outcome != "full" {
		c.took = m.callTimes.WithLabelValues(bound.system, bound.operation)
	}
	return c, bound == l
}

// Breaker shows a breaker's state.
func (m *Metrics) Breaker(system, state string) {
	m.breakers.WithLabelValues(m.systems.bound(system)).Set(breakerStates[state])
}

// Decision counts a decision.
func (m *Metrics) Decision(mode, decision string) {
	m.ofDecision.of(decisionLabels{mode, decision}, m.findDecision).Inc()
}

func (m *Metrics) findDecision(l decisionLabels) (prometheus.Counter, bool) {
	bound := decisionLabels{oneOf(l.mode, "verify", "identify"), oneOf(l.decision, "match", "no-match", "inconclusive", "refused")}
	return m.decisions.WithLabelValues(bound.mode, bound.decision), bound == l
}

// Reencryption shows how many records are under a template key that was replaced.
func (m *Metrics) Reencryption(remaining int) { m.reencrypt.Set(float64(remaining)) }

// Request observes an HTTP request.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.ofRequest.of(requestLabels{method, route, status}, m.findRequest).Observe(took.Seconds())
}

func (m *Metrics) findRequest(l requestLabels) (prometheus.Observer, bool) {
	bound := requestLabels{
		oneOf(l.method, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions),
		m.routes.bound(l.route), l.status,
	}
	return m.requests.WithLabelValues(bound.method, bound.route, strconv.Itoa(bound.status)), bound == l
}

var (
	_ gateway.Observer = (*Metrics)(nil)
	_ httpapi.Observer = (*Metrics)(nil)
)

// CredentialRefused counts a request that was refused for who asked, by the code of its problem.
func (m *Metrics) CredentialRefused(code string) {
	m.refusals.WithLabelValues(m.refusalCodes.bound(code)).Inc()
}
