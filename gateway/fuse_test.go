package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/gateway/porttest"
	"biogate/matcher"
)

// fusingEngine is a toyEngine whose samples are "alice/1": the person, and which capture. It fuses captures of one person to
// "alice/1+alice/2", and writes down what it fused and what it prepared as references.
type fusingEngine struct {
	toyEngine
	fail bool

	mu       sync.Mutex
	fused    []string
	prepared []string
}

func (e *fusingEngine) Fuse(templates []matcher.Template) ([]matcher.FusedTemplate, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail {
		return nil, errors.New("cannot be fused")
	}
	var order []string
	of := map[string][]int{}
	for i, t := range templates {
		who := person(t.Payload)
		if of[who] == nil {
			order = append(order, who)
		}
		of[who] = append(of[who], i)
	}
	var out []matcher.FusedTemplate
	for _, who := range order {
		var parts []string
		for _, i := range of[who] {
			parts = append(parts, string(templates[i].Payload))
		}
		t := templates[of[who][0]]
		t.Payload = []byte(strings.Join(parts, "+"))
		e.fused = append(e.fused, string(t.Payload))
		out = append(out, matcher.FusedTemplate{Template: t, Of: of[who]})
	}
	return out, nil
}

func (e *fusingEngine) Reference(t matcher.Template) (matcher.Reference, error) {
	e.mu.Lock()
	e.prepared = append(e.prepared, string(t.Payload))
	e.mu.Unlock()
	return e.toyEngine.Reference(t)
}

func (e *fusingEngine) Probe(t matcher.Template) (matcher.Probe, error) {
	return fusingProbe{toyProbe{t}}, e.check(t)
}

// taken empties what was written down.
func (e *fusingEngine) taken() (fused, prepared []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fused, prepared, e.fused, e.prepared = e.fused, e.prepared, nil, nil
	return fused, prepared
}

// fusingProbe scores 9 with every reference of its person.
type fusingProbe struct{ toyProbe }

func (p fusingProbe) Compare(ref matcher.Reference) (float64, error) {
	if person(p.Payload) == person(ref.(toyTemplate).Payload) {
		return 9, nil
	}
	return p.toyProbe.Compare(ref)
}

func person(payload []byte) string {
	who, _, _ := strings.Cut(string(payload), "/")
	return who
}

// stages counts the stages that were observed.
type stages struct {
	nobody
	mu    sync.Mutex
	count map[string]int
}

func (s *stages) Stage(name string, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[name]++
}

func newFusingHouse(t *testing.T, change ...func(*gateway.Deps)) (*house, *fusingEngine) {
	t.Helper()
	e := &fusingEngine{toyEngine: toyEngine{matcher.Finger, "toy-finger-1"}}
	h := newHouse(t, append(change, func(d *gateway.Deps) { d.Engines[1] = e })...)
	return h, e
}

// takes are captures 1 to n of a finger.
func takes(who string, p matcher.Position, n int) (out []matcher.Sample) {
	for i := range n {
		out = append(out, finger(fmt.Sprintf("%s/%d", who, i+1), p))
	}
	return out
}

// comparisons asks with a capture that nobody enrolled.
func (h *house) comparisons(t *testing.T, subject, who string) int {
	t.Helper()
	out := h.verify(t, subject, finger(who+"/probe", ""))
	if out.Decision != decision.Match || len(out.Scores) != 1 {
		t.Fatalf("%s: %s, scores %+v", who, out.Decision, out.Scores)
	}
	return out.Scores[0].Comparisons
}

// derived lists what the references of a subject are made of.
func (h *house) derived(t *testing.T, subject string) (out []string) {
	t.Helper()
	for _, d := range h.registry.held[subject].Derived {
		parsed, err := matcher.ParseTemplate(d.Data)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(parsed.Payload))
	}
	return out
}

func TestCapturesOfOneFingerAreOneReference(t *testing.T) {
	h, e := newFusingHouse(t)
	ctx := context.Background()
	result, err := h.Enroll(ctx, gateway.EnrollRequest{Subject: "a", Captures: append(takes("index", "right-index", 3), face("alice"), face("alice"))})
	if err != nil || len(result.Templates) != 5 {
		t.Fatalf("%d templates of 5 captures, %v", len(result.Templates), err)
	}
	if fused, _ := e.taken(); !slices.Equal(fused, []string{"index/1+index/2+index/3"}) {
		t.Errorf("fused %v: not once, or not outside the subject's lock alone", fused)
	}
	if n := h.comparisons(t, "a", "index"); n != 1 {
		t.Errorf("%d comparisons with one reference", n)
	}
	info, err := h.Subject(ctx, "a")
	if err != nil || len(info.Templates) != 5 || slices.ContainsFunc(info.Templates, func(i gateway.TemplateInfo) bool {
		return i.ID == h.registry.held["a"].Derived[0].ID
	}) {
		t.Errorf("%+v %v", info.Templates, err)
	}
	gone, err := h.Forget(ctx, "a")
	if err != nil || gone.Templates != 5 {
		t.Errorf("the receipt counts %d captures, %v", gone.Templates, err)
	}
	_, err = h.Verify(ctx, gateway.VerifyRequest{Subject: "a", Audience: "rp", Captures: takes("index", "", 1)})
	wantCode(t, err, "subject-unknown", gateway.NotFound)
}

func TestLaterCapturesAreFusedWithEarlierOnes(t *testing.T) {
	h, _ := newFusingHouse(t)
	h.enroll(t, "a", takes("index", "right-index", 1)...)
	if d := h.derived(t, "a"); len(d) != 0 {
		t.Errorf("one capture was fused to %v", d)
	}
	h.enroll(t, "a", finger("index/2", "right-index"), finger("thumb/1", "left-thumb"))
	h.enroll(t, "a", finger("index/3", "right-index"), finger("thumb/2", "left-thumb"))
	if d := h.derived(t, "a"); !slices.Equal(d, []string{"index/1+index/2+index/3", "thumb/1+thumb/2"}) {
		t.Errorf("derived %v", d)
	}
	if n := len(h.registry.held["a"].Templates); n != 5 {
		t.Errorf("%d captures are held", n)
	}
}

func TestOnlyWhatIsAlikeUnderOneLabelIsFused(t *testing.T) {
	h, _ := newFusingHouse(t)
	h.enroll(t, "a", slices.Concat(takes("index", "right-index", 2), takes("thumb", "right-index", 2), takes("ring", "", 2), takes("index", "", 1),
		[]matcher.Sample{finger("index/3", "left-index")})...)
	if d := h.derived(t, "a"); !slices.Equal(d, []string{"index/1+index/2", "thumb/1+thumb/2", "ring/1+ring/2"}) {
		t.Errorf("derived %v", d)
	}
	for i, d := range h.registry.held["a"].Derived {
		if want := []matcher.Position{"right-index", "right-index", ""}[i]; d.Position != want {
			t.Errorf("reference %d is of position %q, its captures of %q", i, d.Position, want)
		}
	}
	for _, who := range []string{"index", "thumb", "ring"} {
		if n := h.comparisons(t, "a", who); n != 5 {
			t.Errorf("%s: %d comparisons, not with three references and two single captures", who, n)
		}
	}
}

func TestGalleriesHoldDerivedReferences(t *testing.T) {
	h, e := newFusingHouse(t, func(d *gateway.Deps) { d.Deduplicate = true })
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	h.enroll(t, "a", takes("index", "right-index", 3)...)
	if _, err := h.AddMembers(ctx, "g", porttest.Members("a")); err != nil {
		t.Fatal(err)
	}
	if err := h.galleries.AddMembers(ctx, "g", porttest.Members("a")); err != nil {
		t.Fatal(err)
	}
	e.taken()
	h.restart(t)
	if _, prepared := e.taken(); len(prepared) == 0 || slices.ContainsFunc(prepared, func(p string) bool { return p != "index/1+index/2+index/3" }) {
		t.Errorf("after a restart the galleries hold %v", prepared)
	}
	out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "rp", Captures: takes("index", "", 1)})
	if err != nil || out.Decision != decision.Match || out.Scores[0].Comparisons != 1 {
		t.Errorf("%s %+v %v", out.Decision, out.Scores, err)
	}
	_, err = h.Enroll(ctx, gateway.EnrollRequest{Subject: "b", Captures: []matcher.Sample{finger("index/9", "left-thumb")}})
	wantCode(t, err, "duplicate-subject", gateway.Conflict)
}

// A derived reference that is not sound keeps nobody out: the captures are compared.
func TestCapturesDecideWhereADerivedReferenceIsNotSound(t *testing.T) {
	for name, spoil := range map[string]func(*gateway.References){
		"a source is missing":      func(r *gateway.References) { r.Templates = r.Templates[1:] },
		"made of nothing":          func(r *gateway.References) { r.Derived[0].Of = nil },
		"of another model":         func(r *gateway.References) { r.Derived[0].Model = "toy-finger-0" },
		"of another position":      func(r *gateway.References) { r.Derived[0].Position = "left-thumb" },
		"made under another label": func(r *gateway.References) { relabel(&r.Derived[0].StoredTemplate, "left-thumb") },
		"of another modality":      func(r *gateway.References) { r.Derived[0].Modality = matcher.Face },
		"damaged":                  func(r *gateway.References) { r.Derived[0].Data[12] ^= 1 },
		"cut off":                  func(r *gateway.References) { r.Derived[0].Data = nil },
		"made of a derived one":    func(r *gateway.References) { r.Derived[0].Of[0] = r.Derived[0].ID },
		"its captures are of none": func(r *gateway.References) { r.Templates[0].Model = "toy-finger-0" },
	} {
		h, _ := newFusingHouse(t)
		h.enroll(t, "a", takes("index", "right-index", 3)...)
		refs := h.registry.held["a"]
		spoil(&refs)
		h.registry.held["a"] = refs
		if n := h.comparisons(t, "a", "index"); n < 2 || n > 3 {
			t.Errorf("%s: %d comparisons", name, n)
		}
		if out := h.verify(t, "a", finger("mallory/1", "")); out.Decision != decision.NoMatch {
			t.Errorf("%s: a stranger: %s", name, out.Decision)
		}
	}
}

// relabel makes t a template of another position, its header too.
func relabel(t *gateway.StoredTemplate, p matcher.Position) {
	rewrite(t, func(parsed *matcher.Template) { parsed.Position = p })
}

func rewrite(t *gateway.StoredTemplate, change func(*matcher.Template)) {
	parsed, err := matcher.ParseTemplate(t.Data)
	change(&parsed)
	data, failed := parsed.AppendBinary(nil)
	if err != nil || failed != nil {
		panic(errors.Join(err, failed))
	}
	t.Model, t.Position, t.Data = parsed.Model, parsed.Position, data
}

func TestCapturesOfAnEarlierModelAreNotFused(t *testing.T) {
	h, _ := newFusingHouse(t)
	h.enroll(t, "a", takes("index", "right-index", 2)...)
	for i := range 2 {
		rewrite(&h.registry.held["a"].Templates[i], func(parsed *matcher.Template) { parsed.Model = "toy-finger-0" })
	}
	h.enroll(t, "a", finger("index/3", "right-index"))
	if d := h.derived(t, "a"); len(d) != 0 {
		t.Errorf("derived %v", d)
	}
	if n := h.comparisons(t, "a", "index"); n != 1 {
		t.Errorf("%d comparisons", n)
	}
	h.enroll(t, "a", finger("index/4", "right-index"))
	if d := h.derived(t, "a"); !slices.Equal(d, []string{"index/3+index/4"}) {
		t.Errorf("derived %v", d)
	}
}

// What is left of an earlier model is not compared, and so does not make one finger of two either.
func TestAnUnlabelledCaptureOfAnEarlierModelMergesNoFingers(t *testing.T) {
	h := newHouse(t)
	h.enroll(t, "a", finger("ring", ""), finger("index", "right-index"), finger("thumb", "left-thumb"))
	probes := []matcher.Sample{finger("index", "right-index"), finger("thumb", "left-thumb")}
	if out := h.verify(t, "a", probes...); len(out.Scores) != 1 {
		t.Errorf("%d scores with a reference that could be of either finger", len(out.Scores))
	}
	rewrite(&h.registry.held["a"].Templates[0], func(parsed *matcher.Template) { parsed.Model = "toy-finger-0" })
	if out := h.verify(t, "a", probes...); len(out.Scores) != 2 || out.Decision != decision.Match {
		t.Errorf("%s, %d scores of two fingers", out.Decision, len(out.Scores))
	}
}

// Members whose references are of an earlier model cannot be found. The answer about somebody unknown says so until the last
// of them was enrolled again or left.
func TestIdentificationNamesMembersOfAnEarlierModel(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	if _, _, err := h.PutGallery(ctx, gateway.Gallery{Name: "g"}); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"a", "b", "c"} {
		h.enroll(t, subject, face(subject), finger(subject, "right-index"))
		rewrite(&h.registry.held[subject].Templates[1], func(parsed *matcher.Template) { parsed.Model = "toy-finger-0" })
	}
	if err := h.galleries.AddMembers(ctx, "g", porttest.Members("a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	h.restart(t)
	outdated := func(n int) {
		t.Helper()
		if got := h.Outdated(); got[matcher.Finger] != n || got[matcher.Face] != 0 {
			t.Errorf("outdated %v, want %d fingers", got, n)
		}
	}
	outdated(3)
	ask := func(step string, capture matcher.Sample, want decision.Verdict, reasons ...string) {
		t.Helper()
		out, err := h.Identify(ctx, gateway.IdentifyRequest{Gallery: "g", Audience: "rp", Captures: []matcher.Sample{capture}})
		if err != nil || out.Decision != want || !slices.Equal(out.Reasons, reasons) {
			t.Errorf("%s: %s %q %v", step, out.Decision, out.Reasons, err)
		}
	}
	ask("nobody can be found", finger("a", ""), decision.Inconclusive, "gallery-has-no-reference", "model-mismatch:finger")
	ask("faces have kept their model", face("mallory"), decision.NoMatch)
	h.enroll(t, "a", finger("a", "right-index"))
	ask("found again", finger("a", ""), decision.Match)
	ask("not enrolled again", finger("b", ""), decision.NoMatch, "model-mismatch:finger")
	h.enroll(t, "b", finger("b", "left-thumb"))
	if err := h.RemoveMember(ctx, "g", "c"); err != nil {
		t.Fatal(err)
	}
	outdated(1)
	ask("another finger was enrolled", finger("mallory", ""), decision.NoMatch, "model-mismatch:finger")
	h.enroll(t, "b", finger("b", "right-index"))
	outdated(0)
	ask("all are of the model in force", finger("mallory", ""), decision.NoMatch)
}

func TestRecordsWithoutDerivedReferences(t *testing.T) {
	h := newHouse(t) // an engine that does not fuse
	h.enroll(t, "a", takes("index", "right-index", 3)...)
	e := &fusingEngine{toyEngine: toyEngine{matcher.Finger, "toy-finger-1"}}
	h.deps.Engines[1] = e
	h.restart(t)
	if n := h.comparisons(t, "a", "index"); n != 3 {
		t.Errorf("%d comparisons", n)
	}
	h.enroll(t, "a", finger("thumb/1", "left-thumb"))
	if n := h.comparisons(t, "a", "index"); n != 2 {
		t.Errorf("%d comparisons after the next enrolment", n)
	}
}

func TestAnEnrolmentGoesOnWithoutFusing(t *testing.T) {
	seen := &stages{count: map[string]int{}}
	h, e := newFusingHouse(t, func(d *gateway.Deps) { d.Observer = seen })
	h.enroll(t, "a", takes("index", "right-index", 2)...)
	if seen.count["fuse"] != 1 || seen.count["fuse-failed"] != 0 {
		t.Errorf("observed %v", seen.count)
	}
	e.fail = true
	h.enroll(t, "a", finger("index/3", "right-index"))
	if seen.count["fuse"] != 1 || seen.count["fuse-failed"] != 1 {
		t.Errorf("observed %v", seen.count)
	}
	if n := h.comparisons(t, "a", "index"); n != 3 {
		t.Errorf("%d comparisons", n)
	}
	h.registry.held["a"].Templates[0].Data[12] ^= 1 // one damaged capture does not keep the others apart
	e.fail = false
	h.enroll(t, "a", finger("index/4", "right-index"))
	if d := h.derived(t, "a"); !slices.Equal(d, []string{"index/2+index/3+index/4"}) {
		t.Errorf("derived %v", d)
	}
}

func TestTheBestCapturesAreFused(t *testing.T) {
	h, _ := newFusingHouse(t)
	h.enroll(t, "a", takes("index", "right-index", 12)...)
	h.registry.held["a"].Templates[1].Quality = 100
	h.enroll(t, "a", takes("thumb", "right-thumb", 1)...)
	if d := h.derived(t, "a"); !slices.Equal(d, []string{"index/2+index/6+index/7+index/8+index/9+index/10+index/11+index/12"}) {
		t.Errorf("derived %v", d)
	}
	if q := h.registry.held["a"].Derived[0].Quality; q != 100 {
		t.Errorf("quality %d", q)
	}
	if n := h.comparisons(t, "a", "index"); n != 6 {
		t.Errorf("%d comparisons, not with the reference, the four captures left over and the thumb", n)
	}
}

// changingRegistry lets another change of the subject come between a Get and the Update after it, and runs changes twice.
type changingRegistry struct {
	*toyRegistry
	between func()
}

func (r *changingRegistry) Update(ctx context.Context, subject string, change func(gateway.References) (gateway.References, error)) (gateway.References, []string, error) {
	if f := r.between; f != nil {
		r.between = nil
		f()
	}
	return r.toyRegistry.Update(ctx, subject, func(held gateway.References) (gateway.References, error) {
		if _, err := change(held); err != nil {
			return gateway.References{}, err
		}
		return change(held)
	})
}

func TestAChangeInBetweenIsFusedToo(t *testing.T) {
	h, e := newFusingHouse(t)
	r := &changingRegistry{toyRegistry: h.registry}
	h.deps.Registry = r
	h.restart(t)
	h.enroll(t, "a", takes("index", "right-index", 1)...)
	r.between = func() { h.enroll(t, "a", finger("index/2", "right-index")) }
	h.enroll(t, "a", finger("index/3", "right-index"))
	if d := h.derived(t, "a"); !slices.Equal(d, []string{"index/1+index/2+index/3"}) {
		t.Errorf("derived %v", d)
	}
	if fused, _ := e.taken(); !slices.Equal(fused, []string{"index/1+index/3", "index/1+index/2", "index/1+index/2+index/3"}) {
		t.Errorf("fused %v", fused)
	}
}

// TestFacesAreFusedAsFingersAre: what fuses is the engine's matter; nothing here is about fingers.
func TestFacesAreFusedAsFingersAre(t *testing.T) {
	e := &fusingEngine{toyEngine: toyEngine{matcher.Face, "toy-face-1"}}
	h := newHouse(t, func(d *gateway.Deps) { d.Engines[0] = e })
	h.enroll(t, "a", face("anna/1"), face("anna/2"))
	h.enroll(t, "a", face("anna/3"))
	if got := h.derived(t, "a"); !slices.Equal(got, []string{"anna/1+anna/2+anna/3"}) {
		t.Errorf("derived %q", got)
	}
	out := h.verify(t, "a", face("anna/probe"))
	if out.Decision != decision.Match || len(out.Scores) != 1 || out.Scores[0].Comparisons != 1 {
		t.Errorf("%+v", out)
	}
	h.enroll(t, "b", face("ben/1"), face("anna/4")) // whom the engine does not take for one person stay apart, and are charged for
	if out := h.verify(t, "b", face("ben/probe")); out.Decision != decision.Match || out.Scores[0].Comparisons != 2 {
		t.Errorf("%+v", out)
	}
}
