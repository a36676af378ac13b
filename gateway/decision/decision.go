// Package decision turns evidence into a verdict. It is pure: no clock, no I/O, no randomness.
package decision

// Verdict is the outcome of a request.
type Verdict string

// The verdicts. Inconclusive means "could not compare", and is never NoMatch.
const (
	Match        Verdict = "match"
	NoMatch      Verdict = "no-match"
	Inconclusive Verdict = "inconclusive"
)
