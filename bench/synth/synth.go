// Package synth makes fingerprints that belong to nobody: seeded identities and impressions of them, for load tests,
// demonstrations and the far tail of impostor scores, where real data is too little or may not be used.
//
// A Finger is a class, cores and deltas, an orientation flow and the ridges that grew along it. An Impression is one touch
// of a sensor: part of the finger, displaced, turned, stretched, pressed more or less, with noise. Prints are made
// without pictures where only minutiae matter. The same seed gives the same bytes with the same build: floating-point results
// may differ in the last bit between processor architectures.
//
// docs/synth.md compares what comes out with real impressions.
package synth

// Version names the generator: results that rest on its output say it. It changes whenever a seed gives other bytes.
const Version = "synth-2"
