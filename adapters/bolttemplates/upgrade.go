package bolttemplates

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"biogate/gateway"
	"biogate/gateway/registry/stored"
)

// Plain says whether the file is of the earlier format, in which references rest unencrypted: no reference can be read or
// written before Upgrade.
func (s *Store) Plain(ctx context.Context) (plain bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		plain = binary.BigEndian.Uint64(tx.Bucket(bucketMeta).Get(keyFormat)) == formatPlain
		return nil
	})
	return plain, err
}

// Empty says whether nobody is enrolled.
func (s *Store) Empty(ctx context.Context) (empty bool, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(bucketSubjects).Cursor().First()
		empty = k == nil
		return nil
	})
	return empty, err
}

// Upgrade brings a file of the earlier format to the present one: every subject's references are sealed, the file's free pages
// are overwritten, and only then does the file bear the new format. It can be broken off and begun again at any point. sealed
// counts the subjects that this call sealed. What is damaged stays as it is: see Unsealed.
func (s *Store) Upgrade(ctx context.Context, seal func(gateway.References) (gateway.References, error)) (sealed int, err error) {
	if plain, err := s.Plain(ctx); err != nil || !plain {
		return 0, err
	}
	var after []byte
	for {
		chunk, last, err := s.plainChunk(ctx, after)
		if err != nil {
			return sealed, err
		}
		if last == nil {
			break
		}
		if err := s.sealChunk(ctx, chunk, seal); err != nil {
			return sealed, err
		}
		sealed, after = sealed+len(chunk), last
	}
	if err := s.Scrub(ctx); err != nil {
		return sealed, err
	}
	return sealed, s.update(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint64(nil, format))
	})
}

// Unsealed names the subjects whose references rest unencrypted, in order. After Upgrade they are those whose record is damaged: it
// could not be read to be sealed. Deleting the subject removes it.
func (s *Store) Unsealed(ctx context.Context) (subjects []string, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		for k, v := range following(tx.Bucket(bucketSubjects).Cursor(), nil) {
			if !stored.IsSealed(v) {
				subjects = append(subjects, string(k))
			}
		}
		return nil
	})
	return subjects, err
}

// plainChunk reads the subjects behind after that are not sealed, and says which one was looked at last; nil when there is none.
func (s *Store) plainChunk(ctx context.Context, after []byte) (chunk []gateway.References, last []byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		size, seen := 0, 0
		for k, v := range following(tx.Bucket(bucketSubjects).Cursor(), after) {
			last = append(last[:0], k...)
			if !stored.IsSealed(v) {
				if r, err := stored.Parse(string(k), v); err == nil {
					chunk = append(chunk, r)
				}
			}
			seen++
			if size += len(v); size >= chunkBytes || seen == chunkSubjects {
				break
			}
		}
		return nil
	})
	return chunk, last, err
}

func (s *Store) sealChunk(ctx context.Context, chunk []gateway.References, seal func(gateway.References) (gateway.References, error)) error {
	if len(chunk) == 0 {
		return nil
	}
	values := make([][]byte, len(chunk))
	for i, r := range chunk {
		sealed, err := seal(r)
		if err != nil {
			return err
		}
		if values[i], err = stored.AppendSealed(nil, sealed); err != nil {
			return err
		}
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSubjects)
		for i, r := range chunk {
			if err := b.Put([]byte(r.Subject), values[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// errErasing: what was deleted still stands in the file's free pages.
var errErasing = errors.New("readers or the disk keep deleted data from being overwritten")

// Scrub overwrites everything in the file that is not in use, and returns when that is on stable storage.
func (s *Store) Scrub(ctx context.Context) error {
	for {
		var again bool
		w := &write{ctx: ctx, done: make(chan struct{}), scrub: true}
		if err := s.submit(ctx, w); err != nil {
			return fmt.Errorf("store %s: %w", s.db.Path(), err)
		}
		if again = w.unfinished; !again {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(errErasing, err)
		}
	}
}
