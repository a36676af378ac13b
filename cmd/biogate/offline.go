package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"biogate/gateway/decision"
	"biogate/matcher"
	"biogate/matcher/finger"
)

type offlineFlags struct {
	Modality  string `help:"What the files show: finger or face. Without it fingers are tried first." enum:",finger,face" default:""`
	DPI       int    `help:"Resolution of fingerprint pictures; 500 when not stated."`
	Models    string `help:"Folder of the prepared networks." placeholder:"DIR" default:"${models}" env:"BIOGATE_MODELS"`
	FaceModel string `help:"Face model (${face_model})." placeholder:"ID" default:"${face_model}" env:"BIOGATE_FACE_MODEL"`
	Networks  string `help:"What the face networks run in: ort (ONNX Runtime), opencv, or auto: the first of them that can be had." enum:"auto,ort,opencv" default:"auto" env:"BIOGATE_NETWORKS"`
	Trace     string `help:"Write every intermediate result into this folder, as PNG or JSON." placeholder:"DIR"`
}

type extractCmd struct {
	Image        string `arg:"" help:"Picture or template." type:"path"`
	Out          string `short:"o" help:"Where the template goes." placeholder:"FILE"`
	Format       string `help:"Of the template: biogate, or for fingers ISO/IEC 19794-2 as iso-2005 or iso-2011." enum:"biogate,iso-2005,iso-2011" default:"biogate"`
	offlineFlags `embed:""`
}

type extractAnswer struct {
	Modality      matcher.Modality `json:"modality"`
	Model         string           `json:"model"`
	Position      matcher.Position `json:"position,omitempty"`
	Quality       qualityAnswer    `json:"quality"`
	PAD           *padAnswer       `json:"pad,omitempty"`
	TemplateBytes int              `json:"template_bytes"`
	Out           string           `json:"out,omitempty"`
}

type qualityAnswer struct {
	Score   int      `json:"score"`
	Reasons []string `json:"reasons"`
	Hint    string   `json:"hint,omitempty"`
}

type padAnswer struct {
	Score    float64          `json:"score"`
	Suspect  bool             `json:"suspect"`
	Advisory bool             `json:"advisory"`
	Evidence []evidenceAnswer `json:"evidence,omitempty"`
}

type evidenceAnswer struct {
	Name     string  `json:"name"`
	Score    float64 `json:"score"`
	Suspect  bool    `json:"suspect"`
	Advisory bool    `json:"advisory"`
	Reason   string  `json:"reason,omitempty"`
}

func padOf(p *matcher.PAD) *padAnswer {
	if p == nil {
		return nil
	}
	out := &padAnswer{Score: p.Score, Suspect: p.Suspect, Advisory: p.Advisory}
	for _, e := range p.Evidence {
		out.Evidence = append(out.Evidence, evidenceAnswer(e))
	}
	return out
}

func (c extractCmd) Run(ctx context.Context, out console) error {
	bench, err := openOffline(c.offlineFlags)
	if err != nil {
		return err
	}
	defer bench.close()
	trace, err := openTrace(c.Trace)
	if err != nil {
		return err
	}
	_, x, err := bench.extract(ctx, c.Image, trace.named(""))
	if err := errors.Join(err, trace.err()); err != nil {
		return fmt.Errorf("%s: %w", c.Image, err)
	}
	data, err := encode(x.Template, c.Format)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := os.WriteFile(c.Out, data, 0o600); err != nil {
			return fmt.Errorf("template cannot be written: %w", err)
		}
	}
	a := extractAnswer{
		Modality: x.Template.Modality, Model: x.Template.Model, Position: x.Template.Position,
		Quality: qualityAnswer{x.Quality.Score, append([]string{}, x.Quality.Reasons...), x.Quality.Hint}, PAD: padOf(x.PAD), TemplateBytes: len(data), Out: c.Out,
	}
	return out.answer(a, func(w io.Writer) {
		fmt.Fprintf(w, "%s template of model %s, %d bytes, quality %d %v\n", a.Modality, a.Model, a.TemplateBytes, a.Quality.Score, a.Quality.Reasons)
		if c.Out == "" {
			fmt.Fprintln(w, "not kept: -o FILE writes it")
		}
	})
}

// encode writes a template in one of the formats of --format.
func encode(t matcher.Template, format string) ([]byte, error) {
	if format == "biogate" {
		return t.AppendBinary(nil)
	}
	if t.Modality != matcher.Finger {
		return nil, misuse("--format %s is for fingers, this is a %s", format, t.Modality)
	}
	print, err := finger.ParsePayload(t.Payload)
	if err != nil {
		return nil, err
	}
	edition := finger.ISO2005
	if format == "iso-2011" {
		edition = finger.ISO2011
	}
	return finger.AppendISO19794(nil, print, t.Position, edition)
}

type matchCmd struct {
	A            string  `arg:"" help:"Probe: picture or template." type:"path"`
	B            string  `arg:"" help:"Reference: picture or template." type:"path"`
	MaxFMR       float64 `help:"Accept at this false match rate or below." default:"0.0001"`
	offlineFlags `embed:""`
}

type matchAnswer struct {
	Score        float64          `json:"score"`
	FMR          float64          `json:"fmr"`
	Extrapolated bool             `json:"extrapolated,omitempty"`
	Decision     decision.Verdict `json:"decision"`
	Modality     matcher.Modality `json:"modality"`
	Model        string           `json:"model"`
	Reasons      []string         `json:"reasons,omitempty"` // why a failure says little
}

func (c matchCmd) Run(ctx context.Context, out console) error {
	if !(c.MaxFMR > 0 && c.MaxFMR < 1) {
		return misuse("--max-fmr %v does not lie between 0 and 1", c.MaxFMR)
	}
	bench, err := openOffline(c.offlineFlags)
	if err != nil {
		return err
	}
	defer bench.close()
	a, err := bench.match(ctx, c)
	if err != nil {
		return err
	}
	if err := out.answer(a, func(w io.Writer) {
		fmt.Fprintf(w, "%s: score %.4g, FMR %.3g%s (%s, %s)\n", a.Decision, a.Score, a.FMR, extrapolated(a.Extrapolated), a.Modality, a.Model)
		if len(a.Reasons) > 0 {
			fmt.Fprintf(w, "a capture says little about a failure: %s\n", strings.Join(a.Reasons, ", "))
		}
	}); err != nil {
		return err
	}
	if a.Decision != decision.Match {
		return errNegative
	}
	return nil
}

func extrapolated(yes bool) string {
	if yes {
		return " (extrapolated)"
	}
	return ""
}

// offline is the engines without a gateway.
type offline struct {
	flags   offlineFlags
	engines engines
}

func openOffline(f offlineFlags) (*offline, error) {
	e, err := openEngines(engineOptions{models: f.Models, face: f.FaceModel, networks: f.Networks, sessions: 1})
	return &offline{f, e}, err
}

func (o *offline) close() { o.engines.close() }

// extract reads a file with the engine of the stated modality, or of the file's own, or with the first that can use it. The
// sample is the one that this engine was given.
func (o *offline) extract(ctx context.Context, name string, tr matcher.Trace) (sample matcher.Sample, x matcher.Extraction, err error) {
	data, err := readCapture(name)
	if err != nil {
		return sample, x, err
	}
	sample = matcher.Sample{Modality: matcher.Modality(o.flags.Modality), DPI: o.flags.DPI, Data: data}
	if t, err := matcher.ParseTemplate(data); err == nil {
		sample.Modality = t.Modality
	}
	if sample.Modality != "" {
		engine, err := o.engines.of(sample.Modality)
		if err != nil {
			return sample, x, err
		}
		x, err = engine.Extract(ctx, sample, tr)
		return sample, x, err
	}
	var first error
	for _, engine := range o.engines.list {
		sample.Modality = engine.Modality()
		x, err = engine.Extract(ctx, sample, tr)
		if err == nil || !mayBeAnother(err) {
			return sample, x, err
		}
		first = errors.Join(first, fmt.Errorf("as a %s: %w", engine.Modality(), err))
	}
	for modality, cause := range o.engines.missing { // it may have been one of those
		first = errors.Join(first, fmt.Errorf("as a %s: not tried: %w", modality, cause))
	}
	return sample, matcher.Extraction{}, first
}

// mayBeAnother says whether a refusal leaves open that the file shows what another engine reads: a photograph has more pixels
// than a finger, and there are formats that hold faces alone.
func mayBeAnother(err error) bool {
	return slices.ContainsFunc([]matcher.Code{matcher.CodeUnusable, matcher.CodeTooLarge, matcher.CodeFormat}, func(c matcher.Code) bool {
		return errors.Is(err, &matcher.Error{Code: c})
	})
}

func (o *offline) match(ctx context.Context, c matchCmd) (matchAnswer, error) {
	trace, err := openTrace(c.Trace)
	if err != nil {
		return matchAnswer{}, err
	}
	probeSample, a, err := o.extract(ctx, c.A, trace.named("probe-"))
	if err := errors.Join(err, trace.err()); err != nil {
		return matchAnswer{}, fmt.Errorf("%s: %w", c.A, err)
	}
	referenceSample, b, err := o.extract(ctx, c.B, trace.named("reference-"))
	if err := errors.Join(err, trace.err()); err != nil {
		return matchAnswer{}, fmt.Errorf("%s: %w", c.B, err)
	}
	if a.Template.Modality != b.Template.Modality {
		return matchAnswer{}, fmt.Errorf("%s shows a %s and %s a %s: they cannot be compared", c.A, a.Template.Modality, c.B, b.Template.Modality)
	}
	engine, err := o.engines.of(a.Template.Modality)
	if err != nil {
		return matchAnswer{}, err
	}
	score, err := compare(engine, a.Template, b.Template)
	if err != nil {
		return matchAnswer{}, err
	}
	if explainer, ok := engine.(matcher.Explainer); ok && trace != nil {
		_, err := explainer.Explain(ctx, probeSample, referenceSample, trace.named(""))
		if err := errors.Join(err, trace.err()); err != nil {
			return matchAnswer{}, err
		}
	}
	calibration := o.engines.calibrations[engine.Model()]
	if calibration == nil {
		return matchAnswer{}, fmt.Errorf("model %s has no calibration", engine.Model())
	}
	answer := matchAnswer{Score: score, Modality: engine.Modality(), Model: engine.Model(), Decision: decision.NoMatch}
	answer.FMR, answer.Extrapolated = calibration.FMR(score)
	switch {
	case answer.FMR <= c.MaxFMR:
		answer.Decision = decision.Match
	case a.Quality.Unreliable || b.Quality.Unreliable:
		answer.Decision, answer.Reasons = decision.Inconclusive, slices.Concat(a.Quality.Reasons, b.Quality.Reasons)
	}
	return answer, nil
}

func compare(engine matcher.Engine, a, b matcher.Template) (float64, error) {
	probe, err := engine.Probe(a)
	if err != nil {
		return 0, err
	}
	reference, err := engine.Reference(b)
	if err != nil {
		return 0, err
	}
	return probe.Compare(reference)
}
