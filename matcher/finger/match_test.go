package finger

import "testing"

func BenchmarkCompareGenuine(b *testing.B)  { benchmarkCompare(b, true) }
func BenchmarkCompareImpostor(b *testing.B) { benchmarkCompare(b, false) }

func benchmarkCompare(b *testing.B, genuine bool) {
	list := loadISO(b, "fvc2002_db1_b", 8)
	type pair struct{ p, r int }
	var pairs []pair
	for i := range list {
		for j := range list {
			if i != j && (list[i].finger == list[j].finger) == genuine {
				pairs = append(pairs, pair{i, j})
			}
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := pairs[i*97%len(pairs)]
		similarity(list[q.p].probe, list[q.r].reference)
	}
}
