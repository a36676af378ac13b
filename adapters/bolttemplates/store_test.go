package bolttemplates

import (
	"path/filepath"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

func open(t testing.TB) *Store {
	return openAt(t, filepath.Join(t.TempDir(), "record.db"), Options{})
}

func openAt(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTemplates(t *testing.T) {
	porttest.Templates(t, func(t testing.TB) gateway.Templates { return open(t) }, porttest.Record)
}

func TestGenerations(t *testing.T) {
	porttest.Generations(t, func(t testing.TB) gateway.Generations { return open(t) })
}

func TestGalleries(t *testing.T) {
	porttest.Galleries(t, func(t testing.TB) gateway.Galleries { return open(t) })
}

func TestReceipts(t *testing.T) {
	porttest.Receipts(t, func(t testing.TB, now func() time.Time) gateway.Receipts {
		return openAt(t, filepath.Join(t.TempDir(), "record.db"), Options{Now: now})
	}, 24*time.Hour, true)
}
