package finger

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"biogate/matcher"
	"biogate/matcher/imaging"
)

// Model is the id of the parameter set that scores depend on: the folder in models/.
const Model = "finger-minutiae-2"

const (
	// fewestMinutiae that a template must have to be compared. A record with fewer is empty for our purpose, and must
	// never become a reference.
	fewestMinutiae = 6
	// trustedDPI and more is believed when a picture file states it: lower values are what photo software writes by
	// default, and finger scanners have 500 or 1,000.
	trustedDPI = 400
)

// Engine implements matcher.Engine for fingerprints. It has no state.
type Engine struct{}

var (
	_ matcher.Engine = (*Engine)(nil)
	_ matcher.Fuser  = (*Engine)(nil)
)

// New makes the fingerprint engine.
func New() *Engine { return &Engine{} }

// Modality is matcher.Finger.
func (*Engine) Modality() matcher.Modality { return matcher.Finger }

// Model is the id of the model.
func (*Engine) Model() string { return Model }

// capture is what reading a sample gives, whatever its format.
type capture struct {
	print    Print
	position matcher.Position
	quality  matcher.Quality
	stages   []matcher.Stage
}

// Extract makes a template of a picture, of raw grey pixels, of an ISO/IEC 19794-2 record or of a template.
// A resolution that neither the sample nor its file states is taken for 500 dpi. A refusal has the stages that were reached.
func (e *Engine) Extract(ctx context.Context, s matcher.Sample, tr matcher.Trace) (matcher.Extraction, error) {
	if err := ctx.Err(); err != nil {
		return matcher.Extraction{}, err
	}
	if err := checkSample(s); err != nil {
		return matcher.Extraction{}, err
	}
	c, err := e.read(ctx, s, tr)
	if err != nil {
		return matcher.Extraction{Stages: c.stages}, err
	}
	if err := checkUsable(c.print); err != nil {
		return matcher.Extraction{Stages: c.stages}, err
	}
	position, err := agreedPosition(s.Position, c.position)
	if err != nil {
		return matcher.Extraction{}, err
	}
	c.print.Minutiae = strongest(c.print.Minutiae, storedMinutiae)
	payload, err := AppendPayload(nil, c.print)
	if err != nil {
		return matcher.Extraction{}, err
	}
	template := matcher.Template{Modality: matcher.Finger, Model: Model, Position: position, Payload: payload}
	return matcher.Extraction{Template: template, Quality: c.quality, Stages: c.stages}, nil
}

// checkSample looks at what stands beside the bytes.
func checkSample(s matcher.Sample) error {
	if s.Modality != matcher.Finger && s.Modality != "" {
		return badParameter("a sample of modality %q came to the finger engine", s.Modality)
	}
	if _, ok := s.Position.Code(); !ok {
		return badParameter("%q is no finger position", s.Position)
	}
	if s.DPI != 0 && (s.DPI < minDPI || s.DPI > maxDPI) {
		return badParameter("%d dpi is outside %d to %d", s.DPI, minDPI, maxDPI)
	}
	return nil
}

// read finds out what the bytes are, holds the claim against it and reads them.
func (e *Engine) read(ctx context.Context, s matcher.Sample, tr matcher.Trace) (capture, error) {
	claim, found := mediaType(s.Format), sniff(s.Data)
	if claim == matcher.FormatRawGrey {
		return extract(s.Data, s.Width, s.Height, s.DPI, tr)
	}
	if imaging.Sniff(s.Data) == matcher.FormatISO19794_5 {
		return capture{}, &matcher.Error{Code: matcher.CodeFormat, Detail: "a face record holds no finger"}
	}
	if isTemplateFormat(claim) && claim != found || isTemplateFormat(found) && claim != "" && claim != found {
		return capture{}, &matcher.Error{Code: matcher.CodeFormatMismatch, Detail: fmt.Sprintf("the sender said %s, the bytes are not", claim)}
	}
	begin := time.Now()
	switch found {
	case matcher.FormatTemplate:
		return timed(fromTemplate, s.Data, begin, tr)
	case matcher.FormatISO19794_2:
		return timed(fromISO, s.Data, begin, tr)
	}
	picture, dpi, err := decode(s)
	stages := []matcher.Stage{{Name: "decode", Took: time.Since(begin)}}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return capture{stages: stages}, err
	}
	c, err := extract(picture.Pix, picture.Width, picture.Height, dpi, tr)
	c.stages = append(stages, c.stages...)
	return c, err
}

// decode reads a picture and the resolution to take it for. What its header shows to be no finger is not decoded.
func decode(s matcher.Sample) (imaging.Grey, int, error) {
	h, err := imaging.ReadHeader(s.Data, s.Format)
	if err != nil {
		return imaging.Grey{}, 0, asMatcherError(err)
	}
	dpi := s.DPI
	switch {
	case dpi != 0:
	case h.DPI >= trustedDPI && h.DPI <= maxDPI:
		dpi = h.DPI
	default:
		dpi = baseDPI
	}
	if err := checkExtent(h.Width, h.Height, dpi); err != nil {
		return imaging.Grey{}, 0, err
	}
	picture, err := imaging.DecodeGrey(s.Data, s.Format)
	return picture, dpi, asMatcherError(err)
}

func timed(read func([]byte) (capture, error), data []byte, begin time.Time, tr matcher.Trace) (capture, error) {
	c, err := read(data)
	c.stages = []matcher.Stage{{Name: "decode", Took: time.Since(begin)}}
	if err == nil {
		traceStated(tr, c.print)
	}
	return c, err
}

// mediaType is the claim without parameters; "" when nothing is claimed.
func mediaType(format string) string {
	media, _, err := mime.ParseMediaType(format)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(format))
	}
	if media == matcher.FormatOctetStream {
		return ""
	}
	return media
}

// sniff recognises what is not a picture.
func sniff(data []byte) string {
	switch {
	case matcher.IsTemplate(data):
		return matcher.FormatTemplate
	case IsISO19794(data):
		return matcher.FormatISO19794_2
	}
	return ""
}

func isTemplateFormat(media string) bool {
	return media == matcher.FormatTemplate || media == matcher.FormatISO19794_2
}

func fromTemplate(data []byte) (capture, error) {
	t, err := matcher.ParseTemplate(data)
	if err != nil {
		return capture{}, err
	}
	p, err := open(t)
	return stated(p, t.Position, err)
}

func fromISO(data []byte) (capture, error) {
	p, position, err := ReadISO19794(data)
	if err == nil {
		err = checkUsable(p)
	}
	return stated(p, position, err)
}

// stated is a capture whose minutiae somebody else found.
func stated(p Print, position matcher.Position, err error) (capture, error) {
	if err == nil {
		err = checkPlausible(p)
	}
	return capture{print: p, position: position, quality: templateQuality(p)}, err
}

// checkUsable refuses a print that could be compared with nothing: too few minutiae at different places.
func checkUsable(p Print) error {
	places := map[[2]int16]struct{}{}
	for _, m := range p.Minutiae {
		places[[2]int16{m.X, m.Y}] = struct{}{}
	}
	if len(places) >= fewestMinutiae {
		return nil
	}
	return unusable(fmt.Sprintf("%d minutiae, at least %d are needed", len(places), fewestMinutiae), reasonFewMinutiae)
}

// templateQuality judges minutiae without their picture: by their number, and by their own quality where it is stated.
func templateQuality(p Print) matcher.Quality {
	score := min(len(p.Minutiae), plentyMinutiae) * 100 / plentyMinutiae
	if mean := meanQuality(p); mean > 0 {
		score = min(score, mean)
	}
	q := matcher.Quality{Score: score}
	if len(p.Minutiae) < plentyMinutiae/2 {
		q.Reasons = append(q.Reasons, reasonFewMinutiae)
	}
	return q
}

// agreedPosition is what the sample or the record says; the two must not contradict each other.
func agreedPosition(sample, record matcher.Position) (matcher.Position, error) {
	if !sample.Comparable(record) {
		return matcher.Unknown, badParameter("the sample says %s, the record in it says %s", sample, record)
	}
	if sample == matcher.Unknown {
		return record, nil
	}
	return sample, nil
}

// open checks that t is ours and usable, and reads it.
func open(t matcher.Template) (Print, error) {
	if t.Modality != matcher.Finger || t.Model != Model {
		return Print{}, &matcher.Error{Code: matcher.CodeModelMismatch, Detail: fmt.Sprintf("template of %s model %q, this engine compares finger model %q", t.Modality, t.Model, Model)}
	}
	p, err := ParsePayload(t.Payload)
	if err != nil {
		return Print{}, err
	}
	return p, checkUsable(p)
}

// Probe prepares t for asking.
func (*Engine) Probe(t matcher.Template) (matcher.Probe, error) {
	p, err := open(t)
	if err != nil {
		return nil, err
	}
	return newProbe(p, t.Position), nil
}

// Reference prepares t for being compared with.
func (*Engine) Reference(t matcher.Template) (matcher.Reference, error) {
	p, err := open(t)
	if err != nil {
		return nil, err
	}
	return newReference(p, t.Position), nil
}

// NewIndex makes an empty gallery for this model.
func (*Engine) NewIndex() matcher.Index { return NewIndex() }

// Fuse makes one template of all that show one finger; see fuse.go. A mosaic that could not come in as a template is not
// made: senders of templates must not assemble what they may not send.
func (*Engine) Fuse(templates []matcher.Template) ([]matcher.FusedTemplate, error) {
	prints := make([]Print, len(templates))
	for i, t := range templates {
		if t.Position != templates[0].Position {
			return nil, badParameter("templates of positions %q and %q cannot be fused", templates[0].Position, t.Position)
		}
		var err error
		if prints[i], err = open(t); err != nil {
			return nil, err
		}
	}
	var out []matcher.FusedTemplate
	for _, f := range Fuse(prints) {
		if len(f.Of) == 1 || checkUsable(f.Print) != nil || checkPlausible(f.Print) != nil {
			for _, i := range f.Of {
				out = append(out, matcher.FusedTemplate{Template: templates[i], Of: []int{i}})
			}
			continue
		}
		payload, err := AppendPayload(nil, f.Print)
		if err != nil {
			return nil, err
		}
		t := matcher.Template{Modality: matcher.Finger, Model: Model, Position: templates[0].Position, Payload: payload}
		out = append(out, matcher.FusedTemplate{Template: t, Of: f.Of})
	}
	return out, nil
}

// Compare returns the comparison score in nats; see score.go.
func (p *probe) Compare(ref matcher.Reference) (float64, error) {
	r, ok := ref.(*reference)
	if !ok {
		return 0, errForeignReference
	}
	return similarity(p, r), nil
}

// Position is the finger that the probe shows.
func (p *probe) Position() matcher.Position { return p.position }

// Model is the model that made the reference.
func (*reference) Model() string { return Model }

// Position is the finger that the reference shows.
func (r *reference) Position() matcher.Position { return r.position }

var errForeignReference = &matcher.Error{Code: matcher.CodeModelMismatch, Detail: "the reference was made by another engine than the probe"}

func asMatcherError(err error) error {
	var e *imaging.Error
	if errors.As(err, &e) {
		return &matcher.Error{Code: matcher.Code(e.Code), Detail: e.Detail}
	}
	return err
}

func badParameter(format string, args ...any) error {
	return &matcher.Error{Code: matcher.CodeBadParameter, Detail: fmt.Sprintf(format, args...)}
}
