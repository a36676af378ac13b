// Package enginetest is the suite that every matcher.Engine runs.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"biogate/matcher"
)

// Suite names what to test and on what.
type Suite struct {
	New func(t testing.TB) matcher.Engine
	// Subjects returns the samples of at least three subjects, at least two of each and all of the first's position;
	// samples of one subject must be alike enough to rank first among all.
	Subjects func(t testing.TB) [][]matcher.Sample
}

// Run runs every test of the suite.
func (s Suite) Run(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"Names", names},
		{"ExtractIsDeterministic", extractIsDeterministic},
		{"TemplateComesBackUnchanged", templateComesBackUnchanged},
		{"StagesAreNamed", stagesAreNamed},
		{"SelfMatchBeatsOthers", selfMatchBeatsOthers},
		{"CompareIsDeterministic", compareIsDeterministic},
		{"WrongModelIsRefused", wrongModelIsRefused},
		{"ForeignReferenceIsRefused", foreignReferenceIsRefused},
		{"BrokenTemplateIsRefused", brokenTemplateIsRefused},
		{"WrongModalityIsRefused", wrongModalityIsRefused},
		{"FormatLieIsRefused", formatLieIsRefused},
		{"EmptySampleIsRefused", emptySampleIsRefused},
		{"CancelledContextStops", cancelledContextStops},
		{"SampleIsNotKept", sampleIsNotKept},
		{"IndexFindsAndForgets", indexFindsAndForgets},
		{"FusesWithoutLoss", fusesWithoutLoss},
		{"DecoysShowNobody", decoysShowNobody},
		{"ConcurrentUseChangesNothing", concurrentUse},
		{"CompareDoesNotAllocate", compareDoesNotAllocate},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.bench(t)) })
	}
}

// bench is an engine with the samples of some subjects.
type bench struct {
	engine   matcher.Engine
	subjects [][]matcher.Sample
}

func (s Suite) bench(t *testing.T) *bench {
	t.Helper()
	b := &bench{engine: s.New(t), subjects: s.Subjects(t)}
	if len(b.subjects) < 3 {
		t.Fatal("the suite needs three subjects")
	}
	for _, samples := range b.subjects {
		if len(samples) < 2 {
			t.Fatal("the suite needs two samples of each subject")
		}
	}
	return b
}

func (b *bench) extract(t testing.TB, s matcher.Sample) matcher.Extraction {
	t.Helper()
	x, err := b.engine.Extract(context.Background(), s, nil)
	if err != nil {
		t.Fatalf("extract: %v", err)
	}
	return x
}

func (b *bench) template(t testing.TB, subject, sample int) matcher.Template {
	t.Helper()
	return b.extract(t, b.subjects[subject][sample]).Template
}

func (b *bench) probe(t testing.TB, tpl matcher.Template) matcher.Probe {
	t.Helper()
	p, err := b.engine.Probe(tpl)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return p
}

func (b *bench) reference(t testing.TB, tpl matcher.Template) matcher.Reference {
	t.Helper()
	r, err := b.engine.Reference(tpl)
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	return r
}

func compare(t testing.TB, p matcher.Probe, r matcher.Reference) float64 {
	t.Helper()
	score, err := p.Compare(r)
	if err != nil {
		t.Fatalf("compare: %v", err)
	}
	return score
}

// wantCode fails the test unless err is a *matcher.Error of one of the codes.
func wantCode(t *testing.T, what string, err error, codes ...matcher.Code) {
	t.Helper()
	for _, code := range codes {
		if errors.Is(err, &matcher.Error{Code: code}) {
			return
		}
	}
	t.Errorf("%s: error %v, want one of %v", what, err, codes)
}

func names(t *testing.T, b *bench) {
	x := b.extract(t, b.subjects[0][0])
	tpl := x.Template
	if b.engine.Model() == "" || tpl.Model != b.engine.Model() {
		t.Errorf("model %q, the template says %q", b.engine.Model(), tpl.Model)
	}
	if b.engine.Modality() == "" || tpl.Modality != b.engine.Modality() {
		t.Errorf("modality %q, the template says %q", b.engine.Modality(), tpl.Modality)
	}
	if got := b.reference(t, tpl).Model(); got != b.engine.Model() {
		t.Errorf("the reference says model %q", got)
	}
	if p, r := b.probe(t, tpl).Position(), b.reference(t, tpl).Position(); p != tpl.Position || r != tpl.Position {
		t.Errorf("position %q, the probe says %q and the reference %q", tpl.Position, p, r)
	}
	if x.Quality.Score < 0 || x.Quality.Score > 100 {
		t.Errorf("quality %d is outside 0 to 100", x.Quality.Score)
	}
}

func extractIsDeterministic(t *testing.T, b *bench) {
	if x, y := b.template(t, 0, 0), b.template(t, 0, 0); !bytes.Equal(x.Payload, y.Payload) {
		t.Error("two extractions of one sample differ")
	}
}

func templateComesBackUnchanged(t *testing.T, b *bench) {
	want := b.template(t, 0, 0)
	stored, err := want.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"", matcher.FormatTemplate, matcher.FormatOctetStream} {
		got := b.extract(t, matcher.Sample{Modality: want.Modality, Format: format, Data: stored}).Template
		if got.Model != want.Model || got.Position != want.Position || !bytes.Equal(got.Payload, want.Payload) {
			t.Errorf("claimed %q: came back changed", format)
		}
	}
}

func stagesAreNamed(t *testing.T, b *bench) {
	x := b.extract(t, b.subjects[0][0])
	if len(x.Stages) == 0 {
		t.Error("no stage was timed")
	}
	for _, s := range x.Stages {
		if s.Name == "" || s.Took < 0 {
			t.Errorf("stage %+v", s)
		}
	}
}

func selfMatchBeatsOthers(t *testing.T, b *bench) {
	for i := range b.subjects {
		p := b.probe(t, b.template(t, i, 0))
		self, mated := compare(t, p, b.reference(t, b.template(t, i, 0))), compare(t, p, b.reference(t, b.template(t, i, 1)))
		if mated > self {
			t.Errorf("subject %d: another sample scores %v, the same one %v", i, mated, self)
		}
		for j := range b.subjects {
			for k := range b.subjects[j] {
				if other := compare(t, p, b.reference(t, b.template(t, j, k))); i != j && other >= mated {
					t.Errorf("subject %d: subject %d scores %v, its own other sample %v", i, j, other, mated)
				}
			}
		}
	}
}

func compareIsDeterministic(t *testing.T, b *bench) {
	x, y := b.template(t, 0, 0), b.template(t, 0, 1)
	want := compare(t, b.probe(t, x), b.reference(t, y))
	for range 3 {
		compare(t, b.probe(t, b.template(t, 1, 0)), b.reference(t, x)) // leaves other things in any scratch memory
		if got := compare(t, b.probe(t, x), b.reference(t, y)); got != want {
			t.Errorf("score %v, before it was %v", got, want)
		}
	}
}

func wrongModelIsRefused(t *testing.T, b *bench) {
	for _, change := range []func(*matcher.Template){
		func(tpl *matcher.Template) { tpl.Model += "-other" },
		func(tpl *matcher.Template) { tpl.Modality = otherThan(tpl.Modality) },
	} {
		tpl := b.template(t, 0, 0)
		change(&tpl)
		_, err := b.engine.Probe(tpl)
		wantCode(t, "probe", err, matcher.CodeModelMismatch)
		_, err = b.engine.Reference(tpl)
		wantCode(t, "reference", err, matcher.CodeModelMismatch)
		stored, err := tpl.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.engine.Extract(context.Background(), matcher.Sample{Modality: b.engine.Modality(), Data: stored}, nil)
		wantCode(t, "extract", err, matcher.CodeModelMismatch)
	}
}

func otherThan(m matcher.Modality) matcher.Modality {
	if m == matcher.Face {
		return matcher.Finger
	}
	return matcher.Face
}

// foreign is a reference of no engine at all.
type foreign struct{}

func (foreign) Model() string              { return "foreign-1" }
func (foreign) Position() matcher.Position { return matcher.Unknown }

func foreignReferenceIsRefused(t *testing.T, b *bench) {
	_, err := b.probe(t, b.template(t, 0, 0)).Compare(foreign{})
	wantCode(t, "compare", err, matcher.CodeModelMismatch)
	wantCode(t, "index", b.engine.NewIndex().Set(matcher.Member{Subject: "s", References: []matcher.Reference{foreign{}}}), matcher.CodeModelMismatch)
}

func brokenTemplateIsRefused(t *testing.T, b *bench) {
	tpl := b.template(t, 0, 0)
	for _, payload := range [][]byte{nil, tpl.Payload[:len(tpl.Payload)/2], append(bytes.Clone(tpl.Payload), 0)} {
		broken := tpl
		broken.Payload = payload
		_, err := b.engine.Probe(broken)
		wantCode(t, "probe", err, matcher.CodeBadTemplate)
		_, err = b.engine.Reference(broken)
		wantCode(t, "reference", err, matcher.CodeBadTemplate)
	}
	stored, err := tpl.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{5, len(stored) / 2, len(stored) - 1} {
		_, err := b.engine.Extract(context.Background(), matcher.Sample{Modality: tpl.Modality, Data: stored[:n]}, nil)
		wantCode(t, "extract", err, matcher.CodeBadTemplate)
	}
}

func wrongModalityIsRefused(t *testing.T, b *bench) {
	s := b.subjects[0][0]
	s.Modality = otherThan(b.engine.Modality())
	_, err := b.engine.Extract(context.Background(), s, nil)
	wantCode(t, "extract", err, matcher.CodeBadParameter)
}

func formatLieIsRefused(t *testing.T, b *bench) {
	stored, err := b.template(t, 0, 0).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	lies := []matcher.Sample{{Format: "image/png", Data: stored}, {Format: matcher.FormatTemplate, Data: []byte("no template at all")}}
	for _, s := range lies {
		s.Modality = b.engine.Modality()
		_, err := b.engine.Extract(context.Background(), s, nil)
		wantCode(t, "claimed "+s.Format, err, matcher.CodeFormatMismatch)
	}
}

func emptySampleIsRefused(t *testing.T, b *bench) {
	for _, data := range [][]byte{nil, {}, []byte("a plain text"), make([]byte, 1000)} {
		_, err := b.engine.Extract(context.Background(), matcher.Sample{Modality: b.engine.Modality(), Data: data}, nil)
		wantCode(t, "extract", err, matcher.CodeUndecodable, matcher.CodeFormat)
	}
}

func cancelledContextStops(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.engine.Extract(ctx, b.subjects[0][0], nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func sampleIsNotKept(t *testing.T, b *bench) {
	s := b.subjects[0][0]
	s.Data = bytes.Clone(s.Data)
	tpl := b.extract(t, s).Template
	want := bytes.Clone(tpl.Payload)
	clear(s.Data)
	if !bytes.Equal(tpl.Payload, want) {
		t.Error("the template changed with the sample's bytes")
	}
	r := b.reference(t, tpl)
	p := b.probe(t, b.template(t, 0, 1))
	score := compare(t, p, r)
	clear(tpl.Payload)
	if got := compare(t, p, r); got != score {
		t.Error("the reference changed with the template's bytes")
	}
}

func indexFindsAndForgets(t *testing.T, b *bench) {
	ix := b.engine.NewIndex()
	ids, groups := []string{"a", "b", "c"}, []string{"left", "right", ""}
	for i, id := range ids {
		if err := ix.Set(matcher.Member{Subject: id, Group: groups[i], References: []matcher.Reference{b.reference(t, b.template(t, i, 0))}}); err != nil {
			t.Fatal(err)
		}
	}
	if ix.Len() != 3 {
		t.Errorf("%d subjects, want 3", ix.Len())
	}
	for i, id := range ids {
		found, err := ix.Search(t.Context(), matcher.Query{Probe: b.probe(t, b.template(t, i, 1)), K: 2}, nil)
		if err != nil || len(found) != 2 || found[0].Subject != id || found[0].Score < found[1].Score {
			t.Errorf("subject %s: found %+v, error %v", id, found, err)
		}
	}
	indexFilters(t, ix, b.probe(t, b.template(t, 0, 1)))
	ix.Remove("b")
	found, err := ix.Search(t.Context(), matcher.Query{Probe: b.probe(t, b.template(t, 1, 1)), K: 3}, nil)
	if err != nil || len(found) != 2 {
		t.Fatalf("found %+v, error %v", found, err)
	}
	for _, c := range found {
		if c.Subject == "b" {
			t.Error("a removed subject was found")
		}
	}
}

// indexFilters asks for a, of group left, b, of group right, and c, of none.
func indexFilters(t *testing.T, ix matcher.Index, p matcher.Probe) {
	for _, f := range []struct {
		among matcher.Filter
		want  []string
	}{
		{matcher.Filter{}, []string{"a", "b", "c"}},
		{matcher.Filter{Group: "right"}, []string{"b"}},
		{matcher.Filter{Group: "nowhere"}, nil},
		{matcher.Filter{Subjects: []string{"c", "nobody", "b", "c"}}, []string{"b", "c"}},
		{matcher.Filter{Subjects: []string{}}, nil},
		{matcher.Filter{Subjects: []string{"a", "b"}, Group: "left"}, []string{"a"}},
	} {
		found, err := ix.Search(t.Context(), matcher.Query{Probe: p, K: 3, Among: f.among}, nil)
		var got []string
		for _, c := range found {
			got = append(got, c.Subject)
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, f.want) {
			t.Errorf("among %+v: found %v, want %v, error %v", f.among, got, f.want, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ix.Search(ctx, matcher.Query{Probe: p, K: 1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a search whose asker has left: error %v", err)
	}
}

func concurrentUse(t *testing.T, b *bench) {
	sample := b.subjects[0][1]
	want := b.template(t, 0, 1)
	p, r := b.probe(t, b.template(t, 0, 0)), b.reference(t, want)
	score := compare(t, p, r)
	other := b.probe(t, b.template(t, 1, 0))
	ix := b.engine.NewIndex()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			x, err := b.engine.Extract(context.Background(), sample, nil)
			if err != nil || !bytes.Equal(x.Template.Payload, want.Payload) {
				t.Errorf("extraction changed, error %v", err)
			}
			for range 20 {
				if _, err := other.Compare(r); err != nil {
					t.Error(err)
				}
				if got, err := p.Compare(r); err != nil || got != score {
					t.Errorf("score %v, alone it was %v, error %v", got, score, err)
				}
				if err := ix.Set(matcher.Member{Subject: string(rune('a' + w)), References: []matcher.Reference{r}}); err != nil {
					t.Error(err)
				}
				if _, err := ix.Search(t.Context(), matcher.Query{Probe: p, K: 2}, nil); err != nil {
					t.Error(err)
				}
				ix.Remove(string(rune('a' + w)))
			}
		}()
	}
	wg.Wait()
}

func compareDoesNotAllocate(t *testing.T, b *bench) {
	p := b.probe(t, b.template(t, 0, 0))
	mated, other := b.reference(t, b.template(t, 0, 1)), b.reference(t, b.template(t, 1, 1))
	run := func() {
		compare(t, p, mated)
		compare(t, p, other)
	}
	if n := testing.AllocsPerRun(100, run); n != 0 && !Racing {
		t.Errorf("two comparisons allocate %v times", n)
	}
}

// fusesWithoutLoss: an engine that fuses puts every template into one result, keeps subjects apart and makes templates that
// are alike their subjects.
func fusesWithoutLoss(t *testing.T, b *bench) {
	engine, ok := b.engine.(matcher.Fuser)
	if !ok {
		t.Skip("this engine does not fuse")
	}
	var templates []matcher.Template
	var subjects []int
	for i := range b.subjects {
		for k := range b.subjects[i] {
			tpl := b.template(t, i, k)
			tpl.Position = matcher.Unknown
			templates, subjects = append(templates, tpl), append(subjects, i)
		}
	}
	results, err := engine.Fuse(templates)
	if err != nil {
		t.Fatal(err)
	}
	count := make([]int, len(templates))
	for _, r := range results {
		for _, i := range r.Of {
			count[i]++
			if subjects[i] != subjects[r.Of[0]] {
				t.Errorf("samples of subjects %d and %d became one template", subjects[r.Of[0]], subjects[i])
			}
		}
		fusedTemplate(t, b, r, templates)
	}
	if len(results) == len(templates) {
		t.Error("nothing was fused")
	}
	for i, n := range count {
		if n != 1 {
			t.Errorf("template %d is part of %d results", i, n)
		}
	}
	if none, err := engine.Fuse(nil); err != nil || len(none) != 0 {
		t.Errorf("of nothing: %d results, %v", len(none), err)
	}
	fuseRefuses(t, engine, templates)
}

// fusedTemplate checks a result of templates.
func fusedTemplate(t *testing.T, b *bench, r matcher.FusedTemplate, templates []matcher.Template) {
	first := templates[r.Of[0]]
	if r.Template.Model != b.engine.Model() || r.Template.Position != first.Position {
		t.Errorf("a template of model %q and position %q", r.Template.Model, r.Template.Position)
	}
	if len(r.Of) == 1 && !bytes.Equal(r.Template.Payload, first.Payload) {
		t.Error("a template that was not fused changed")
	}
	ref := b.reference(t, r.Template)
	for _, i := range r.Of {
		for k, other := range templates {
			p := b.probe(t, templates[i])
			if !slices.Contains(r.Of, k) && compare(t, p, ref) <= compare(t, p, b.reference(t, other)) {
				t.Errorf("template %d is more alike template %d than the one that it was fused to", i, k)
			}
		}
	}
}

func fuseRefuses(t *testing.T, engine matcher.Fuser, templates []matcher.Template) {
	for _, c := range []struct {
		what   string
		code   matcher.Code
		change func(*matcher.Template)
	}{
		{"another model", matcher.CodeModelMismatch, func(tpl *matcher.Template) { tpl.Model += "-other" }},
		{"another modality", matcher.CodeModelMismatch, func(tpl *matcher.Template) { tpl.Modality = otherThan(tpl.Modality) }},
		{"a broken payload", matcher.CodeBadTemplate, func(tpl *matcher.Template) { tpl.Payload = tpl.Payload[:1] }},
		{"another position", matcher.CodeBadParameter, func(tpl *matcher.Template) { tpl.Position = "left-thumb" }},
	} {
		list := slices.Clone(templates)
		c.change(&list[len(list)-1])
		_, err := engine.Fuse(list)
		wantCode(t, c.what, err, c.code)
	}
}

// decoysShowNobody: an engine that makes decoys makes a new one each time, of the usual form, that is like no sample.
func decoysShowNobody(t *testing.T, b *bench) {
	engine, ok := b.engine.(matcher.Decoyer)
	if !ok {
		t.Skip("this engine makes no decoys")
	}
	var before []byte
	for range 20 {
		decoy, err := engine.Decoy()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(decoy.Payload, before) {
			t.Error("two decoys are the same")
		}
		before = decoy.Payload
		stored, err := decoy.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := matcher.ParseTemplate(stored); err != nil {
			t.Fatal(err)
		}
		ref := b.reference(t, decoy)
		for i := range b.subjects {
			p := b.probe(t, b.template(t, i, 0))
			if mated := compare(t, p, b.reference(t, b.template(t, i, 1))); compare(t, p, ref) >= mated {
				t.Errorf("a decoy is as like to subject %d as that is to itself", i)
			}
		}
	}
}
