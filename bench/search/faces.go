package search

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"biogate/bench/accuracy"
	"biogate/bench/parallel"
	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/gallery"
	"biogate/models"
)

// FaceOptions say what to measure with synthetic faces.
type FaceOptions struct {
	Options
	Dims      int // elements of an embedding, a multiple of 64
	Strangers int // searches for somebody who is not enrolled, at each size of the gallery; 0: no open set
	// Calibration turns scores into rates for the policy of a gateway; nil: the policy is left out.
	Calibration *models.Calibration
}

// embedding is a face of the population, as probe and as reference. It is compared element by element, without a kernel:
// what a search must agree with.
type embedding struct {
	elements []int8
	inverse  float64 // 1 / length
	vector   *gallery.Vector
}

// population is the model of synthetic faces.
const population = synth.FacesVersion

func newEmbedding(elements []int8) (*embedding, error) {
	v, err := gallery.NewVector(elements)
	return &embedding{elements, 1 / math.Sqrt(float64(scalarProduct(elements, elements))), v}, err
}

func scalarProduct(a, b []int8) (sum int32) {
	for i, x := range a {
		sum += int32(x) * int32(b[i])
	}
	return sum
}

func (e *embedding) Compare(ref matcher.Reference) (float64, error) {
	r := ref.(*embedding)
	return float64(scalarProduct(e.elements, r.elements)) * (e.inverse * r.inverse), nil
}

func (e *embedding) Model() string              { return population }
func (e *embedding) Position() matcher.Position { return matcher.Unknown }
func (e *embedding) Embedding() *gallery.Vector { return e.vector }

// crowd is a gallery of synthetic faces that grows.
type crowd struct {
	o         FaceOptions
	faces     *synth.Faces
	index     *gallery.Vectors
	queries   []faceQuery
	reference []*fullRanking // of the first queries
}

// faceQuery asks for a subject with another capture than the enrolled one.
type faceQuery struct {
	probe matcher.Probe
	mate  string
}

// fullRanking is the outcome of comparing one probe with everybody. Several goroutines report to it.
type fullRanking struct {
	mu   sync.Mutex
	best gallery.Ranking
}

// RunFaces fills a gallery with synthetic faces and measures searches in it.
func RunFaces(ctx context.Context, o FaceOptions) (Result, error) {
	best := measureMachine()
	g, err := newCrowd(o)
	if err != nil {
		return Result{}, err
	}
	before, started := heapInUse(), time.Now()
	var open []OpenSet
	enrolled, asking := 0, time.Duration(0)
	for _, n := range openSetSizes(o) {
		if err := g.enrol(ctx, enrolled, n); err != nil {
			return Result{}, err
		}
		enrolled = n
		if o.Strangers > 0 {
			began := time.Now()
			set, err := g.openSet(ctx, n)
			if err != nil {
				return Result{}, err
			}
			open, asking = append(open, set), asking+time.Since(began)
		}
	}
	r := Result{
		Modality: matcher.Face, Model: population, N: o.N, Seed: o.Seed, Population: population, Dims: o.Dims, Threads: max(o.Threads, 1),
		BytesPerTemplate: float64(g.index.Bytes()) / float64(o.N), BuildS: (time.Since(started) - asking).Seconds(),
		HeapPerTemplate: (heapInUse() - before) / float64(o.N), OpenSet: open,
	}
	if r.Results, err = g.measure(ctx); err != nil {
		return r, err
	}
	r.holdPasses(best.better(measureMachine()))
	return r, nil
}

func newCrowd(o FaceOptions) (*crowd, error) {
	g := &crowd{o: o, faces: synth.NewFaces(o.Seed, o.Dims)}
	g.index = gallery.NewVectors(population, o.Dims, gallery.Config{Threads: max(o.Threads, 1), Batch: max(openSetBatch, slices.Max(o.Probes))})
	g.queries = make([]faceQuery, min(o.Queries, o.N))
	for j := range g.queries {
		i := j * o.N / len(g.queries)
		p, err := newEmbedding(g.faces.Capture(i, 1))
		if err != nil {
			return nil, fmt.Errorf("query of face %d: %w", i, err)
		}
		g.queries[j] = faceQuery{p, subject(i)}
	}
	for range min(referenceFaces, len(g.queries)) {
		g.reference = append(g.reference, &fullRanking{best: gallery.NewRanking(nil, candidates)})
	}
	return g, nil
}

// enrol adds the subjects from one up to another.
func (g *crowd) enrol(ctx context.Context, from, to int) error {
	var done atomic.Int64
	return parallel.Each(ctx, to-from, g.o.Workers, func(i int) error {
		g.o.say("fill", from+int(done.Add(1)), g.o.N)
		return g.enrolOne(from + i)
	})
}

func (g *crowd) enrolOne(i int) error {
	ref, err := newEmbedding(g.faces.Capture(i, 0))
	if err != nil {
		return fmt.Errorf("face %d: %w", i, err)
	}
	for j, full := range g.reference {
		score, err := g.queries[j].probe.Compare(ref)
		if err != nil {
			return err
		}
		full.mu.Lock()
		full.best.Offer(matcher.Candidate{Subject: subject(i), Score: score, Comparisons: 1})
		full.mu.Unlock()
	}
	return g.index.Set(matcher.Member{Subject: subject(i), References: []matcher.Reference{ref}})
}

// measure makes a row for every size of batch.
func (g *crowd) measure(ctx context.Context) ([]Row, error) {
	var rows []Row
	for _, probes := range g.o.Probes {
		a, found, err := g.ask(ctx, probes)
		if err != nil {
			return nil, err
		}
		row := Row{
			Probes: probes, Mode: ModeExhaustive, Queries: len(found), MSPerProbe: median(a.walls), CPUMSPerProbe: a.cpu,
			Ranked: g.ranked(found), Agreed: g.agreed(found),
		}
		n := float64(g.index.Len())
		row.ComparisonsPerS = n / (row.MSPerProbe / 1e3)
		if a.cpu > 0 {
			row.PerCPUS = n / (a.cpu / 1e3)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// ask puts the queries in batches of so many probes, each batch one pass, and enough batches for a median.
func (g *crowd) ask(ctx context.Context, probes int) (asked, [][]matcher.Candidate, error) {
	var a asked
	batches := max(leastBatches, (min(g.o.Exhaustive, len(g.queries))+probes-1)/probes)
	found := make([][]matcher.Candidate, len(g.queries))
	batch, lists := make([]matcher.Probe, probes), make([][]matcher.Candidate, probes)
	cpus := make([]float64, batches)
	asked := 0
	for b := range batches {
		for i := range batch {
			batch[i], lists[i] = g.queries[(b*probes+i)%len(g.queries)].probe, nil
		}
		before, started := processTime(), time.Now()
		if err := g.search(ctx, batch, lists); err != nil {
			return a, nil, err
		}
		a.walls = append(a.walls, 1e3*time.Since(started).Seconds()/float64(probes))
		cpus[b] = 1e3 * (processTime() - before).Seconds() / float64(probes)
		for i, list := range lists {
			found[(b*probes+i)%len(g.queries)] = list
		}
		asked = min(asked+probes, len(g.queries))
		g.o.say("exhaustive search", b+1, batches)
	}
	a.cpu = median(cpus)
	return a, found[:asked], nil
}

// search asks one probe as a gateway does, several in one pass.
func (g *crowd) search(ctx context.Context, batch []matcher.Probe, lists [][]matcher.Candidate) (err error) {
	if len(batch) == 1 {
		lists[0], err = g.index.Search(ctx, matcher.Query{Probe: batch[0], K: candidates}, nil)
		return err
	}
	return g.index.SearchAll(ctx, batch, candidates, lists)
}

// ranked is how often the mate came first.
func (g *crowd) ranked(found [][]matcher.Candidate) Ranked {
	hits := 0
	for j, list := range found {
		if len(list) > 0 && list[0].Subject == g.queries[j].mate {
			hits++
		}
	}
	return Ranked{share(hits, len(found)), accuracy.Wilson(hits, len(found)), len(found)}
}

// agreed is the share of the candidates that comparing everybody gives which a search has at the same rank with the same score,
// to the last bit.
func (g *crowd) agreed(found [][]matcher.Candidate) Agreed {
	hits, of := 0, 0
	for j, full := range g.reference[:min(len(g.reference), len(found))] {
		for rank, c := range full.best.Sorted() {
			of++
			if rank < len(found[j]) && found[j][rank] == c {
				hits++
			}
		}
	}
	return Agreed{share(hits, of), accuracy.Wilson(hits, of), of}
}

// holdPasses sets passes against the reading of memory: GBS by the clock, the share by CPU time, which other programs do not lengthen.
func (r *Result) holdPasses(best machine) {
	r.ReadGBS, r.PopcountGS = best.readGBS, best.popcountGS
	bytes := r.BytesPerTemplate * float64(r.N)
	for i := range r.Results {
		w := &r.Results[i]
		w.GBS = bytes / 1e6 / (w.MSPerProbe * float64(w.Probes))
		if w.CPUMSPerProbe > 0 {
			w.ReadShare = bytes / 1e6 / (w.CPUMSPerProbe * float64(w.Probes)) / r.ReadGBS
		}
	}
}
