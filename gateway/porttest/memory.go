package porttest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"biogate/gateway"
	"biogate/gateway/registry/stored"
)

// Memory is a store of Kind that lives as long as the process. As a record it has galleries, receipts and the
// generation too.
type Memory struct {
	kind      Kind
	mu        sync.Mutex
	held      map[string]memoryEntry
	galleries map[string]memoryGallery
	ends      map[string]memoryEnd
	receipts  map[string]gateway.Receipt
	number    uint64
}

type memoryEntry struct {
	version uint64
	value   []byte // nil: a deletion that is remembered
}

type memoryGallery struct {
	gateway.Gallery
	members map[string]string // subject -> group
}

type memoryEnd struct {
	gateway.GalleryEnd
	until time.Time
}

// NewMemory makes an empty store.
func NewMemory(kind Kind) *Memory {
	return &Memory{
		kind: kind, held: map[string]memoryEntry{},
		galleries: map[string]memoryGallery{}, ends: map[string]memoryEnd{}, receipts: map[string]gateway.Receipt{},
	}
}

// Get implements gateway.Templates.
func (m *Memory) Get(ctx context.Context, subject string) (gateway.References, error) {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return gateway.References{}, err
	}
	e := m.held[subject]
	if e.value == nil {
		return gateway.References{}, gateway.ErrNotFound
	}
	return stored.Parse(subject, e.value)
}

// Put implements gateway.Templates.
func (m *Memory) Put(ctx context.Context, r gateway.References, replaces uint64) error {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return err
	}
	value, err := stored.Append(nil, r)
	if err != nil {
		return err
	}
	e := m.held[r.Subject]
	switch {
	case e.value != nil && e.version != replaces:
		return gateway.ErrConflict
	case e.value == nil && m.kind == Record && replaces != 0:
		return gateway.ErrConflict
	case e.value == nil && m.kind == Cache && r.Version <= e.version:
		return gateway.ErrConflict
	}
	m.held[r.Subject] = memoryEntry{r.Version, value}
	return nil
}

// Delete implements gateway.Templates.
func (m *Memory) Delete(ctx context.Context, subject string, version uint64) error {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return err
	}
	e := m.held[subject]
	switch {
	case e.version > version:
	case m.kind == Record:
		delete(m.held, subject)
	default:
		m.held[subject] = memoryEntry{version: version}
	}
	return nil
}

// Each implements gateway.TemplateLister.
func (m *Memory) Each(ctx context.Context, f func(gateway.References) error) error {
	return m.Some(ctx, m.subjects(), f)
}

// Some implements gateway.TemplateLister.
func (m *Memory) Some(ctx context.Context, subjects []string, f func(gateway.References) error) error {
	for _, subject := range subjects {
		r, err := m.Get(ctx, subject)
		if err == gateway.ErrNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *Memory) subjects() []string {
	defer m.lock()()
	return slices.Collect(maps.Keys(m.held))
}

// Ping implements gateway.Pinger.
func (m *Memory) Ping(ctx context.Context) error { return ctx.Err() }

// Generation implements gateway.Generations.
func (m *Memory) Generation(ctx context.Context) (uint64, error) {
	defer m.lock()()
	return m.number, ctx.Err()
}

// NextGeneration implements gateway.Generations.
func (m *Memory) NextGeneration(ctx context.Context) (uint64, error) {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.number++
	return m.number, nil
}

// PutGallery implements gateway.Galleries.
func (m *Memory) PutGallery(ctx context.Context, g gateway.Gallery) (bool, error) {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	held, ok := m.galleries[g.Name]
	if ok {
		g.CreatedAt = held.CreatedAt
	} else {
		held.members = map[string]string{}
	}
	m.galleries[g.Name] = memoryGallery{g, held.members}
	return !ok, nil
}

// EndGallery implements gateway.Galleries.
func (m *Memory) EndGallery(ctx context.Context, end gateway.GalleryEnd, until time.Time) error {
	return m.withGallery(ctx, end.Gallery, func(memoryGallery) {
		delete(m.galleries, end.Gallery)
		m.ends[end.Gallery] = memoryEnd{end, until}
	})
}

// Ended implements gateway.Galleries.
func (m *Memory) Ended(ctx context.Context, name string) (gateway.GalleryEnd, error) {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return gateway.GalleryEnd{}, err
	}
	if e, ok := m.ends[name]; ok && time.Now().Before(e.until) {
		return e.GalleryEnd, nil
	}
	return gateway.GalleryEnd{}, gateway.ErrNotFound
}

// AddMembers implements gateway.Galleries.
func (m *Memory) AddMembers(ctx context.Context, name string, members []gateway.Membership) error {
	return m.withGallery(ctx, name, func(g memoryGallery) {
		for _, member := range members {
			g.members[member.Subject] = member.Group
		}
	})
}

// RemoveMember implements gateway.Galleries.
func (m *Memory) RemoveMember(ctx context.Context, name, subject string) error {
	return m.withGallery(ctx, name, func(g memoryGallery) { delete(g.members, subject) })
}

func (m *Memory) withGallery(ctx context.Context, name string, f func(memoryGallery)) error {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return err
	}
	g, ok := m.galleries[name]
	if !ok {
		return gateway.ErrNotFound
	}
	f(g)
	return nil
}

// ForgetMember implements gateway.Galleries.
func (m *Memory) ForgetMember(ctx context.Context, subject string) error {
	defer m.lock()()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, g := range m.galleries {
		delete(g.members, subject)
	}
	return nil
}

// EachGallery implements gateway.Galleries.
func (m *Memory) EachGallery(ctx context.Context, f func(gateway.Gallery, []gateway.Membership) error) error {
	for _, g := range m.allGalleries() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var members []gateway.Membership
		for _, subject := range slices.Sorted(maps.Keys(g.members)) {
			members = append(members, gateway.Membership{Subject: subject, Group: g.members[subject]})
		}
		if err := f(g.Gallery, members); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m *Memory) allGalleries() (all []memoryGallery) {
	defer m.lock()()
	for _, g := range m.galleries {
		all = append(all, memoryGallery{g.Gallery, maps.Clone(g.members)})
	}
	return all
}

// MemoryRetention is how long Memory remembers receipts.
const MemoryRetention = 24 * time.Hour

// Recall implements gateway.Receipts.
func (m *Memory) Recall(ctx context.Context, key string) (gateway.Receipt, error) {
	defer m.lock()()
	r, ok := m.receipts[key]
	switch {
	case ctx.Err() != nil:
		return gateway.Receipt{}, ctx.Err()
	case !ok || time.Since(r.At) > MemoryRetention:
		return gateway.Receipt{}, gateway.ErrNotFound
	}
	r.Body = slices.Clone(r.Body)
	return r, nil
}

// Remember implements gateway.Receipts.
func (m *Memory) Remember(ctx context.Context, key string, r gateway.Receipt) error {
	defer m.lock()()
	held, ok := m.receipts[key]
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ok && time.Since(held.At) <= MemoryRetention:
		return gateway.ErrConflict
	}
	r.Body = slices.Clone(r.Body)
	m.receipts[key] = r
	return nil
}

func (m *Memory) lock() (unlock func()) {
	m.mu.Lock()
	return m.mu.Unlock
}

var (
	_ gateway.Templates      = (*Memory)(nil)
	_ gateway.TemplateLister = (*Memory)(nil)
	_ gateway.Pinger         = (*Memory)(nil)
	_ gateway.Generations    = (*Memory)(nil)
	_ gateway.Galleries      = (*Memory)(nil)
	_ gateway.Receipts       = (*Memory)(nil)
)
