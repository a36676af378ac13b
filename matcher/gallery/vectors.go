package gallery

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"biogate/matcher"
	"biogate/matcher/kernel"
)

// Vectors is a gallery of embeddings, held in memory as a structure of arrays and searched exhaustively: every reference is
// compared, with as many bytes read as there are. It implements matcher.Index for one model whose probes and references
// are Embedded, score the cosine and have no position.
//
// It is a log like Index: Set appends rows to the newest chunk, Remove and Set mark the rows before as gone since a
// numbered change, and a search takes the list of chunks and the number once, so it sees one state while changes go
// on. When more than one row in mostGone is gone, the next chunk that has its share of them is emptied into the newest:
// changes are O(1) amortised. Searches that began before keep the chunk.
//
// Searches of a large gallery share passes: what is asked while a pass runs is answered by the next one, which sees the
// gallery as it is when it begins.
type Vectors struct {
	model       string
	dims        int
	stride      int // bytes a row: dims, filled up for the kernels
	sharedBytes int // what is smaller is searched by the asker alone
	config      Config
	passes      passes

	mu       sync.RWMutex // guards what follows; a search holds it to see where things stand, never while it compares
	change   uint64       // number of the last change
	chunks   []*chunk     // what searches walk; a list that they hold never changes. The newest is the last
	newest   *chunk       // the one that grows; nil: the next row begins one
	byID     []*chunk
	freeIDs  []uint32
	hand     int // where the search for a chunk to empty goes on
	live     int // rows
	gone     int // rows in chunks that are not live
	subjects table
	groups   groups
}

// Config says how a gallery is searched. The zero value is right for a gateway.
type Config struct {
	Threads int           // that share a pass over a large gallery; 0: one a core
	Batch   int           // searches that share a pass at most; 0: 64
	Wait    time.Duration // that a pass lets others join it at most, none when idle; 0: 200 us, negative: none
}

const (
	usualBatch = 64
	usualWait  = 200 * time.Microsecond
)

var _ matcher.Index = (*Vectors)(nil)

// NewVectors makes an empty gallery for a model of embeddings of dims elements. It panics unless dims is from 1 to
// kernel.MostDim8.
func NewVectors(model string, dims int, c Config) *Vectors {
	if dims < 1 || dims > kernel.MostDim8 {
		panic("gallery: embeddings of no or too many elements")
	}
	if c.Threads <= 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.Batch <= 0 {
		c.Batch = usualBatch
	}
	if c.Wait == 0 {
		c.Wait = usualWait
	}
	ix := &Vectors{model: model, dims: dims, stride: (dims + kernel.Step8 - 1) / kernel.Step8 * kernel.Step8, config: c, sharedBytes: sharedBytes}
	ix.subjects = newTable(ix.subjectAt)
	return ix
}

// Set makes m a member in place of the one of that subject before. It refuses one without references (CodeBadParameter) and
// references of another model or size or with a position (CodeModelMismatch), and then changes nothing.
func (ix *Vectors) Set(m matcher.Member) error {
	if len(m.References) == 0 {
		return &matcher.Error{Code: matcher.CodeBadParameter, Detail: "a subject in a gallery needs at least one reference"}
	}
	for _, r := range m.References {
		if _, err := ix.vector(r, r.Position()); err != nil {
			return err
		}
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.change++
	at, known := ix.subjects.find(m.Subject)
	if known {
		ix.end(ix.subjects.places[at])
	}
	c := ix.room(len(m.References))
	c.add([]byte(m.Subject), ix.groups.join(m.Group), m.References, ix.stride)
	ix.live += len(m.References)
	if known {
		ix.subjects.places[at] = c.last()
	} else {
		ix.subjects.add(c.last())
	}
	ix.tidy()
	return nil
}

// Remove forgets subject; a search that begins afterwards does not see it.
func (ix *Vectors) Remove(subject string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	at, known := ix.subjects.find(subject)
	if !known {
		return
	}
	ix.change++
	place := ix.subjects.places[at]
	ix.subjects.remove(at)
	ix.end(place)
	ix.tidy()
}

// Len is the number of subjects.
func (ix *Vectors) Len() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.subjects.n
}

// Version is the number of the last change: it grows with each.
func (ix *Vectors) Version() uint64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.change
}

// Bytes is the memory of the live references' elements, which is what an exhaustive search reads.
func (ix *Vectors) Bytes() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.live * ix.stride
}

// Search appends to dst the q.K subjects with the best scores, best first and equal scores by subject.
func (ix *Vectors) Search(ctx context.Context, q matcher.Query, dst []matcher.Candidate) ([]matcher.Candidate, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	v, err := ix.vector(q.Probe, q.Probe.Position())
	if err != nil || q.K <= 0 {
		return dst, err
	}
	p := newProbe(v, ix.stride, q.K)
	if q.Among.Subjects != nil || !ix.worthSharing(q.Among.Group) {
		return ix.alone(ctx, p, q.Among, dst)
	}
	r := newRequest(p, q.Among.Group)
	if err := ix.share(ctx, r); err != nil {
		return dst, err
	}
	return r.best.candidates(dst), nil
}

// SearchAll is Search of everybody for several probes, which share passes from the first on: deduplication of a batch, say.
// The candidates of probes[i] are appended to dst[i], which exists for each; an error leaves dst as it was.
func (ix *Vectors) SearchAll(ctx context.Context, probes []matcher.Probe, k int, dst [][]matcher.Candidate) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	requests := make([]*request, len(probes))
	for i, p := range probes {
		v, err := ix.vector(p, p.Position())
		if err != nil {
			return err
		}
		requests[i] = newRequest(newProbe(v, ix.stride, k), "")
	}
	if k <= 0 {
		return nil
	}
	if err := ix.share(ctx, requests...); err != nil {
		return err
	}
	for i, r := range requests {
		dst[i] = r.best.candidates(dst[i])
	}
	return nil
}

// vector is what a probe or reference holds, if it is of this gallery's model.
func (ix *Vectors) vector(of any, position matcher.Position) (*Vector, error) {
	e, ok := of.(Embedded)
	if !ok || e.Model() != ix.model || e.Embedding().Dims() != ix.dims || position != matcher.Unknown {
		return nil, &matcher.Error{
			Code:   matcher.CodeModelMismatch,
			Detail: fmt.Sprintf("the gallery holds embeddings of %d elements of model %q without positions, and this is none", ix.dims, ix.model),
		}
	}
	return e.Embedding(), nil
}
