package accuracy

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"biogate/matcher"
)

// toyEngine's pictures are numbers in text: captures are alike when their numbers are. A second number is the quality. It
// refuses the word "blank".
type toyEngine struct{ modality matcher.Modality }

var _ matcher.Engine = toyEngine{}

func (e toyEngine) Modality() matcher.Modality { return e.modality }
func (toyEngine) Model() string                { return "toy-1" }
func (toyEngine) NewIndex() matcher.Index      { return nil }

func (e toyEngine) Extract(_ context.Context, s matcher.Sample, _ matcher.Trace) (matcher.Extraction, error) {
	text := strings.TrimSpace(string(s.Data))
	if text == "blank" {
		return matcher.Extraction{}, &matcher.Error{Code: matcher.CodeUnusable, Detail: "nothing to see"}
	}
	if text == "broken" {
		return matcher.Extraction{}, fmt.Errorf("disk on fire")
	}
	value, quality, _ := strings.Cut(text, " ")
	score, _ := strconv.Atoi(quality)
	template := matcher.Template{Modality: e.modality, Model: "toy-1", Payload: []byte(value)}
	return matcher.Extraction{Template: template, Quality: matcher.Quality{Score: score}}, nil
}

func (toyEngine) Probe(t matcher.Template) (matcher.Probe, error)         { return parseToy(t) }
func (toyEngine) Reference(t matcher.Template) (matcher.Reference, error) { return parseToy(t) }

type toy float64

func parseToy(t matcher.Template) (toy, error) {
	v, err := strconv.ParseFloat(string(t.Payload), 64)
	return toy(v), err
}

func (p toy) Compare(r matcher.Reference) (float64, error) {
	return -math.Abs(float64(p) - float64(r.(toy))), nil
}
func (toy) Position() matcher.Position { return matcher.Unknown }
func (toy) Model() string              { return "toy-1" }

// write makes files under a new folder.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scoresOf makes a test of single scores; every comparison has subjects of its own.
func scoresOf(genuine, impostor []float64) *Scores {
	var g, i []Comparison
	var subject []int32
	next := int32(0)
	for _, s := range genuine {
		g = append(g, Comparison{s, next, next + 1})
		subject = append(subject, next, next)
		next += 2
	}
	for _, s := range impostor {
		i = append(i, Comparison{s, next, next + 1})
		subject = append(subject, next, next+1)
		next += 2
	}
	return NewScores(g, i, subject)
}
