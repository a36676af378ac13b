package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/gateway/porttest"
	"biogate/matcher"
)

// strangersEngine gives two different people a score that is distributed N(0,1), as toyCalibration says.
type strangersEngine struct{ toyEngine }

func (e strangersEngine) Probe(t matcher.Template) (matcher.Probe, error) {
	return strangersProbe{toyProbe{t}}, e.check(t)
}

type strangersProbe struct{ toyProbe }

func (p strangersProbe) Compare(ref matcher.Reference) (float64, error) {
	r := ref.(toyTemplate)
	if string(p.Payload) == string(r.Payload) {
		return 9, nil
	}
	h := fnv.New64a()
	h.Write(p.Payload)
	h.Write([]byte{0})
	h.Write(r.Payload)
	x := h.Sum64()
	x = (x ^ x>>31) * 0x9e3779b97f4a7c15 // the last bytes of what FNV takes hardly reach its first bits
	x ^= x >> 29
	return math.Sqrt2 * math.Erfinv(2*(float64(x>>11)+0.5)/(1<<53)-1), nil
}

// populate makes a gallery of n members whose references are of the modalities given by each; member i is in group i mod 10.
func (h *house) populate(t *testing.T, n int, each func(i int) []matcher.Sample) {
	t.Helper()
	if _, err := h.galleries.PutGallery(context.Background(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	var members []gateway.Membership
	for i := range n {
		refs := gateway.References{Subject: fmt.Sprintf("m%05d", i), Version: 1}
		for k, sample := range each(i) {
			var engine toyEngine
			for _, e := range h.deps.Engines {
				if e.Modality() == sample.Modality {
					engine = e.(strangersEngine).toyEngine
				}
			}
			x, err := engine.Extract(context.Background(), sample, nil)
			if err != nil {
				t.Fatal(err)
			}
			data, err := x.Template.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			refs.Templates = append(refs.Templates, gateway.StoredTemplate{
				ID: fmt.Sprintf("t%d", k), Modality: x.Template.Modality, Model: x.Template.Model, Position: x.Template.Position, Data: data,
			})
		}
		if len(refs.Templates) > 0 {
			h.registry.held[refs.Subject] = refs
		}
		members = append(members, gateway.Membership{Subject: refs.Subject, Group: fmt.Sprintf("group-%d", i%10)})
	}
	if err := h.galleries.AddMembers(context.Background(), "g", members); err != nil {
		t.Fatal(err)
	}
	h.restart(t)
}

func strangers(d *gateway.Deps) {
	d.Engines = []matcher.Engine{strangersEngine{toyEngine{matcher.Face, "toy-face-1"}}, strangersEngine{toyEngine{matcher.Finger, "toy-finger-1"}}}
	d.Policy = decision.Policy{MaxFMR: 0.5, IdentifyFPIR: 0.05, MaxCandidates: 5}
}

func (h *house) identify(t *testing.T, r gateway.IdentifyRequest) gateway.IdentifyOutcome {
	t.Helper()
	r.Gallery, r.Audience = "g", "https://rp.example"
	out, err := h.Identify(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStrangersAreFoundAtThePolicysRate: whatever the size of the gallery, what its members hold and what part of it is
// searched, a stranger finds somebody at identify_fpir, and not far below it: a rate of nothing would prove nothing.
func TestStrangersAreFoundAtThePolicysRate(t *testing.T) {
	one := func(i int) []matcher.Sample { return []matcher.Sample{face(fmt.Sprintf("r%d", i))} }
	uneven := func(i int) (out []matcher.Sample) { // 0 to 3 references
		for k := range i % 4 {
			out = append(out, face(fmt.Sprintf("r%d-%d", i, k)))
		}
		return out
	}
	both := func(i int) []matcher.Sample {
		return []matcher.Sample{face(fmt.Sprintf("r%d", i)), finger(fmt.Sprintf("f%d", i), "right-thumb")}
	}
	var few []string
	for i := range 20 {
		few = append(few, fmt.Sprintf("m%05d", i*7))
	}
	for _, c := range []struct {
		name              string
		members, searches int
		each              func(int) []matcher.Sample
		fingers           bool
		among             matcher.Filter
		searched          int
	}{
		{"one member", 1, 2000, one, false, matcher.Filter{}, 1},
		{"ten", 10, 2000, one, false, matcher.Filter{}, 10},
		{"a hundred with 0 to 3 references", 100, 2000, uneven, false, matcher.Filter{}, 75},
		{"a thousand", 1000, 1000, one, false, matcher.Filter{}, 1000},
		{"ten thousand with 0 to 3 references", 10_000, 400, uneven, false, matcher.Filter{}, 7500},
		{"two modalities", 300, 300, both, true, matcher.Filter{}, 300},
		{"a group", 1000, 1000, uneven, false, matcher.Filter{Group: "group-3"}, 100},
		{"some subjects", 1000, 1000, one, false, matcher.Filter{Subjects: append(few, few...)}, 20},
		{"some subjects of a group", 1000, 1000, one, false, matcher.Filter{Group: "group-0", Subjects: few}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, strangers)
			h.populate(t, c.members, c.each)
			found := 0
			for i := range c.searches {
				r := gateway.IdentifyRequest{Captures: []matcher.Sample{face(fmt.Sprintf("stranger %d", i))}, Among: c.among}
				if c.fingers {
					r.Captures = append(r.Captures, finger(fmt.Sprintf("stranger %d", i), "right-thumb"))
				}
				out := h.identify(t, r)
				if out.Searched != c.searched {
					t.Fatalf("searched %d, want %d", out.Searched, c.searched)
				}
				if want := min(1, out.FMR*float64(out.Searched)); out.FPIR != want {
					t.Fatalf("fpir %v, want %v", out.FPIR, want)
				}
				if out.Decision == decision.Match {
					found++
					if out.FPIR > 0.05*(1+1e-9) {
						t.Fatalf("a match at fpir %v", out.FPIR)
					}
				}
			}
			expected := 0.05 * float64(c.searches)
			if high := expected + 4*math.Sqrt(expected); float64(found) > high || !c.fingers && float64(found) < expected/2 {
				t.Errorf("%d of %d strangers found somebody, %v are expected", found, c.searches, expected)
			}
		})
	}
}

// TestAGalleryCanBeTooLarge: where no score reaches the rate that is demanded, the answer does not speak of strangers.
func TestAGalleryCanBeTooLarge(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) {
		strangers(d)
		d.Policy = decision.Policy{MaxFMR: 1e-4, IdentifyFPIR: 1e-11, MaxCandidates: 5}
	})
	h.populate(t, 20, func(i int) []matcher.Sample { return []matcher.Sample{face(fmt.Sprintf("r%d", i))} })
	out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face("r7")}})
	if out.Decision != decision.Inconclusive || !slices.Contains(out.Reasons, "gallery-too-large") || len(out.Candidates) > 0 {
		t.Errorf("%+v", out)
	}
	if out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face("nobody")}}); out.Decision != decision.NoMatch {
		t.Errorf("a stranger: %+v", out)
	}
	only := matcher.Filter{Subjects: []string{"m00007"}}
	if out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face("r7")}, Among: only}); out.Decision != decision.Match {
		t.Errorf("among one: %+v", out)
	}
}

func TestIdentifyAmong(t *testing.T) {
	h := newHouse(t)
	for _, who := range []string{"anna", "ben", "cleo", "dan"} {
		h.enroll(t, who, face(who))
	}
	if _, _, err := h.PutGallery(context.Background(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	add := func(members ...gateway.Membership) {
		t.Helper()
		if _, err := h.AddMembers(context.Background(), "g", members); err != nil {
			t.Fatal(err)
		}
	}
	add(gateway.Membership{Subject: "anna", Group: "crew"}, gateway.Membership{Subject: "ben", Group: "crew"}, gateway.Membership{Subject: "cleo"})
	found := func(who string, among matcher.Filter) string {
		t.Helper()
		out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face(who)}, Among: among})
		if (out.Decision == decision.Match) != (len(out.Candidates) == 1) {
			t.Errorf("%s: %+v", who, out)
		}
		if len(out.Candidates) == 0 {
			return fmt.Sprintf("nobody of %d", out.Searched)
		}
		return fmt.Sprintf("%s of %d", out.Candidates[0].Subject, out.Searched)
	}
	crew, two := matcher.Filter{Group: "crew"}, matcher.Filter{Subjects: []string{"cleo", "anna", "nobody", "dan", "cleo"}}
	check := func(want map[string]string) {
		t.Helper()
		got := map[string]string{}
		for _, who := range []string{"anna", "ben", "cleo"} {
			got[who] = found(who, matcher.Filter{})
			got[who+" in the crew"] = found(who, crew)
			got[who+" among two"] = found(who, two)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf(" got %v\nwant %v", got, want)
		}
	}
	before := map[string]string{
		"anna": "anna of 3", "anna in the crew": "anna of 2", "anna among two": "anna of 2",
		"ben": "ben of 3", "ben in the crew": "ben of 2", "ben among two": "nobody of 2",
		"cleo": "cleo of 3", "cleo in the crew": "nobody of 2", "cleo among two": "cleo of 2",
	}
	check(before)
	if facts := h.issuer.facts[len(h.issuer.facts)-1]; facts.Subject != "cleo" || facts.Searched != 2 || facts.Group != "" {
		t.Errorf("asserted %+v", facts)
	}
	h.restart(t) // groups are kept
	check(before)

	h.galleries.fail = errors.New("the disk is full")
	if _, err := h.AddMembers(context.Background(), "g", []gateway.Membership{{Subject: "anna"}, {Subject: "dan", Group: "crew"}, {Subject: "dan"}, {Subject: "cleo", Group: "x"}, {Subject: "cleo", Group: "crew"}}); err == nil {
		t.Error("a change that was not stored succeeded")
	}
	h.galleries.fail = nil
	check(before)

	add(gateway.Membership{Subject: "anna"}, gateway.Membership{Subject: "cleo", Group: "crew"})
	after := map[string]string{
		"anna": "anna of 3", "anna in the crew": "nobody of 2", "anna among two": "anna of 2",
		"ben": "ben of 3", "ben in the crew": "ben of 2", "ben among two": "nobody of 2",
		"cleo": "cleo of 3", "cleo in the crew": "cleo of 2", "cleo among two": "cleo of 2",
	}
	check(after)
	h.restart(t)
	check(after)

	h.enroll(t, "ben", face("ben"), finger("ben", "left-thumb")) // a change of references keeps the group
	if got := found("ben", crew); got != "ben of 2" {
		t.Errorf("after another enrolment: %s", got)
	}
	if _, err := h.Forget(context.Background(), "ben"); err != nil {
		t.Fatal(err)
	}
	if got := found("ben", crew); got != "nobody of 1" {
		t.Errorf("after deletion: %s", got)
	}
}

func TestWhatASearchMayBeConfinedTo(t *testing.T) {
	h := newHouse(t)
	many := make([]string, gateway.MaxAmong+1)
	for i := range many {
		many[i] = "s"
	}
	for code, among := range map[string]matcher.Filter{
		"group-invalid":    {Group: "a b"},
		"subject-invalid":  {Subjects: []string{"a b"}},
		"subjects-invalid": {Subjects: many},
	} {
		_, err := h.Identify(context.Background(), gateway.IdentifyRequest{Gallery: "g", Audience: "a", Among: among})
		wantCode(t, err, code, gateway.Malformed)
	}
	_, err := h.Identify(context.Background(), gateway.IdentifyRequest{Gallery: "g", Audience: "a", Among: matcher.Filter{Subjects: []string{}}})
	wantCode(t, err, "subjects-invalid", gateway.Malformed)
	if _, _, err := h.PutGallery(context.Background(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	results, err := h.AddMembers(context.Background(), "g", []gateway.Membership{{Subject: "a", Group: "*"}})
	if err != nil || results[0].Err == nil || results[0].Err.Code != "group-invalid" {
		t.Errorf("%+v %v", results, err)
	}
}

// TestStartReadsEachSubjectOnce, however many galleries it is in.
func TestStartReadsEachSubjectOnce(t *testing.T) {
	h := newHouse(t)
	for i := range 700 {
		h.enroll(t, fmt.Sprintf("s%03d", i), face(fmt.Sprintf("s%03d", i)))
	}
	for k := range 3 {
		name := fmt.Sprintf("g%d", k)
		if _, _, err := h.PutGallery(context.Background(), gateway.Gallery{Name: name}); err != nil {
			t.Fatal(err)
		}
		var members []string
		for i := range 700 {
			if i%(k+1) == 0 {
				members = append(members, fmt.Sprintf("s%03d", i))
			}
		}
		if _, err := h.AddMembers(context.Background(), name, porttest.Members(members...)); err != nil {
			t.Fatal(err)
		}
	}
	counted := &countingLister{TemplateLister: h.registry}
	h.deps.Lister = counted
	h.restart(t)
	if counted.seen != 700 {
		t.Errorf("%d subjects were read", counted.seen)
	}
	for name, want := range map[string]int{"g0": 700, "g1": 350, "g2": 234} {
		info, err := h.Gallery(context.Background(), name)
		if err != nil || info.Members != want || info.Searchable[matcher.Face] != want {
			t.Errorf("%s: %+v %v, want %d", name, info, err, want)
		}
	}
}

// TestStartWithDeduplication: everybody is in memory, in a gallery or not, and the galleries are as they were.
func TestStartWithDeduplication(t *testing.T) {
	h := newHouse(t, func(d *gateway.Deps) { d.Deduplicate = true })
	for i := range 600 {
		h.enroll(t, fmt.Sprintf("s%03d", i), finger(fmt.Sprintf("s%03d", i), "right-thumb"))
	}
	if _, _, err := h.PutGallery(context.Background(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddMembers(context.Background(), "g", []gateway.Membership{{Subject: "s007", Group: "crew"}, {Subject: "s008"}}); err != nil {
		t.Fatal(err)
	}
	h.restart(t)
	for _, i := range []int{0, 7, 599} {
		_, err := h.Enroll(context.Background(), gateway.EnrollRequest{Subject: "other", Captures: []matcher.Sample{finger(fmt.Sprintf("s%03d", i), "left-thumb")}})
		wantCode(t, err, "duplicate-subject", gateway.Conflict)
	}
	for who, want := range map[string]int{"s007": 1, "s008": 0, "s009": 0} {
		out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{finger(who, "right-thumb")}, Among: matcher.Filter{Group: "crew"}})
		if len(out.Candidates) != want || out.Searched != 1 {
			t.Errorf("%s: %+v", who, out)
		}
	}
	if info, err := h.Gallery(context.Background(), "g"); err != nil || info.Members != 2 || info.Searchable[matcher.Finger] != 2 {
		t.Errorf("%+v %v", info, err)
	}
}

type countingLister struct {
	gateway.TemplateLister
	seen int
}

func (l *countingLister) Some(ctx context.Context, subjects []string, f func(gateway.References) error) error {
	return l.TemplateLister.Some(ctx, subjects, func(r gateway.References) error { l.seen++; return f(r) })
}

// TestWhoLeftAGroupIsNotFoundInIt while members move, come and go beside searches.
func TestWhoLeftAGroupIsNotFoundInIt(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		h.enroll(t, fmt.Sprint("s", i), face(fmt.Sprint("s", i)))
	}
	done := make(chan struct{})
	var others sync.WaitGroup
	for k := range 3 {
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				subject := fmt.Sprint("s", 1+(i*7+k)%19)
				_, _ = h.AddMembers(ctx, "g", []gateway.Membership{{Subject: subject, Group: fmt.Sprint("group", i%3)}})
				if i%5 == 0 {
					_ = h.RemoveMember(ctx, "g", subject)
				}
			}
		})
	}
	version := uint64(0)
	for i := range 300 {
		here, there := fmt.Sprint("group", i%2), fmt.Sprint("group", 1-i%2)
		if _, err := h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "s0", Group: here}}); err != nil {
			t.Fatal(err)
		}
		for group, want := range map[string]bool{here: true, there: false, "": true} {
			out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face("s0")}, Among: matcher.Filter{Group: group}})
			if (out.Decision == decision.Match) != want || want && out.Searched < 1 {
				t.Fatalf("s0 moved to %s, and in %q: %s, searched %d", here, group, out.Decision, out.Searched)
			}
		}
		info, err := h.Gallery(ctx, "g")
		if err != nil || info.Version <= version {
			t.Fatalf("version %d after %d (%v)", info.Version, version, err)
		}
		version = info.Version
	}
	close(done)
	others.Wait()
	// What the counts say is what is there.
	for i := range 20 {
		_ = h.RemoveMember(ctx, "g", fmt.Sprint("s", i))
	}
	out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face("s0")}})
	if info, err := h.Gallery(ctx, "g"); err != nil || info.Members != 0 || info.Searchable[matcher.Face] != 0 || out.Searched != 0 {
		t.Errorf("of an empty gallery %d were searched: %+v %v", out.Searched, info, err)
	}
}

// forgettingGalleries has something happen before members are written.
type forgettingGalleries struct {
	gateway.Galleries
	before func()
}

func (g *forgettingGalleries) AddMembers(ctx context.Context, name string, members []gateway.Membership) error {
	g.before()
	return g.Galleries.AddMembers(ctx, name, members)
}

// TestWhoIsForgottenWhileAddedIsNoMember: else whoever is enrolled under the id later would be one after the next start.
func TestWhoIsForgottenWhileAddedIsNoMember(t *testing.T) {
	store := &forgettingGalleries{before: func() {}}
	h := newHouse(t, func(d *gateway.Deps) { store.Galleries, d.Galleries = d.Galleries, store })
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	for _, was := range [][]gateway.Membership{nil, {{Subject: "alice", Group: "a"}}, {{Subject: "alice", Group: "b"}}} {
		h.enroll(t, "alice", face("alice"))
		store.before = func() {}
		if _, err := h.AddMembers(ctx, "g", was); err != nil {
			t.Fatal(err)
		}
		store.before = func() {
			if _, err := h.Forget(ctx, "alice"); err != nil {
				t.Error(err)
			}
		}
		if _, err := h.AddMembers(ctx, "g", []gateway.Membership{{Subject: "alice", Group: "b"}}); err != nil {
			t.Fatal(err)
		}
		err := store.EachGallery(ctx, func(_ gateway.Gallery, members []gateway.Membership) error {
			if len(members) > 0 {
				t.Errorf("a member of before, %v: %v is kept", was, members)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func (g *forgettingGalleries) RemoveMember(ctx context.Context, name, subject string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return g.Galleries.RemoveMember(ctx, name, subject)
}

// endingRegistry ends a request once some subjects were read, and answers no request that has ended.
type endingRegistry struct {
	*toyRegistry
	left int
	end  func()
}

func (r *endingRegistry) Get(ctx context.Context, subject string) (gateway.References, []string, error) {
	if ctx.Err() != nil {
		return gateway.References{}, nil, ctx.Err()
	}
	if r.left--; r.left == 0 {
		r.end()
	}
	return r.toyRegistry.Get(ctx, subject)
}

// TestMembersAreUndoneThoughTheRequestHasEnded: nobody has to wait until they are looked up again.
func TestMembersAreUndoneThoughTheRequestHasEnded(t *testing.T) {
	registry, store := &endingRegistry{}, &forgettingGalleries{before: func() {}}
	h := newHouse(t, func(d *gateway.Deps) {
		registry.toyRegistry, store.Galleries = d.Registry.(*toyRegistry), d.Galleries
		d.Registry, d.Galleries = registry, store
	})
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	var before, moved []gateway.Membership
	for _, who := range []string{"alice", "bob", "carol"} {
		h.enroll(t, who, face(who))
		before, moved = append(before, gateway.Membership{Subject: who, Group: "a"}), append(moved, gateway.Membership{Subject: who, Group: "b"})
	}
	if _, err := h.AddMembers(ctx, "g", before); err != nil {
		t.Fatal(err)
	}
	ending, end := context.WithCancel(ctx)
	registry.left, registry.end = 2, end
	_, err := h.AddMembers(ending, "g", moved)
	wantCode(t, err, "deadline-exceeded", gateway.Unavailable)
	for _, m := range before {
		out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face(m.Subject)}, Among: matcher.Filter{Group: "a"}})
		if out.Decision != decision.Match || out.Searched != len(before) {
			t.Errorf("%s: %s, searched %d", m.Subject, out.Decision, out.Searched)
		}
	}

	ending, end = context.WithCancel(ctx)
	store.before = func() {
		if _, err := h.Forget(ctx, "alice"); err != nil {
			t.Error(err)
		}
		end()
	}
	if _, err := h.AddMembers(ending, "g", moved[:1]); err != nil {
		t.Error(err)
	}
	if _, in := h.galleries.members["g"]["alice"]; in {
		t.Error("whoever was forgotten while being added is a member in the store")
	}
}

// countingRegistry counts reads, and fails once some were served.
type countingRegistry struct {
	*toyRegistry
	reads, most atomic.Int64 // most 0: any number
}

func (r *countingRegistry) Get(ctx context.Context, subject string) (gateway.References, []string, error) {
	if n := r.reads.Add(1); r.most.Load() > 0 && n > r.most.Load() {
		return gateway.References{}, nil, errors.New("the disk is slow")
	}
	return r.toyRegistry.Get(ctx, subject)
}

// TestALongListThatFailsIsLookedUpOnce: its members are where they were as soon as the record answers again, and then left alone.
func TestALongListThatFailsIsLookedUpOnce(t *testing.T) {
	registry := &countingRegistry{}
	h := newHouse(t, func(d *gateway.Deps) {
		registry.toyRegistry = d.Registry.(*toyRegistry)
		d.Registry, d.Deduplicate = registry, true // an enrolment looks at all in doubt first
	})
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	var before, moved []gateway.Membership
	const n = 20
	for i := range n {
		who := fmt.Sprint("m", i)
		h.enroll(t, who, face(who))
		before, moved = append(before, gateway.Membership{Subject: who, Group: "a"}), append(moved, gateway.Membership{Subject: who, Group: "b"})
	}
	if _, err := h.AddMembers(ctx, "g", before); err != nil {
		t.Fatal(err)
	}
	registry.reads.Store(0)
	registry.most.Store(n - 1)
	if _, err := h.AddMembers(ctx, "g", moved); err == nil {
		t.Fatal("members were added without their references")
	}
	registry.most.Store(0)
	for turn, most := range []int64{n, 0} {
		registry.reads.Store(0)
		h.enroll(t, fmt.Sprint("other", turn), face(fmt.Sprint("other", turn)))
		const nearest = 11 // whom deduplication compares
		if reads := registry.reads.Load(); reads > most+nearest {
			t.Errorf("turn %d: %d reads", turn, reads)
		}
	}
	for _, m := range before {
		out := h.identify(t, gateway.IdentifyRequest{Captures: []matcher.Sample{face(m.Subject)}, Among: matcher.Filter{Group: "a"}})
		if out.Decision != decision.Match || out.Searched != n {
			t.Errorf("%s: %s, searched %d", m.Subject, out.Decision, out.Searched)
		}
	}
}

// slowIndex is one whose searches last until they are let go.
type slowIndex struct {
	matcher.Index
	began, free chan struct{}
}

func (x slowIndex) Search(ctx context.Context, q matcher.Query, out []matcher.Candidate) ([]matcher.Candidate, error) {
	x.began <- struct{}{}
	<-x.free
	return x.Index.Search(ctx, q, out)
}

type slowEngine struct {
	toyEngine
	began, free chan struct{}
}

func (e slowEngine) NewIndex() matcher.Index {
	return slowIndex{e.toyEngine.NewIndex(), e.began, e.free}
}

// TestSearchesAreBounded: more than two a worker would only make all of them late. Who waits leaves when the request's time is over.
func TestSearchesAreBounded(t *testing.T) {
	slow := slowEngine{toyEngine{matcher.Face, "toy-face-1"}, make(chan struct{}), make(chan struct{})}
	h := newHouse(t, func(d *gateway.Deps) { d.Engines, d.Workers = []matcher.Engine{slow}, 1 })
	h.enroll(t, "a", face("alice"))
	if _, err := h.galleries.PutGallery(t.Context(), gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	if err := h.galleries.AddMembers(t.Context(), "g", []gateway.Membership{{Subject: "a"}}); err != nil {
		t.Fatal(err)
	}
	h.restart(t)
	ask := func(ctx context.Context) error {
		_, err := h.Identify(ctx, gateway.IdentifyRequest{Audience: "https://rp.example", Gallery: "g", Captures: []matcher.Sample{face("alice")}})
		return err
	}
	var searches sync.WaitGroup
	for range 2 {
		searches.Go(func() {
			if err := ask(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-slow.began
	}
	late, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	wantCode(t, ask(late), "overloaded", gateway.Unavailable)
	close(slow.free)
	searches.Wait()
}
