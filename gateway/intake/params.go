package intake

import (
	"time"

	"biogate/gateway"
)

// Limits of what a request may hold. They bound work and memory, and keep identifiers fit for logs of other systems,
// file names and URLs.
const (
	maxCaptures   = 16      // captures in one request: ten fingers, a face, and room; each costs an extraction
	maxID         = 128     // bytes of a subject or gallery
	maxAudience   = 512     // bytes of an audience, which is usually a URL
	maxNonce      = 256     // bytes of a nonce
	maxPurpose    = 256     // bytes of a gallery's purpose
	maxCandidates = 100     // candidates that an identification may ask for
	maxMembers    = 100_000 // lines of one NDJSON list of members
	maxAmong      = gateway.MaxAmong
	maxTime       = int(gateway.MaxSequence / time.Millisecond)
	maxFormat     = 128       // bytes of a media type
	minDPI        = 200       // dots per inch; below, ridges are not resolved
	maxDPI        = 1000      // dots per inch; the densest that ISO/IEC 19794-4 names
	maxSide       = 1<<16 - 1 // pixels of a raw picture's side, as in ISO/IEC 19794-4

	maxPartHeader = 4 << 10 // bytes of one multipart part's header
	maxBoundary   = 70      // bytes, RFC 2046 section 5.1.1
	maxQuery      = 4 << 10 // bytes of a query string
	maxFieldName  = 64      // bytes of an unknown field's name that an error repeats
)
