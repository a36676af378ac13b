package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"biogate/gateway/decision"
	"biogate/matcher"
)

// MaxCaptures bounds the captures of one request.
const MaxCaptures = 16

// captured is what one capture became.
type captured struct {
	matcher.Extraction
	info    CaptureInfo
	refusal *matcher.Error // why the capture is unusable; nil when it is usable
}

// extract turns captures into templates, in order, and has sequences judged. A capture that is sound but unusable comes back
// with its refusal; any other failure ends the request. c is the challenge that the captures have to follow, or nil.
func (s *Service) extract(ctx context.Context, samples []matcher.Sample, policy decision.Policy, c *matcher.Challenge) ([]captured, error) {
	if len(samples) == 0 {
		return nil, &Error{Kind: Malformed, Code: "captures-missing", Detail: "the request has no captures"}
	}
	if len(samples) > MaxCaptures {
		return nil, &Error{Kind: Malformed, Code: "captures-too-many", Detail: fmt.Sprintf("%d captures, at most %d are allowed", len(samples), MaxCaptures)}
	}
	if err := checkSequence(samples); err != nil {
		return nil, err
	}
	free, err := s.turn(ctx, s.extracting)
	if err != nil {
		return nil, err
	}
	defer free()
	skip := policy.PAD == decision.PADOff && c == nil
	out := make([]captured, len(samples))
	for i, sample := range samples {
		sample.SkipPAD = skip
		one, err := s.extractOne(ctx, sample)
		if err != nil {
			return nil, inCapture(i, len(samples), err)
		}
		out[i] = one
	}
	if skip {
		return out, nil
	}
	return out, s.judgeSequence(ctx, samples, out, c)
}

func (s *Service) extractOne(ctx context.Context, sample matcher.Sample) (captured, error) {
	engine, ok := s.engines[sample.Modality]
	if !ok {
		return captured{}, &Error{Kind: NotBuilt, Code: string(matcher.CodeEngineMissing), Detail: fmt.Sprintf("this gateway has no engine for modality %q", sample.Modality), Hint: "the gateway's log at start says what this build or machine lacks"}
	}
	free, err := s.core(ctx)
	if err != nil {
		return captured{}, err
	}
	defer free()
	x, err := engine.Extract(ctx, sample, nil)
	for _, stage := range x.Stages {
		s.deps.Observer.Stage(stage.Name, stage.Took)
	}
	if refusal := (*matcher.Error)(nil); errors.As(err, &refusal) && refusal.Code == matcher.CodeUnusable {
		info := CaptureInfo{Modality: sample.Modality, Position: sample.Position, Quality: matcher.Quality{Reasons: refusal.Reasons, Hint: refusal.Hint}}
		return captured{info: info, refusal: refusal}, nil
	}
	if err != nil {
		return captured{}, err
	}
	if sample.SkipPAD {
		x.PAD = nil
	}
	return captured{Extraction: x, info: CaptureInfo{
		Modality: sample.Modality, Position: x.Template.Position, Usable: true, Quality: x.Quality, PAD: x.PAD,
	}}, nil
}

// core waits for a core to work on; free gives it back.
func (s *Service) core(ctx context.Context) (free func(), err error) { return oneOf(ctx, s.workers) }

// turn waits for one of places, but not until the time of the request is over: whoever gets a place must have time left to use it. Of
// a line as long as the time of a request everybody would get one with nothing left, and none would end.
func (s *Service) turn(ctx context.Context, places chan struct{}) (free func(), err error) {
	select {
	case places <- struct{}{}: // nobody waits
		return func() { <-places }, nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, s.deps.Patience)
	defer cancel()
	return oneOf(ctx, places)
}

// oneOf waits for one of so many places; free gives it back.
func oneOf(ctx context.Context, places chan struct{}) (free func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, unavailable("overloaded", "the gateway has more to do than it can in time", ctx.Err())
	}
}

// inCapture says which of several captures an error is about.
func inCapture(i, n int, err error) error {
	if n == 1 {
		return err
	}
	e := *AsError(err)
	e.Detail = fmt.Sprintf("capture %d of %d: %s", i+1, n, e.Detail)
	return &e
}

func infos(captures []captured) []CaptureInfo {
	out := make([]CaptureInfo, len(captures))
	for i, c := range captures {
		out[i] = c.info
	}
	return out
}

// characteristic is one face or one finger: captures of the same one are alternatives, not independent evidence.
type characteristic struct {
	modality matcher.Modality
	position matcher.Position
}

// asked is a characteristic with the probes that show it.
type asked struct {
	characteristic
	model  model
	probes []matcher.Probe
}

// sameFMR is the rate at which two captures of a request are taken for the same finger, whatever their labels say. Two
// fingers are taken for one that often, and then only count as alternatives.
const sameFMR = 1e-3

// probes prepares every usable capture once and groups them by characteristic, in order of appearance. Only different
// characteristics are independent evidence: one finger sent under two labels must not count twice.
func (s *Service) probes(captures []captured) ([]asked, error) {
	var out []asked
	for _, c := range captures {
		if !c.info.Usable {
			continue
		}
		m := s.engines[c.info.Modality]
		probe, err := m.Probe(c.Template)
		if err != nil {
			return nil, err
		}
		q := asked{characteristic: characteristic{c.info.Modality, c.info.Position}, model: m, probes: []matcher.Probe{probe}}
		if out, err = merged(out, q, c.Template); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// merged puts a question among others: all that ask about the same characteristic, by their labels or by what they show,
// become one with it.
func merged(questions []asked, q asked, shown matcher.Template) ([]asked, error) {
	var apart []asked
	for _, other := range questions {
		same, err := other.same(q, shown)
		if err != nil {
			return nil, err
		}
		if !same {
			apart = append(apart, other)
			continue
		}
		q.add(other.position, other.probes...)
	}
	return append(apart, q), nil
}

// same says whether a asks about the characteristic of q, whose only probe was made of the template shown. It is prepared as
// a reference only when the labels leave the question open: most requests show one characteristic.
func (a asked) same(q asked, shown matcher.Template) (bool, error) {
	if a.modality != q.modality {
		return false, nil
	}
	if a.position.Comparable(q.position) {
		return true, nil
	}
	ref, err := q.model.Reference(shown)
	if err != nil {
		return false, err
	}
	for _, probe := range a.probes {
		score, err := probe.Compare(ref)
		if err != nil {
			return false, err
		}
		if fmr, _ := (decision.Evidence{Impostors: a.model.impostors, Score: score, Comparisons: 1}).FMR(); fmr <= sameFMR {
			return true, nil
		}
	}
	return false, nil
}

// add takes a probe in; the position becomes unknown when the labels differ.
func (a *asked) add(p matcher.Position, probes ...matcher.Probe) {
	if p != a.position {
		a.position = matcher.Unknown
	}
	a.probes = append(a.probes, probes...)
}

// answerable makes one question of all about a modality of which refs hold a reference of unknown position that can be
// compared: it could be any of them, so it must not be asked about each.
func answerable(questions []asked, refs References) []asked {
	var out []asked
	for _, q := range questions {
		anywhere := slices.ContainsFunc(refs.Templates, func(t StoredTemplate) bool {
			return t.Modality == q.modality && t.Model == q.model.Model() && t.Position == matcher.Unknown
		})
		i := slices.IndexFunc(out, func(a asked) bool { return a.modality == q.modality })
		if !anywhere || i < 0 {
			out = append(out, q)
			continue
		}
		out[i].probes = slices.Clone(out[i].probes) // the questions serve other subjects too
		out[i].add(q.position, q.probes...)
	}
	return out
}

// compared is the outcome of comparing probes with one subject's references.
type compared struct {
	evidence []decision.Evidence
	scores   []Comparison
	reasons  []string // why a characteristic could not be compared
}

// compare scores every characteristic against the subject's references: the best over probes and references of the same
// position, charged for the number of comparisons.
//
// lenient passes over a reference that cannot be read, with a reason; otherwise it is an error.
func compare(questions []asked, refs References, lenient bool) (compared, error) {
	var out compared
	prepared := map[string]matcher.Reference{}
	for _, q := range answerable(questions, refs) {
		best, n, reason := math.Inf(-1), 0, "no-reference"
		for _, t := range inUse(q.model, refs, prepared) {
			if t.Modality != q.modality {
				continue
			}
			if t.Model != q.model.Model() {
				reason = string(matcher.CodeModelMismatch)
				continue
			}
			ref, err := reference(q.model, t, prepared)
			if err != nil && lenient {
				reason = "reference-damaged"
				continue
			}
			if err != nil {
				return compared{}, err
			}
			for _, probe := range q.probes {
				if !probe.Position().Comparable(ref.Position()) {
					continue
				}
				score, err := probe.Compare(ref)
				if err != nil {
					return compared{}, err
				}
				if math.IsNaN(score) || math.IsInf(score, 0) {
					return compared{}, &Error{Kind: Internal, Code: "score-invalid", Detail: "a comparison gave no score"}
				}
				best, n = math.Max(best, score), n+1
			}
		}
		if n == 0 {
			out.reasons = append(out.reasons, reason+":"+string(q.modality))
			continue
		}
		e := decision.Evidence{Impostors: q.model.impostors, Score: best, Comparisons: n}
		fmr, extrapolated := e.FMR()
		out.evidence = append(out.evidence, e)
		out.scores = append(out.scores, Comparison{
			Modality: q.modality, Position: q.position, Model: q.model.Model(),
			Score: best, FMR: fmr, Extrapolated: extrapolated, Comparisons: n,
		})
	}
	return out, nil
}

// reference prepares a stored template, once for all who share prepared; nil: each time.
func reference(m model, t StoredTemplate, prepared map[string]matcher.Reference) (matcher.Reference, error) {
	if ref, ok := prepared[t.ID]; ok {
		return ref, nil
	}
	parsed, err := unpacked(t)
	if err != nil {
		return nil, err
	}
	ref, err := m.Reference(parsed)
	if err != nil {
		return nil, damaged(err)
	}
	if prepared != nil {
		prepared[t.ID] = ref
	}
	return ref, nil
}

// unpacked reads a stored template and holds it against what the record says of it.
func unpacked(t StoredTemplate) (matcher.Template, error) {
	parsed, err := matcher.ParseTemplate(t.Data)
	if err != nil {
		return matcher.Template{}, damaged(err)
	}
	if parsed.Model != t.Model || parsed.Modality != t.Modality || parsed.Position != t.Position {
		return matcher.Template{}, damaged(errors.New("the template's header is not what the record says of it"))
	}
	return parsed, nil
}

// damaged: what is held cannot be read. That is our fault and no verdict about the person.
func damaged(cause error) error {
	return &Error{Kind: Internal, Code: "reference-damaged", Detail: "a held template cannot be read", Cause: cause}
}

// unusable lists why captures were left out, as reasons of an outcome.
func unusable(captures []captured) []string {
	var out []string
	for _, c := range captures {
		if c.refusal == nil {
			continue
		}
		for _, reason := range c.refusal.Reasons {
			out = append(out, reason+":"+string(c.info.Modality))
		}
	}
	return out
}
