package search

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"biogate/bench/parallel"
	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/finger"
)

// query is a probe whose mate is in the gallery.
type query struct {
	probe     matcher.Probe
	lanes     int // that the signatures of the probe take up
	mate      string
	mateScore float64
}

// filled is an index with a gallery and who is looked for in it.
type filled struct {
	e       matcher.Engine
	o       Options
	index   matcher.Index
	queries []query
	// reference holds the best comparison of the first queries with all templates.
	reference []rankOne
	minutiae  atomic.Int64 // of all templates, as far as they are compared
	took      time.Duration
	heap      float64 // bytes that the templates added
}

// rankOne is the best comparison of one probe. Several goroutines report to it.
type rankOne struct {
	mu sync.Mutex
	c  matcher.Candidate
}

// offer keeps the better candidate, of equals the one whose subject sorts first.
func (r *rankOne) offer(c matcher.Candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Score > r.c.Score || c.Score == r.c.Score && c.Subject < r.c.Subject {
		r.c = c
	}
}

// build makes the population, its queries first, and fills an index with it.
func build(ctx context.Context, e matcher.Engine, o Options) (*filled, error) {
	g := &filled{e: e, o: o, index: e.NewIndex()}
	g.queries = make([]query, o.Queries)
	for j := range g.queries {
		i := g.finger(j)
		p := synth.PatternOf(o.Seed, i).Impression(1)
		t, err := template(e, p)
		if err != nil {
			return nil, fmt.Errorf("query of finger %d: %w", i, err)
		}
		probe, err := e.Probe(t)
		if err != nil {
			return nil, fmt.Errorf("query of finger %d: %w", i, err)
		}
		g.queries[j] = query{probe: probe, lanes: lanes(len(p.Minutiae)), mate: subject(i)}
	}
	g.reference = make([]rankOne, min(referenceQueries, o.Queries))
	for j := range g.reference {
		g.reference[j].c.Score = math.Inf(-1)
	}
	before, started := heapInUse(), time.Now()
	var done atomic.Int64
	err := parallel.Each(ctx, o.N, o.Workers, func(i int) error {
		o.say("fill", int(done.Add(1)), o.N)
		return g.enrol(i)
	})
	g.took = time.Since(started)
	g.heap = heapInUse() - before
	return g, err
}

// finger is whom query j looks for: they are spread evenly over the population.
func (g *filled) finger(j int) int { return j * g.o.N / g.o.Queries }

// queryOf is the query that looks for finger i.
func (g *filled) queryOf(i int) (q *query, exists bool) {
	j := (i*g.o.Queries + g.o.N - 1) / g.o.N
	if j >= g.o.Queries || g.finger(j) != i {
		return nil, false
	}
	return &g.queries[j], true
}

func (g *filled) enrol(i int) error {
	p := synth.PrintOf(g.o.Seed, i)
	g.minutiae.Add(int64(min(len(p.Minutiae), mostCompared)))
	t, err := template(g.e, p)
	if err != nil {
		return fmt.Errorf("reference of finger %d: %w", i, err)
	}
	ref, err := g.e.Reference(t)
	if err != nil {
		return fmt.Errorf("reference of finger %d: %w", i, err)
	}
	for j := range g.reference {
		score, err := g.queries[j].probe.Compare(ref)
		if err != nil {
			return err
		}
		g.reference[j].offer(matcher.Candidate{Subject: subject(i), Score: score, Comparisons: 1})
	}
	if q, exists := g.queryOf(i); exists {
		if q.mateScore, err = q.probe.Compare(ref); err != nil {
			return err
		}
	}
	return g.index.Set(matcher.Member{Subject: subject(i), References: []matcher.Reference{ref}})
}

func subject(i int) string { return strconv.Itoa(i) }

// template stores a print as the engine of fingers does.
func template(e matcher.Engine, p finger.Print) (matcher.Template, error) {
	payload, err := finger.AppendPayload(nil, p)
	return matcher.Template{Modality: matcher.Finger, Model: e.Model(), Payload: payload}, err
}

// lanes is how many lanes of vectors of 8 the signatures of a probe take up, in as many kernel.Probe256 as they need.
func lanes(minutiae int) int { return (min(minutiae, mostCompared) + 7) / 8 * 8 }

// words is how many 64-bit words of differing bits a two-stage search counts in a template on average: a signature has 4.
func (g *filled) words() float64 {
	sum := 0
	for _, q := range g.queries {
		sum += q.lanes
	}
	return 4 * float64(sum) / float64(len(g.queries)) * float64(g.minutiae.Load()) / float64(g.o.N)
}

// describe is the result without what searching adds.
func (g *filled) describe() Result {
	r := Result{
		Modality: g.e.Modality(), Model: g.e.Model(), N: g.o.N, Seed: g.o.Seed, Population: synth.Version, Threads: max(g.o.Threads, 1),
		HeapPerTemplate: g.heap / float64(g.o.N), BuildS: g.took.Seconds(),
	}
	r.BytesPerTemplate = r.HeapPerTemplate
	if s, ok := g.index.(sized); ok {
		r.BytesPerTemplate = float64(s.Bytes()) / float64(g.index.Len())
	}
	return r
}

func heapInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func (o *Options) say(stage string, done, total int) {
	if o.Progress != nil {
		o.Progress(stage, done, total)
	}
}
