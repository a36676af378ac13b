package archtest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	namedTest    = regexp.MustCompile("`([a-z0-9/]+): ((?:Test|Fuzz|Benchmark)[A-Za-z0-9]+)`")
	anyTest      = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]+\b`)
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9]+)\(`)
)

// TestThreatsHaveTests: an answer to a threat is worth the test that fails without it, so that each that docs/threat-model.md and
// SECURITY.md name is there.
func TestThreatsHaveTests(t *testing.T) {
	named := 0
	for _, name := range []string{"docs/threat-model.md", "SECURITY.md"} {
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		n, violations := missingTests(os.DirFS(root(t)), string(text))
		for _, v := range violations {
			t.Errorf("%s: %s", name, v)
		}
		named += n
	}
	if named < 100 {
		t.Errorf("%d tests are named", named)
	}
}

// missingTests returns how many tests a text names, and those that are not there or whose folder it does not say.
func missingTests(tree fs.FS, text string) (named int, violations []string) {
	known := map[string]map[string]bool{}
	for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
		named++
		folder, test := m[1], m[2]
		if known[folder] == nil {
			known[folder] = testsIn(tree, folder)
		}
		if !known[folder][test] {
			violations = append(violations, "there is no test "+test+" in "+folder)
		}
	}
	for _, test := range anyTest.FindAllString(namedTest.ReplaceAllString(text, ""), -1) {
		violations = append(violations, test+" is not named as `folder: "+test+"`")
	}
	return named, violations
}

func testsIn(tree fs.FS, folder string) map[string]bool {
	out := map[string]bool{}
	files, _ := fs.Glob(tree, path.Join(folder, "*_test.go"))
	for _, name := range files {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			continue
		}
		for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
			out[m[1]] = true
		}
	}
	return out
}

func TestPlantedThreats(t *testing.T) {
	tree := fstest.MapFS{"gateway/a/a_test.go": {Data: []byte("package a\n\nfunc TestThere(t *testing.T) {}\n// func TestSaid(\n")}}
	n, violations := missingTests(tree, "`gateway/a: TestThere` `gateway/a: TestSaid` `gateway/b: TestThere` and TestThere")
	if n != 3 || len(violations) != 3 {
		t.Errorf("%d, %q", n, violations)
	}
	for i, want := range []string{"TestSaid in gateway/a", "TestThere in gateway/b", "TestThere is not named"} {
		if i < len(violations) && !strings.Contains(violations[i], want) {
			t.Errorf("%q, want %q", violations[i], want)
		}
	}
}
