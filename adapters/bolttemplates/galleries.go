package bolttemplates

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
)

// galleryValue is what is stored beside a gallery's name.
type galleryValue struct {
	Purpose   string    `json:"purpose"`
	ExpiresAt time.Time `json:"expires_at"`
	CreatedAt time.Time `json:"created_at"`
}

// PutGallery implements gateway.Galleries. A gallery that is there keeps its time of creation.
func (s *Store) PutGallery(ctx context.Context, g gateway.Gallery) (bool, error) {
	if err := checkKey("gallery", g.Name); err != nil {
		return false, err
	}
	var created bool
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		held, err := getGallery(tx, g.Name)
		created = errors.Is(err, gateway.ErrNotFound)
		if created {
			return putGallery(tx, g)
		}
		if err != nil {
			return err
		}
		return putGallery(tx, gateway.Gallery{Name: g.Name, Purpose: g.Purpose, ExpiresAt: g.ExpiresAt, CreatedAt: held.CreatedAt})
	})
	if err != nil {
		return false, err
	}
	return created, nil
}

// DeleteGallery implements gateway.Galleries.
func (s *Store) DeleteGallery(ctx context.Context, name string) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		if _, err := membersOf(tx, name); err != nil {
			return err
		}
		if err := tx.Bucket(bucketMembers).DeleteBucket([]byte(name)); err != nil {
			return err
		}
		return tx.Bucket(bucketGallery).Delete([]byte(name))
	})
}

// AddMembers implements gateway.Galleries.
func (s *Store) AddMembers(ctx context.Context, name string, subjects []string) error {
	keys := make([][]byte, len(subjects))
	for i, subject := range subjects {
		if err := checkKey("subject", subject); err != nil {
			return err
		}
		keys[i] = []byte(subject)
	}
	slices.SortFunc(keys, bytes.Compare) // in any other order many new keys take time squared
	return s.update(ctx, func(tx *bbolt.Tx) error {
		members, err := membersOf(tx, name)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := members.Put(key, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveMember implements gateway.Galleries.
func (s *Store) RemoveMember(ctx context.Context, name, subject string) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		members, err := membersOf(tx, name)
		if err != nil {
			return err
		}
		return members.Delete([]byte(subject))
	})
}

// ForgetMember implements gateway.Galleries.
func (s *Store) ForgetMember(ctx context.Context, subject string) error {
	return s.update(ctx, func(tx *bbolt.Tx) error { return forgetMember(tx, subject) })
}

func forgetMember(tx *bbolt.Tx, subject string) error {
	all := tx.Bucket(bucketMembers)
	for name := range following(all.Cursor(), nil) {
		members := all.Bucket(name)
		if k, _ := members.Cursor().Seek([]byte(subject)); string(k) != subject {
			continue
		}
		if err := members.Delete([]byte(subject)); err != nil {
			return err
		}
	}
	return nil
}

// EachGallery implements gateway.Galleries. A gallery and its members are of one moment; different galleries need not be.
func (s *Store) EachGallery(ctx context.Context, f func(gateway.Gallery, []string) error) error {
	var after []byte
	for {
		g, members, err := s.nextGallery(ctx, after)
		if errors.Is(err, gateway.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(g, members); err != nil {
			return err
		}
		after = []byte(g.Name)
	}
}

// nextGallery returns the gallery that follows after, or ErrNotFound.
func (s *Store) nextGallery(ctx context.Context, after []byte) (g gateway.Gallery, members []string, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		for k := range following(tx.Bucket(bucketGallery).Cursor(), after) {
			if g, err = getGallery(tx, string(k)); err != nil {
				return err
			}
			b, err := membersOf(tx, g.Name)
			if err != nil {
				return err
			}
			return b.ForEach(func(subject, _ []byte) error {
				members = append(members, string(subject))
				return nil
			})
		}
		return gateway.ErrNotFound
	})
	return g, members, err
}

func getGallery(tx *bbolt.Tx, name string) (gateway.Gallery, error) {
	b := tx.Bucket(bucketGallery).Get([]byte(name))
	if b == nil {
		return gateway.Gallery{}, gateway.ErrNotFound
	}
	var v galleryValue
	if err := unseal([]byte(name), b, &v); err != nil {
		return gateway.Gallery{}, err
	}
	return gateway.Gallery{Name: name, Purpose: v.Purpose, ExpiresAt: v.ExpiresAt, CreatedAt: v.CreatedAt}, nil
}

func putGallery(tx *bbolt.Tx, g gateway.Gallery) error {
	value, err := seal([]byte(g.Name), galleryValue{Purpose: g.Purpose, ExpiresAt: g.ExpiresAt.UTC(), CreatedAt: g.CreatedAt.UTC()})
	if err != nil {
		return err
	}
	if _, err := tx.Bucket(bucketMembers).CreateBucketIfNotExists([]byte(g.Name)); err != nil {
		return err
	}
	return tx.Bucket(bucketGallery).Put([]byte(g.Name), value)
}

// membersOf is the bucket of a gallery's members, or ErrNotFound.
func membersOf(tx *bbolt.Tx, name string) (*bbolt.Bucket, error) {
	if name == "" {
		return nil, gateway.ErrNotFound
	}
	if b := tx.Bucket(bucketMembers).Bucket([]byte(name)); b != nil {
		return b, nil
	}
	return nil, gateway.ErrNotFound
}
