package bolttemplates

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// bbolt never writes in place: what was deleted or replaced stays in pages that are free from then on, until something else needs
// them. The scrubber overwrites such pages with zeros, in the writer's goroutine, between two transactions. docs/adr/0065 argues
// why a crash at any point leaves a sound file: in short, these are the pages that the next transaction may overwrite anyway.
//
// Which pages are free it reads from the file as bbolt's last commit left it, and it touches none that bbolt itself does not call
// free. The form of the file is that of bbolt's format 2, which has not changed since 2014.

const (
	scrubPages = 16 << 10               // pages that one round looks into or overwrites: 64 MiB
	scrubWait  = 500 * time.Millisecond // for readers that began before the deletion
	scrubRetry = time.Second            // until the next try, and until what nobody waits for is overwritten
)

// scrubber overwrites free pages. Only the writer's goroutine uses it.
type scrubber struct {
	file    *os.File
	size    int    // bytes of a page
	clean   bitset // free pages that are known to hold zeros
	tail    bool   // so are all behind the last page
	waiting []<-chan struct{}
}

func newScrubber(path string, pageSize int) (*scrubber, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &scrubber{file: f, size: pageSize}, nil
}

func (c *scrubber) close() error {
	if err := c.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// doubt forgets what was known: a transaction failed, and may have written anywhere that is free.
func (c *scrubber) doubt() { c.clean, c.tail = nil, false }

// committed takes note of a commit: what it took into use is not clean when it is free again.
func (c *scrubber) committed(db *bbolt.DB) {
	if c.clean == nil {
		return
	}
	err := db.View(func(tx *bbolt.Tx) error {
		state, err := c.read(uint64(tx.ID()))
		if err != nil {
			return err
		}
		still := make(bitset, state.pages/64+1)
		for _, id := range state.free {
			if c.clean.has(id) {
				still.add(id)
			}
		}
		c.clean = still
		return nil
	})
	if err != nil {
		c.doubt()
	}
}

// round overwrites as many free pages as one round may. done says that none is left.
func (c *scrubber) round(db *bbolt.DB, readers *epochs) (done bool, err error) {
	if !c.readersGone(readers) {
		return false, nil
	}
	err = db.View(func(tx *bbolt.Tx) error {
		state, err := c.read(uint64(tx.ID()))
		if err != nil {
			return err
		}
		done, err = c.overwrite(tx, state)
		return err
	})
	return done, err
}

// readersGone waits for the readers that may still look at pages that are free now. Later ones cannot.
func (c *scrubber) readersGone(readers *epochs) bool {
	c.waiting = append(c.waiting, readers.turn())
	timeout := time.NewTimer(scrubWait)
	defer timeout.Stop()
	for len(c.waiting) > 0 {
		select {
		case <-c.waiting[0]:
			c.waiting = c.waiting[1:]
		case <-timeout.C:
			return false
		}
	}
	return true
}

// overwrite fills free pages with zeros, syncs, and only then takes them for clean.
func (c *scrubber) overwrite(tx *bbolt.Tx, state fileState) (done bool, err error) {
	clean, wrote, budget, page := make(bitset, state.pages/64+1), false, scrubPages, make([]byte, c.size)
	zero := make([]byte, c.size)
	look := func(id uint64) error {
		if info, err := tx.Page(int(id)); err != nil || info != nil && info.Type != "free" {
			return fmt.Errorf("page %d is not free: %w", id, errors.Join(err, errState))
		}
		budget--
		at := int64(id) * int64(c.size)
		if _, err := c.file.ReadAt(page, at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if string(page) == string(zero) {
			return nil
		}
		wrote = true
		_, err := c.file.WriteAt(zero, at)
		return err
	}
	done = true
	for _, id := range state.free {
		if !c.clean.has(id) {
			if done = budget > 0; !done {
				break
			}
			if err := look(id); err != nil {
				return false, err
			}
		}
		clean.add(id)
	}
	for id := state.pages; done && !c.tail && id < state.size; id++ {
		if budget <= 0 { // it begins at the front again: a file has little behind its last page
			budget = 1
		}
		if err := look(id); err != nil {
			return false, err
		}
	}
	if wrote {
		if err := c.file.Sync(); err != nil {
			c.doubt()
			return false, err
		}
	}
	c.clean, c.tail = clean, c.tail || done
	return done, nil
}

// fileState is what the file says after the last commit.
type fileState struct {
	pages uint64   // in use or free; behind them nothing is
	size  uint64   // of the file, in pages
	free  []uint64 // ascending
}

var errState = errors.New("the file does not show the state of the last commit")

// Offsets in bbolt's file, format 2. A page has a header: id (8 bytes), flags (2), count (2), overflow (4). A meta page has behind
// it: magic, version, page size, flags (4 each), root and sequence (16), page of the free list, number of pages, transaction,
// FNV-1a of all of these (8 each). The free list has behind it the ids (8 each), the first of which is their number when count is
// 0xffff. Numbers are in the machine's order.
const (
	pageHeader   = 16
	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	metaSum      = 56
	freelistFlag = 0x10
)

// read returns the state of a transaction.
func (c *scrubber) read(txid uint64) (fileState, error) {
	info, err := c.file.Stat()
	if err != nil {
		return fileState{}, err
	}
	for id := range int64(2) {
		meta := make([]byte, metaSum+8)
		if _, err := c.file.ReadAt(meta, id*int64(c.size)+pageHeader); err != nil {
			return fileState{}, err
		}
		if freelist, pages, ok := parseMeta(meta, txid); ok {
			free, err := c.freePages(freelist, pages)
			return fileState{pages, uint64(info.Size()) / uint64(c.size), free}, err
		}
	}
	return fileState{}, errState
}

// parseMeta reads a meta page if it is that of a transaction.
func parseMeta(b []byte, txid uint64) (freelist, pages uint64, ok bool) {
	sum := fnv.New64a()
	sum.Write(b[:metaSum])
	ok = binary.NativeEndian.Uint32(b) == metaMagic && binary.NativeEndian.Uint32(b[4:]) == metaVersion &&
		binary.NativeEndian.Uint64(b[48:]) == txid && binary.NativeEndian.Uint64(b[metaSum:]) == sum.Sum64()
	return binary.NativeEndian.Uint64(b[32:]), binary.NativeEndian.Uint64(b[40:]), ok
}

func (c *scrubber) freePages(freelist, pages uint64) ([]uint64, error) {
	at := int64(freelist) * int64(c.size)
	head := make([]byte, pageHeader+8)
	if _, err := c.file.ReadAt(head, at); err != nil {
		return nil, err
	}
	if freelist >= pages || binary.NativeEndian.Uint64(head) != freelist || binary.NativeEndian.Uint16(head[8:]) != freelistFlag {
		return nil, errState
	}
	n, from := uint64(binary.NativeEndian.Uint16(head[10:])), at+pageHeader
	if n == 0xffff {
		n, from = binary.NativeEndian.Uint64(head[pageHeader:]), from+8
	}
	if n > pages {
		return nil, errState
	}
	b := make([]byte, 8*n)
	if _, err := c.file.ReadAt(b, from); err != nil {
		return nil, err
	}
	free := make([]uint64, n)
	for i := range free {
		if free[i] = binary.NativeEndian.Uint64(b[8*i:]); free[i] < 2 || free[i] >= pages {
			return nil, errState
		}
	}
	return free, nil
}

// bitset is a set of pages.
type bitset []uint64

func (b bitset) has(id uint64) bool { return id/64 < uint64(len(b)) && b[id/64]>>(id%64)&1 == 1 }
func (b bitset) add(id uint64)      { b[id/64] |= 1 << (id % 64) }

// epochs tell when all who read before a moment have ended, without holding up those who come later.
type epochs struct {
	mu  sync.Mutex
	now *epoch
}

type epoch struct {
	readers int
	over    bool
	empty   chan struct{}
}

func newEpochs() *epochs { return &epochs{now: &epoch{empty: make(chan struct{})}} }

// enter begins a reader; it calls leave at its end.
func (e *epochs) enter() *epoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now.readers++
	return e.now
}

func (e *epochs) leave(of *epoch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if of.readers--; of.over && of.readers == 0 {
		close(of.empty)
	}
}

// turn begins a new epoch, and returns what is closed when the readers of the one before have ended.
func (e *epochs) turn() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.now
	if old.over = true; old.readers == 0 {
		close(old.empty)
	}
	e.now = &epoch{empty: make(chan struct{})}
	return old.empty
}
