// Package accuracy measures how well an engine recognises, and calibrates its scores.
//
// A data set is loaded (Dataset), every capture becomes a template (Acquire), a protocol says which templates meet
// (Plan), Compare makes Scores of them, and Scores answer the questions of ISO/IEC 19795-1:
//
//   - FMR(t): share of impostor comparisons with a score of at least t; FNMR(t): share of genuine ones below t.
//   - EER: the rate where the two cross, after Maio et al. (FVC2002).
//   - FMR100, FMR1000, FMR10000: the lowest FNMR with FMR <= 1 %, 0.1 %, 0.01 %. ZeroFMR: the lowest FNMR without a false match.
//   - FTA: share of captures that gave no template. A genuine comparison with such a capture counts as rejected, an impostor
//     one as not accepted, whatever the threshold; so every rate here includes failures to acquire. OperatingPoint has
//     these generalised rates (GFRR, GFAR) beside FNMR and FMR of the comparisons that were made.
//
// Beyond rates: whether quality predicts errors (Rejection, ReasonRate), how single comparisons fare with other matchers
// (PeerComparison), and which are the worst (WorstPair).
//
// Intervals are 95 % and come from resampling subjects (people or fingers), never pairs: pairs that share a subject are
// not independent.
package accuracy
