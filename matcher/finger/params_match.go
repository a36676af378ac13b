package finger

// Numbers of the comparison. Lengths are pixels at 500 dpi, angles 1/256 turn unless said otherwise.
var (
	// edges
	comparedMinutiae = 80   // minutiae that take part, best quality first
	edgeNeighbours   = 5    // edges a minutia has to its nearest neighbours
	edgeMin          = 10.0 // shorter ones have no stable direction
	edgeMax          = 110.0

	// alike edges
	edgeTolBase  = 5.0
	edgeTolSlope = 0.06
	edgeTolAngle = 15.0
	edgeTolTwist = 60.0 // added to the angle tolerance as this / length

	// hypotheses
	hypSeeds    = 16
	hypVerified = 3
	hypRival    = 0.5
	hypTolTurn  = 16
	hypTolBase  = 14.0
	hypTolSlope = 0.16

	// pairing
	pairTolBase  = 12.0
	pairTolSlope = 0.1
	pairTolMax   = 22.0
	pairTolGrow  = 14.0
	pairTolLast  = 12.0
	pairTolAngle = 22
	pairRounds   = 3
	fieldReach   = 50.0
	fieldPrior   = 0.3
	turnPrior    = 1000.0

	// score
	pairGain     = 5.0
	spreadPlace  = 4.0
	spreadAngle  = 7.0
	missCost     = 0.8
	coverReach   = 12.0
	densityGain  = 0.4
	usualDensity = 0.0004
	loneSpread   = 1.0
	kindGain     = 0.2
	trustFloor   = 0.4

	// quality of a template that came without its picture
	plentyMinutiae = 30
)
