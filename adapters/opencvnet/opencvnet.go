// Package opencvnet runs the face pipeline's networks in OpenCV's DNN module through gocv.
//
// OpenCV's nets hold their working memory and serve one caller at a time, so each network is a pool of sessions; a
// caller waits for a free one. OpenCV's own threads are set to one: parallelism comes from serving several requests,
// and a second layer of it would fight the first.
package opencvnet

import (
	"fmt"

	"biogate/matcher/face"
	"biogate/models"
)

// Load reads the prepared weights of a model from dir, checks their hashes and makes the pipeline's networks, each with
// as many sessions as callers may run at once. Close releases them.
func Load(m models.Manifest, dir string, sessions int) (*Networks, error) {
	if sessions < 1 {
		return nil, fmt.Errorf("opencvnet: %d sessions, at least 1 is needed", sessions)
	}
	if err := available(); err != nil {
		return nil, err
	}
	set := &Networks{}
	for _, f := range m.Files {
		n, err := load(m, dir, f.Name, sessions)
		if err != nil {
			set.Close()
			return nil, err
		}
		set.all = append(set.all, n)
		if err := set.Set(f.Name, n); err != nil {
			set.Close()
			return nil, err
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
func (s *Networks) Close() {
	for _, n := range s.all {
		n.close()
	}
	s.all = nil
}
