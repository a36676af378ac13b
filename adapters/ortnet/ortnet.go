// Package ortnet runs the face pipeline's networks in ONNX Runtime, whose shared library is opened when networks are
// loaded: nothing is linked, and a machine without the library gets an error that says how to fetch it.
//
// A network is one session, which holds the weights and serves many callers at once, and as many places as callers may
// be served, each with its own input and outputs; a caller waits for a free place. A session starts no threads:
// parallelism comes from serving several requests, and a second layer of it would fight the first.
package ortnet

import (
	"errors"
	"fmt"

	"biogate/matcher/face"
	"biogate/models"
)

// Load reads the prepared weights of a model and the library from dir, checks their hashes and makes the pipeline's
// networks, each for as many callers at once as there are sessions. Close releases them.
func Load(m models.Manifest, dir string, sessions int) (*Networks, error) {
	if sessions < 1 {
		return nil, fmt.Errorf("ortnet: %d sessions, at least 1 is needed", sessions)
	}
	if err := open(dir); err != nil {
		return nil, err
	}
	set := &Networks{}
	for _, f := range m.Files {
		n, err := load(m, dir, f.Name, sessions)
		if err != nil {
			return nil, errors.Join(err, set.close())
		}
		set.all = append(set.all, n)
		if err := set.Set(f.Name, n); err != nil {
			return nil, errors.Join(err, set.close())
		}
	}
	return set, nil
}

// Networks is the pipeline's set of networks and the memory behind it.
type Networks struct {
	face.Networks
	all []*network
}

// Close waits for running calls and frees the networks. None of them may be called afterwards.
func (s *Networks) Close() { _ = s.close() } // the runtime's releases cannot fail

func (s *Networks) close() error {
	var problems []error
	for _, n := range s.all {
		problems = append(problems, n.close())
	}
	s.all = nil
	return errors.Join(problems...)
}
