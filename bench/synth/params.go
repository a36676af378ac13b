package synth

import "math"

// Everything below is in pixels at 500 dpi (19.69 a mm) and radians unless it says otherwise. Positions count from the
// top left corner of the master print, y down.
const (
	baseDPI = 500

	// The master print is a whole fingertip, 21 x 28 mm; a sensor sees a part of it.
	masterWidth  = 416
	masterHeight = 544
	centreX      = masterWidth / 2
	centreY      = 250 // middle of the touching part

	// Ridges are grown at half resolution, where a filter costs a sixteenth, and refined once at the full one.
	coarse       = 2
	coarseWidth  = masterWidth / coarse
	coarseHeight = masterHeight / coarse

	// Ridge period: 9 px (0.46 mm) is the usual mean of adults; fingers differ by about a tenth, and each is a little
	// wider towards the crease.
	periodMean   = 9.0
	periodSpread = 0.55 // standard deviation between fingers
	periodDrift  = 0.7  // standard deviation within a finger
	periodTilt   = 0.9  // from the top of the finger to the crease
	periodScale  = 120.0
	periodMin    = 7.0
	periodMax    = 12.0

	// Growth. Longer filters make straighter ridges and fewer minutiae, more rounds let chance minutiae meet and vanish;
	// the two together set the density. These give 40 to 50 in a contact of 15 x 20 mm, as people have.
	growRounds  = 7
	growGain    = 2.2  // brings a filtered picture back to full contrast before it is clipped
	sigmaAcross = 0.42 // of the filter's envelope, in periods
	sigmaAlong  = 0.72
	angleSteps  = 36  // filters a half turn
	periodStep  = 0.5 // between filters

	poreGap     = 8   // mean distance between pores along a ridge
	poreDepth   = 0.9 // ridge height that a pore takes away, of a ridge's 1
	poreRadius  = 1.1
	creaseRate  = 1.8 // mean number of permanent white lines
	creaseDepth = 1.8
)

// Natural shares of the classes (Wilson, Candela and Watson, "Neural network fingerprint classification", 1994).
var classShares = [...]float64{Arch: 0.037, TentedArch: 0.029, LeftLoop: 0.338, RightLoop: 0.317, Whorl: 0.279}

// Arching of the ridges over the whole fingertip, added to what cores and deltas make: ridges run level at the crease
// and bend round the tip.
const (
	archTop    = 0.62  // slope far to the side at the top
	archBottom = 0.08  // and at the bottom
	archHump   = 0.50  // slope beside the hump of a plain arch
	archFoot   = 460.0 // height at which the arching has died away
	humpWide   = 52.0
	humpHigh   = 110.0
	humpY      = 275.0

	loopSides = 0.27  // how much the sides of a loop lean towards its axis
	loopReach = 150.0 // distance over which that halves

	wobble      = 0.10  // amplitude of the smooth random change of orientation
	wobbleScale = 105.0 // its length
	bend        = 0.10  // amplitude of the correction around each singularity (after Vizcaya and Gerhardt)
)

// Where cores and deltas lie. The core of most fingers is a little above the middle, and a delta 10 to 20 ridges away.
const (
	axisSpread  = 13.0 // standard deviation of the finger's middle line
	tiltSpread  = 0.06
	steepSpread = 0.2 // of the arching, relative
	coreSpreadX = 10.0
	coreY       = 232.0
	coreSpreadY = 20.0
)

var (
	archHeight = span{0.6, 1.3} // of the hump, relative
	tentLean   = span{-10, 10}
	tentHeight = span{60, 115}
	loopDeltaX = span{50, 108}
	loopDeltaY = span{98, 160}
	whorlLean  = span{-16, 16}
	whorlGap   = span{12, 74}
	whorlDelta = span{85, 150}
)

// Impressions, at difficulty 1.
const (
	mishap       = 0.3                // how much one impression is better or worse than the next: spread of the logarithm of difficulty
	turnSpread   = 10 * math.Pi / 180 // rotation of the finger on the sensor, standard deviation
	shiftSpread  = 22.0               // displacement of the finger on the sensor
	rollSpread   = 22.0               // displacement of the touching part on the finger
	contactWide  = 128.0              // half axes of the touching part
	contactHigh  = 196.0
	contactSwing = 0.09 // relative standard deviation of both, by pressure
	edgeRagged   = 0.02 // of the contact's edge, relative
	edgeScale    = 40.0 // length of that
	edgeThin     = 1.1  // by how much the touching height rises across that zone, which thins ridges and breaks them
	edgeFade     = 0.16 // width of the zone where ridges lose height, relative

	// Plastic distortion (after Cappelli, Maio and Maltoni, "Modelling plastic distortion in fingerprint images", 2001): a
	// middle that sticks, and skin around it that is dragged and turned.
	dragSpread  = 9.0
	twistSpread = 4.5 * math.Pi / 180
	stickSpread = 15.0
	stickWide   = 55.0 // half axes of the part that sticks
	stickHigh   = 75.0
	brakeReach  = 2.2  // relative distance over which the drag comes to its full size
	creep       = 1.9  // amplitude of the smooth random displacement on top
	creepScale  = 60.0 // and its length

	// Ridge height at which skin touches: 0 makes ridges as wide as valleys, more makes them thin (dry, light).
	touchMean   = -0.10
	touchPress  = 0.10 // by how much firm pressure lowers it
	touchSpread = 0.24
	touchDrift  = 0.34 // standard deviation within an impression
	touchScale  = 70.0
	softness    = 0.42 // height over which skin goes from no touch to full touch

	grainDry    = 0.7  // height of the fine grain that breaks dry ridges
	blotch      = 0.46 // height of the medium grain
	sensorNoise = 5.5  // grey levels, standard deviation
	ridgeGrey   = 45.0
	skinGrey    = 243.0 // valleys and the bare sensor
	greySwing   = 14.0  // standard deviation of the two from impression to impression
	scratchRate = 1.4   // mean number of scratches in an impression
	dirtRate    = 1.5   // mean number of specks
)

// Prints without pictures. The figures were set so that what comes out has the statistics that the extractor finds on real
// impressions, all four tuning sets together; docs/synth.md has both side by side and a test holds them.
const (
	// Minutiae of the whole fingertip, in a square pixel of skin.
	markDensity = 3.3e-4 // of those that lie anywhere
	markSpread  = 0.23   // standard deviation of its logarithm between fingers
	crowdScale  = 45.0   // length over which they are dense or sparse
	crowdSwing  = 0.2    // how much so
	fanShare    = 0.9    // share of the ridges that fanning calls for that begin there; the others widen
	fanMost     = 1.0e-3 // density of those that begin, at most
	markTries   = 430    // places that are looked at on the master, more than minutiae can be
	fanStep     = 3.0    // distance over which the flow's change is taken

	markGap     = 6                 // pixels that two are apart at least
	markNear    = 12                // and under which markShare of them are left out
	markShare   = 0.45              // of each pair
	markTwist   = 4 * math.Pi / 180 // standard deviation of a minutia's direction about the flow
	endingShare = 0.52

	// Clarity is how well an impression shows a place, on the scale of a minutia's quality, 0 to 100.
	clarityMean   = 59.0
	clarityFinger = 4.0  // standard deviation between fingers
	clarityTouch  = 5.0  // between impressions of a finger
	clarityWeak   = 8.0  // between parts of a finger: worn, scarred
	clarityPatch  = 6.5  // between parts of an impression: dry, wet, smeared
	clarityMark   = 5.0  // between minutiae of a finger
	clarityNoise  = 3.0  // between two looks at a minutia
	patchScale    = 62.0 // length of such parts
	foundHalf     = 35.0 // clarity at which half of the minutiae are found
	foundSlope    = 9.0  // change of it that multiplies the odds by e

	falseDensity = 3e-3               // of false minutiae where nothing is clear
	falseTwist   = 45 * math.Pi / 180 // of their direction about the flow
	falseClarity = 4.0                // by which they look worse than their place
	kindSwaps    = 0.17               // share of minutiae whose kind is read wrongly

	// Placement and skin. The trouble of an impression multiplies its displacement, turn and distortion.
	troubleSpread = 0.65                // standard deviation of its logarithm
	printTurn     = 3.6 * math.Pi / 180 // standard deviations from here on
	turnTail      = 0.7                 // of the logarithm of the turn beside the trouble
	printRoll     = 22.0                // displacement of the touching part on the finger
	rollMost      = 110.0
	printShift    = 14.0  // displacement of the finger on the sensor
	printStrain   = 0.57  // distortion, as a share of what pictures of difficulty 1 have
	printStretch  = 0.022 // of the scale along and across the finger, relative
	printPress    = 0.12  // of the contact's half axes, relative

	// Error of a minutia's place along the ridge, which ends sooner or later with pressure, and across it, and of its direction.
	alongSpread  = 1.3
	acrossSpread = 0.8
	dirSpread    = 1.6 * math.Pi / 180
	errorSpread  = 0.7 // of the logarithm of the size of all three between minutiae

	printRim    = 10 // pixels at the rim of the picture where the extractor finds nothing
	stepAhead   = 8  // pixels along a minutia's direction, whose image says how skin turned it
	printFewest = 8  // minutiae that an impression has at least
)

// printSensors are the kinds of sensor that the tuning sets came from; each finger meets one of them.
var printSensors = [...]printSensor{
	{width: 388, height: 374, wide: 114, high: 165, turn: 1.6, stretch: 1},
	{width: 300, height: 300, wide: 110, high: 145, turn: 1, stretch: 1},
	{width: 640, height: 480, wide: 121, high: 180, turn: 1, stretch: 1},
	{width: 300, height: 480, wide: 121, high: 215, turn: 0.5, stretch: 2}, // swept: straight, at an uneven speed
}
