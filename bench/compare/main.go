// Command compare runs benchmarks of this checkout and of the commit that it is based on in turn, and fails when one has become
// slower, or allocates more, than the limits allow. It compares what ran side by side: no figure of another machine or day.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// suite is what is compared: the stages of a verification, each beside its code.
var suite = []struct{ pkg, pattern string }{
	{"./gateway/httpapi", "^BenchmarkVerify$/^raw$"},
	{"./gateway/intake", "^BenchmarkForms$/^raw$"},
	{"./gateway/httpsig", "^BenchmarkParseVerify$/^ed25519$"},
	{"./gateway/limits", "^BenchmarkLocal$"},
	{"./gateway/guard", "^BenchmarkGuard$"},
	{"./gateway/vault", "^BenchmarkOpen$"},
	{"./matcher/face", "^BenchmarkCompare$"},
	{"./matcher/finger", "^BenchmarkCompareGenuine$"},
	{"./gateway/decision", "^BenchmarkFuse$"},
	{"./gateway/assertion", "^BenchmarkAssertion$/^EdDSA$"},
	{"./adapters/filesigner", "^BenchmarkSign$/^EdDSA$"},
	{"./gateway/audit", "^BenchmarkAppendBody$"},
}

func main() {
	base := flag.String("base", "", "commit to compare with; empty: where this branch left origin/main, or the commit before")
	rounds := flag.Int("rounds", 8, "runs of each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *base, *rounds, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string, rounds int, out io.Writer) error {
	base = baseOf(ctx, base)
	if base == "" {
		fmt.Fprintln(out, "compare: there is no commit to compare with")
		return nil
	}
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tree := filepath.Join(dir, "base")
	if _, err := command(ctx, ".", "git", "worktree", "add", "--detach", "--quiet", tree, base); err != nil {
		return err
	}
	defer func() { _, _ = command(context.WithoutCancel(ctx), ".", "git", "worktree", "remove", "--force", tree) }()
	fmt.Fprintf(out, "compared with %.12s, best of %d runs in turn\n", base, rounds)
	var failed []error
	for _, s := range suite {
		p, err := build(ctx, tree, dir, s.pkg, s.pattern)
		if err != nil {
			return err
		}
		if p == nil {
			fmt.Fprintf(out, "%-60s new\n", s.pkg)
			continue
		}
		worse, err := p.compare(ctx, rounds, out)
		if err != nil {
			return err
		}
		if len(worse) > 0 { // once more, and longer: what other processes did is no fault of the change
			if worse, err = p.compare(ctx, 3*rounds, out); err != nil {
				return err
			}
		}
		failed = append(failed, worse...)
	}
	return errors.Join(failed...)
}

// baseOf is empty when there is nothing to compare with: the first commit, or a checkout without its history.
func baseOf(ctx context.Context, base string) string {
	head, _ := command(ctx, ".", "git", "rev-parse", "HEAD")
	for _, try := range [][]string{{"rev-parse", "--verify", "--quiet", base + "^{commit}"}, {"merge-base", "origin/main", "HEAD"}, {"rev-parse", "--verify", "--quiet", "HEAD~1"}} {
		if found, err := command(ctx, ".", "git", try...); err == nil && (found != head || base != "") {
			return found
		}
		if base != "" {
			return ""
		}
	}
	return ""
}

// pair is a package's benchmarks, built from both commits.
type pair struct {
	base, change program
	pattern      string
}

type program struct{ file, dir string }

// build returns nil when the base has no such benchmark.
func build(ctx context.Context, tree, dir, pkg, pattern string) (*pair, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-")
	p := &pair{pattern: pattern}
	for _, v := range []struct {
		of   *program
		root string
	}{{&p.change, "."}, {&p.base, tree}} {
		*v.of = program{filepath.Join(dir, name+fmt.Sprint(v.root == tree)), filepath.Join(v.root, pkg)}
		if _, err := os.Stat(v.of.dir); err != nil && v.root == tree {
			return nil, nil
		}
		if _, err := command(ctx, v.root, "go", "test", "-c", "-o", v.of.file, pkg); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *pair) compare(ctx context.Context, rounds int, out io.Writer) (worse []error, err error) {
	base, change := results{}, results{}
	for i := range rounds {
		turn := []struct {
			program
			into results
		}{{p.base, base}, {p.change, change}}
		if i%2 == 1 {
			slices.Reverse(turn)
		}
		for _, t := range turn {
			text, err := command(ctx, t.dir, t.file, "-test.run", "^$", "-test.bench", p.pattern, "-test.benchmem", "-test.benchtime", "20ms", "-test.cpu", "1")
			if err != nil {
				return nil, err
			}
			t.into.read(text)
		}
	}
	for _, name := range change.names() {
		if len(base[name]) == 0 {
			continue // new
		}
		v := judge(base[name], change[name])
		fmt.Fprintf(out, "%-40s %10.0f -> %8.0f ns (%.2f)  %5.0f -> %5.0f allocs  %6.0f -> %6.0f B\n", name, v.base.ns, v.change.ns, v.change.ns/v.base.ns,
			v.base.allocs, v.change.allocs, v.base.bytes, v.change.bytes)
		if v.worse() {
			worse = append(worse, fmt.Errorf("%s has become worse: %s", name, v))
		}
	}
	return worse, nil
}

func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w %s%s", name, strings.Join(args, " "), err, stderr.String(), out)
	}
	return strings.TrimSpace(string(out)), nil
}
