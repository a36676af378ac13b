package face

// Model is the id of the folder in models/ that this pipeline's scores depend on. It covers every number in this file
// that moves a template: a change of one of them is a new id.
const Model = "face-fr-1"

// Input contracts of the networks; a test holds them against the manifest.
const (
	detectW, detectH = 320, 240
	detectMean       = 127
	detectScale      = 128
	detectAnchors    = 4420

	landmarkSide  = 64
	landmarkScale = 256
	landmarkCount = 68

	featureSide  = 112
	featureMean  = 127
	featureScale = 128
	Dimensions   = 512 // of the embedding

	livenessSide    = 128
	livenessZoom    = 2.7 // crop, in box sides
	livenessClasses = 3   // 0 is bona fide

	eyeSide  = 24
	eyeScale = 255
	eyeZoom  = 1.6 // crop, in distances between the eye's corners
)

// Detection.
const (
	// minConfidence of a detection. Lower finds more hard faces and more things that are none.
	minConfidence = 0.65
	// maxOverlap (intersection over union) of two detections that are two faces.
	maxOverlap = 0.3
)

// template112 is the usual place of eyes, nose and mouth corners in a 112x112 face, in pixels.
var template112 = [5]point{{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}
