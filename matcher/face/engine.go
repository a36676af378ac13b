// Package face recognises faces: one picture in, one template out (of a byte for each value of the embedding, and four), and
// the cosine between templates.
//
// The pipeline is: decode, detect, choose the one face, 68 landmarks, judge the quality, presentation attack detection
// (advisory), align by five points, embed, quantise. The networks are reached through Network and come with a manifest of
// package models, which says how each is to be fed and read: another network needs no other code.
package face

import (
	"context"
	"errors"
	"fmt"
	"time"

	"biogate/matcher"
	"biogate/matcher/gallery"
	"biogate/matcher/imaging"
	"biogate/models"
)

// Engine is matcher.Engine for faces, with the networks of one model.
type Engine struct {
	form     form
	contract models.Face
	looks    []look // for the embedding, at least one

	detect, landmark, feature trained
	liveness, eye             trained // Network is nil where the model has none
}

// New makes an engine of the networks that were loaded for a model.
func New(m models.Manifest, nets Networks) (*Engine, error) {
	switch {
	case m.Superseded != "":
		return nil, fmt.Errorf("face: model %s belongs to an earlier pipeline, %s took its place", m.ID, m.Superseded)
	case m.Modality != string(matcher.Face) || m.Face == nil:
		return nil, fmt.Errorf("face: model %s is not one of the face pipeline", m.ID)
	case nets.Detect == nil || nets.Landmark == nil || nets.Feature == nil:
		return nil, errors.New("face: the networks detect, landmark and feature are needed")
	}
	if err := m.Face.Check(m); err != nil {
		return nil, fmt.Errorf("face: model %s: %w", m.ID, err)
	}
	e := &Engine{contract: *m.Face, looks: looks(m.Face.Align)}
	for _, n := range []struct {
		name    string
		trained *trained
		network Network
	}{
		{"detect", &e.detect, nets.Detect},
		{"landmark", &e.landmark, nets.Landmark},
		{"feature", &e.feature, nets.Feature},
		{"liveness", &e.liveness, nets.Liveness},
		{"eye", &e.eye, nets.Eye},
	} {
		if n.network == nil {
			continue
		}
		file, err := m.File(n.name)
		if err != nil {
			return nil, err
		}
		*n.trained = trained{n.network, file}
	}
	form, err := formOf(m, e.feature.Values[0])
	if err != nil {
		return nil, err
	}
	e.form = form
	return e, nil
}

// Modality is matcher.Face.
func (e *Engine) Modality() matcher.Modality { return matcher.Face }

// Model is the id of the manifest.
func (e *Engine) Model() string { return e.form.model }

// Extract makes a template of the one face in a picture, or of the one at s.At. A sample that is a template is checked
// and returned. trace.go names what tr sees.
func (e *Engine) Extract(ctx context.Context, s matcher.Sample, tr matcher.Trace) (matcher.Extraction, error) {
	if err := checkSample(s); err != nil {
		return matcher.Extraction{}, err
	}
	if isTemplate(s) {
		return e.adopt(s)
	}
	clock := newClock()
	picture, err := open(s)
	if err != nil {
		return matcher.Extraction{}, err
	}
	clock.done("decode")
	b, err := e.find(ctx, picture, s.At, tr)
	if err != nil {
		return matcher.Extraction{}, err
	}
	clock.done("detect")
	f, err := e.align(ctx, picture, b, tr)
	if err != nil {
		return matcher.Extraction{}, err
	}
	clock.done("landmark")
	v, clarity, err := e.embed(ctx, f)
	if err != nil {
		return matcher.Extraction{}, err
	}
	clock.done("extract")
	quality, err := e.judge(ctx, picture, f, clarity, tr)
	if err != nil {
		return matcher.Extraction{}, err
	}
	clock.done("quality")
	x := matcher.Extraction{
		Template: matcher.Template{Modality: matcher.Face, Model: e.form.model, Payload: e.form.encode(contents{v, quality.Score, clarity})},
		Quality:  quality,
	}
	if !s.SkipPAD {
		seen, err := e.attack(ctx, picture, b, f)
		if err != nil {
			return matcher.Extraction{}, err
		}
		x.PAD, x.Seen = e.judgeStill(seen), seen
		clock.done("pad")
	}
	x.Stages = clock.stages
	return x, nil
}

// Probe prepares a template to ask with.
func (e *Engine) Probe(t matcher.Template) (matcher.Probe, error) {
	p, err := e.form.prepare(t)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Reference prepares a template to be compared with.
func (e *Engine) Reference(t matcher.Template) (matcher.Reference, error) {
	p, err := e.form.prepare(t)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// NewIndex makes an empty gallery.
func (e *Engine) NewIndex() matcher.Index {
	return gallery.NewVectors(e.form.model, e.form.dimensions, gallery.Config{})
}

func checkSample(s matcher.Sample) error {
	if s.Modality != "" && s.Modality != matcher.Face {
		return parameter("a sample of modality %q was given to the face engine", s.Modality)
	}
	if s.Position != matcher.Unknown {
		return parameter("a face has no finger position, %q was given", s.Position)
	}
	if s.At != nil && !finite([]float32{float32(s.At.X), float32(s.At.Y)}) {
		return parameter("the point that names the face is not a pair of numbers")
	}
	return nil
}

func isTemplate(s matcher.Sample) bool {
	switch s.Format {
	case matcher.FormatTemplate:
		return true
	case "", matcher.FormatOctetStream:
		return matcher.IsTemplate(s.Data)
	}
	return false
}

// adopt checks a template and takes it over.
func (e *Engine) adopt(s matcher.Sample) (matcher.Extraction, error) {
	if !matcher.IsTemplate(s.Data) {
		return matcher.Extraction{}, &matcher.Error{
			Code: matcher.CodeFormatMismatch, Detail: "the bytes are no " + matcher.FormatTemplate + " as claimed",
		}
	}
	t, err := matcher.ParseTemplate(s.Data)
	if err != nil {
		return matcher.Extraction{}, err
	}
	c, err := e.form.read(t)
	if err != nil {
		return matcher.Extraction{}, err
	}
	t.Payload = e.form.encode(c) // a copy: the sample's bytes are the caller's
	return matcher.Extraction{Template: t, Quality: matcher.Quality{Score: c.quality}}, nil
}

// clock measures the stages of one extraction.
type clock struct {
	last   time.Time
	stages []matcher.Stage
}

func newClock() *clock { return &clock{last: time.Now()} }

// done ends a stage and begins the next.
func (c *clock) done(name string) {
	now := time.Now()
	c.stages = append(c.stages, matcher.Stage{Name: name, Took: now.Sub(c.last)})
	c.last = now
}

// refusal gives an error of the decoder its place in the matching core's vocabulary.
func refusal(err error) error {
	if e, ok := errors.AsType[*imaging.Error](err); ok {
		return &matcher.Error{Code: matcher.Code(e.Code), Detail: e.Detail}
	}
	return err
}

func unusable(reason, format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeUnusable, Detail: fmt.Sprintf(format, args...), Hint: hint(reason), Reasons: []string{reason}}
}

func parameter(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadParameter, Detail: fmt.Sprintf(format, args...)}
}

var _ matcher.Engine = (*Engine)(nil)
