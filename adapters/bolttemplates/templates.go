package bolttemplates

import (
	"bytes"
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"biogate/gateway"
	"biogate/gateway/registry/stored"
)

// One chunk of Each or Some is read in one short transaction: a long one keeps bbolt from using freed pages again.
const (
	chunkSubjects = 256
	chunkBytes    = 1 << 20
)

// Get implements gateway.Templates.
func (s *Store) Get(ctx context.Context, subject string) (r gateway.References, err error) {
	if err := checkKey("subject", subject); err != nil {
		return gateway.References{}, err
	}
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSubjects).Get([]byte(subject))
		if b == nil {
			return gateway.ErrNotFound
		}
		r, err = stored.ParseSealed(subject, b)
		return err
	})
	return r, err
}

// Put implements gateway.Templates.
func (s *Store) Put(ctx context.Context, r gateway.References, replaces uint64) error {
	if err := checkKey("subject", r.Subject); err != nil {
		return err
	}
	value, err := stored.AppendSealed(nil, r)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSubjects)
		held, err := heldVersion(b, r.Subject)
		if err != nil {
			return err
		}
		if held != replaces {
			return gateway.ErrConflict
		}
		return b.Put([]byte(r.Subject), value)
	})
}

// Delete implements gateway.Templates. What is damaged can be deleted. The subject's memberships go in the same step, and all of it
// is overwritten in the file.
func (s *Store) Delete(ctx context.Context, subject string, version uint64) error {
	if err := checkKey("subject", subject); err != nil {
		return err
	}
	return s.erase(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSubjects)
		if held, err := heldVersion(b, subject); err == nil && held > version {
			return nil
		}
		return errors.Join(b.Delete([]byte(subject)), forgetMember(tx, subject))
	})
}

// heldVersion is 0 when nothing is held.
func heldVersion(b *bbolt.Bucket, subject string) (uint64, error) {
	value := b.Get([]byte(subject))
	if value == nil {
		return 0, nil
	}
	r, err := stored.ParseSealed(subject, value)
	return r.Version, err
}

// Each implements gateway.TemplateLister. It sees every subject that is held all the while; a subject that comes, goes
// or changes meanwhile is seen in one of its states or not at all. A damaged subject is seen without templates.
func (s *Store) Each(ctx context.Context, f func(gateway.References) error) error {
	var after []byte
	for {
		chunk, err := s.chunk(ctx, after)
		if err != nil || len(chunk) == 0 {
			return err
		}
		if err := give(ctx, chunk, f); err != nil {
			return err
		}
		after = []byte(chunk[len(chunk)-1].Subject)
	}
}

// Some implements gateway.TemplateLister. A damaged subject is seen without templates.
func (s *Store) Some(ctx context.Context, subjects []string, f func(gateway.References) error) error {
	for len(subjects) > 0 {
		chunk, read, err := s.pick(ctx, subjects)
		if err != nil {
			return err
		}
		if err := give(ctx, chunk, f); err != nil {
			return err
		}
		subjects = subjects[read:]
	}
	return nil
}

// give calls f with each of chunk.
func give(ctx context.Context, chunk []gateway.References, f func(gateway.References) error) error {
	for _, r := range chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// pick reads those of the first subjects that are held, and says how many it asked for. It steps on where the next subject
// is the next key, and searches for it otherwise.
func (s *Store) pick(ctx context.Context, subjects []string) (chunk []gateway.References, read int, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c, size := tx.Bucket(bucketSubjects).Cursor(), 0
		var k, v, key []byte
		for size < chunkBytes && read < min(chunkSubjects, len(subjects)) {
			key = append(key[:0], subjects[read]...)
			read++
			if k != nil && bytes.Compare(k, key) < 0 {
				k, v = c.Next()
			}
			if !bytes.Equal(k, key) {
				k, v = c.Seek(key)
			}
			if k == nil || !bytes.Equal(k, key) {
				continue
			}
			chunk = append(chunk, parsed(k, v))
			size += len(v)
		}
		return nil
	})
	return chunk, read, err
}

// parsed is the subject alone where v is damaged.
func parsed(k, v []byte) gateway.References {
	r, err := stored.ParseSealed(string(k), v)
	if err != nil {
		return gateway.References{Subject: string(k)}
	}
	return r
}

// chunk reads the subjects that follow after; nil begins at the first.
func (s *Store) chunk(ctx context.Context, after []byte) (chunk []gateway.References, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		size := 0
		for k, v := range following(tx.Bucket(bucketSubjects).Cursor(), after) {
			chunk = append(chunk, parsed(k, v))
			if size += len(v); size >= chunkBytes || len(chunk) == chunkSubjects {
				break
			}
		}
		return nil
	})
	return chunk, err
}

// following yields the keys and values behind after, in order.
func following(c *bbolt.Cursor, after []byte) func(yield func(k, v []byte) bool) {
	return func(yield func(k, v []byte) bool) {
		k, v := c.Seek(after)
		if after != nil && bytes.Equal(k, after) {
			k, v = c.Next()
		}
		for ; k != nil; k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}
