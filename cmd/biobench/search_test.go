package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"biogate/bench/search"
	"biogate/matcher/finger"
)

func TestSearchMisuse(t *testing.T) {
	for want, args := range map[string][]string{
		"--dims 100":              {"--modality", "face", "--n", "10", "--dims", "100"},
		"--strangers -1":          {"--modality", "face", "--n", "10", "--strangers=-1"},
		"must be one of":          {"--modality", "iris", "--n", "10"},
		"missing flags: --n":      {"--modality", "finger"},
		"--n, --queries":          {"--modality", "finger", "--n", "0"},
		"--threads must be":       {"--modality", "finger", "--n", "10", "--threads", "0"},
		"--probes 0":              {"--modality", "finger", "--n", "10", "--probes", "1,0"},
		"--min-recall NaN":        {"--modality", "finger", "--n", "10", "--min-recall", "NaN"},
		"--workers not negative":  {"--modality", "finger", "--n", "10", "--workers=-1"},
		"--exhaustive and":        {"--modality", "finger", "--n", "10", "--exhaustive", "0"},
		`no model "nobody"`:       {"--modality", "face", "--n", "10", "--face-model", "nobody"},
		"earlier pipeline":        {"--modality", "face", "--n", "10", "--face-model", "face-fr-1"},
		"unexpected argument dir": {"--modality", "finger", "--n", "10", "dir"},
	} {
		status, out, errOut := biobench(t, append([]string{"search"}, args...)...)
		if status != statusMisuse || !strings.Contains(errOut, want) || out != "" {
			t.Errorf("%s: %v gave %d, %q, %q", want, args, status, out, errOut)
		}
	}
	if status, _, errOut := biobench(t, "search", "--modality", "finger", "--n", "10", "--dataset", "no-such-folder"); status != statusFailure || !strings.Contains(errOut, "no-such-folder") {
		t.Errorf("status %d, %q", status, errOut)
	}
}

func TestSearchDocument(t *testing.T) {
	status, out, errOut := biobench(t, "--json", "search", "--modality", "finger", "--n", "150", "--probes", "1,4", "--queries", "20", "--exhaustive", "5")
	var doc struct {
		Modality, Model  string
		N                int
		ReadGBS          *float64 `json:"read_gb_s"`
		BytesPerTemplate *float64 `json:"bytes_per_template"`
		Results          []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != statusDone {
		t.Fatalf("status %d, %v, %s", status, err, errOut)
	}
	if doc.Modality != "finger" || doc.Model != finger.Model || doc.N != 150 || doc.ReadGBS == nil || doc.BytesPerTemplate == nil || len(doc.Results) != 4 {
		t.Fatalf("document %s", out)
	}
	for i, row := range doc.Results {
		if row["probes"] != []float64{1, 1, 4, 4}[i] {
			t.Errorf("row %d has batches of %v", i, row["probes"])
		}
		if mode := row["mode"]; mode != "exhaustive" && mode != "two-stage" {
			t.Errorf("mode %v", mode)
		}
		for _, key := range []string{"probes", "ms_per_probe", "comparisons_per_s", "gb_s", "recall"} {
			if v, ok := row[key].(float64); !ok || v <= 0 {
				t.Errorf("%s is %v", key, row[key])
			}
		}
		if row["mode"] == "exhaustive" && row["recall"] != 1.0 {
			t.Errorf("exhaustive search has recall %v", row["recall"])
		}
	}
	if !strings.Contains(errOut, "fill: 150 of 150") {
		t.Errorf("progress %q", errOut)
	}
}

func TestFaceSearchDocument(t *testing.T) {
	status, out, errOut := biobench(t, "--json", "search", "--modality", "face", "--n", "2000", "--probes", "1,8", "--strangers", "100", "--dims", "64", "--threads", "2")
	var doc struct {
		Modality string
		N, Dims  int
		ReadGBS  *float64 `json:"read_gb_s"`
		Bytes    float64  `json:"bytes_per_template"`
		Results  []map[string]any
		OpenSet  []map[string]any `json:"open_set"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != statusDone {
		t.Fatalf("status %d, %v, %s", status, err, errOut)
	}
	if doc.Modality != "face" || doc.N != 2000 || doc.Dims != 64 || doc.ReadGBS == nil || doc.Bytes != 64 || len(doc.Results) != 2 || len(doc.OpenSet) != 1 {
		t.Fatalf("document %s", out)
	}
	for i, row := range doc.Results {
		if row["probes"] != []float64{1, 8}[i] || row["mode"] != "exhaustive" || row["recall"] != 1.0 {
			t.Errorf("row %v", row)
		}
		for _, key := range []string{"ms_per_probe", "comparisons_per_s", "gb_s"} {
			if v, ok := row[key].(float64); !ok || v <= 0 {
				t.Errorf("%s is %v", key, row[key])
			}
		}
	}
	if status, out, _ := biobench(t, "search", "--modality", "face", "--n", "500", "--strangers", "100"); status != statusDone || !strings.Contains(out, "500 synthetic faces") || !strings.Contains(out, "FNIR") {
		t.Errorf("status %d, %q", status, out)
	}
}

func TestSearchTable(t *testing.T) {
	status, out, errOut := biobench(t, "search", "--modality", "finger", "--n", "60", "--queries", "5", "--exhaustive", "2")
	if status != statusDone || !strings.Contains(out, "60 synthetic fingers") || !strings.Contains(out, "exhaustive") || !strings.Contains(out, "bytes a template") {
		t.Errorf("status %d, %q, %q", status, out, errOut)
	}
}

func TestSearchThatLosesMatesIsNegative(t *testing.T) {
	rows := func(exhaustive, twoStage float64) search.Result {
		return search.Result{Results: []search.Row{
			{Mode: search.ModeExhaustive, Agreed: search.Agreed{Recall: exhaustive}}, {Mode: search.ModeTwoStage, Agreed: search.Agreed{Recall: twoStage}},
		}}
	}
	c := searchCmd{MinRecall: 0.995}
	if err := c.judge(rows(1, 0.995)); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]search.Result{"--min-recall 0.995": rows(1, 0.994), "exhaustive search": rows(0.75, 1)} {
		if err := c.judge(r); !errors.As(err, new(*negative)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
