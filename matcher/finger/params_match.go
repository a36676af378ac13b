package finger

// Numbers of the comparison. Lengths are pixels at 500 dpi, angles 1/256 turn, evidence nats, unless said otherwise.
// Where no source is named the value was chosen on the four tuning sets (docs/finger.md shows how flat the choice is).
const (
	// comparedMinutiae take part, those of best quality. A good finger has 30 to 60; more are mostly false ones, and the
	// cost of a comparison grows with their square.
	comparedMinutiae = 64
	// storedMinutiae are kept in a template, those of best quality: with all that stands around them 500 bytes.
	storedMinutiae = 77
	// statedTrust stands for the quality of minutiae that state none, as a share.
	statedTrust = 0.7
	// believedQuality is the highest mean quality that a print is believed, as a share: one real print in six has more. Without
	// the bound a finger whose minutiae all state 100 matches strangers 2 to 4 times as often, a patch of 12 minutiae 5 times.
	believedQuality = 0.65
	// trustFloor is the weight of the worst minutia; the best has 1. Lower believes the extractor's quality more.
	trustFloor = 0.4

	// Signatures (signature.go): minutiae from signatureNear to signatureReach pixels away, weighing less and less in the
	// last signatureFade of them. A place at distance r errs by signatureBase + signatureSlope r, which is one standard
	// deviation of the Gaussian that the random waves imitate; a relative direction by spreadTurn (radians).
	signatureNear  = 4
	signatureReach = 110
	signatureFade  = 25
	signatureBase  = 10.0
	signatureSlope = 0.12
	spreadTurn     = 0.4
	signatureStep  = 0.22 // of 64 steps, in deviations: 110 pixels are 32 of them

	slowestWave = 0.6 // radians a deviation

	// Minutiae are alike when fewer than alikeBits of the 256 bits of their signatures differ; chance gives 128 with a
	// deviation of 12 or so, and the nearest of 32 some 105.
	alikeBits = 114

	// Placements: how many pairings are tried as seeds, how many placements are followed to the end, and with what
	// share of the first one's votes the next is still worth it. With less than leastSupport none is, in votes by the
	// minutiae of the smaller print: three of five impostors are told apart so, and no genuine pair that would be accepted.
	hypSeeds     = 10
	hypVerified  = 2
	hypRival     = 0.5
	hypTolTurn   = 20
	hypTolBase   = 16.0
	hypTolSlope  = 0.16 // pixels a pixel away from the seed
	leastSupport = 40.0 // in squares of bits below alikeBits, a minutia

	// Pairing: how far off a partner may lie; first, farther from where the placement comes from more is allowed.
	pairTolBase  = 12.0
	pairTolSlope = 0.12
	pairTolMax   = 26.0
	pairTolGrow  = 16.0 // while the set grows
	pairTolLast  = 14.0
	pairTolAngle = 22
	pairRounds   = 3

	// Bending: the reach of a pair's displacement, and the weight of "not displaced" against it.
	fieldReach = 50.0
	fieldPrior = 0.3

	// Evidence. pairGain is what a perfect pair is worth where minutiae have usualDensity: with errors of spreadPlace and
	// spreadAngle it would be ln(256 / (usualDensity (2 pi)^1.5 spreadPlace^2 spreadAngle)) = 5.8 if every minutia were
	// found again; the difference is their repeatability.
	pairGain     = 5.0
	usualDensity = 4e-4 // minutiae a square pixel
	densityGain  = 0.5  // share of ln(density) that counts; 1 would be independence
	// crowdedDensity is exceeded by one real print in a hundred. Where a template is denser, the excess counts once more: without
	// that, 120 minutiae laid along the ridges of a usual loop match strangers 3 times as often.
	crowdedDensity = 1.2e-3
	spreadPlace    = 4.0
	spreadAngle    = 8.0
	loneSpread     = 1.0  // how much a pair without neighbours spreads more, in variances
	kindGain       = 0.2  // of equal kinds, against unequal ones: extractors confuse them often
	bitGain        = 0.07 // of each bit by which signatures differ less than usualBits
	usualBits      = 97
	missCost       = 0.8 // of a minutia without partner where the other print covers it

	// coverReach is how far the area that a print covers goes beyond the hull of its minutiae.
	coverReach = 12.0
	// Density of the minutiae of sound impressions, a square pixel.
	leastDensity = 1.5e-4
	mostDensity  = 2e-3

	// plentyMinutiae make the best quality of a template that comes without its picture.
	plentyMinutiae = 30
)

// Search of galleries (index.go, twostage.go).
const (
	// exhaustiveSubjects are compared in full: in a core's 20 ms or so.
	exhaustiveSubjects = 2000
	// Of larger galleries one in shortlistShare is placed and one in comparedShare compared, and so many at least. Of the
	// mates that exhaustive search ranks first among 20,000, 0.2 % are lost so; with 16 and 100, 0.4 % (docs/finger.md).
	shortlistShare = 12
	shortlistLeast = 1000
	comparedShare  = 60
	comparedLeast  = 250
	// fewPoints is added to the number of minutiae by which ratings and votes are divided: without the division large
	// prints come first, without the addition the smallest.
	fewPoints = 10
)

// Plausibility of minutiae that arrive as a template (plausible.go). Each bound stands well clear of 320 records of another
// vendor, of our own extractor's prints of the same pictures and of synthetic prints. Of windows cut out of them with fewer than
// 20 minutiae, one in a hundred is refused: the price of closing the door to invented patches of that size.
const (
	plausibleFrom = 9    // minutiae; invented patches of 8 match no more fingers than strangers do, of 9 ten times as many
	crowdReach    = 60   // pixels: a few ridges, but an area that holds enough minutiae to count
	mostCrowd     = 52   // others within it: twice the 26 of the densest record
	mostAgreement = 0.90 // mean resultant length of directions: a spread of 26 degrees, with which a grid gains little; 0.67 at most in real prints
	leastSpread   = 0.14 // coefficient of variation of nearest distances; 0.29 at least in real prints
	enoughPairs   = 40   // of minutiae within crowdReach of each other, to say something about
	mostSameWay   = 0.90 // of them, by quality, pointing the same way along the ridges; 0.86 at most in real prints, up to 1 in invented loops
)
