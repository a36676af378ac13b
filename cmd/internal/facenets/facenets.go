// Package facenets chooses what a program's face networks run in.
package facenets

import (
	"errors"
	"fmt"

	"biogate/adapters/opencvnet"
	"biogate/adapters/ortnet"
	"biogate/matcher/face"
	"biogate/models"
)

// Choices that a user has.
const (
	Auto   = "auto"   // ONNX Runtime, or OpenCV where that cannot be had
	ORT    = "ort"    // ONNX Runtime or none
	OpenCV = "opencv" // OpenCV or none
)

// Networks are loaded networks and where they run.
type Networks struct {
	face.Networks
	Runtime string // its name
	Instead error  // why it is not the faster one; nil when it is, and when it was asked for
	Close   func()
}

// Load makes the networks of a model, for as many captures at a time as there are sessions, in what was chosen; empty is
// Auto. dir holds the prepared weights and ONNX Runtime's library.
func Load(choice string, m models.Manifest, dir string, sessions int) (Networks, error) {
	switch choice {
	case Auto, "":
		fast, problem := inORT(m, dir, sessions)
		if problem == nil {
			return fast, nil
		}
		slow, err := inOpenCV(m, dir, sessions)
		if err != nil {
			return Networks{}, errors.Join(problem, err)
		}
		slow.Instead = problem
		return slow, nil
	case ORT:
		return inORT(m, dir, sessions)
	case OpenCV:
		return inOpenCV(m, dir, sessions)
	}
	return Networks{}, fmt.Errorf("networks run in %s, %s or %s, not in %q", Auto, ORT, OpenCV, choice)
}

func inORT(m models.Manifest, dir string, sessions int) (Networks, error) {
	n, err := ortnet.Load(m, dir, sessions)
	if err != nil {
		return Networks{}, err
	}
	return Networks{Networks: n.Networks, Runtime: "ONNX Runtime", Close: n.Close}, nil
}

func inOpenCV(m models.Manifest, dir string, sessions int) (Networks, error) {
	n, err := opencvnet.Load(m, dir, sessions)
	if err != nil {
		return Networks{}, err
	}
	return Networks{Networks: n.Networks, Runtime: "OpenCV", Close: n.Close}, nil
}
