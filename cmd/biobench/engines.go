package main

import (
	"fmt"
	"runtime"

	"biogate/cmd/internal/facenets"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/finger"
	"biogate/models"
)

// faceFlags are what every command that runs the face networks takes.
type faceFlags struct {
	Models    string `default:"${models}" placeholder:"DIR" help:"Prepared weights of the networks (${default})."`
	FaceModel string `default:"${face_model}" env:"BIOGATE_FACE_MODEL" placeholder:"ID" help:"Face model (${default})."`
	Networks  string `default:"auto" enum:"auto,ort,opencv" env:"BIOGATE_NETWORKS" help:"What the networks run in: ONNX Runtime (ort), OpenCV (opencv), or the first of them that can be had (auto)."`
	Workers   int    `help:"Captures worked on at once; usual: one a core."`
}

func (f faceFlags) engine() engineOptions {
	return engineOptions{models: f.Models, face: f.FaceModel, networks: f.Networks, workers: f.Workers}
}

// engineOptions say which engine to make.
type engineOptions struct {
	models   string // folder of the prepared networks
	face     string // id of the face model
	networks string // what its networks run in, as facenets names it
	workers  int    // captures worked on at a time; 0: one a core
}

// openEngine makes the engine of a modality; close frees it.
func openEngine(m matcher.Modality, o engineOptions) (e matcher.Engine, closeEngine func(), err error) {
	switch m {
	case matcher.Finger:
		return finger.New(), func() {}, nil
	case matcher.Face:
		return openFace(o)
	}
	return nil, nil, &misuse{fmt.Sprintf("no engine for modality %q", m)}
}

func openFace(o engineOptions) (matcher.Engine, func(), error) {
	manifest, err := models.Active(o.face)
	if err != nil {
		return nil, nil, &misuse{err.Error()}
	}
	if o.workers <= 0 {
		o.workers = runtime.GOMAXPROCS(0)
	}
	nets, err := facenets.Load(o.networks, manifest, o.models, o.workers)
	if err != nil {
		return nil, nil, err
	}
	e, err := face.New(manifest, nets.Networks)
	if err != nil {
		nets.Close()
		return nil, nil, err
	}
	return e, nets.Close, nil
}
