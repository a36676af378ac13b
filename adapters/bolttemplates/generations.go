package bolttemplates

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// firstSeeded is below every generation of a file that was given a beginning by chance, and above those of any other: such a file
// counted from 0.
const firstSeeded = 1 << 32

// seedGeneration has a file's generations begin by chance. Two records on one cache then never work under the same number, and no
// node finds what another one keeps: it would not learn of its deletion.
func seedGeneration(tx *bbolt.Tx) error {
	held, err := generation(tx)
	if err != nil || held >= firstSeeded {
		return err
	}
	var random [8]byte
	_, _ = rand.Read(random[:])                                  // never fails
	first := firstSeeded + binary.BigEndian.Uint64(random[:])>>2 // 2^62 are left to count
	return tx.Bucket(bucketMeta).Put(keyGeneration, binary.BigEndian.AppendUint64(nil, first))
}

// Generation implements gateway.Generations. Where it begins is chance.
func (s *Store) Generation(ctx context.Context) (g uint64, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		g, err = generation(tx)
		return err
	})
	return g, err
}

// NextGeneration implements gateway.Generations.
func (s *Store) NextGeneration(ctx context.Context) (uint64, error) {
	var next uint64
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		held, err := generation(tx)
		if err != nil {
			return err
		}
		next = held + 1
		return tx.Bucket(bucketMeta).Put(keyGeneration, binary.BigEndian.AppendUint64(nil, next))
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

func generation(tx *bbolt.Tx) (uint64, error) {
	switch b := tx.Bucket(bucketMeta).Get(keyGeneration); len(b) {
	case 0:
		return 0, nil
	case 8:
		return binary.BigEndian.Uint64(b), nil
	default:
		return 0, fmt.Errorf("store: damaged, generation of %d bytes", len(b))
	}
}
