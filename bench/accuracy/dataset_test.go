package accuracy

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/matcher"
)

func TestFingersByName(t *testing.T) {
	dir := write(t, map[string]string{
		"b_10.png": "", "b_2.PNG": "", "a_x_1.png": "", "a_x_2.png": "", "notes.txt": "", "b_2.iso": "", "sub_1.png/x": "",
	})
	d, err := Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range d.Captures {
		names = append(names, c.Name)
		if c.DPI != 500 {
			t.Errorf("%s: %d dpi", c.Name, c.DPI)
		}
	}
	if got := strings.Join(names, " "); got != "a_x_1 a_x_2 b_2 b_10" {
		t.Errorf("captures %s", got)
	}
	if strings.Join(d.Subjects, " ") != "a_x b" {
		t.Errorf("subjects %v", d.Subjects)
	}
}

func TestUsualResolution(t *testing.T) {
	for dir, want := range map[string]int{"x/fvc2004_db3_b": 512, "x/fvc2004_db3_b/": 512, "fvc2004_db1_b": 500, "fvc2002_db2_a": 569, "fvc2006_db1_a": 250, "mine": 500} {
		if got := usualDPI(dir); got != want {
			t.Errorf("%s: %d dpi, want %d", dir, got, want)
		}
	}
}

func TestBadDataSetsAreNamed(t *testing.T) {
	for want, test := range map[string]struct {
		files    map[string]string
		modality matcher.Modality
		ext      string
	}{
		"hello.png: the name is not <finger>_<impression>": {map[string]string{"hello.png": ""}, matcher.Finger, ""},
		"a_b.png: the name is not":                         {map[string]string{"a_b.png": ""}, matcher.Finger, ""},
		"_1.png: the name is not":                          {map[string]string{"_1.png": ""}, matcher.Finger, ""},
		"show the same impression":                         {map[string]string{"a_1.png": "", "a_1.bmp": ""}, matcher.Finger, ""},
		"0 subjects with files .iso":                       {map[string]string{"a_1.png": ""}, matcher.Finger, "iso"},
		"1 subjects":                                       {map[string]string{"ann/1.jpg": "", "loose.jpg": ""}, matcher.Face, ""},
		`modality "iris"`:                                  {map[string]string{}, "iris", ""},
	} {
		_, err := Load(write(t, test.files), test.modality, test.ext, 0)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := Load("/no/such/folder", matcher.Face, "", 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

// grid is n fingers of k impressions each, without files.
func grid(name string, n, k int) Dataset {
	d := Dataset{Name: name, Modality: matcher.Finger}
	for f := range n {
		d.Subjects = append(d.Subjects, string(rune('a'+f)))
		for i := range k {
			d.Captures = append(d.Captures, Capture{Name: string(rune('a'+f)) + "_" + string(rune('1'+i)), Subject: f, Number: i + 1})
		}
	}
	return d
}

func TestProtocolsOfTheFingerprintContest(t *testing.T) {
	for protocol, want := range map[string][2]int{"fvc": {280, 45}, "full": {280, 2880}} {
		d := grid("x", 10, 8)
		plan, err := NewPlan(protocol, d)
		if err != nil {
			t.Fatal(err)
		}
		var got [2]int
		for p, refs := range plan {
			for _, r := range refs {
				if d.Captures[r].Subject == d.Captures[p].Subject {
					got[0]++
				} else {
					got[1]++
				}
			}
		}
		if got != want {
			t.Errorf("%s: %d genuine and %d impostor, want %v", protocol, got[0], got[1], want)
		}
	}
	if _, err := NewPlan("half", grid("x", 2, 2)); err == nil {
		t.Error("unknown protocol accepted")
	}
}

func TestPoolComparesAcrossSets(t *testing.T) {
	p, err := Pool([]Dataset{grid("x", 2, 2), grid("y", 3, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Subjects) != 5 || p.Captures[4].Name != "y/a_1" || p.Captures[4].Subject != 2 {
		t.Errorf("pool %+v", p)
	}
	if _, err := Pool([]Dataset{grid("fvc2002_db1_b", 2, 2), grid("fvc2002_db2_b", 2, 2)}); err == nil || !strings.Contains(err.Error(), "same people") {
		t.Errorf("pool of sets that share people: %v", err)
	}
	if _, err := Pool([]Dataset{grid("x", 2, 2), grid("x", 2, 2)}); err == nil {
		t.Error("a set pooled with itself")
	}
}

func TestFingerInTwoSetsIsOneSubject(t *testing.T) {
	x, y := grid("fvc2002_db3_b", 2, 2), grid("fvc2004_db3_b", 2, 2)
	x.Subjects[1], y.Subjects[0] = "108", "102"
	p, err := Pool([]Dataset{x, y})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(ProtocolFull, p)
	if err != nil {
		t.Fatal(err)
	}
	if all := 8 * 7 / 2; len(p.Subjects) != 3 || plan.Pairs() != all-4 {
		t.Errorf("%d subjects and %d pairs, want 3 and %d", len(p.Subjects), plan.Pairs(), all-4)
	}
}

func TestPairsOfAFile(t *testing.T) {
	dir := write(t, map[string]string{
		"pairs.csv": "file_x,file_y,Decision\nx.jpg,y.jpg,Yes\ny.jpg,z.jpg,yes\nx.jpg,w.jpg,No\n",
		"x.jpg":     "1", "y.jpg": "1.5", "z.jpg": "2", "w.jpg": "9",
	})
	d, plan, err := LoadPairs(filepath.Join(dir, "pairs.csv"), "", matcher.Face, 0)
	if err != nil {
		t.Fatal(err)
	}
	test, err := Run(context.Background(), toyEngine{matcher.Face}, d, plan, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if g, i := len(test.Scores.Genuine), len(test.Scores.Impostor); g != 2 || i != 1 || len(d.Subjects) != 2 {
		t.Errorf("%d genuine, %d impostor, %d subjects", g, i, len(d.Subjects))
	}
	if test.Scores.Impostor[0].Score != -8 {
		t.Errorf("impostor score %g", test.Scores.Impostor[0].Score)
	}
}

func TestBadPairFilesAreNamed(t *testing.T) {
	for want, text := range map[string]string{
		"no pairs":               "file_x,file_y,Decision\n",
		"line 2: the decision":   "file_x,file_y,Decision\na,b,maybe\n",
		"wrong number of fields": "a,b\n",
		"line 3 says":            "a,b,Yes\nb,c,Yes\na,c,No\n",
		"leads out":              "../a,b,Yes\n",
	} {
		dir := write(t, map[string]string{"p.csv": text})
		if _, _, err := LoadPairs(filepath.Join(dir, "p.csv"), "", matcher.Face, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func FuzzParsePairs(f *testing.F) {
	f.Add("file_x,file_y,Decision\na,b,Yes\n")
	f.Add("\"a\nb\",c,No")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parsePairs(strings.NewReader(text))
		if err == nil && len(rows) == 0 {
			t.Error("neither pairs nor an error")
		}
	})
}

func TestFailureToAcquireIsCountedAndNamed(t *testing.T) {
	dir := write(t, map[string]string{"a_1.png": "1", "a_2.png": "1.1", "a_3.png": "blank", "b_1.png": "5", "b_2.png": "5.2"})
	d, err := Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	plan, _ := NewPlan(ProtocolFull, d)
	test, err := Run(context.Background(), toyEngine{matcher.Finger}, d, plan, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := test.Result(context.Background(), Bootstrap{Replicates: 20})
	if err != nil {
		t.Fatal(err)
	}
	if r.Genuine != 4 || r.Impostor != 6 || r.FTA != 0.2 || r.ZeroFMR != 0.5 {
		t.Errorf("result %+v", r)
	}
	if len(r.Failures) != 1 || r.Failures[0].Capture != "a_3" || !strings.Contains(r.Failures[0].Reason, "nothing to see") {
		t.Errorf("failures %+v", r.Failures)
	}
	if r.WithoutFailures == nil || r.WithoutFailures.ZeroFMR != 0 {
		t.Errorf("without failures: %+v", r.WithoutFailures)
	}
	if last := test.Scores.Genuine[len(test.Scores.Genuine)-1].Score; !math.IsInf(last, -1) {
		t.Errorf("the rejected comparison scores %g", last)
	}
}

func TestTroubleIsNoFailureToAcquire(t *testing.T) {
	dir := write(t, map[string]string{"a_1.png": "1", "a_2.png": "broken", "b_1.png": "2"})
	d, err := Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	plan, _ := NewPlan(ProtocolFull, d)
	_, err = Run(context.Background(), toyEngine{matcher.Finger}, d, plan, Options{})
	if err == nil || !strings.Contains(err.Error(), "a_2.png") || !strings.Contains(err.Error(), "fire") {
		t.Errorf("got %v", err)
	}
}

func TestEngineWithoutNumbersIsRefused(t *testing.T) {
	dir := write(t, map[string]string{"a_1.png": "1", "a_2.png": "NaN", "b_1.png": "2"})
	d, err := Load(dir, matcher.Finger, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	plan, _ := NewPlan(ProtocolFull, d)
	if _, err := Run(context.Background(), toyEngine{matcher.Finger}, d, plan, Options{}); !errors.Is(err, errNaN) {
		t.Errorf("got %v", err)
	}
}
