package finger

import (
	"image"
	"math/rand/v2"
)

// What tests outside the package borrow: those that need synthetic fingers, which are made with this package.
var (
	DataDir    = dataDir
	TuningSets = tuningSets
	GreyOf     = greyOf
	Rotated    = rotated
	Window     = window
)

// Disturbed is what the disturbance of that name makes of a picture.
func Disturbed(name string, img *image.Gray, seed uint64) *image.Gray {
	for _, d := range disturbances {
		if d.name == name {
			return d.apply(img, rand.New(rand.NewPCG(seed, 77)), img)
		}
	}
	panic("no disturbance " + name)
}

// Scaled resamples a picture.
func Scaled(img *image.Gray, k float64) *image.Gray { return scaledBy(k)(img, nil, nil) }
