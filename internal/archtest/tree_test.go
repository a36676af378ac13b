package archtest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFilesInTheTree(t *testing.T) {
	names := versioned(t)
	if len(names) < 10 {
		t.Fatalf("%d files: this is not the project", len(names))
	}
	for _, v := range checkFiles(os.DirFS(root(t)), names) {
		t.Error(v)
	}
}

// versioned lists the files that are in version control or would be with the next `git add`.
func versioned(t *testing.T) []string {
	t.Helper()
	git := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root(t)
	output, err := git.Output()
	if err != nil {
		t.Skipf("git cannot list the tree: %v", err)
	}
	return strings.FieldsFunc(string(output), func(r rune) bool { return r == 0 })
}

// checkFiles returns one line for every file that does not belong in the tree.
func checkFiles(tree fs.FS, names []string) []string {
	var violations []string
	for _, name := range names {
		if reason := misplaced(tree, name); reason != "" {
			violations = append(violations, name+" "+reason)
		}
	}
	return violations
}

func misplaced(tree fs.FS, name string) string {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return "" // deleted or renamed since it was listed
	}
	folder, _, below := strings.Cut(name, "/")
	switch ext := strings.ToLower(path.Ext(name)); {
	case below && !slices.Contains(shape, folder):
		return "is in a folder that the house does not have: " + strings.Join(shape, " ")
	case info.Size() > maxFileBytes:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", info.Size(), maxFileBytes)
	case slices.Contains(captures, ext):
		return "is a capture, weights or another binary by its name: those stay out of the tree"
	case isBinary(tree, name):
		return "is binary: captures, weights and programs stay out of the tree"
	}
	return ""
}

// isBinary goes by a zero byte near the beginning, as git does.
func isBinary(tree fs.FS, name string) bool {
	f, err := tree.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 8000))
	return bytes.IndexByte(head, 0) >= 0
}

func TestPlantedFiles(t *testing.T) {
	text := &fstest.MapFile{Data: []byte("text\n")}
	tree := fstest.MapFS{
		"README.md": text, "docs/a.md": text, "gateway/a.go": text,
		"docs/big.txt":          {Data: bytes.Repeat([]byte("a"), maxFileBytes+1)},
		"matcher/face/face.JPG": text,
		"models/a/net.onnx":     text,
		"docs/blob":             {Data: []byte("a\x00b")},
		"vendor/x.go":           text,
	}
	names := []string{"deleted.go"}
	for name := range tree {
		names = append(names, name)
	}
	found := checkFiles(tree, names)
	for _, want := range []string{"docs/big.txt has", "face.JPG is a capture", "net.onnx is a capture", "docs/blob is binary", "vendor/x.go is in a folder"} {
		if !slices.ContainsFunc(found, func(v string) bool { return strings.Contains(v, want) }) {
			t.Errorf("not found: %s", want)
		}
	}
	if len(found) != 5 {
		t.Errorf("found %q", found)
	}
}
