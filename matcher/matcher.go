// Package matcher is the vocabulary of the matching core: samples go in, templates come out, templates are compared.
//
// Terms follow ISO/IEC 2382-37. A Sample is what a sensor gave; a Template is what an Engine made of it; a Probe is a
// template that asks, a Reference one that was enrolled. Raw scores mean nothing outside the model that made them:
// callers turn them into a false match rate with that model's calibration.
package matcher

import (
	"context"
	"time"
)

// Modality names a biometric characteristic.
type Modality string

// The modalities that this build knows the names of.
const (
	Face   Modality = "face"
	Finger Modality = "finger"
)

// Sample is one capture as it arrived. An Engine reads it and keeps nothing of it.
type Sample struct {
	Modality Modality
	Position Position // which finger; Unknown for faces
	Format   string   // media type claimed by the sender; empty: sniffed from Data
	DPI      int      // resolution in dots per inch; 0: not stated
	Width    int      // pixels, for FormatRawGrey alone
	Height   int      // pixels, for FormatRawGrey alone
	At       *Point   // which face, when the picture shows several: a point inside it
	Data     []byte   // encoded picture or template
	// Taken is the time since the first sample of a sequence was taken; 0 where no sequence was.
	Taken time.Duration
	// SkipPAD: nobody asks for presentation attack detection, so that its time can be saved.
	SkipPAD bool
}

// Point is a position in a picture, in pixels from its top left corner.
type Point struct{ X, Y float64 }

// Media types of samples that are not ordinary pictures.
const (
	FormatTemplate    = "application/vnd.biogate.template" // Template.AppendBinary
	FormatISO19794_2  = "application/vnd.iso.19794-2"      // finger minutiae record, 2005 or 2011
	FormatISO19794_5  = "application/vnd.iso.19794-5"      // face image record, 2005 or 2011; imaging reads it
	FormatRawGrey     = "application/vnd.biogate.raw-grey" // Width x Height bytes, 0 black, row by row
	FormatOctetStream = "application/octet-stream"         // nothing claimed: sniffed
)

// Quality says how well a sample will serve recognition.
type Quality struct {
	Score   int      // 0 (useless) to 100
	Reasons []string // what lowers it, kebab-case, worst first; empty when nothing does
	Hint    string   // a short sentence that a kiosk can show ("Come closer."); empty: nothing to better
	// Unreliable: Reasons can make a person look like another one (a mask, closed eyes, a child), so that a comparison that
	// fails says little. One that succeeds stands.
	Unreliable bool
}

// PAD is the outcome of presentation attack detection (ISO/IEC 30107): a summary, and what it rests on.
type PAD struct {
	Score    float64 // 0 (attack) to 1 (bona fide), as the detector says
	Suspect  bool    // the detector would call it an attack
	Advisory bool    // too weak to decide on: shown, never a reason to refuse
	Evidence []PADEvidence
}

// PADEvidence is what one method of presentation attack detection found.
type PADEvidence struct {
	Name     string  // kebab-case: network, spectrum, parallax, identity, challenge-colour, challenge-head-turn, ...
	Score    float64 // 0 (attack) to 1 (bona fide)
	Suspect  bool    // this method would call it an attack
	Advisory bool    // too weak to decide on
	Reason   string  // kebab-case, what was seen; empty when nothing speaks of an attack
}

// Extraction is all that an engine learns from one sample.
type Extraction struct {
	Template Template
	Quality  Quality
	PAD      *PAD // nil: the sample does not allow detection, or the engine has none
	// Seen is what the engine noticed in the sample and its JudgeSequence asks for; nil for a template. Nobody else looks
	// inside, and it is never written down.
	Seen   any
	Stages []Stage
}

// Stage is the time that one named step took.
type Stage struct {
	Name string // decode, quality, extract, ...
	Took time.Duration
}

// Engine makes and compares the templates of one model. Every method is safe for concurrent use.
// Errors caused by the sample or template are *Error.
type Engine interface {
	Modality() Modality
	// Model is the id of the folder in models/ that this engine's scores depend on.
	Model() string
	// Extract decodes a sample, judges it and makes a template. A sample that already is a template (FormatTemplate, or a
	// standard record that the engine knows) is checked and converted. tr may be nil.
	Extract(ctx context.Context, s Sample, tr Trace) (Extraction, error)
	// Probe prepares a template once for comparison with many references.
	Probe(t Template) (Probe, error)
	// Reference prepares a template to be compared with; it is what galleries keep in memory.
	Reference(t Template) (Reference, error)
	// NewIndex makes an empty gallery for references of this engine.
	NewIndex() Index
}

// Probe is a template prepared for asking. It is immutable.
type Probe interface {
	// Compare returns the comparison score, higher is more alike, in the model's own unit. It does not allocate.
	// The error is a CodeModelMismatch when ref was made by another engine.
	Compare(ref Reference) (float64, error)
	Position() Position
}

// Reference is a template prepared for being compared with. It is immutable.
type Reference interface {
	Model() string
	Position() Position
}

// Index is a gallery for 1:N search, held in memory. It is safe for concurrent use: a search sees one state of the
// gallery, and a subject that was removed before a search began is never among its candidates.
type Index interface {
	// Set makes m a member in place of the one of that subject before. The index keeps m.References.
	Set(m Member) error
	Remove(subject string)
	// Len is the number of subjects.
	Len() int
	// Search appends to dst the q.K subjects with the best scores, best first and equal scores by subject. A subject's score
	// is its best over the references whose position is comparable with the probe's; a subject without such a reference is
	// passed over. It ends early, with ctx's error, when ctx does.
	Search(ctx context.Context, q Query, dst []Candidate) ([]Candidate, error)
}

// Member is a subject of a gallery with its references.
type Member struct {
	Subject    string
	Group      string // what a Filter may ask for; empty: none
	References []Reference
}

// Query is what a search asks for.
type Query struct {
	Probe Probe
	K     int // candidates at most
	Among Filter
}

// Filter says whom a search may find. The zero Filter lets everyone through.
type Filter struct {
	Group    string   // members of this group alone; empty: of any and of none
	Subjects []string // these subjects alone, as far as they are members; nil: all
}

// Candidate is a subject that a search proposes.
type Candidate struct {
	Subject     string
	Score       float64 // best score over the compared references
	Comparisons int     // how many references of this subject were compared
}
