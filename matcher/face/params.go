package face

// These numbers are the pipeline's, whatever its networks; what depends on a network stands in the model's manifest. A
// model's id covers both: a change of a number here that moves a template is a new id for every model.

// Detection.
const (
	// maxOverlap (intersection over union) of two detections that are two faces, and maxInside, the largest share of one
	// face that may lie in another's box.
	maxOverlap = 0.3
	maxInside  = 0.7
	// closeUpAbove: pictures with more pixels than this to one of the detector's are worth nearer looks; below, a face that
	// was missed is too small to be recognised.
	closeUpAbove = 3.0
	// closeUpZoom: how much nearer these looks are. More finds smaller faces; up to this four looks cover a picture of the
	// detector's shape, and at 2.5 it takes nine.
	closeUpZoom = 2.15
	// closeUpShare of a near look may be shown by the next one as well: a tiny face is whole in one of them.
	closeUpShare = 1.2 * tinyFace * closeUpZoom
	// tinyFace is the height in the detector's pixels below which nearer looks are taken, for a better box and for faces
	// that were missed.
	tinyFace = 24
	// detectAveraged of the detector's pixels may be averaged in one of the picture that it is shown. Unlike the networks that
	// look at a face it loses nothing by it: of 20 faces down to 1/26 of the height, and in 63 photographs, none.
	detectAveraged = 1.6
	// backgroundFace: faces below this share of the largest one's height do not count.
	backgroundFace = 0.4
)

// unaveraged pixels of the picture may lie between two of a sample. Measured on one half of the tuning people, FNMR at FMR
// 1e-3 / 1e-4 / 1e-5 in %: 1 gives 2.80 / 6.1 / 13.0 in place of 2.58 / 5.5 / 11.7, as if the networks had been trained on
// pictures drawn without averaging.
const unaveraged = 1.5

// Quality. Each measure goes from worthless at Bad to faultless at Good. What docs/face.md calls measured was measured
// on LFW's tuning half: the FNMR of pairs by their worse sample's measure.
const (
	reasonBelow = 0.5  // a measure worth less than this is named as a reason
	doubtBelow  = 0.25 // with one below this, a face that is not recognised may well be the right one

	// Powers in the score's product: their ratios were chosen on one half of the people by what leaving out the worst
	// captures saves, their sum so that half of all captures have 80 or more. See docs/face.md.
	clarityPower   = 0.9
	openPower      = 0.6
	sharpnessPower = 0.6
	coverPower     = 0.3

	// Pixels between the eyes. Of 120 probes reduced to 20 pixels one was lost, to 16 seven, to 12 thirteen, to 9 half.
	eyesBad, eyesGood = 6, 24
	// Median 0.29; a blur of 1.5 pixels of the aligned face brings it to 0.12, of 3 to 0.05.
	sharpnessBad, sharpnessGood = 0.05, 0.20
	// Brightness and contrast of 0 to 255. The data hold nothing beyond: 99 % lie in 76 to 182, contrast above 20.
	darkBad, darkGood         = 20, 60
	brightBad, brightGood     = 245, 210
	contrastBad, contrastGood = 5, 20
	// Half of LFW lies below 0.22, 99 % below 0.5, all below 0.7.
	shadeBad, shadeGood = 0.8, 0.4
	// Margins of cover, 0 at even odds.
	coverBad, coverGood = 3, -3
	// Degrees. Turned heads cost little up to 40 degrees; the alignment takes any tilt that the detector finds.
	turnBad, turnGood = 70, 30
	tiltBad, tiltGood = 60, 25
	// Probability of an open eye; below 0 because closed eyes spoil a sample and do not make it worthless.
	openBad, openGood = -0.4, 1
	// Share of the landmarks within the picture.
	insideBad, insideGood = 0.5, 0.8

	// otherAbove: faces above this share of the subject's height are named.
	otherAbove = 0.25

	// yawPerShift: degrees of yaw for the nose going aside by the width between the cheeks' midlines; pitchPerShift: of
	// pitch for it going down by the height from eyes to mouth; frontalNose: where it is on that height, looking ahead.
	// Fitted to a pose network's angles on 311 faces (correlation 0.81 and 0.74), which costs 24 ms a face.
	yawPerShift   = 100
	pitchPerShift = 75
	frontalNose   = 0.5
)

// innerFace is the part of the aligned face whose tones are measured: without hair and background.
func innerFace() part { return part{30. / 112, 100. / 112, 20. / 112, 92. / 112} }
