package bolttemplates

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
)

// purgeBatch is how many receipts past retention one Remember may remove: more than one, so that the store shrinks
// again, and few, so that no write pays for a night's worth.
const purgeBatch = 8

// Recall implements gateway.Receipts. Keys rest as SHA-256 only.
func (s *Store) Recall(ctx context.Context, key string) (r gateway.Receipt, err error) {
	k := sha256.Sum256([]byte(key))
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		r, err = s.getReceipt(tx, k[:])
		return err
	})
	return r, err
}

// Remember implements gateway.Receipts.
func (s *Store) Remember(ctx context.Context, key string, r gateway.Receipt) error {
	k := sha256.Sum256([]byte(key))
	r.At = r.At.UTC()
	value, err := seal(k[:], r)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		switch _, err := s.getReceipt(tx, k[:]); {
		case err == nil:
			return gateway.ErrConflict
		case !errors.Is(err, gateway.ErrNotFound):
			return err
		}
		if err := s.purge(tx); err != nil {
			return err
		}
		if err := tx.Bucket(bucketAges).Put(ageKey(r.At, k[:]), nil); err != nil {
			return err
		}
		return tx.Bucket(bucketReceipts).Put(k[:], value)
	})
}

// getReceipt is ErrNotFound for a receipt past retention too.
func (s *Store) getReceipt(tx *bbolt.Tx, k []byte) (gateway.Receipt, error) {
	b := tx.Bucket(bucketReceipts).Get(k)
	if b == nil {
		return gateway.Receipt{}, gateway.ErrNotFound
	}
	var r gateway.Receipt
	if err := unseal(k, b, &r); err != nil {
		return gateway.Receipt{}, err
	}
	if s.now().Sub(r.At) > s.retention {
		return gateway.Receipt{}, gateway.ErrNotFound
	}
	return r, nil
}

// purge removes the oldest receipts that are past retention. A key that was used again since keeps its newer receipt.
func (s *Store) purge(tx *bbolt.Tx) error {
	for _, age := range firstAges(tx.Bucket(bucketAges), ageKey(s.now().Add(-s.retention), nil)) {
		if err := tx.Bucket(bucketAges).Delete(age); err != nil {
			return err
		}
		k := age[8:]
		if _, err := s.getReceipt(tx, k); !errors.Is(err, gateway.ErrNotFound) {
			continue
		}
		if err := tx.Bucket(bucketReceipts).Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// firstAges are copies of the first keys before limit, at most purgeBatch.
func firstAges(ages *bbolt.Bucket, limit []byte) (old [][]byte) {
	for k := range following(ages.Cursor(), nil) {
		if len(old) == purgeBatch || string(k) >= string(limit) {
			break
		}
		old = append(old, append([]byte(nil), k...))
	}
	return old
}

// ageKey sorts by time; the years 1970 to 2262 fit.
func ageKey(at time.Time, k []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(0, at.UnixNano()))), k...)
}
