package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestDependencies(t *testing.T) {
	violations, err := check(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

// Planted violations are found; their lawful neighbours are not.
func TestPlantedViolations(t *testing.T) {
	const lawful = ""
	for _, c := range []struct{ file, imported, rule string }{
		{"gateway/verify.go", "biogate/matcher", lawful},
		{"gateway/verify.go", "biogate/gateway/decision", lawful},
		{"gateway/verify.go", "biogate/matcher/face", "gateway/... may import of ours: gateway/... matcher"},
		{"gateway/verify.go", "biogate/adapters/filesigner", "may import of ours"},
		{"gateway/verify.go", "biogate/models", "may import of ours"},
		{"gateway/httpapi/server.go", "github.com/gofiber/fiber/v2/utils", lawful},
		{"gateway/intake/intake.go", "github.com/gofiber/fiber/v2", "fiber/v2 is for gateway/httpapi"},
		{"gateway/verify.go", "github.com/redis/go-redis/v9", "is for adapters/redistemplates"},
		{"gateway/verify.go", "github.com/redis/go-redis/v90", "not on the list"},
		{"gateway/verify.go", "example.com/new", "not on the list"},
		{"gateway/verify.go", "pgregory.net/rapid", "for tests"},
		{"gateway/verify.go", "biogate/gateway/porttest", "suites are for tests"},
		{"gateway/porttest/porttest.go", "pgregory.net/rapid", lawful},
		{"gateway/decision/decision.go", "math", lawful},
		{"gateway/decision/decision.go", "time", "gateway/decision/... does without"},
		{"gateway/decision/decision.go", "net/http", "does without"},
		{"matcher/matcher.go", "biogate/matcher/kernel", lawful},
		{"matcher/matcher.go", "biogate/matcher/gallery", "matcher may import of ours"},
		{"matcher/matcher.go", "biogate/gateway", "may import of ours"},
		{"matcher/finger/match.go", "biogate/matcher/finger/iso", lawful},
		{"matcher/finger/match.go", "biogate/matcher/face", "matcher/finger/... may import of ours"},
		{"matcher/face/match.go", "biogate/matcher/finger", "matcher/face/... may import of ours"},
		{"matcher/face/match.go", "biogate/matcher/enginetest", "may import of ours"},
		{"matcher/face/match.go", "net/http", "does without"},
		{"matcher/face/match.go", "gocv.io/x/gocv", "is for adapters/opencvnet"},
		{"matcher/kernel/dot_amd64.go", "biogate/matcher", "may import nothing of ours"},
		{"matcher/kernel/dot_amd64.go", "golang.org/x/sys/cpu", lawful},
		{"matcher/kernel/dot_amd64.go", "C", "C is for adapters/opencvnet"},
		{"matcher/finger/match.go", "unsafe", "unsafe is for"},
		{"models/models.go", "biogate/matcher", "models/... may import of ours: self"},
		{"models/models.go", "biogate/models/tflite", lawful},
		{"adapters/bolttemplates/store.go", "biogate/gateway/registry/stored", lawful},
		{"adapters/bolttemplates/store.go", "biogate/adapters/bolttemplates/page", lawful},
		{"adapters/bolttemplates/store.go", "biogate/adapters/redistemplates", "adapters/*/... may import of ours"},
		{"adapters/bolttemplates/store.go", "biogate/matcher/face", "may import of ours"},
		{"adapters/opencvnet/net.go", "biogate/matcher/face", lawful},
		{"adapters/opencvnet/net.go", "C", lawful},
		{"adapters/ortnet/net.go", "github.com/yalue/onnxruntime_go", lawful},
		{"adapters/ortnet/net.go", "biogate/adapters/opencvnet", "adapters/ortnet/... may import of ours"},
		{"adapters/ortnet/net.go", "biogate/matcher/face/networktest", "may import of ours"},
		{"bench/load/load.go", "biogate/gateway", lawful},
		{"bench/load/load.go", "biogate/cmd/biogate", "bench/... may import of ours"},
		{"cmd/biogate/wire.go", "biogate/adapters/opencvnet", lawful},
		{"cmd/biogate/wire.go", "math/rand", "does without"},
		{"internal/buildinfo/info.go", "biogate/gateway", "internal/... may import of ours"},
		{"gateway/verify_test.go", "biogate/adapters/bolttemplates", lawful},
		{"gateway/verify_test.go", "biogate/cmd/biogate", "test code may import of ours"},
		{"gateway/verify_test.go", "github.com/gofiber/fiber/v2", "is for gateway/httpapi"},
		{"gateway/verify_test.go", "time", lawful},
		{"cmd/biogate/wire_test.go", "biogate/cmd/biogate/internal", lawful},
		{"cmd/biogate/wire_test.go", "biogate/cmd/biobench", "test code may import of ours"},
		{"misc/misc.go", "fmt", "folder misc has no row"},
		{"main.go", "fmt", "folder . has no row"},
		{"adapters/loose.go", "fmt", "folder adapters has no row"},
	} {
		for _, tags := range []string{"", "//go:build ignore && windows\n\n"} {
			planted := fstest.MapFS{c.file: {Data: []byte(tags + "package p\n\nimport _ \"" + c.imported + "\"\n")}}
			found, err := check(planted)
			switch {
			case err != nil:
				t.Fatal(err)
			case c.rule == lawful && len(found) > 0:
				t.Errorf("lawful, but: %s", found)
			case c.rule != lawful && (len(found) != 1 || !strings.Contains(found[0], c.file) || !strings.Contains(found[0], c.rule)):
				t.Errorf("%s imports %s: found %q, expected %q", c.file, c.imported, found, c.rule)
			}
		}
	}
}

func TestWhatIsNotOursIsNotChecked(t *testing.T) {
	bad := &fstest.MapFile{Data: []byte("package p\n\nimport _ \"example.com/x\"\n")}
	found, err := check(fstest.MapFS{
		"matcher/kernel/_generate/go.mod":  {Data: []byte("module generate\n")},
		"matcher/kernel/_generate/main.go": bad,
		"gateway/testdata/x.go":            bad,
		".cache/x.go":                      bad,
		"gateway/node_modules/x.go":        bad,
	})
	if err != nil || len(found) > 0 {
		t.Errorf("%s, %v", found, err)
	}
	found, err = check(fstest.MapFS{"gateway/x.go": {Data: []byte("pakage p\n")}})
	if err != nil || len(found) != 1 {
		t.Errorf("a file that does not parse: %s, %v", found, err)
	}
}

// Rows of modules that go.mod no longer has mislead.
func TestModulesAreInGoMod(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.Clone(testModules)
	for _, r := range modules {
		listed = append(listed, r.key)
	}
	for _, m := range listed {
		if m == "C" || m == "unsafe" {
			continue
		}
		if !regexp.MustCompile(`(?m)^(require)?\s*` + regexp.QuoteMeta(m) + ` v`).Match(text) {
			t.Errorf("%s has a row here and is not in go.mod", m)
		}
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(os.DirFS(dir), "go.mod"); err != nil {
		t.Fatal(err)
	}
	return dir
}
