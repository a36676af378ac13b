package finger

// Numbers of the comparison. Lengths are pixels at 500 dpi, angles 1/256 turn unless said otherwise.
var (
	// edges
	comparedMinutiae = 80  // minutiae that take part, best quality first
	edgeNeighbours   = 8   // edges a minutia has to its nearest neighbours
	edgeMin          = 8.0 // shorter ones have no stable direction
	edgeMax          = 160.0

	// alike edges
	edgeTolBase  = 5.0
	edgeTolSlope = 0.06
	edgeTolAngle = 15.0
	edgeTolTwist = 60.0 // added to the angle tolerance as this / length

	// hypotheses
	hypSeeds    = 16
	hypVerified = 3
	hypTolRot   = 16
	hypTolBase  = 12.0
	hypTolSlope = 0.12

	// pairing
	pairTolBase  = 10.0
	pairTolSlope = 0.08
	pairTolMax   = 22.0
	pairTol1     = 14.0
	pairTol2     = 12.0
	pairTolAngle = 22
	fieldSigma   = 50.0
	fieldPrior   = 0.7

	// score
	pairGain   = 5.5
	sigmaD     = 4.0
	sigmaA     = 7.0
	missCost   = 0.6
	coverReach = 12.0

	// quality of a template that came without its picture
	plentyMinutiae = 30
)
