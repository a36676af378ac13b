package matcher

import "context"

// Explainer is what an Engine is besides when it can show what a score rests on.
type Explainer interface {
	// Explain compares two samples and returns the score that Probe.Compare gives their templates. tr, which must not be nil,
	// receives what led to it; what Extract shows of each sample is left to Extract. It is made for people and not for
	// speed: it reads both samples itself.
	Explain(ctx context.Context, probe, reference Sample, tr Trace) (float64, error)
}
