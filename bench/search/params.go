package search

import "time"

const (
	// candidates that every search asks for, as a service does that shows a list.
	candidates = 10
	// referenceQueries are compared with every template while the gallery is filled: each costs a comparison a template.
	referenceQueries = 4
	// referenceFaces is the same for faces, whose ranking is held to that of comparing everybody as a whole.
	referenceFaces = 8
	// leastBatches of faces are asked for a median.
	leastBatches = 9
	// fewestEnrolled is the smallest gallery that strangers are searched in. openSetBatch of them share a pass.
	fewestEnrolled = 400
	openSetBatch   = 64
	// mostCompared minutiae of a print have signatures: comparedMinutiae of matcher/finger.
	mostCompared = 64
	// sameScore is how far two sums of the same evidence in another order may differ, relative.
	sameScore = 1e-6

	// readWords is well above what caches hold: 256 MiB. countWords is half of a first-level cache: 16 KiB.
	readWords  = 32 << 20
	countWords = 2 << 10
	// Each machine figure is the best of machineTries, since other programs only take away.
	machineTries = 5
	countFor     = 5 * time.Millisecond
)
