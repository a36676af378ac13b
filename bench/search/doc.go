// Package search measures 1:N search over a gallery of synthetic references: how fast it is, what it reads, and how many
// mates it loses.
//
// A gallery of n fingers is made while it is filled, one impression each; queries ask with another impression of some of them.
// Captures of real fingers can hide among the synthetic ones. The reference for every search is the comparison of the probe
// with every template by Probe.Compare: for a few queries it is made while the gallery is filled, and exhaustive search must
// agree with it exactly. Two-stage search is held to exhaustive search.
//
// Faces are embeddings drawn with the score statistics of a real network (synth.Faces). The reference for their search is a scalar
// comparison with everybody, whose ranking it must have to the last bit; strangers are searched at several sizes of
// the gallery for the figures of an open set (FPIR, FNIR), which real faces give too.
package search
