// Package config is the gateway's settings: one YAML file, read strictly, over defaults that start a gateway in
// development mode without any file.
//
// What wins, strongest first: a flag, the environment, the file, the default. Every setting has a variable: BIOGATE_ and its
// path in capitals. example.yaml shows every setting with its default.
package config

import (
	"net"
	"net/url"
	"time"

	"biogate/gateway/decision"
)

// Modes of operation.
const (
	// Development: requests from this machine need no credential, any audience is served, keys are made on first start.
	Development = "development"
	// Production: every request comes from a registered device, over TLS, for a registered audience, with an audit. Validate says
	// what the settings lack for it.
	Production = "production"
)

// Config is every setting. Sizes are bytes, times are Go durations ("120s"), rates are fractions.
type Config struct {
	// Mode is "development" or "production".
	Mode string `yaml:"mode"`
	// Listen is host:port of the HTTP surface; port 0 takes a free one.
	Listen string `yaml:"listen"`
	// Data is the folder of the embedded store and the keys; made when missing.
	Data string `yaml:"data"`
	// Models is the folder with the prepared networks.
	Models string `yaml:"models"`
	// FaceModel is the id of the face model that is run; empty: the build's default.
	FaceModel string `yaml:"face_model"`
	// Networks is what the face networks run in: ort (ONNX Runtime), opencv, or auto, the first of them that can be had.
	//
	Networks string `yaml:"networks"`
	// Redis is redis://[user:password@]host:port/db (rediss:// for TLS) of the cache in front of the embedded store; empty:
	// no cache.
	Redis string `yaml:"redis"`
	// RedisCA is a PEM file of the authorities that may vouch for the certificate of Redis, and no other may then; empty: the
	// system's.
	RedisCA string `yaml:"redis_ca"`
	// Issuer is the claim "iss", the public base URL of this gateway; empty: http:// or, with TLS, https:// and the address
	// it listens on.
	Issuer string `yaml:"issuer"`
	// LogLevel is the least that is logged: debug, info, warn or error.
	LogLevel string `yaml:"log_level"`
	// Workers is how many captures are extracted at a time; 0: one a core.
	Workers int `yaml:"workers"`

	Policy    Policy     `yaml:"policy"`
	Audiences []Audience `yaml:"audiences"`
	Assertion Assertion  `yaml:"assertion"`
	Limits    Limits     `yaml:"limits"`
	TLS       TLS        `yaml:"tls"`
	Kiosks    Kiosks     `yaml:"kiosks"`
	Rates     Rates      `yaml:"rates"`
	Attempts  Attempts   `yaml:"attempts"`
	Keys      Keys       `yaml:"keys"`
	Audit     Audit      `yaml:"audit"`
	Retention Retention  `yaml:"retention"`
	Cache     Cache      `yaml:"cache"`
	Breakers  Breakers   `yaml:"breakers"`
}

// Policy is what every decision must reach.
type Policy struct {
	// MaxFMR is the highest false match rate at which a verification matches.
	MaxFMR float64 `yaml:"max_fmr"`
	// IdentifyFPIR is the highest rate at which the search for a stranger may find anybody.
	IdentifyFPIR float64 `yaml:"identify_fpir"`
	// MaxCandidates is how many candidates an identification returns at the most.
	MaxCandidates int `yaml:"max_candidates"`
	// PAD is what presentation attack detection has to do with decisions: off, advise or require.
	PAD string `yaml:"pad"`
	// Challenge is the kind without which nothing is decided, colour or head-turn; empty: none is demanded. It goes with
	// PAD require, and is what the engine of faces needs to be certain: see docs/request-path.md.
	Challenge string `yaml:"challenge"`
	// ConcealQuantum: answers to audiences that hide who is enrolled leave at multiples of it after their request arrived, but
	// matches at once. It should be longer than the record takes to answer.
	ConcealQuantum time.Duration `yaml:"conceal_quantum"`
	// Deduplicate refuses to enrol a person who is held under another id. Each enrolment then searches everybody.
	Deduplicate bool `yaml:"deduplicate"`
}

// Assertion is how matches are signed.
type Assertion struct {
	// Algorithm of the signing key: EdDSA or ES256; a change is a rotation. Empty: what the keys are, EdDSA for the first.
	Algorithm string `yaml:"algorithm"`
	// Lifetime of an assertion, whole seconds, at most an hour.
	Lifetime time.Duration `yaml:"lifetime"`
	// KeyOverlap is how long a key stays published after it was replaced. It must exceed the lifetime, the verifiers' leeway
	// and the time that they cache the key set.
	KeyOverlap time.Duration `yaml:"key_overlap"`
}

// Limits bound what one client can make the gateway do.
type Limits struct {
	// BodyBytes of one request.
	BodyBytes int `yaml:"body_bytes"`
	// BodyBudgetBytes of all large bodies held at a time, as they arrive; decoding base64 takes three quarters of that again.
	BodyBudgetBytes int `yaml:"body_budget_bytes"`
	// Connections open at a time.
	Connections int `yaml:"connections"`
	// Slots is how many requests with captures are worked on at a time, or wait for other systems meanwhile; 0: 32 a core, at most 192.
	Slots int `yaml:"slots"`
	// Queue is how many of them may wait for a slot; 0: one a slot.
	Queue int `yaml:"queue"`
	// QueueWait is how long one may wait before it is answered 503: for a slot, and then for its turn to be extracted or to search.
	QueueWait time.Duration `yaml:"queue_wait"`
	// RequestTimeout is from the end of the body to the answer.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// DrainGrace is how long after SIGTERM requests are still taken while /readyz says 503 already, so that whoever balances
	// the load can turn away; part of DrainTimeout.
	DrainGrace time.Duration `yaml:"drain_grace"`
	// DrainTimeout is how long running requests may take to end after SIGTERM.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

// Cache is how references are held in Redis.
type Cache struct {
	// Deployment is part of every key, so that two gateways can share a server: a-z, 0-9 and -.
	Deployment string `yaml:"deployment"`
	// TTL of a reference that nobody changes.
	TTL time.Duration `yaml:"ttl"`
	// DeletionTTL is how long a deletion is remembered; longer than any read can be late.
	DeletionTTL time.Duration `yaml:"deletion_ttl"`
}

// Breakers are the guards of each outside system.
type Breakers struct {
	Cache  Breaker `yaml:"cache"`  // Redis
	Record Breaker `yaml:"record"` // the durable store
	Signer Breaker `yaml:"signer"`
	Memory Breaker `yaml:"memory"` // Redis, for what was used and how often attempts failed
	Audit  Breaker `yaml:"audit"`
}

// Breaker is the guard of one system.
type Breaker struct {
	// Timeout of one call.
	Timeout time.Duration `yaml:"timeout"`
	// Concurrent calls; more are refused at once.
	Concurrent int `yaml:"concurrent"`
	// Failures in a row that open the breaker.
	Failures int `yaml:"failures"`
	// OpenFor is how long it stays open before a call tries again.
	OpenFor time.Duration `yaml:"open_for"`
}

// Default is development mode with the embedded store in ./data.
func Default() Config {
	return Config{
		Mode:     Development,
		Listen:   "127.0.0.1:8080",
		Data:     "data",
		Models:   ".cache/models",
		Networks: "auto",
		LogLevel: "info",
		Policy: Policy{
			MaxFMR:         1e-4, // the Vietnamese banking rule: below 0.01 %
			IdentifyFPIR:   1e-3,
			MaxCandidates:  5,
			PAD:            string(decision.PADAdvise),
			ConcealQuantum: 50 * time.Millisecond,
		},
		Assertion: Assertion{Lifetime: 120 * time.Second, KeyOverlap: 24 * time.Hour},
		Limits: Limits{
			BodyBytes:       20 << 20,
			BodyBudgetBytes: 256 << 20,
			Connections:     4096,
			QueueWait:       2 * time.Second,
			RequestTimeout:  15 * time.Second,
			DrainGrace:      time.Second,
			DrainTimeout:    20 * time.Second,
		},
		Kiosks:    Kiosks{Sites: []string{}, Window: time.Minute, NarrowWindow: 10 * time.Second, Remembered: 1_000_000},
		Rates:     Rates{Device: Rate{PerSecond: 50, Burst: 100}, Global: Rate{PerSecond: 20_000, Burst: 20_000}, Refused: Rate{PerSecond: 1, Burst: 20}},
		Attempts:  Attempts{Failures: 5, Delay: 30 * time.Second, Longest: time.Hour},
		Keys:      Keys{Signer: "file", PKCS11: PKCS11{Label: "biogate", Sessions: 8}},
		Audit:     Audit{Enabled: true, SegmentBytes: 64 << 20},
		Retention: Retention{Receipts: 30 * 24 * time.Hour},
		Cache:     Cache{Deployment: "biogate", TTL: 24 * time.Hour, DeletionTTL: 10 * time.Minute},
		Breakers: Breakers{
			Cache:  Breaker{Timeout: 250 * time.Millisecond, Concurrent: 256, Failures: 5, OpenFor: 2 * time.Second},
			Record: Breaker{Timeout: 2 * time.Second, Concurrent: 256, Failures: 5, OpenFor: 2 * time.Second},
			Signer: Breaker{Timeout: 2 * time.Second, Concurrent: 256, Failures: 5, OpenFor: 2 * time.Second},
			Memory: Breaker{Timeout: 250 * time.Millisecond, Concurrent: 256, Failures: 5, OpenFor: 2 * time.Second},
			Audit:  Breaker{Timeout: 5 * time.Second, Concurrent: 4096, Failures: 5, OpenFor: 2 * time.Second},
		},
	}
}

// DecisionPolicy is the policy for audiences without one of their own.
func (c Config) DecisionPolicy() decision.Policy {
	return decision.Policy{
		MaxFMR: c.Policy.MaxFMR, IdentifyFPIR: c.Policy.IdentifyFPIR, MaxCandidates: c.Policy.MaxCandidates,
		PAD: decision.PAD(c.Policy.PAD), Challenge: c.Policy.Challenge, Fresh: c.Mode == Production,
	}
}

// IssuerURL is the issuer of a gateway that listens on address, host:port as the listener says.
func (c Config) IssuerURL(address string) (*url.URL, error) {
	if c.Issuer != "" {
		return url.Parse(c.Issuer)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: c.scheme(), Host: net.JoinHostPort(host, port)}, nil
}
