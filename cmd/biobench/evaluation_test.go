package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/bench/accuracy"
)

// flat gives every pair of 4 fingers with 3 impressions the same score, as a rival's file.
func flat(t *testing.T, set string) string {
	t.Helper()
	names := []string{}
	for _, f := range []string{"1", "2", "3", "4"} {
		names = append(names, f+"_1", f+"_2", f+"_3")
	}
	var b strings.Builder
	b.WriteString("reference\tprobe\tscore\n")
	for i := range names {
		for j := range i {
			b.WriteString(names[j] + "\t" + names[i] + "\t7\n")
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "flat_"+filepath.Base(set)+".tsv"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPeersWorstPairsAndErrorAgainstRejection(t *testing.T) {
	set := records(t, 4, 3)
	peers, edc := flat(t, set), filepath.Join(t.TempDir(), "edc.svg")
	args := []string{"accuracy", "--modality", "finger", "--ext", "iso", "--dataset", set, "--replicates", "10", "--peers", peers, "--worst", "3", "--edc", edc}
	status, out, errOut := biobench(t, append([]string{"--json"}, args...)...)
	var keys map[string]any
	if err := json.Unmarshal([]byte(out), &keys); err != nil || status != statusDone {
		t.Fatalf("status %d, %s, %v", status, errOut, err)
	}
	for _, key := range []string{"operating_points", "error_vs_reject", "error_vs_reject_captures", "reject_10", "peers", "worst"} {
		if keys[key] == nil {
			t.Errorf("no %s in %s", key, out)
		}
	}
	point := keys["error_vs_reject"].([]any)[2].(map[string]any)
	if point["rejected"] != 0.1 || point["fnmr_at_1e-3"] == nil || point["fnmr_at_1e-2"] == nil || point["fnmr_at_1e-4"] == nil {
		t.Errorf("point %v", point)
	}
	peer := keys["peers"].([]any)[0].(map[string]any)
	if peer["rival"] != "flat" || peer["only_rival_matches"] != 0.0 || peer["only_we_match"].(float64) < 10 {
		t.Errorf("peer %v", peer)
	}
	if worst := keys["worst"].([]any); len(worst) != 6 || worst[0].(map[string]any)["kind"] != "genuine" {
		t.Errorf("worst %v", worst)
	}
	if _, err := os.Stat(edc); err != nil {
		t.Error(err)
	}
	_, out, _ = biobench(t, args...)
	for _, text := range []string{"without the worst tenth", "McNemar", "not independent", "worst pairs", "flat"} {
		if !strings.Contains(out, text) {
			t.Errorf("%q is missing in %s", text, out)
		}
	}
}

func TestPeersWithoutAFileForTheSetFail(t *testing.T) {
	set, peers := records(t, 2, 2), t.TempDir()
	status, _, errOut := biobench(t, "accuracy", "--modality", "finger", "--ext", "iso", "--dataset", set, "--replicates", "5", "--peers", peers)
	if status != statusFailure || !strings.Contains(errOut, "no file <rival>_"+filepath.Base(set)+".tsv") {
		t.Errorf("status %d, %s", status, errOut)
	}
}

// A capture that the engine cannot use is told, and counts as a rejection in the generalised rates alone.
func TestFailureToAcquireIsNeverSilent(t *testing.T) {
	set := records(t, 4, 3)
	if err := os.WriteFile(filepath.Join(set, "2_2.iso"), []byte("smeared beyond reading"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"accuracy", "--modality", "finger", "--ext", "iso", "--dataset", set, "--replicates", "5"}
	_, out, errOut := biobench(t, append([]string{"--json"}, args...)...)
	var doc struct {
		FTA      float64 `json:"fta"`
		Genuine  int     `json:"genuine"`
		Failures []accuracy.Failure
		Points   []accuracy.OperatingPoint `json:"operating_points"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%s: %v", errOut, err)
	}
	if doc.FTA != 1./12 || len(doc.Failures) != 1 || doc.Failures[0].Capture != "2_2" || doc.Genuine != 12 || len(doc.Points) != 3 {
		t.Fatalf("document %s", out)
	}
	if p := doc.Points[1]; p.GFRR < 2./12-1e-9 || p.FNMR > p.GFRR-0.1 {
		t.Errorf("two of twelve pairs have a failed capture: %+v", p)
	}
	if _, out, _ = biobench(t, args...); !strings.Contains(out, "failure to acquire: 2_2") || !strings.Contains(out, "GFRR") {
		t.Errorf("output %s", out)
	}
}
