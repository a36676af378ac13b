package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// DefaultFace is the face model that is run when none is named.
const DefaultFace = "face-fr-2"

// Face is what the face pipeline takes from a manifest beside the inputs and outputs of the networks: what depends on
// them, and not on how the pipeline works. A model that has another network differs here and in File alone.
type Face struct {
	Detect   FaceDetect   `json:"detect"`
	Landmark FaceLandmark `json:"landmark"`
	Align    FaceAlign    `json:"align"`
	// Clarity is the length of an embedding before it is normalised, which tells best how well a face will be recognised;
	// left out where it says nothing.
	Clarity  *Anchors     `json:"clarity,omitempty"`
	Weight   *FaceWeight  `json:"weight,omitempty"`
	Liveness FaceLiveness `json:"liveness,omitzero"`
	// SamePerson is the least comparison score of two frames that were taken within seconds and show one person, and of
	// captures of one subject that are fused.
	SamePerson float64 `json:"same_person"`
	Eye        FaceEye `json:"eye,omitzero"`
}

// FaceDetect is how to show pictures to the detector and which of its answers to believe.
type FaceDetect struct {
	// MinConfidence of a face, 0 to 1. Lower finds more hard faces and more things that are none.
	MinConfidence float64 `json:"min_confidence"`
	// Room is how much larger than the picture the views of the first and second look are, at least 1: detectors miss
	// faces that fill their view.
	Room [2]float64 `json:"room"`
}

// FaceLandmark is the square of the picture that the landmark network sees, or squares: their landmarks are averaged.
type FaceLandmark struct {
	Zooms []float64 `json:"zooms"` // sides, in heights of the face's box
	Shift float64   `json:"shift"` // where the network puts the middle of its first pixel, in pixels of its input
}

// FaceAlign is where the embedding wants eyes, nose tip and mouth corners, left ones first as seen: Points in pixels of
// its input, around Middle. The embedding is the mean over all Looks; quality is judged by the first.
type FaceAlign struct {
	Points [5][2]float64 `json:"points"`
	Middle [2]float64    `json:"middle"`
	Looks  []FaceLook    `json:"looks"`
}

// FaceLook is one drawing of a face for the embedding: Closer times as large around the middle, or a mirror image of that.
type FaceLook struct {
	Closer   float64 `json:"closer"`
	Mirrored bool    `json:"mirrored,omitempty"`
}

// FaceWeight corrects scores for clarity: a face that is less clear is less like itself, and not more like others. A
// cosine counts (Least/clarity)^Power for each of the two faces, with clarity taken as Least to Most.
type FaceWeight struct {
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
	Power float64 `json:"power"`
}

// FaceLiveness is the crop that the liveness network sees and what its classes mean.
type FaceLiveness struct {
	Zoom     float64 `json:"zoom"`      // side, in sides of the face's box
	BonaFide int     `json:"bona_fide"` // class of live faces
	Least    float64 `json:"least"`     // probability of that class below which an attack is suspected
}

// FaceEye is the crop that the network for eyes sees and what its classes mean.
type FaceEye struct {
	Zoom float64 `json:"zoom"` // side, in distances between the eye's corners
	Open int     `json:"open"` // class of open eyes
}

// Anchors are the values at which a measure is worthless and faultless.
type Anchors struct {
	Bad  float64 `json:"bad"`
	Good float64 `json:"good"`
}

const (
	maxLooks    = 8
	leastWeight = 0.5
	leastFace   = 28 // pixels
)

// FaceLandmarks is the number of points of the annotation scheme that the pipeline reads (iBUG 300-W).
const FaceLandmarks = 68

// Check holds a model's contract against what the pipeline needs of it.
func (f Face) Check(m Manifest) error {
	detect, err := m.network("detect", 2)
	if err != nil {
		return err
	}
	if n := detect.Values[0] / 2; detect.Values[0] != 2*n || detect.Values[1] != 4*n {
		return errors.New(`file "detect": values must be 2 and 4 for each anchor: scores and boxes`)
	}
	landmark, err := m.network("landmark", 1)
	if err != nil {
		return err
	}
	if landmark.Values[0] != 2*FaceLandmarks || landmark.Input.Width() != landmark.Input.Height() {
		return fmt.Errorf(`file "landmark": want a square in and %d values out, x and y of %d points`, 2*FaceLandmarks, FaceLandmarks)
	}
	feature, err := m.network("feature", 1)
	if err != nil {
		return err
	}
	if min(feature.Input.Width(), feature.Input.Height()) < leastFace {
		return fmt.Errorf(`file "feature": the quality of a face of less than %d pixels to a side cannot be judged`, leastFace)
	}
	if err := f.checkClasses(m); err != nil {
		return err
	}
	return f.checkNumbers()
}

// checkClasses looks at the networks that a model may lack.
func (f Face) checkClasses(m Manifest) error {
	for _, c := range []struct {
		name  string
		class int
		zoom  float64
	}{{"liveness", f.Liveness.BonaFide, f.Liveness.Zoom}, {"eye", f.Eye.Open, f.Eye.Zoom}} {
		if !slices.ContainsFunc(m.Files, func(x File) bool { return x.Name == c.name }) {
			continue
		}
		file, err := m.network(c.name, 1)
		if err != nil {
			return err
		}
		if c.class < 0 || c.class >= file.Values[0] || !(c.zoom > 0) {
			return fmt.Errorf("file %q: face.%s needs a zoom above 0 and a class of its %d", c.name, c.name, file.Values[0])
		}
	}
	return nil
}

func (f Face) checkNumbers() error {
	switch {
	case !(f.Detect.MinConfidence > 0 && f.Detect.MinConfidence < 1):
		return errors.New("face.detect.min_confidence must lie between 0 and 1")
	case !(f.Detect.Room[0] >= 1 && f.Detect.Room[1] >= f.Detect.Room[0]):
		return errors.New("face.detect.room needs two numbers from 1 on, the second not smaller")
	case len(f.Landmark.Zooms) == 0 || len(f.Landmark.Zooms) > maxLooks || slices.ContainsFunc(f.Landmark.Zooms, func(z float64) bool { return !(z > 0) }):
		return fmt.Errorf("face.landmark.zooms: 1 to %d above 0 are needed", maxLooks)
	case f.Align.Points[0] == f.Align.Points[1]:
		return errors.New("face.align needs five points")
	case len(f.Align.Looks) == 0 || len(f.Align.Looks) > maxLooks || f.Align.Looks[0].Mirrored:
		return fmt.Errorf("face.align.looks: 1 to %d are needed, the first not mirrored", maxLooks)
	case slices.ContainsFunc(f.Align.Looks, func(l FaceLook) bool { return !(l.Closer > 0) }):
		return errors.New("face.align.looks: closer must be above 0")
	case f.Weight != nil && !(f.Weight.Least > 0 && f.Weight.Most > f.Weight.Least && f.Weight.Power > 0):
		return errors.New("face.weight: least and power must be above 0, most above least")
	case f.Weight != nil && math.Pow(f.Weight.Least/f.Weight.Most, f.Weight.Power) < leastWeight:
		return fmt.Errorf("face.weight: no weight may lie below %g", leastWeight)
	case !(f.SamePerson > 0 && f.SamePerson < 1):
		return errors.New("face.same_person must lie between 0 and 1")
	case f.Clarity != nil && !(f.Clarity.Good > f.Clarity.Bad):
		return errors.New("face.clarity: good must be above bad")
	}
	return nil
}

// network returns a file whose contract is complete: one picture in, so many outputs with their sizes out.
func (m Manifest) network(name string, outputs int) (File, error) {
	f, err := m.File(name)
	if err != nil {
		return f, err
	}
	shape, planes := f.Input.Shape, map[string]int{"RGB": 3, "BGR": 3, "grey": 1}[f.Input.Channels]
	switch {
	case planes == 0:
		return f, fmt.Errorf("file %q: channels %q, want RGB, BGR or grey", name, f.Input.Channels)
	case len(shape) != 4 || shape[0] != 1 || shape[1] != planes || shape[2] < 1 || shape[3] < 1:
		return f, fmt.Errorf("file %q: input of shape %v, want 1, %d, height, width", name, shape, planes)
	case !(f.Input.Scale > 0):
		return f, fmt.Errorf("file %q: the input's scale must be above 0", name)
	case len(f.Outputs) != outputs || len(f.Values) != outputs:
		return f, fmt.Errorf("file %q: %d outputs with their numbers of values are needed", name, outputs)
	}
	for _, n := range f.Values {
		if n < 1 {
			return f, fmt.Errorf("file %q: an output of %d values", name, n)
		}
	}
	return f, nil
}
