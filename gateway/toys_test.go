package gateway_test

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"biogate/gateway"
	"biogate/matcher"
	"biogate/matcher/gallery"
)

// toyEngine reads samples that say who they show: "alice" is a usable capture of Alice, "!blank" one that cannot be used.
// The same person scores 9, strangers score pseudo-normally below 3.
type toyEngine struct {
	modality matcher.Modality
	model    string
}

func (e toyEngine) Modality() matcher.Modality { return e.modality }
func (e toyEngine) Model() string              { return e.model }
func (e toyEngine) NewIndex() matcher.Index    { return gallery.New(e.model) }

func (e toyEngine) Extract(_ context.Context, s matcher.Sample, _ matcher.Trace) (matcher.Extraction, error) {
	text := string(s.Data)
	switch {
	case text == "":
		return matcher.Extraction{}, &matcher.Error{Code: matcher.CodeUndecodable, Detail: "empty"}
	case strings.HasPrefix(text, "!"):
		return matcher.Extraction{}, &matcher.Error{Code: matcher.CodeUnusable, Detail: "unusable", Reasons: []string{text[1:]}}
	}
	pad := &matcher.PAD{Score: 1}
	if strings.HasPrefix(text, "mask of ") {
		pad.Score, pad.Suspect, text = 0, true, strings.TrimPrefix(text, "mask of ")
	}
	return matcher.Extraction{
		Template: matcher.Template{Modality: e.modality, Model: e.model, Position: s.Position, Payload: []byte(text)},
		Quality:  matcher.Quality{Score: 80}, PAD: pad, Stages: []matcher.Stage{{Name: "extract", Took: time.Millisecond}},
	}, nil
}

// Decoy shows nobody that a test could name.
func (e toyEngine) Decoy() (matcher.Template, error) {
	return matcher.Template{Modality: e.modality, Model: e.model, Payload: []byte("decoy " + rand.Text())}, nil
}

type toyTemplate struct{ matcher.Template }

func (e toyEngine) Probe(t matcher.Template) (matcher.Probe, error) { return toyProbe{t}, e.check(t) }

func (e toyEngine) Reference(t matcher.Template) (matcher.Reference, error) {
	return toyTemplate{t}, e.check(t)
}

func (e toyEngine) check(t matcher.Template) error {
	if t.Model != e.model {
		return &matcher.Error{Code: matcher.CodeModelMismatch, Detail: t.Model}
	}
	return nil
}

func (t toyTemplate) Model() string              { return t.Template.Model }
func (t toyTemplate) Position() matcher.Position { return t.Template.Position }

type toyProbe struct{ matcher.Template }

func (p toyProbe) Position() matcher.Position { return p.Template.Position }
func (p toyProbe) Compare(ref matcher.Reference) (float64, error) {
	r := ref.(toyTemplate)
	if string(p.Payload) == string(r.Payload) {
		return 9, nil
	}
	h := fnv.New32a()
	h.Write(p.Payload)
	h.Write(r.Payload)
	return float64(h.Sum32()%3000) / 1000, nil
}

// toyCalibration is exact for strangers N(0,1) and genuine subjects N(8,1).
type toyCalibration struct{}

func (toyCalibration) FMR(s float64) (float64, bool) {
	return max(0.5*math.Erfc(s/math.Sqrt2), 1e-12), s > 6
}
func (toyCalibration) LLR(s float64) float64     { return 8*s - 32 }
func (toyCalibration) Range() (float64, float64) { return -6, 14 }

// toyRegistry keeps everything in memory, and can fail.
type toyRegistry struct {
	hold         sync.RWMutex // one stripe for all subjects
	mu           sync.Mutex
	held         map[string]gateway.References
	fail         error
	failForget   error
	failForgetOf string
	down         []string
	tell         func(gateway.References)
	lose         bool // answers to changes

	version uint64
}

func newToyRegistry() *toyRegistry { return &toyRegistry{held: map[string]gateway.References{}} }

func (r *toyRegistry) Follow(f func(gateway.References)) { r.tell = f }
func (r *toyRegistry) CanDecide() bool                   { return r.fail == nil }

func (r *toyRegistry) Get(_ context.Context, subject string) (gateway.References, []string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return gateway.References{}, nil, r.fail
	}
	refs, ok := r.held[subject]
	if !ok {
		return gateway.References{}, nil, gateway.ErrNotFound
	}
	return refs, r.down, nil
}

func (r *toyRegistry) Update(_ context.Context, subject string, change func(gateway.References) (gateway.References, error)) (gateway.References, []string, error) {
	r.hold.Lock()
	defer r.hold.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return gateway.References{}, nil, r.fail
	}
	next, err := change(r.held[subject])
	if err != nil {
		return gateway.References{}, nil, err
	}
	r.version++
	next.Version = r.version
	r.held[subject] = next
	if r.lose {
		return gateway.References{}, nil, errors.New("no answer in time")
	}
	r.tell(next)
	return next, nil, nil
}

func (r *toyRegistry) Forget(_ context.Context, subject string, when func(gateway.References) bool) (gateway.References, []string, error) {
	r.hold.Lock()
	defer r.hold.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failForget != nil {
		return gateway.References{}, nil, r.failForget
	}
	if subject == r.failForgetOf {
		return gateway.References{}, nil, errors.New("the record is gone")
	}
	refs, ok := r.held[subject]
	if ok && when != nil && !when(refs) {
		return gateway.References{}, nil, gateway.ErrConflict
	}
	r.tell(gateway.References{Subject: subject})
	if !ok {
		return gateway.References{}, nil, gateway.ErrNotFound
	}
	delete(r.held, subject)
	return refs, nil, nil
}

func (r *toyRegistry) Hold(string) func() { r.hold.RLock(); return r.hold.RUnlock }
func (r *toyRegistry) Degraded() []string { return r.down }
func (r *toyRegistry) Each(ctx context.Context, f func(gateway.References) error) error {
	r.mu.Lock()
	all := slices.Collect(maps.Keys(r.held))
	r.mu.Unlock()
	return r.Some(ctx, all, f)
}

func (r *toyRegistry) Some(_ context.Context, subjects []string, f func(gateway.References) error) error {
	damage := (*gateway.Error)(nil)
	if r.fail != nil && !errors.As(r.fail, &damage) {
		return r.fail
	}
	for _, subject := range subjects {
		r.mu.Lock()
		refs, ok := r.held[subject]
		r.mu.Unlock()
		if damage != nil {
			refs = gateway.References{Subject: subject}
		}
		if !ok {
			continue
		}
		if err := f(refs); err != nil {
			return err
		}
	}
	return nil
}

// toyGalleries keeps memberships in memory.
type toyGalleries struct {
	mu      sync.Mutex
	byName  map[string]gateway.Gallery
	members map[string]map[string]string // gallery -> subject -> group
	ends    map[string]gateway.GalleryEnd
	fail    error // of changes of memberships
}

func newToyGalleries() *toyGalleries {
	return &toyGalleries{byName: map[string]gateway.Gallery{}, members: map[string]map[string]string{}, ends: map[string]gateway.GalleryEnd{}}
}

func (g *toyGalleries) PutGallery(_ context.Context, meta gateway.Gallery) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.byName[meta.Name]
	g.byName[meta.Name] = meta
	if !known {
		g.members[meta.Name] = map[string]string{}
	}
	return !known, nil
}

func (g *toyGalleries) EndGallery(_ context.Context, end gateway.GalleryEnd, _ time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != nil {
		return g.fail
	}
	if _, ok := g.byName[end.Gallery]; !ok {
		return gateway.ErrNotFound
	}
	delete(g.byName, end.Gallery)
	delete(g.members, end.Gallery)
	g.ends[end.Gallery] = end
	return nil
}

func (g *toyGalleries) Ended(_ context.Context, name string) (gateway.GalleryEnd, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	end, ok := g.ends[name]
	if !ok {
		return end, gateway.ErrNotFound
	}
	return end, nil
}

func (g *toyGalleries) AddMembers(_ context.Context, name string, members []gateway.Membership) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != nil {
		return g.fail
	}
	if g.members[name] == nil {
		return gateway.ErrNotFound
	}
	for _, m := range members {
		g.members[name][m.Subject] = m.Group
	}
	return nil
}

func (g *toyGalleries) RemoveMember(_ context.Context, name, subject string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.members[name], subject)
	return nil
}

func (g *toyGalleries) ForgetMember(_ context.Context, subject string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != nil {
		return g.fail
	}
	for _, m := range g.members {
		delete(m, subject)
	}
	return nil
}

func (g *toyGalleries) EachGallery(_ context.Context, f func(gateway.Gallery, []gateway.Membership) error) error {
	for name, meta := range g.byName {
		var members []gateway.Membership
		for s, group := range g.members[name] {
			members = append(members, gateway.Membership{Subject: s, Group: group})
		}
		if err := f(meta, members); err != nil {
			return err
		}
	}
	return nil
}

// toyIssuer writes facts down instead of signing them.
type toyIssuer struct {
	mu    sync.Mutex
	facts []gateway.AssertionFacts
	fail  bool
	pause chan struct{} // when not nil, signing waits for it
}

func (i *toyIssuer) Assertion(_ context.Context, a gateway.AssertionFacts) (string, error) {
	if i.pause != nil {
		i.pause <- struct{}{}
		<-i.pause
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail {
		return "", errors.New("the signer is gone")
	}
	i.facts = append(i.facts, a)
	return "token for " + a.Party.Audience, nil
}

func (i *toyIssuer) DeletionReceipt(context.Context, gateway.DeletionFacts) (string, error) {
	return "receipt", nil
}

func (i *toyIssuer) GalleryReceipt(_ context.Context, e gateway.GalleryEnd) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail {
		return "", errors.New("the signer is gone")
	}
	return "receipt of " + e.Gallery, nil
}

type nobody struct{}

func (nobody) Stage(string, time.Duration)                {}
func (nobody) Call(string, string, string, time.Duration) {}
func (nobody) Breaker(string, string)                     {}
func (nobody) Decision(string, string)                    {}
