package main

import (
	"fmt"
	"runtime"

	"biogate/adapters/opencvnet"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/finger"
	"biogate/models"
)

// openEngine makes the engine of a modality for so many workers; close frees it. modelsDir holds prepared weights.
func openEngine(m matcher.Modality, modelsDir string, workers int) (e matcher.Engine, closeEngine func(), err error) {
	switch m {
	case matcher.Finger:
		return finger.New(), func() {}, nil
	case matcher.Face:
		return openFace(modelsDir, workers)
	}
	return nil, nil, &misuse{fmt.Sprintf("no engine for modality %q", m)}
}

func openFace(modelsDir string, workers int) (matcher.Engine, func(), error) {
	manifest, err := models.Load(face.Model)
	if err != nil {
		return nil, nil, err
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	nets, err := opencvnet.Load(manifest, modelsDir, workers)
	if err != nil {
		return nil, nil, err
	}
	e, err := face.New(nets.Networks)
	if err != nil {
		nets.Close()
		return nil, nil, err
	}
	return e, nets.Close, nil
}
