// Package face recognises faces: one picture in, one template of 514 bytes (538 stored) out, and the cosine between templates.
//
// The pipeline is: decode, detect, choose the one face, 68 landmarks, judge the quality, presentation attack detection
// (advisory), align by five points, embed, quantise. The networks are reached through Network; package
// adapters/opencvnet runs them.
package face

import (
	"context"
	"errors"
	"fmt"
	"time"

	"biogate/matcher"
	"biogate/matcher/gallery"
	"biogate/matcher/imaging"
)

// Engine is matcher.Engine for faces.
type Engine struct{ nets Networks }

// New makes an engine of networks that were loaded for Model.
func New(nets Networks) (*Engine, error) {
	if nets.Detect == nil || nets.Landmark == nil || nets.Feature == nil {
		return nil, errors.New("face: the networks detect, landmark and feature are needed")
	}
	return &Engine{nets: nets}, nil
}

// Modality is matcher.Face.
func (e *Engine) Modality() matcher.Modality { return matcher.Face }

// Model is the constant Model.
func (e *Engine) Model() string { return Model }

// Extract makes a template of the one face in a picture, or of the one at s.At. A sample that is a template is checked
// and returned. trace.go names what tr sees.
func (e *Engine) Extract(ctx context.Context, s matcher.Sample, tr matcher.Trace) (matcher.Extraction, error) {
	if err := checkSample(s); err != nil {
		return matcher.Extraction{}, err
	}
	if isTemplate(s) {
		return adopt(s)
	}
	clock := newClock()
	picture, err := imaging.DecodeRGB(s.Data, s.Format)
	if err != nil {
		return matcher.Extraction{}, refusal(err)
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
	pad, err := e.attack(ctx, picture, b)
	if err != nil {
		return matcher.Extraction{}, err
	}
	clock.done("pad")
	return matcher.Extraction{
		Template: matcher.Template{Modality: matcher.Face, Model: Model, Payload: encodePayload(v, quality.Score)},
		Quality:  quality,
		PAD:      pad,
		Stages:   clock.stages,
	}, nil
}

// Probe prepares a template to ask with.
func (e *Engine) Probe(t matcher.Template) (matcher.Probe, error) {
	p, err := prepare(t)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Reference prepares a template to be compared with.
func (e *Engine) Reference(t matcher.Template) (matcher.Reference, error) {
	p, err := prepare(t)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// NewIndex makes an empty gallery.
func (e *Engine) NewIndex() matcher.Index { return gallery.New(Model) }

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
func adopt(s matcher.Sample) (matcher.Extraction, error) {
	if !matcher.IsTemplate(s.Data) {
		return matcher.Extraction{}, &matcher.Error{
			Code: matcher.CodeFormatMismatch, Detail: "the bytes are no " + matcher.FormatTemplate + " as claimed",
		}
	}
	t, err := matcher.ParseTemplate(s.Data)
	if err != nil {
		return matcher.Extraction{}, err
	}
	v, quality, err := read(t)
	if err != nil {
		return matcher.Extraction{}, err
	}
	t.Payload = encodePayload(v, quality) // a copy: the sample's bytes are the caller's
	return matcher.Extraction{Template: t, Quality: matcher.Quality{Score: quality}}, nil
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
	return &matcher.Error{Code: matcher.CodeUnusable, Detail: fmt.Sprintf(format, args...), Reasons: []string{reason}}
}

func parameter(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadParameter, Detail: fmt.Sprintf(format, args...)}
}

var _ matcher.Engine = (*Engine)(nil)
