package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"biogate/matcher"
)

// maxFused bounds the captures that are fused with each other, because the time grows with the square of their number: 3
// take 1 ms, 8 take 8 ms.
const maxFused = 8

// fusion derives references from captures, for one request. It does so for each set of captures once: what was done before
// the subject was locked is not done again inside, nor when the change is repeated.
type fusion struct {
	service *Service
	made    map[string][]DerivedTemplate // by the ids of the captures
}

// fuseAhead fuses what the subject will have if nothing comes between, before the subject is locked. If something does, or
// the registry does not answer now, Update sees to the rest.
func (s *Service) fuseAhead(ctx context.Context, subject string, templates []StoredTemplate) (*fusion, error) {
	f := &fusion{s, map[string][]DerivedTemplate{}}
	held, _, err := s.deps.Registry.Get(ctx, subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return f, nil
	}
	all := slices.Concat(held.Templates, templates)
	if len(s.fusible(all)) == 0 {
		return f, nil
	}
	free, err := s.core(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	f.derive(all)
	return f, nil
}

// derive makes every reference that the captures of a subject allow. What fails is done without: the captures serve alone.
func (f *fusion) derive(captures []StoredTemplate) []DerivedTemplate {
	var out []DerivedTemplate
	for _, group := range f.service.fusible(captures) {
		key := strings.Join(ids(group), " ")
		derived, done := f.made[key]
		if !done {
			derived = f.service.fuse(group)
			f.made[key] = derived
		}
		out = append(out, derived...)
	}
	return out
}

// fusible are the captures that may be fused, by the label they came under: two to maxFused of each, the best, and of equal
// ones the youngest, in the order they are held. Captures of unknown position are a group of their own; whether they show
// one finger is for the engine to find out, as it is for those of one label.
func (s *Service) fusible(captures []StoredTemplate) [][]StoredTemplate {
	var labels []characteristic
	groups := map[characteristic][]StoredTemplate{}
	for _, t := range captures {
		m := s.engines[t.Modality]
		if _, can := m.Engine.(matcher.Fuser); !can || t.Model != m.Model() {
			continue
		}
		label := characteristic{t.Modality, t.Position}
		if groups[label] == nil {
			labels = append(labels, label)
		}
		groups[label] = append(groups[label], t)
	}
	var out [][]StoredTemplate
	for _, label := range labels {
		if group := strongest(groups[label], maxFused); len(group) > 1 {
			out = append(out, group)
		}
	}
	return out
}

// strongest are the n captures of the highest quality, of equal ones the youngest, in the order of captures.
func strongest(captures []StoredTemplate, n int) []StoredTemplate {
	if len(captures) <= n {
		return captures
	}
	order := make([]int, len(captures))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(captures[j].Quality, captures[i].Quality), cmp.Compare(j, i))
	})
	order = slices.Sorted(slices.Values(order[:n]))
	out := make([]StoredTemplate, n)
	for k, i := range order {
		out[k] = captures[i]
	}
	return out
}

// fuse makes references of captures that came under one label; none when that fails, which the observer is told.
func (s *Service) fuse(group []StoredTemplate) []DerivedTemplate {
	start := s.deps.Now()
	out, err := s.tryFuse(group)
	stage := "fuse"
	if err != nil {
		stage, out = "fuse-failed", nil
	}
	s.deps.Observer.Stage(stage, s.deps.Now().Sub(start))
	return out
}

func (s *Service) tryFuse(group []StoredTemplate) ([]DerivedTemplate, error) {
	var templates []matcher.Template
	var sources []StoredTemplate
	for _, t := range group {
		if parsed, err := unpacked(t); err == nil { // the others can be fused all the same
			templates, sources = append(templates, parsed), append(sources, t)
		}
	}
	results, err := s.engines[group[0].Modality].Engine.(matcher.Fuser).Fuse(templates)
	if err != nil {
		return nil, err
	}
	var out []DerivedTemplate
	for _, r := range results {
		if len(r.Of) < 2 {
			continue
		}
		d, err := s.derived(r, sources)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (s *Service) derived(r matcher.FusedTemplate, sources []StoredTemplate) (d DerivedTemplate, err error) {
	quality := 0
	for _, i := range r.Of {
		d.Of = append(d.Of, sources[i].ID)
		quality = max(quality, sources[i].Quality)
	}
	d.StoredTemplate, err = s.storeOne(r.Template, quality)
	return d, err
}

func ids(templates []StoredTemplate) []string {
	out := make([]string, len(templates))
	for i, t := range templates {
		out[i] = t.ID
	}
	return out
}

// inUse are the templates to compare with: a derived one in place of the captures that it was made of. One that m cannot
// compare, that cannot be read or that was made of something else than what is held does not stand for anything: the captures
// decide then, so that it can keep nobody out.
func inUse(m model, refs References, prepared map[string]matcher.Reference) []StoredTemplate {
	if len(refs.Derived) == 0 {
		return refs.Templates
	}
	var out []StoredTemplate
	covered := map[string]bool{}
	for _, d := range refs.Derived {
		if d.Model != m.Model() || !madeOf(d, refs.Templates) {
			continue
		}
		if _, err := reference(m, d.StoredTemplate, prepared); err != nil {
			continue
		}
		out = append(out, d.StoredTemplate)
		for _, id := range d.Of {
			covered[id] = true
		}
	}
	for _, t := range refs.Templates {
		if !covered[t.ID] {
			out = append(out, t)
		}
	}
	return out
}

// madeOf says whether all that d was made of is among captures, under the same label and of the same model.
func madeOf(d DerivedTemplate, captures []StoredTemplate) bool {
	for _, id := range d.Of {
		if !slices.ContainsFunc(captures, func(t StoredTemplate) bool {
			return t.ID == id && t.Modality == d.Modality && t.Model == d.Model && t.Position == d.Position
		}) {
			return false
		}
	}
	return len(d.Of) > 1
}
