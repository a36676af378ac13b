// Package search measures 1:N search over a gallery of synthetic references: how fast it is, what it reads, and how many
// mates it loses.
//
// A gallery of n fingers is made while it is filled, one impression each; queries ask with another impression of some of them.
// Captures of real fingers can hide among the synthetic ones. The reference for every search is the comparison of the probe
// with every template by Probe.Compare: for a few queries it is made while the gallery is filled, and exhaustive search must
// agree with it exactly. Two-stage search is held to exhaustive search.
package search
