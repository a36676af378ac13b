package main

import (
	"cmp"
	"fmt"

	"biogate/cmd/internal/facenets"
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
	networks     string                     // what the face networks run in; empty without faces
	instead      error                      // why that is not the faster runtime
	close        func()
}

// engineOptions say which engines to make.
type engineOptions struct {
	models   string // folder of the prepared networks
	face     string // id of the face model; empty: the default
	networks string // what its networks run in, as facenets names it
	sessions int    // captures that one engine can work on at a time
}

// openEngines makes the engines. A modality whose networks cannot be had is left out and named in missing; a model that this
// build does not run, or that has no sound calibration, is an error.
func openEngines(o engineOptions) (engines, error) {
	manifest, err := models.Active(cmp.Or(o.face, models.DefaultFace))
	if err != nil {
		return engines{}, misuseError{err}
	}
	e := engines{calibrations: map[string]gateway.Calibration{}, missing: map[matcher.Modality]error{}, close: func() {}}
	e.list = append(e.list, finger.New())
	if err := e.addFace(manifest, o); err != nil {
		e.missing[matcher.Face] = err
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

func (e *engines) addFace(manifest models.Manifest, o engineOptions) error {
	nets, err := facenets.Load(o.networks, manifest, o.models, o.sessions)
	if err != nil {
		return err
	}
	engine, err := face.New(manifest, nets.Networks)
	if err != nil {
		nets.Close()
		return err
	}
	e.list, e.networks, e.instead, e.close = append(e.list, engine), nets.Runtime, nets.Instead, nets.Close
	return nil
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
