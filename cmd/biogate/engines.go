package main

import (
	"fmt"

	"biogate/adapters/opencvnet"
	"biogate/gateway"
	"biogate/matcher"
	"biogate/matcher/face"
	"biogate/matcher/finger"
	"biogate/models"
)

// engines is every modality that this build and machine can serve, and what its scores mean.
type engines struct {
	list         []matcher.Engine
	calibrations map[string]gateway.Calibration
	missing      map[matcher.Modality]error // why a modality is not served
	close        func()
}

// openEngines makes the engines. A modality whose networks cannot be had is left out and named in missing; a model without
// a sound calibration is an error.
func openEngines(modelDir string, sessions int) (engines, error) {
	e := engines{calibrations: map[string]gateway.Calibration{}, missing: map[matcher.Modality]error{}, close: func() {}}
	e.list = append(e.list, finger.New())
	if faces, closeFaces, err := openFace(modelDir, sessions); err != nil {
		e.missing[matcher.Face] = err
	} else {
		e.list, e.close = append(e.list, faces), closeFaces
	}
	for _, engine := range e.list {
		c, err := models.LoadCalibration(engine.Model())
		if err != nil {
			e.close()
			return engines{}, err
		}
		e.calibrations[engine.Model()] = c
	}
	return e, nil
}

func openFace(modelDir string, sessions int) (*face.Engine, func(), error) {
	manifest, err := models.Load(face.Model)
	if err != nil {
		return nil, nil, err
	}
	nets, err := opencvnet.Load(manifest, modelDir, sessions)
	if err != nil {
		return nil, nil, err
	}
	engine, err := face.New(nets.Networks)
	if err != nil {
		nets.Close()
		return nil, nil, err
	}
	return engine, nets.Close, nil
}

// of returns the engine of a modality, or why there is none.
func (e engines) of(m matcher.Modality) (matcher.Engine, error) {
	for _, engine := range e.list {
		if engine.Modality() == m {
			return engine, nil
		}
	}
	detail := fmt.Sprintf("no engine for modality %q", m)
	if cause := e.missing[m]; cause != nil {
		detail += ": " + cause.Error()
	}
	return nil, &matcher.Error{Code: matcher.CodeEngineMissing, Detail: detail}
}
