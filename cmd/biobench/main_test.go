package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/finger"
	"biogate/models"
)

// biobench runs the program in this process.
func biobench(t *testing.T, args ...string) (status int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(context.Background(), args, &o, &e)
	return status, o.String(), e.String()
}

// records writes n synthetic fingers with k impressions each as standard minutiae records, which are quick to make.
func records(t *testing.T, n, k int) string {
	t.Helper()
	dir := t.TempDir()
	for f := range n {
		pattern := synth.PatternOf(5, f)
		for i := range k {
			record, err := finger.AppendISO19794(nil, pattern.Impression(i), "", finger.ISO2005)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d_%d.iso", f+1, i+1)), record, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestMisuseIsStatus2AndSaysWhat(t *testing.T) {
	dir, twice := t.TempDir(), records(t, 2, 1)
	for want, args := range map[string][]string{
		"expected one of":                     {},
		"unexpected argument":                 {"frobnicate"},
		"--modality":                          {"accuracy"},
		"must be one of":                      {"accuracy", "--modality", "iris", "--dataset", dir},
		"no data set":                         {"accuracy", "--modality", "finger"},
		"needs the FILE":                      {"accuracy", "--modality", "face", "--protocol", "pairs"},
		"goes with --protocol pairs":          {"accuracy", "--modality", "face", "--dataset", dir, "pairs.csv"},
		"say --dataset once":                  {"accuracy", "--modality", "face", "--protocol", "pairs", "--dataset", dir, "--dataset", dir, "pairs.csv"},
		"say --protocol full":                 {"accuracy", "--modality", "finger", "--dataset", dir, "--protocol", "fvc", "--calibrate", dir},
		"test the tail of what":               {"accuracy", "--modality", "finger", "--dataset", dir, "--synthetic", "10"},
		"--synthetic makes fingers":           {"accuracy", "--modality", "face", "--dataset", dir, "--calibrate", dir, "--synthetic", "10"},
		"--fmr between":                       {"accuracy", "--modality", "finger", "--dataset", dir, "--fmr", "NaN"},
		"--replicates at least 1":             {"accuracy", "--modality", "finger", "--dataset", dir, "--replicates", "0"},
		"--edc curve.gif":                     {"accuracy", "--modality", "finger", "--dataset", dir, "--edc", "curve.gif"},
		"--worst and --synthetic must not":    {"accuracy", "--modality", "finger", "--dataset", dir, "--worst=-1"},
		"must end in one of .png":             {"accuracy", "--modality", "finger", "--dataset", dir, "--det", "curve.gif"},
		"is given twice":                      {"accuracy", "--modality", "finger", "--ext", "iso", "--dataset", twice, "--dataset", twice, "--calibrated"},
		"both must be 1 or more":              {"synth", "--modality", "finger", "--n", "0", "-o", dir},
		"--n 1000000000 with --impressions 8": {"synth", "--modality", "finger", "--n", "1000000000", "-o", dir},
	} {
		status, out, errOut := biobench(t, args...)
		if status != statusMisuse || !strings.Contains(errOut, want) || out != "" {
			t.Errorf("%s: %v gave %d, %q, %q", want, args, status, out, errOut)
		}
	}
}

func TestFailureIsStatus3AndNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fingers.png"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no-such-folder":    {"accuracy", "--modality", "finger", "--dataset", "no-such-folder"},
		"fingers.png":       {"accuracy", "--modality", "finger", "--dataset", dir},
		"no-such-pairs.csv": {"accuracy", "--modality", "finger", "--protocol", "pairs", "no-such-pairs.csv"},
	} {
		status, _, errOut := biobench(t, args...)
		if status != statusFailure || !strings.Contains(errOut, want) {
			t.Errorf("%v gave %d, %q", args, status, errOut)
		}
	}
	status, out, _ := biobench(t, "--json", "accuracy", "--modality", "finger", "--dataset", "no-such-folder")
	if detail := onlyError(t, out); status != statusFailure || !strings.Contains(detail, "no-such-folder") {
		t.Errorf("with --json: status %d, %q", status, detail)
	}
}

// onlyError is the detail of a failure, the one document in out.
func onlyError(t *testing.T, out string) string {
	t.Helper()
	var doc struct{ Error struct{ Detail string } }
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		t.Errorf("document %q: %v", out, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Errorf("%q is more than one document", out)
	}
	return doc.Error.Detail
}

func TestMisuseWithJSONIsOneDocument(t *testing.T) {
	for want, args := range map[string][]string{
		"--frob":         {"--json", "accuracy", "--frob"},
		"--unknown":      {"accuracy", "--unknown", "--json"},
		"-1":             {"synth", "--modality", "finger", "--n", "-1", "-o", "x", "--json"},
		"--n 0":          {"synth", "--modality", "finger", "--n", "0", "-o", "x", "--json=true"},
		"--modality":     {"--json", "accuracy"},
		"no data set":    {"--json", "accuracy", "--modality", "finger"},
		"must be one of": {"--json", "accuracy", "--modality", "iris"},
	} {
		status, out, _ := biobench(t, args...)
		if detail := onlyError(t, out); status != statusMisuse || !strings.Contains(detail, want) {
			t.Errorf("%v gave %d, %q", args, status, detail)
		}
	}
}

func TestPairsWithAndWithoutDataset(t *testing.T) {
	dir := records(t, 3, 2)
	const pairs = "file_x,file_y,Decision\n1_1.iso,1_2.iso,Yes\n1_1.iso,2_1.iso,No\n2_2.iso,3_1.iso,No\n"
	beside, elsewhere := filepath.Join(dir, "pairs.csv"), filepath.Join(t.TempDir(), "pairs.csv")
	for _, file := range []string{beside, elsewhere} {
		if err := os.WriteFile(file, []byte(pairs), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"--protocol", "pairs", beside}, {"--dataset", dir, "--protocol", "pairs", elsewhere}} {
		status, out, errOut := biobench(t, append([]string{"--json", "accuracy", "--modality", "finger", "--replicates", "5"}, args...)...)
		var doc map[string]any
		if err := json.Unmarshal([]byte(out), &doc); err != nil || status != statusDone {
			t.Fatalf("%v: status %d, %s, %v", args, status, errOut, err)
		}
		if doc["genuine"] != 1.0 || doc["impostor"] != 2.0 || doc["fta"] != 0.0 || doc["dataset"] != filepath.Base(dir) {
			t.Errorf("%v: document %v", args, doc)
		}
		if strings.Contains(out, "null") {
			t.Errorf("%v: an array is null in %s", args, out)
		}
	}
}

func TestHelpIsDone(t *testing.T) {
	if status, out, _ := biobench(t, "--help"); status != statusDone || !strings.Contains(out, "accuracy") {
		t.Errorf("status %d, %q", status, out)
	}
}

// fields are what others read in the JSON document of accuracy.
var fields = strings.Fields("eer fmr100 fmr1000 zero_fmr fta genuine impostor extract_ms match_us template_bytes")

func TestAccuracyOfOneAndSeveralDataSets(t *testing.T) {
	a, b := records(t, 4, 3), records(t, 3, 3)
	status, out, errOut := biobench(t, "--json", "accuracy", "--modality", "finger", "--ext", "iso", "--dataset", a, "--replicates", "20")
	if status != statusDone {
		t.Fatalf("status %d, %s", status, errOut)
	}
	var one map[string]any
	if err := json.Unmarshal([]byte(out), &one); err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		if _, ok := one[f].(float64); !ok {
			t.Errorf("%s is %v", f, one[f])
		}
	}
	if one["genuine"] != 12.0 || one["impostor"] != 54.0 || one["model"] != finger.Model {
		t.Errorf("document %v", one)
	}
	scores := filepath.Join(t.TempDir(), "scores")
	status, out, errOut = biobench(t, "--json", "accuracy", "--modality", "finger", "--ext", "iso", "--dataset", a, "--dataset", b,
		"--replicates", "20", "--protocol", "fvc", "--scores", scores)
	if status != statusDone {
		t.Fatalf("status %d, %s", status, errOut)
	}
	var two struct {
		Sets    []map[string]any `json:"sets"`
		MeanEER *float64         `json:"mean_eer"`
		Genuine int              `json:"genuine"`
	}
	if err := json.Unmarshal([]byte(out), &two); err != nil || len(two.Sets) != 2 || two.MeanEER == nil || two.Genuine != 21 {
		t.Errorf("document %s, %v", out, err)
	}
	lines, err := os.ReadFile(filepath.Join(scores, filepath.Base(a)+".tsv"))
	if err != nil || !strings.HasPrefix(string(lines), "reference\tprobe\tscore\n1_1\t1_2\t") || strings.Count(string(lines), "\n") != 1+12+6 {
		t.Errorf("scores %s, %v", lines, err)
	}
}

// What the synthetic population sends as templates is taken for fingers, but for a few of which the neighbours all point one
// way: none of 1,278 real prints and cuts of them is refused.
func TestSyntheticPrintsArePlausible(t *testing.T) {
	e := finger.New()
	refused := 0
	for i := range 500 {
		pattern := synth.PatternOf(7, i)
		for _, p := range []finger.Print{pattern.Impression(0), pattern.Impression(1)} {
			record, err := finger.AppendISO19794(nil, p, "", finger.ISO2011)
			if err == nil {
				_, err = e.Extract(t.Context(), matcher.Sample{Modality: matcher.Finger, Data: record}, nil)
			}
			if err != nil {
				t.Logf("print %d: %v", i, err)
				refused++
			}
		}
	}
	if refused > 4 {
		t.Errorf("%d of 1,000 prints are refused", refused)
	}
}

func TestNegativeAnswerIsStatus1(t *testing.T) {
	dir := records(t, 3, 2)
	if status, _, errOut := biobench(t, "accuracy", "--modality", "finger", "--ext", "iso", "--dataset", dir, "--replicates", "5", "--max-eer=-0.1"); status != statusNegative {
		t.Errorf("status %d, %s", status, errOut)
	}
}

func TestCalibrateFromDataToServedRates(t *testing.T) {
	dir, model := records(t, 24, 3), t.TempDir()
	status, out, errOut := biobench(t, "accuracy", "--modality", "finger", "--ext", "iso", "--dataset", dir, "--replicates", "20",
		"--calibrate", model, "--synthetic", "40", "--check", dir)
	if status != statusDone || !strings.Contains(out, "written: ") {
		t.Fatalf("status %d, %s%s", status, out, errOut)
	}
	data, err := os.ReadFile(filepath.Join(model, "calibration.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := models.ParseCalibration(data)
	if err != nil {
		t.Fatal(err)
	}
	if c.Model != finger.Model || c.Subjects != 24 || c.Impostor != 72*71/2-72 || len(c.Tail.Checks) != 2 || c.Tail.Checks[0].Pairs != 40*39/2 {
		t.Errorf("calibration %+v", c)
	}
}

func TestSynthWritesADataSet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "prints")
	status, out, errOut := biobench(t, "--json", "synth", "--modality", "finger", "--n", "2", "--impressions", "1", "-o", dir)
	var doc synthReport
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != statusDone || doc.N != 2 {
		t.Fatalf("status %d, %q, %s, %v", status, out, errOut, err)
	}
	for _, name := range []string{"1_1.png", "2_1.png"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestProgressIsPlainElsewhere(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b)
	for i := range 5 {
		p.say("count", i+1, 5)
	}
	p.say("count", 3, 5) // late
	if got := b.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "count: 5 of 5") || strings.Contains(got, "\r") {
		t.Errorf("progress %q", got)
	}
}
