package matcher

// Decoyer is what an Engine is besides when it can make references of nobody.
type Decoyer interface {
	// Decoy makes a random template that takes as long to compare with as a usual one, and whose bytes look like one's. It shows
	// nobody: it resembles every probe as little as a stranger does.
	Decoy() (Template, error)
}
