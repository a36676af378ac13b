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

	eyeSide      = 24
	eyeScale     = 255
	eyeZoom      = 1.6 // crop, in distances between the eye's corners
	eyeOpenClass = 1
)

// Detection.
const (
	// minConfidence of a detection. Lower finds more hard faces and more things that are none.
	minConfidence = 0.65
	// maxOverlap (intersection over union) of two detections that are two faces, and maxInside, the largest share of one
	// face that may lie in another's box.
	maxOverlap = 0.3
	maxInside  = 0.7
	// firstRoom and secondRoom: how much larger than the picture the views of the first and second look are. The detector
	// misses faces that fill its view: with room 1 it missed 101 of 3,240 tight crops, with 1.25 it missed 14, with 2 it missed 6.
	firstRoom  = 1.25
	secondRoom = 2.0
	// closeUpAbove: pictures with more pixels than this to one of the detector's are worth nearer looks; below, a face that
	// was missed is too small to be recognised.
	closeUpAbove = 3.0
	// closeUpZoom: how much nearer these looks are. More finds smaller faces and costs its square in looks.
	closeUpZoom = 2.5
	// tinyFace is the height in the detector's pixels below which nearer looks are taken, for a better box and for faces
	// that were missed.
	tinyFace = 24
	// backgroundFace: faces below this share of the largest one's height do not count.
	backgroundFace = 0.4
)

// template112 is the usual place of eyes, nose and mouth corners in a 112x112 face, in pixels.
var template112 = [5]point{{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}}

// Alignment. Measured on one half of the tuning people, FNMR at FMR 1e-3 / 1e-4 / 1e-5 in %.
const (
	// closer draws the face this much larger than the template, around its middle: 1 gives 2.50 / 5.2 / 11.9, 1.03
	// 2.42 / 4.7 / 10.7, 1.05 2.42 / 4.9 / 10.4 but worse hard pairs, 1.12 2.65 / 6.1 / 13.
	closer           = 1.03
	middleX, middleY = 55.5, 71.5
	// landmarkShift is where the landmark network puts the middle of its first pixel. Half a pixel, as one would
	// expect, gives 2.58 / 5.5 / 11.7 in place of 2.50 / 5.2 / 11.9.
	landmarkShift = 0
	// unaveraged pixels of the picture may lie between two of a sample: 1 gives 2.80 / 6.1 / 13.0 in place of
	// 2.58 / 5.5 / 11.7, as if the networks had been trained on pictures drawn without averaging.
	unaveraged = 1.5
)

// Quality. Each measure goes from worthless at Bad to faultless at Good. What docs/face.md calls measured was measured
// on LFW's tuning half: the FNMR of pairs by their worse sample's measure.
const (
	reasonBelow = 0.5 // a measure worth less than this is named as a reason

	// The length of the embedding before it is normalised tells best how well a face will be recognised: median 3.6, the
	// lowest 2 % of samples below 2.65.
	clarityBad, clarityGood = 2.0, 4.0
	// Pixels between the eyes. Of 120 probes reduced to 20 pixels one was lost, to 16 seven, to 12 thirteen, to 9 half.
	eyesBad, eyesGood = 6, 24
	// Median 0.29; a blur of 1.5 pixels of the aligned face brings it to 0.12, of 3 to 0.05.
	sharpnessBad, sharpnessGood = 0.05, 0.20
	// Brightness and contrast of 0 to 255. The data hold nothing beyond: 99 % lie in 76 to 182, contrast above 20.
	darkBad, darkGood         = 20, 60
	brightBad, brightGood     = 245, 210
	contrastBad, contrastGood = 5, 20
	// Degrees. Turned heads cost little up to 40 degrees; the alignment takes any tilt that the detector finds.
	turnBad, turnGood = 70, 30
	tiltBad, tiltGood = 60, 25
	// Probability of an open eye; below 0 because closed eyes spoil a sample and do not make it worthless.
	openBad, openGood = -0.4, 1
	// Share of the landmarks within the picture.
	insideBad, insideGood = 0.5, 0.8

	// yawPerShift: degrees of yaw for the nose going aside by the width between the cheeks' midlines; pitchPerShift: of
	// pitch for it going down by the height from eyes to mouth; frontalNose: where it is on that height, looking ahead.
	// Fitted to a pose network's angles on 311 faces (correlation 0.81 and 0.74), which costs 24 ms a face.
	yawPerShift   = 100
	pitchPerShift = 75
	frontalNose   = 0.5

	// The part of the aligned face whose tones are measured, in its pixels.
	innerTop, innerLow, innerLeft, innerRight = 30, 100, 20, 92
)

// minBonaFide is the probability below which presentation attack detection speaks of an attack.
const minBonaFide = 0.5
