package main

import (
	"encoding/json"
	"strings"
	"testing"

	"biogate/matcher/kernel"
)

func TestKernelsMeasuresEveryRow(t *testing.T) {
	status, out, errOut := biobench(t, "--json", "kernels", "--rounds", "2")
	var doc kernelsReport
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != statusDone {
		t.Fatalf("status %d, %v, %q, %q", status, err, out, errOut)
	}
	rows := kernel.Rows()
	if len(doc.Kernels) != len(rows) {
		t.Fatalf("%d rows, want %d", len(doc.Kernels), len(rows))
	}
	for i, r := range doc.Kernels {
		if r.Op != rows[i].Op || r.Row != rows[i].Name || r.Usable != (r.OpsPerS > 0) || r.Row == "generic" && r.VsGeneric != 1 {
			t.Errorf("row %d: %+v", i, r)
		}
		if r.Ceiling != rows[i].Ceiling || (r.Reached > 0) != (r.Usable && r.Ceiling != "") {
			t.Errorf("row %d: reached %g of %q", i, r.Reached, r.Ceiling)
		}
	}
}

func TestKernelsInWords(t *testing.T) {
	status, out, _ := biobench(t, "kernels", "--rounds", "1")
	if status != statusDone || !strings.Contains(out, "Nearest256") || !strings.Contains(out, " *") || !strings.Contains(out, " % of ReadSum from memory") {
		t.Errorf("status %d, %q", status, out)
	}
	if status, _, errOut := biobench(t, "kernels", "--rounds", "0"); status != statusMisuse || !strings.Contains(errOut, "--rounds 0") {
		t.Errorf("status %d, %q", status, errOut)
	}
}
