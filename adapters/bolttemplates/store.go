// Package bolttemplates keeps references, galleries, receipts and the cache generation durably in one bbolt file: the
// embedded record. What a write acknowledges has been fsynced; writes that arrive together share one fsync.
//
// Every value carries a checksum that covers its key. A damaged value is an error of Kind Internal, never an answer in
// part. References come and rest in an envelope (gateway/vault); others are refused, going in and coming out.
//
// What was deleted or replaced is overwritten in the file: see scrub.go.
package bolttemplates

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"biogate/gateway"
	"biogate/internal/durable"
)

// Options of a store. The zero value is usable.
type Options struct {
	LockTimeout time.Duration    // how long to wait for another process to let go of the file; 0: 2 s
	Retention   time.Duration    // how long receipts are remembered; 0: 24 h
	Now         func() time.Time // nil: time.Now
	// Upgradable has Open accept a file of an earlier format, in which references rest unencrypted: Upgrade comes next.
	Upgradable bool
}

const (
	format      = 2        // of the file: as format 1, and every subject's references are in an envelope
	formatPlain = 1        // see buckets
	initialMmap = 64 << 20 // bytes of address space, not of file or memory: growing it later halts readers
)

// The buckets of formats 1 and 2.
var (
	bucketMeta     = []byte("meta")         // format, generation: 8 bytes big-endian each
	bucketSubjects = []byte("subjects")     // subject -> stored.Append
	bucketGallery  = []byte("galleries")    // name -> sealed JSON
	bucketMembers  = []byte("members")      // name -> bucket of subject -> groupValue
	bucketReceipts = []byte("receipts")     // SHA-256 of key -> sealed JSON
	bucketAges     = []byte("receipt-ages") // time, SHA-256 of key -> nothing
	buckets        = [][]byte{bucketMeta, bucketSubjects, bucketGallery, bucketMembers, bucketReceipts, bucketAges}

	bucketEnds    = []byte("ends")     // name of a gallery that ended -> sealed JSON
	bucketEndAges = []byte("end-ages") // time, name -> nothing
	laterBuckets  = [][]byte{bucketEnds, bucketEndAges}

	keyFormat     = []byte("format")
	keyGeneration = []byte("generation")
)

// Store is an open file. Its methods are safe for concurrent use.
type Store struct {
	db        *bbolt.DB
	retention time.Duration
	now       func() time.Time
	queue     chan *write
	closing   chan struct{} // no more writes are taken
	once      sync.Once     // of closing
	closed    chan struct{} // the writer has ended
	readers   *epochs
	scrubber  *scrubber   // the writer's
	dirty     bool        // the writer's: free pages may hold what was deleted or replaced
	unsettled bool        // the writer's: a commit failed, and what the file shows may not be what the disk has
	erasing   atomic.Bool // what was deleted still stands in free pages, although its deletion was acknowledged
}

// ErrHeld: another process has the file open.
var ErrHeld = errors.New("another gateway has it open")

// Open opens the file at path, or makes it with mode 0600 in a directory with mode 0700.
func Open(path string, o Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	_, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	db, err := openFile(path, orDefault(o.LockTimeout, 2*time.Second))
	if err != nil {
		return nil, err
	}
	if err := prepare(path, db, isNew, o.Upgradable); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	scrubber, err := newScrubber(path, db.Info().PageSize)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", path, err), db.Close())
	}
	s := &Store{
		readers: newEpochs(), scrubber: scrubber, dirty: true,
		db: db, retention: orDefault(o.Retention, 24*time.Hour), now: o.Now,
		queue: make(chan *write), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	go s.writeAll()
	return s, nil
}

func openFile(path string, wait time.Duration) (db *bbolt.DB, err error) {
	defer recoverTo(&err, path)
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: wait, InitialMmapSize: initialMmap})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("store %s: %w; stop it or choose another data directory", path, ErrHeld)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("store %s: damaged, or not a store of this gateway; restore it from a backup (%w)", path, err)
	case err != nil:
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return db, nil
}

// prepare makes the buckets of a new file, checks the format of an old one and makes the file's name durable.
func prepare(path string, db *bbolt.DB, isNew, upgradable bool) (err error) {
	defer recoverTo(&err, path)
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return checkFormat(path, tx, upgradable) }); err != nil {
		return err
	}
	if isNew {
		return durable.SyncDir(filepath.Dir(path))
	}
	return nil
}

func checkFormat(path string, tx *bbolt.Tx, upgradable bool) error {
	if first, _ := tx.Cursor().First(); first == nil {
		return makeBuckets(tx)
	}
	meta := tx.Bucket(bucketMeta)
	if meta == nil || len(meta.Get(keyFormat)) != 8 {
		return fmt.Errorf("store %s: a bbolt file, but not one of this gateway", path)
	}
	switch v := binary.BigEndian.Uint64(meta.Get(keyFormat)); {
	case v == formatPlain && !upgradable:
		return fmt.Errorf("store %s: format %d, in which templates rest unencrypted; if an earlier version of this gateway wrote it, run once: biogate store upgrade", path, v)
	case v != format && v != formatPlain:
		return fmt.Errorf("store %s: format %d, this build reads and writes format %d", path, v, format)
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("store %s: damaged, bucket %s is missing", path, name)
		}
	}
	if err := seedGeneration(tx); err != nil {
		return err
	}
	return makeLater(tx)
}

func makeBuckets(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	if err := makeLater(tx); err != nil {
		return err
	}
	if err := seedGeneration(tx); err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format))
}

// makeLater makes the buckets that a file of an earlier build may lack.
func makeLater(tx *bbolt.Tx) error {
	for _, name := range laterBuckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the writes that were taken, and closes the file. Closing again does nothing.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.closing) })
	<-s.closed
	return errors.Join(s.db.Close(), s.scrubber.close())
}

// ErasurePending says whether bytes of what was deleted still stand in the file, because a reader, the amount of it or the disk
// kept them from being overwritten in time. It is tried again every second.
func (s *Store) ErasurePending() bool { return s.erasing.Load() }

// Ping reads from the file. It writes nothing: on a full disk references can still be read, and each write says for itself
// that it failed.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Generation(ctx)
	return err
}

// view runs f in a read transaction. What f takes out of it must be copied.
func (s *Store) view(ctx context.Context, f func(*bbolt.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.readers.leave(s.readers.enter())
	defer recoverTo(&err, s.db.Path())
	return s.db.View(f)
}

// recoverTo turns a panic of bbolt, which it raises on damaged pages, into an error.
func recoverTo(err *error, path string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("store %s: damaged: %v", path, p)
	}
}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

// checkKey refuses what bbolt cannot hold as a key; the service has narrower limits of its own.
func checkKey(what, key string) error {
	if key == "" || len(key) > bbolt.MaxKeySize/2 {
		return &gateway.Error{
			Kind: gateway.Malformed, Code: what + "-invalid",
			Detail: fmt.Sprintf("a %s of %d bytes cannot be stored", what, len(key)),
		}
	}
	return nil
}

var (
	_ gateway.Templates      = (*Store)(nil)
	_ gateway.TemplateLister = (*Store)(nil)
	_ gateway.Pinger         = (*Store)(nil)
	_ gateway.Generations    = (*Store)(nil)
	_ gateway.Galleries      = (*Store)(nil)
	_ gateway.Receipts       = (*Store)(nil)
)
