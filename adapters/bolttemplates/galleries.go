package bolttemplates

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"biogate/gateway"
)

// galleryValue is what is stored beside a gallery's name.
type galleryValue struct {
	Purpose   string    `json:"purpose"`
	ExpiresAt time.Time `json:"expires_at"`
	CreatedAt time.Time `json:"created_at"`
	Erase     bool      `json:"erase_members,omitempty"`
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
		return putGallery(tx, gateway.Gallery{Name: g.Name, Purpose: g.Purpose, ExpiresAt: g.ExpiresAt, CreatedAt: held.CreatedAt, EraseMembers: g.EraseMembers})
	})
	if err != nil {
		return false, err
	}
	return created, nil
}

// AddMembers implements gateway.Galleries.
func (s *Store) AddMembers(ctx context.Context, name string, members []gateway.Membership) error {
	for _, m := range members {
		if err := checkKey("subject", m.Subject); err != nil {
			return err
		}
	}
	members = slices.Clone(members) // in any other order many new keys take time squared
	slices.SortStableFunc(members, func(a, b gateway.Membership) int { return strings.Compare(a.Subject, b.Subject) })
	return s.update(ctx, func(tx *bbolt.Tx) error {
		b, err := membersOf(tx, name)
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := b.Put([]byte(m.Subject), groupValue(name, m)); err != nil {
				return err
			}
		}
		return nil
	})
}

// A membership's value is empty without a group, as all were in earlier builds, which look at no value. Otherwise it is: format
// (1 byte), group, CRC-32C over the gallery, the subject and all before it, big-endian.
const groupFormat = 1

func groupValue(gallery string, m gateway.Membership) []byte {
	if m.Group == "" {
		return nil
	}
	b := append([]byte{groupFormat}, m.Group...)
	return binary.BigEndian.AppendUint32(b, sealSum(groupKey(gallery, m.Subject), b))
}

func parseGroup(gallery, subject string, b []byte) (string, error) {
	n := len(b) - crc32.Size
	switch {
	case len(b) == 0:
		return "", nil
	case n < 2:
		return "", corrupt("%d bytes of a membership", len(b))
	case b[0] != groupFormat:
		return "", corrupt("membership of format %d, this build reads format %d", b[0], groupFormat)
	case binary.BigEndian.Uint32(b[n:]) != sealSum(groupKey(gallery, subject), b[:n]):
		return "", corrupt("a membership's checksum does not match")
	}
	return string(b[1:n]), nil
}

func groupKey(gallery, subject string) []byte { return []byte(gallery + "\x00" + subject) }

// RemoveMember implements gateway.Galleries.
func (s *Store) RemoveMember(ctx context.Context, name, subject string) error {
	return s.erase(ctx, func(tx *bbolt.Tx) error {
		members, err := membersOf(tx, name)
		if err != nil {
			return err
		}
		return members.Delete([]byte(subject))
	})
}

// ForgetMember implements gateway.Galleries.
func (s *Store) ForgetMember(ctx context.Context, subject string) error {
	return s.erase(ctx, func(tx *bbolt.Tx) error { return forgetMember(tx, subject) })
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
func (s *Store) EachGallery(ctx context.Context, f func(gateway.Gallery, []gateway.Membership) error) error {
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
func (s *Store) nextGallery(ctx context.Context, after []byte) (g gateway.Gallery, members []gateway.Membership, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		for k := range following(tx.Bucket(bucketGallery).Cursor(), after) {
			if g, err = getGallery(tx, string(k)); err != nil {
				return err
			}
			b, err := membersOf(tx, g.Name)
			if err != nil {
				return err
			}
			return b.ForEach(func(subject, value []byte) error {
				m := gateway.Membership{Subject: string(subject)}
				m.Group, err = parseGroup(g.Name, m.Subject, value)
				members = append(members, m)
				return err
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
	return gateway.Gallery{Name: name, Purpose: v.Purpose, ExpiresAt: v.ExpiresAt, CreatedAt: v.CreatedAt, EraseMembers: v.Erase}, nil
}

func putGallery(tx *bbolt.Tx, g gateway.Gallery) error {
	value, err := seal([]byte(g.Name), galleryValue{Purpose: g.Purpose, ExpiresAt: g.ExpiresAt.UTC(), CreatedAt: g.CreatedAt.UTC(), Erase: g.EraseMembers})
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
