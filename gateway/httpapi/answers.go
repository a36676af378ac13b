package httpapi

import (
	"encoding/json"
	"time"

	"github.com/gofiber/fiber/v2"

	"biogate/gateway"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
	"biogate/matcher"
)

const noStore = "no-store"

// answer is what a client gets, and what of it the event tells.
type answer struct {
	status      int
	body        any    // encoded as JSON, unless raw is there
	raw         []byte // with contentType
	contentType string
	cache       string // Cache-Control; empty: no-store
	etag        string
	replayed    bool
	decision    decision.Verdict
	degraded    []string
	notBefore   time.Time // when it may be told; zero: at once
}

func (a answer) send(c *fiber.Ctx, e *event) error {
	e.decision, e.degraded = string(a.decision), a.degraded
	if a.raw == nil {
		var err error
		if a.raw, err = json.Marshal(a.body); err != nil {
			return err
		}
		a.contentType = fiber.MIMEApplicationJSON
	}
	if a.cache == "" {
		a.cache = noStore
	}
	c.Set(fiber.HeaderCacheControl, a.cache)
	if a.replayed {
		c.Set("Idempotent-Replayed", "true")
	}
	if a.etag != "" {
		c.Set(fiber.HeaderETag, a.etag)
		if c.Get(fiber.HeaderIfNoneMatch) == a.etag {
			c.Status(fiber.StatusNotModified)
			return nil
		}
	}
	c.Status(a.status)
	c.Set(fiber.HeaderContentType, a.contentType)
	c.Response().SetBodyRaw(a.raw)
	return nil
}

type quality struct {
	Score   int      `json:"score"`
	Reasons []string `json:"reasons"`
	Hint    string   `json:"hint,omitempty"`
}

type template struct {
	ID         string           `json:"id"`
	Modality   matcher.Modality `json:"modality"`
	Position   matcher.Position `json:"position,omitempty"`
	Model      string           `json:"model"`
	Quality    quality          `json:"quality"`
	EnrolledAt *time.Time       `json:"enrolled_at,omitempty"`
	ExpiresAt  *time.Time       `json:"expires_at,omitempty"`
}

type enrolment struct {
	Subject   string     `json:"subject"`
	Templates []template `json:"templates"`
	Degraded  []string   `json:"degraded"`
	Trace     string     `json:"trace"`
}

type subject struct {
	Subject   string     `json:"subject"`
	Templates []template `json:"templates"`
	Galleries []string   `json:"galleries"`
	Degraded  []string   `json:"degraded"`
	Trace     string     `json:"trace"`
}

type deletion struct {
	Subject   string   `json:"subject"`
	Templates int      `json:"templates"`
	Receipt   string   `json:"receipt"`
	Degraded  []string `json:"degraded"`
	Trace     string   `json:"trace"`
}

type comparison struct {
	Modality     matcher.Modality `json:"modality"`
	Position     matcher.Position `json:"position,omitempty"`
	Model        string           `json:"model"`
	Score        float64          `json:"score"`
	FMR          float64          `json:"fmr"`
	Extrapolated bool             `json:"extrapolated,omitempty"`
	Comparisons  int              `json:"comparisons"`
}

// captureQuality is the quality of one capture of the request, counted from 0.
type captureQuality struct {
	Capture  int              `json:"capture"`
	Modality matcher.Modality `json:"modality"`
	Position matcher.Position `json:"position,omitempty"`
	Usable   bool             `json:"usable"`
	quality
}

// capturePAD is the presentation attack detection of one capture of the request, counted from 0, or of a sequence of them.
type capturePAD struct {
	Capture  int              `json:"capture"`            // the first
	Captures []int            `json:"captures,omitempty"` // all of a sequence
	Modality matcher.Modality `json:"modality"`
	Score    float64          `json:"score"`
	Suspect  bool             `json:"suspect"`
	Advisory bool             `json:"advisory"`
	Evidence []padEvidence    `json:"evidence"`
}

type padEvidence struct {
	Name     string  `json:"name"`
	Score    float64 `json:"score"`
	Suspect  bool    `json:"suspect"`
	Advisory bool    `json:"advisory"`
	Reason   string  `json:"reason,omitempty"`
}

type outcome struct {
	Decision     decision.Verdict `json:"decision"`
	FMR          float64          `json:"fmr"`
	Extrapolated bool             `json:"extrapolated,omitempty"`
	Reasons      []string         `json:"reasons"`
	Scores       []comparison     `json:"scores"`
	Quality      []captureQuality `json:"quality"`
	PAD          []capturePAD     `json:"pad"`
	Degraded     []string         `json:"degraded"`
	Assertion    string           `json:"assertion,omitempty"`
	Trace        string           `json:"trace"`
}

type identification struct {
	outcome
	Gallery    string      `json:"gallery"`
	Searched   int         `json:"searched"`
	FPIR       float64     `json:"fpir"`
	Candidates []candidate `json:"candidates"`
}

type candidate struct {
	Subject      string       `json:"subject"`
	FMR          float64      `json:"fmr"`
	Extrapolated bool         `json:"extrapolated,omitempty"`
	Scores       []comparison `json:"scores"`
}

type gallery struct {
	Gallery    string                   `json:"gallery"`
	Purpose    string                   `json:"purpose"`
	ExpiresAt  *time.Time               `json:"expires_at,omitempty"`
	CreatedAt  *time.Time               `json:"created_at,omitempty"`
	Erase      bool                     `json:"erase_members"`
	Members    int                      `json:"members"`
	Searchable map[matcher.Modality]int `json:"searchable"`
	Version    uint64                   `json:"version"`
	Trace      string                   `json:"trace"`
}

type galleryEnd struct {
	Gallery  string    `json:"gallery"`
	Reason   string    `json:"reason"`
	Members  int       `json:"members"`
	Erased   int       `json:"erased"`
	EndedAt  time.Time `json:"ended_at"`
	Receipt  string    `json:"receipt"`
	Degraded []string  `json:"degraded"`
	Trace    string    `json:"trace"`
}

func galleryEndOf(e gateway.GalleryEnd, trace string) galleryEnd {
	return galleryEnd{e.Gallery, e.Reason, e.Members, e.Erased, e.EndedAt.UTC(), e.Receipt, texts(e.Degraded), trace}
}

type membership struct {
	Gallery string `json:"gallery"`
	Subject string `json:"subject"`
	Group   string `json:"group,omitempty"`
	Trace   string `json:"trace"`
}

type additions struct {
	Gallery string          `json:"gallery"`
	Added   int             `json:"added"`
	Refused []refusedMember `json:"refused"`
	Trace   string          `json:"trace"`
}

type refusedMember struct {
	Subject string `json:"subject"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// list makes arrays of JSON: never null.
func list[T, U any](in []T, f func(i int, v T) U) []U {
	out := make([]U, len(in))
	for i, v := range in {
		out[i] = f(i, v)
	}
	return out
}

func texts(in []string) []string { return append([]string{}, in...) }

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func qualityOf(q matcher.Quality) quality { return quality{q.Score, texts(q.Reasons), q.Hint} }

func templatesOf(in []gateway.TemplateInfo) []template {
	return list(in, func(_ int, t gateway.TemplateInfo) template {
		return template{t.ID, t.Modality, t.Position, t.Model, qualityOf(t.Quality), when(t.EnrolledAt), when(t.ExpiresAt)}
	})
}

func comparisonsOf(in []gateway.Comparison) []comparison {
	return list(in, func(_ int, c gateway.Comparison) comparison {
		return comparison{c.Modality, c.Position, c.Model, c.Score, c.FMR, c.Extrapolated, c.Comparisons}
	})
}

func outcomeOf(o gateway.Outcome, trace string) outcome {
	return outcome{
		Decision: o.Decision, FMR: o.FMR, Extrapolated: o.Extrapolated,
		Reasons: texts(o.Reasons), Scores: comparisonsOf(o.Scores), Degraded: texts(o.Degraded),
		Quality: list(o.Captures, func(i int, c gateway.CaptureInfo) captureQuality {
			return captureQuality{i, c.Modality, c.Position, c.Usable, qualityOf(c.Quality)}
		}),
		PAD:       padOf(o.Captures),
		Assertion: o.Assertion, Trace: trace,
	}
}

// padOf lists what was judged: captures by themselves, and those that were judged together once.
func padOf(captures []gateway.CaptureInfo) []capturePAD {
	out := []capturePAD{}
	at := map[*matcher.PAD]int{}
	for i, c := range captures {
		if c.PAD == nil {
			continue
		}
		k, seen := at[c.PAD]
		if !seen {
			at[c.PAD] = len(out)
			out = append(out, capturePAD{
				Capture: i, Modality: c.Modality, Score: c.PAD.Score, Suspect: c.PAD.Suspect, Advisory: c.PAD.Advisory,
				Evidence: list(c.PAD.Evidence, func(_ int, e matcher.PADEvidence) padEvidence { return padEvidence(e) }),
			})
			continue
		}
		if out[k].Captures == nil {
			out[k].Captures = []int{out[k].Capture}
		}
		out[k].Captures = append(out[k].Captures, i)
	}
	return out
}

type issuedNonce struct {
	Nonce     string         `json:"nonce"`
	ExpiresAt time.Time      `json:"expires_at"`
	Challenge *challengeBody `json:"challenge,omitempty"`
	Trace     string         `json:"trace"`
}

type challengeBody struct {
	Kind  string          `json:"kind"`
	Steps []challengeStep `json:"steps"`
}

type challengeStep struct {
	Value string `json:"value"`
	From  int64  `json:"from_ms"`
	To    int64  `json:"to_ms"`
}

func nonceOf(i challenge.Issued, trace string) issuedNonce {
	out := issuedNonce{Nonce: i.Nonce, ExpiresAt: i.Expires().UTC(), Trace: trace}
	if i.Challenge != nil {
		out.Challenge = &challengeBody{i.Challenge.Kind, list(i.Challenge.Steps, func(_ int, s matcher.ChallengeStep) challengeStep {
			return challengeStep{s.Value, s.From.Milliseconds(), s.To.Milliseconds()}
		})}
	}
	return out
}

func galleryOf(g gateway.GalleryInfo, trace string) gallery {
	searchable := g.Searchable
	if searchable == nil {
		searchable = map[matcher.Modality]int{}
	}
	return gallery{g.Name, g.Purpose, when(g.ExpiresAt), when(g.CreatedAt), g.EraseMembers, g.Members, searchable, g.Version, trace}
}
