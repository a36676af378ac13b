package search

import (
	"context"
	"math"
	"slices"
	"syscall"
	"time"

	"biogate/bench/parallel"
	"biogate/matcher"
)

// mode is one way to search: the best candidates for each probe of a batch.
type mode struct {
	name   string
	search func(ctx context.Context, probes []matcher.Probe) ([][]matcher.Candidate, error)
}

// modes of the gallery's index: exhaustive search first.
func (g *filled) modes() []mode {
	s, ok := g.index.(staged)
	if !ok {
		return []mode{{ModeExhaustive, oneByOne(g.index.Search)}}
	}
	twoStage := func(ctx context.Context, probes []matcher.Probe) ([][]matcher.Candidate, error) {
		return s.TwoStageBatch(ctx, probes, candidates, make([][]matcher.Candidate, len(probes)))
	}
	return []mode{{ModeExhaustive, oneByOne(s.Exhaustive)}, {ModeTwoStage, twoStage}}
}

// oneByOne makes a batch of a search for one probe.
func oneByOne(search func(context.Context, matcher.Query, []matcher.Candidate) ([]matcher.Candidate, error)) func(context.Context, []matcher.Probe) ([][]matcher.Candidate, error) {
	return func(ctx context.Context, probes []matcher.Probe) ([][]matcher.Candidate, error) {
		found := make([][]matcher.Candidate, len(probes))
		for i, p := range probes {
			var err error
			if found[i], err = search(ctx, matcher.Query{Probe: p, K: candidates}, nil); err != nil {
				return nil, err
			}
		}
		return found, nil
	}
}

// asked is what a mode answered to some queries and how long it took.
type asked struct {
	first []matcher.Candidate // rank 1 of each query; the zero value when there is none
	walls []float64           // milliseconds a probe, of each batch
	cpu   float64             // of all batches, milliseconds a probe
}

// ask puts all queries to m in batches of so many probes; the last batch is filled up with the first queries.
func (g *filled) ask(ctx context.Context, stage string, queries []query, m mode, probes int) (asked, error) {
	a := asked{first: make([]matcher.Candidate, len(queries))}
	before := processTime()
	for from := 0; from < len(queries); from += probes {
		batch := make([]matcher.Probe, probes)
		for i := range batch {
			batch[i] = queries[(from+i)%len(queries)].probe
		}
		started := time.Now()
		found, err := g.askBatch(ctx, batch, m)
		if err != nil {
			return a, err
		}
		a.walls = append(a.walls, 1e3*time.Since(started).Seconds()/float64(probes))
		for i, list := range found {
			if len(list) > 0 {
				a.first[(from+i)%len(queries)] = list[0]
			}
		}
		g.o.say(stage, min(from+probes, len(queries)), len(queries))
	}
	a.cpu = 1e3 * (processTime() - before).Seconds() / float64(len(a.walls)*probes)
	return a, nil
}

// askBatch shares a batch out over the threads, as evenly as it goes.
func (g *filled) askBatch(ctx context.Context, batch []matcher.Probe, m mode) ([][]matcher.Candidate, error) {
	found := make([][]matcher.Candidate, len(batch))
	threads := min(max(g.o.Threads, 1), len(batch))
	err := parallel.Each(ctx, threads, threads, func(n int) error {
		from, to := n*len(batch)/threads, (n+1)*len(batch)/threads
		part, err := m.search(ctx, batch[from:to])
		copy(found[from:to], part)
		return err
	})
	return found, err
}

// measure makes the rows of every mode and size of batch. What is found does not depend on the batch and is judged once, with
// all queries; further sizes are timed with some.
func (g *filled) measure(ctx context.Context) ([]Row, error) {
	var rows []Row
	var v verdict
	some := g.queries[:min(g.o.Exhaustive, len(g.queries))]
	for n, probes := range g.o.Probes {
		queries := some
		if n == 0 {
			queries = g.queries
		}
		answers, err := g.askAll(ctx, queries, probes)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			if v, err = g.judge(ctx, queries, answers); err != nil {
				return nil, err
			}
		}
		for _, m := range g.modes() {
			row := g.row(m.name, probes, answers[m.name])
			row.Ranked, row.Agreed = v.ranked(m.name), v.agreed()
			if m.name == ModeExhaustive {
				row.Agreed = g.agreement(answers[m.name].first)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// askAll asks every mode, exhaustive search only the first queries, which are enough to know its speed.
func (g *filled) askAll(ctx context.Context, queries []query, probes int) (map[string]asked, error) {
	answers := map[string]asked{}
	for _, m := range g.modes() {
		asking := queries
		if m.name == ModeExhaustive {
			asking = queries[:min(g.o.Exhaustive, len(queries))]
		}
		var err error
		if answers[m.name], err = g.ask(ctx, m.name+" search", asking, m, probes); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (g *filled) row(name string, probes int, a asked) Row {
	r := Row{Probes: probes, Mode: name, Queries: len(a.first), MSPerProbe: median(a.walls), CPUMSPerProbe: a.cpu}
	n := float64(g.index.Len())
	r.ComparisonsPerS = n / (r.MSPerProbe / 1e3)
	if a.cpu > 0 {
		r.PerCPUS = n / (a.cpu / 1e3)
	}
	return r
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// processTime is the CPU time, user and system, of all threads so far.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// same says whether two scores are those of one comparison.
func same(a, b float64) bool { return math.Abs(a-b) <= sameScore*max(math.Abs(a), math.Abs(b), 1) }
