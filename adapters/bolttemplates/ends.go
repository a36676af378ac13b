package bolttemplates

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
)

// endValue is what is stored beside the name of a gallery that ended.
type endValue struct {
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
	Members  int       `json:"members"`
	Erased   int       `json:"erased"`
	EndedAt  time.Time `json:"ended_at"`
	Degraded []string  `json:"degraded"`
	Receipt  string    `json:"receipt"`
}

// EndGallery implements gateway.Galleries.
func (s *Store) EndGallery(ctx context.Context, end gateway.GalleryEnd, until time.Time) error {
	value, err := seal([]byte(end.Gallery), endValue{until.UTC(), end.Reason, end.Members, end.Erased, end.EndedAt.UTC(), end.Degraded, end.Receipt})
	if err != nil {
		return err
	}
	return s.erase(ctx, func(tx *bbolt.Tx) error {
		if _, err := membersOf(tx, end.Gallery); err != nil {
			return err
		}
		return errors.Join(
			tx.Bucket(bucketMembers).DeleteBucket([]byte(end.Gallery)),
			tx.Bucket(bucketGallery).Delete([]byte(end.Gallery)),
			s.purgeEnds(tx),
			tx.Bucket(bucketEndAges).Put(ageKey(until, []byte(end.Gallery)), nil),
			tx.Bucket(bucketEnds).Put([]byte(end.Gallery), value),
		)
	})
}

// Ended implements gateway.Galleries.
func (s *Store) Ended(ctx context.Context, name string) (end gateway.GalleryEnd, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		v, err := s.getEnd(tx, []byte(name))
		end = gateway.GalleryEnd{Gallery: name, Reason: v.Reason, Members: v.Members, Erased: v.Erased, EndedAt: v.EndedAt, Degraded: v.Degraded, Receipt: v.Receipt}
		return err
	})
	if err != nil {
		return gateway.GalleryEnd{}, err
	}
	return end, nil
}

// getEnd is ErrNotFound for an end whose time is over too.
func (s *Store) getEnd(tx *bbolt.Tx, name []byte) (v endValue, err error) {
	b := tx.Bucket(bucketEnds).Get(name)
	if b == nil {
		return v, gateway.ErrNotFound
	}
	if err := unseal(name, b, &v); err != nil {
		return v, err
	}
	if !s.now().Before(v.Until) {
		return v, gateway.ErrNotFound
	}
	return v, nil
}

// purgeEnds removes ends whose time is over. A name that ended again since keeps its newer end.
func (s *Store) purgeEnds(tx *bbolt.Tx) error {
	for _, age := range firstAges(tx.Bucket(bucketEndAges), ageKey(s.now(), nil)) {
		if err := tx.Bucket(bucketEndAges).Delete(age); err != nil {
			return err
		}
		if _, err := s.getEnd(tx, age[8:]); !errors.Is(err, gateway.ErrNotFound) {
			continue
		}
		if err := tx.Bucket(bucketEnds).Delete(age[8:]); err != nil {
			return err
		}
	}
	return nil
}
