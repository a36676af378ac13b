package bolttemplates

import (
	"context"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// Generation implements gateway.Generations; it is 0 in a new file.
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
