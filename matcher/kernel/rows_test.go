package kernel

import (
	"slices"
	"testing"
)

// Every operation has one chosen row, which is usable, and a generic one at its end that is always usable.
func TestRows(t *testing.T) {
	rows, chosen := Rows(), map[string]int{}
	for i, r := range rows {
		if r.Ceiling != "" && !slices.ContainsFunc(rows, func(c Row) bool { return c.Op == r.Ceiling && c.Chosen }) {
			t.Errorf("%s/%s: no operation %q bounds it", r.Op, r.Name, r.Ceiling)
		}
		last := i == len(rows)-1 || rows[i+1].Op != r.Op
		if last != (r.Name == "generic") || (last || r.Chosen) && !r.Usable {
			t.Errorf("%s/%s: last %t, usable %t", r.Op, r.Name, last, r.Usable)
		}
		if r.Chosen {
			chosen[r.Op]++
		}
		if !r.Usable {
			continue
		}
		if r.Work() < 1 {
			t.Errorf("%s/%s: does no work", r.Op, r.Name)
		}
		if n := testing.AllocsPerRun(1, func() { r.Work() }); n != 0 {
			t.Errorf("%s/%s: %v allocations", r.Op, r.Name, n)
		}
	}
	for _, op := range []string{
		"Dot8", "Dots8", "Dots8 from memory", "DotsBatch8, 8 probes", "DotsBatch8, 32 probes", "DotsBatch8, 32 probes, from memory", "Above8",
		"Embed256", "Nearest256", "FilterCell", "MultiplyAdds", "CountOnes", "ReadSum", "ReadSum from memory",
	} {
		if chosen[op] != 1 {
			t.Errorf("%s: %d rows chosen", op, chosen[op])
		}
	}
}
