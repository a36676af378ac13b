package accuracy

// Mistakes in the labels of public data sets. A pair that they make an impostor is a genuine one, and a handful of those is
// all that the far end of an impostor distribution then shows. Calibrations correct them; error rates are reported on the
// data as published, for comparison with others. Each entry was seen in the pictures (docs/calibration.md); doubtful cases
// stay as they are published.

// sameSubject are pairs of subjects that are one, as data set/subject.
var sameSubject = [][2]string{
	{"fvc2002_db3_b/108", "fvc2004_db3_b/102"}, // the same whorl; 40 of the 64 comparisons score above all other impostors
	{"64cd369419c4d5f8", "20e8f66eb5853267"},
	{"aaafc09378795ee2", "b9de9cf408469de4"},
}

// mislabelled are captures that show another subject of the set than their name says: three of them are a photograph that
// the set has under both names.
var mislabelled = []string{
	"f47ad3dfba167847",
	"6f8ff7fec25c190f",
	"b1c130fb6f952663",
	"e245504c7df33c8c",
}

// sharedPeople are FVC databases whose volunteers are the same: pooled, a genuine pair would count as impostor.
var sharedPeople = [][2]string{{"fvc2002_db1", "fvc2002_db2"}}

// firstSeen is the name under which a subject is already known, if it is.
func firstSeen(index map[string]int, subject string) string {
	for _, p := range sameSubject {
		if _, known := index[p[0]]; known && subject == p[1] {
			return p[0]
		}
		if _, known := index[p[1]]; known && subject == p[0] {
			return p[1]
		}
	}
	return subject
}
