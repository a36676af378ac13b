package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// row ties a pattern or a module to a list of patterns, separated by spaces.
type row struct{ key, list string }

// check applies the policy to every Go file of a tree, whatever its build tags, and returns one line a violation.
func check(tree fs.FS) ([]string, error) {
	var violations []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(tree, name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		violations = append(violations, checkFile(tree, name)...)
		return nil
	})
	return violations, err
}

// skipped are folders that are no part of the module: hidden ones, installed ones, test data, and modules of their own.
func skipped(tree fs.FS, folder string) bool {
	base := path.Base(folder)
	if folder == "." {
		return false
	}
	if strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata" {
		return true
	}
	_, err := fs.Stat(tree, path.Join(folder, "go.mod"))
	return err == nil
}

func checkFile(tree fs.FS, name string) []string {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", name, err)}
	}
	u := userOf(name)
	if u.row.key == "" {
		return []string{fmt.Sprintf("%s: folder %s has no row in the policy; give it one or move the file", name, u.folder)}
	}
	var violations []string
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if rule := u.violates(imported); rule != "" {
			violations = append(violations, fmt.Sprintf("%s imports %s: %s", name, imported, rule))
		}
	}
	return violations
}

// user is the code that imports.
type user struct {
	folder string
	test   bool
	row    row // of ours
}

func userOf(name string) user {
	folder := path.Dir(name)
	u := user{folder: folder, test: strings.HasSuffix(name, "_test.go") || in(folder, suites)}
	for _, r := range rows {
		if matches(r.key, folder) {
			u.row = r
			break
		}
	}
	return u
}

// violates names the rule that an import breaks; empty: none.
func (u user) violates(imported string) string {
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok || imported == module {
		return u.violatesOurs(ours)
	}
	first, _, _ := strings.Cut(imported, "/")
	if strings.Contains(first, ".") || imported == "C" || imported == "unsafe" {
		return u.violatesModules(imported)
	}
	return u.violatesStandard(imported)
}

func (u user) violatesOurs(folder string) string {
	may, who := u.row.list, u.row.key
	if u.test {
		may, who = testsMayImport+" self", "test code"
	}
	switch {
	case in(folder, strings.ReplaceAll(may, "self", u.self())):
		if !u.test && in(folder, suites) {
			return "suites are for tests (" + suites + ")"
		}
		return ""
	case may == "":
		return who + " may import nothing of ours"
	}
	return who + " may import of ours: " + may
}

// self is the folder that the row's pattern names, with all below it: "adapters/*/..." is one adapter.
func (u user) self() string {
	depth := strings.Count(strings.TrimSuffix(u.row.key, "/..."), "/") + 1
	parts := strings.Split(u.folder, "/")
	return strings.Join(parts[:min(depth, len(parts))], "/") + "/..."
}

func (u user) violatesModules(imported string) string {
	if u.test && slices.ContainsFunc(testModules, func(m string) bool { return below(imported, m) }) {
		return ""
	}
	for _, r := range modules {
		if !below(imported, r.key) {
			continue
		}
		if in(u.folder, r.list) {
			return ""
		}
		return r.key + " is for " + r.list
	}
	if slices.ContainsFunc(testModules, func(m string) bool { return below(imported, m) }) {
		return "this module is for tests"
	}
	return "this module is not on the list; a new one needs a row in the policy and a record in docs/adr"
}

func (u user) violatesStandard(imported string) string {
	if u.test {
		return ""
	}
	for _, r := range forbidden {
		if matches(r.key, u.folder) && in(imported, r.list) {
			return r.key + " does without: " + r.list
		}
	}
	return ""
}

func below(imported, module string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

// in says whether a folder matches one of the patterns.
func in(folder, patterns string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return matches(p, folder) })
}

func matches(pattern, folder string) bool {
	if pattern == "..." {
		return true
	}
	prefix, deep := strings.CutSuffix(pattern, "/...")
	want, got := strings.Split(prefix, "/"), strings.Split(folder, "/")
	if len(got) < len(want) || len(got) > len(want) && !deep {
		return false
	}
	for i, part := range want {
		if part != "*" && part != got[i] {
			return false
		}
	}
	return true
}
