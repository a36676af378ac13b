package accuracy

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
)

// WriteTSV writes every comparison as `reference probe score`, in the order of the data set, for comparing engines pair
// by pair.
func (t Test) WriteTSV(w io.Writer) error {
	all := slices.Concat(t.Scores.Genuine, t.Scores.Impostor)
	slices.SortFunc(all, func(a, b Comparison) int {
		return cmp.Or(cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Probe, b.Probe))
	})
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "reference\tprobe\tscore")
	for _, c := range all {
		fmt.Fprintf(out, "%s\t%s\t%.6g\n", t.Set.Captures[c.Reference].Name, t.Set.Captures[c.Probe].Name, c.Score)
	}
	return out.Flush()
}
