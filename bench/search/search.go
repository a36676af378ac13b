package search

import (
	"context"

	"biogate/bench/accuracy"
	"biogate/matcher"
)

// Modes of a search.
const (
	ModeExhaustive = "exhaustive" // every template is compared
	ModeTwoStage   = "two-stage"  // signatures choose which templates are compared
)

// staged is an index that can be told how to search; another one is exhaustive. The probes of a batch share one walk
// through the gallery; the candidates of probes[i] are appended to dst[i].
type staged interface {
	Exhaustive(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error)
	TwoStageBatch(ctx context.Context, probes []matcher.Probe, k int, dst [][]matcher.Candidate) ([][]matcher.Candidate, error)
}

// sized is an index that knows what it holds.
type sized interface {
	Bytes() int // of all templates, as a search reads them
}

// Options say what to measure.
type Options struct {
	N          int    // fingers in the gallery
	Seed       uint64 // of the population
	Probes     []int  // sizes of batches, one row of results each and mode
	Queries    int    // mates that are looked for, N at most
	Exhaustive int    // queries that are asked exhaustively too, Queries at most
	Threads    int    // that share the probes of a batch; 0: 1
	Workers    int    // that fill the gallery; 0: one a core
	Progress   func(stage string, done, total int)

	Datasets []accuracy.Dataset // real captures among the synthetic ones; may be empty
}

// Result is what a measurement says. Rates are fractions, times medians.
type Result struct {
	Modality         matcher.Modality `json:"modality"`
	Model            string           `json:"model"`
	N                int              `json:"n"`
	Seed             uint64           `json:"seed"`
	Population       string           `json:"population"`     // version of the generator
	Dims             int              `json:"dims,omitempty"` // elements of a face's embedding
	Threads          int              `json:"threads"`
	ReadGBS          float64          `json:"read_gb_s"`          // memory read by one thread at best
	PopcountGS       float64          `json:"popcount_g_s"`       // 64-bit words counted by one thread at best, billions a second
	BytesPerTemplate float64          `json:"bytes_per_template"` // in memory, as a search reads them
	HeapPerTemplate  float64          `json:"heap_bytes_per_template"`
	BuildS           float64          `json:"build_s"` // make, prepare and add all of them
	Results          []Row            `json:"results"`
	Real             *Real            `json:"real,omitempty"`
	OpenSet          []OpenSet        `json:"open_set,omitempty"` // among synthetic faces
	RealFaces        *RealFaces       `json:"real_faces,omitempty"`
}

// Row is one mode at one size of batch.
type Row struct {
	Probes          int     `json:"probes"` // in a batch
	Mode            string  `json:"mode"`
	Queries         int     `json:"queries"`
	MSPerProbe      float64 `json:"ms_per_probe"`
	CPUMSPerProbe   float64 `json:"cpu_ms_per_probe"`
	ComparisonsPerS float64 `json:"comparisons_per_s"`
	PerCPUS         float64 `json:"comparisons_per_cpu_s"` // a second of CPU time: what a core does that nobody shares
	GBS             float64 `json:"gb_s"`                  // templates walked over, in bytes; probes that share a walk share them
	ReadShare       float64 `json:"read_share"`            // of read_gb_s; of faces by CPU time
	// PopcountShare is the share of popcount_g_s that comparing signatures takes up: 4 words for each minutia of a template and
	// each lane of the probe.
	PopcountShare float64 `json:"popcount_share,omitempty"`
	Ranked
	Agreed
}

// Ranked says how often the mate came first.
type Ranked struct {
	Rank1         float64           `json:"rank1"` // share of the queries
	Rank1Interval accuracy.Interval `json:"rank1_interval"`
	Rank1Of       int               `json:"rank1_of"`
}

// Agreed is the agreement with what a mode is held to: of exhaustive search with comparing everything, of two-stage search
// with exhaustive search where that has the mate at rank 1.
type Agreed struct {
	Recall         float64           `json:"recall"`
	RecallInterval accuracy.Interval `json:"recall_interval"` // 95 %
	RecallOf       int               `json:"recall_of"`       // queries that it is a share of
}

// Real is how real fingers do among the synthetic ones.
type Real struct {
	Datasets   []string `json:"datasets"`
	References int      `json:"references"` // one a finger
	Failures   int      `json:"failures"`   // captures without a template, which are not asked
	Exhaustive Ranked   `json:"exhaustive"`
	TwoStage   *Staged  `json:"two_stage,omitempty"`
}

// Staged is how two-stage search did.
type Staged struct {
	Ranked
	Agreed
}

// Run fills a gallery of e, an engine of fingers, and measures searches in it.
func Run(ctx context.Context, e matcher.Engine, o Options) (Result, error) {
	best := measureMachine()
	g, err := build(ctx, e, o)
	if err != nil {
		return Result{}, err
	}
	r := g.describe()
	if r.Results, err = g.measure(ctx); err != nil {
		return r, err
	}
	if len(o.Datasets) > 0 {
		if r.Real, err = g.measureReal(ctx); err != nil {
			return r, err
		}
	}
	r.hold(best.better(measureMachine()), g.words())
	return r, nil
}

// hold sets what the searches did against what the machine can do. words is how many a two-stage search counts in a template.
func (r *Result) hold(best machine, words float64) {
	r.ReadGBS, r.PopcountGS = best.readGBS, best.popcountGS
	for i := range r.Results {
		w := &r.Results[i]
		w.GBS = w.ComparisonsPerS * r.BytesPerTemplate / 1e9
		if w.Mode == ModeTwoStage {
			w.GBS /= float64(w.Probes)
			w.PopcountShare = w.ComparisonsPerS * words / 1e9 / r.PopcountGS
		}
		w.ReadShare = w.GBS / r.ReadGBS
	}
}
