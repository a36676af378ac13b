//go:build cgo && !noopencv

package opencvnet

import (
	"testing"

	"biogate/matcher/face"
	"biogate/matcher/face/networktest"
	"biogate/models"
)

func loaded(t testing.TB, sessions int) *Networks {
	t.Helper()
	m, dir := networktest.Prepared(t)
	nets, err := Load(m, dir, sessions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nets.Close)
	return nets
}

func TestSuite(t *testing.T) {
	networktest.Suite{
		Load: func(m models.Manifest, dir string, sessions int) (face.Networks, func(), error) {
			nets, err := Load(m, dir, sessions)
			if err != nil {
				return face.Networks{}, nil, err
			}
			return nets.Networks, nets.Close, nil
		},
		Hold: func(n face.Network) (release func()) {
			free := n.(*network).free
			s := <-free
			return func() { free <- s }
		},
	}.Run(t)
}

func BenchmarkNetworks(b *testing.B) {
	m, _ := networktest.Prepared(b)
	networktest.Benchmark(b, m, loaded(b, 1).Networks)
}
