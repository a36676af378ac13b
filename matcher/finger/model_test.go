package finger

import (
	"fmt"
	"hash/crc32"
	"testing"
)

// Scores belong to a model: a change that moves them needs a new number in models/, a calibration, and then these digests. Scores
// are rounded to thousandths, since other processors may round the last bit otherwise.
func TestScoresAreThoseOfTheModel(t *testing.T) {
	want := map[string]uint32{"compared": 0xd00f7055, "fused": 0xd7a7de71}
	got := map[string]uint32{}
	note := func(kind string, score float64) {
		got[kind] = crc32.Update(got[kind], crc32.IEEETable, fmt.Appendf(nil, "%.3f ", score))
	}
	for finger := range uint64(8) {
		prints := impressions(finger, 3)
		for other := range uint64(8) {
			note("compared", scoreOf(prints[0], impressions(other, 2)[1]))
		}
		note("fused", scoreOf(prints[0], Fuse(prints[1:])[0].Print))
	}
	for kind, digest := range want {
		if got[kind] != digest {
			t.Errorf("%s: scores have the digest %#x, those of %s have %#x", kind, got[kind], Model, digest)
		}
	}
}
