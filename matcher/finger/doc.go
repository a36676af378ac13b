// Package finger is the fingerprint engine: pictures and ISO/IEC 19794-2 records in, minutiae templates out, and a
// comparison of two templates that tolerates rotation, displacement, partial overlap and skin distortion.
//
// One sample goes through
//
//	decode   matcher/imaging, or the reader of a template or ISO record
//	extract  picture -> Print, the minutiae at 500 dpi (extract.go, one file a step)
//	quality  is this a finger, and how clear (quality.go)
//	encode   Print -> payload of matcher.Template (codec.go)
//
// and a comparison through
//
//	prepare  Print -> minutiae of best quality, each with a signature of its surroundings (prepare.go, signature.go)
//	place    minutiae whose signatures are alike -> rival placements of the reference on the probe (place.go)
//	match    a placement -> paired minutiae, following the distortion of the skin (match.go)
//	score    paired and missing minutiae -> evidence in nats (score.go)
//
// All numbers are in params_extract.go and params_match.go; docs/finger.md explains the algorithm and shows the experiments.
package finger
