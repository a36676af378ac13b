package finger

// Every number of the extractor. Lengths are working pixels, of which the mean ridge period of a picture has zoomPeriod,
// unless a line says otherwise; what is not derived was chosen on four sets of real impressions at once, whole, cut and
// disturbed (docs/finger.md tells what was tried).
const (
	baseDPI      = 500  // resolution of all minutiae, ISO/IEC 19794-2's usual one
	minDPI       = 200  // below it two ridges fall on three pixels
	maxDPI       = 1000 // above it nothing is gained and memory is lost
	dpiSlack     = 0.05 // up to this deviation coordinates are scaled and pixels stay as they are: resampling blurs
	minSide      = 48   // a picture with a shorter side cannot hold enough minutiae
	mostInches   = 3    // square inches of a picture: the largest single-finger sensors (FAP 40, rolled) have 1.6 x 1.5, cards 832 x 768 pixels
	mostMinutiae = 128  // best kept; more costs template bytes and comparison time, and is noise in a single finger

	block  = 8  // side of a grid cell: under a ridge period, small enough to follow a core
	margin = 32 // empty frame around the working picture, so that filters need no edge cases; >= reach of every filter

	unit        = 64  // one local standard deviation in the normalised picture
	clip        = 127 // its limit: dirt and edges must not outweigh ridges
	floorPart   = 0.3 // least deviation that is raised to unit, as part of the picture's own contrast
	minSpread   = 1.5 // the same in grey levels: what rounding leaves of the faintest ridges that can be followed
	outstanding = 1.6 // times the median block: contrast above it is that of dirt or of a frame
	smallBlocks = 100 // blocks of the smallest finger that shall be seen on a large sensor

	orientations = 32   // filter directions in half a turn; the worst error of 2.8 degrees costs no visible contrast
	coarseWeight = 0.35 // weights of the coarser direction scales beside 1 of the finest: they decide where it says nothing
	coarsestPart = 0.15

	minPeriod  = 4.5  // ridge periods looked for: from below a child's
	maxPeriod  = 20.0 // ... to well above an adult's, so that coarser waves show themselves as such
	periods    = 26   // candidates, evenly spaced in the logarithm
	sigLength  = 48   // across the ridges: two to ten periods
	sigBreadth = 10   // samples along the ridges
	sigStep    = 2    // distance of these samples
	rawPart    = 0.15 // of the pixels' own energy in purity, beside that of the projection: punishes noise and wrong directions
	nodeBlocks = 2    // a period is measured every so many blocks

	zoomPeriod  = 10.0 // pixels: what the mean ridge period of a picture is brought to
	zoomSlack   = 0.05 // deviation up to which the pixels stay
	leastZoom   = 0.5
	mostZoom    = 1.6    // a period of 6.2 pixels: below it more pixels are made than ridges deserve
	zoomArea    = 400000 // pixels: larger regions are not made larger still, which bounds the time
	clearFrom   = 40     // clear blocks, a square of 50 pixels, that the picture is judged by at least
	roughBlocks = 4      // for that mean a period every so many blocks is enough

	tracedLength = 14 // how far a ridge is followed for its direction: over one period, under the radius of a core
	minFragment  = 14 // shorter pieces of ridge are noise: two periods
	minSpur      = 10 // shorter branches are an artefact of thinning
	maxGap       = 16 // ends that face each other within this distance are one ridge
	clusterReach = 20 // a minutia with too many others within this reach sits in noise
	clusterMost  = 5  // others
)

// Segmentation.
const (
	clearContrast = 1.3  // times the median deviation of the clear blocks: the contrast of the picture, once ridges are known
	maskContrast  = 0.4  // part of the picture's contrast below which a block fades out
	faintPart     = 0.6  // of that contrast, below which a block is background whatever it shows
	maskScore     = 0.18 // least root of coherence times purity, times visibility squared
	maskRounds    = 2    // of the majority filter
	keepPart      = 0.2  // least size of a part of the mask beside the largest one
	holeBlocks    = 40   // largest hole that is closed
)

// Enhancement. Lengths are pixels.
const (
	cellsPerBlock = block / cellSide
	cellSide      = 4    // pixels that share a filter: a quarter of a block, so that curves stay smooth
	alongSigma    = 5.5  // smoothing along the ridge: bridges pores and dry gaps, and must not outlast the curve of a core
	alongReach    = 11   // pixels to either side: two sigma
	acrossSigma   = 0.42 // smoothing across, in periods
	acrossReach   = 24   // most pixels to either side
	bankPeriods   = 14   // filter periods, evenly spaced in the logarithm from minPeriod to maxPeriod
	smoothSum     = 256  // of a filter's weights: sums of 8-bit pixels fit 16 bits
	bandSum       = 250  // of the absolute weights of a band pass, for the same reason with a sign
)

// Minutiae.
const (
	leastQuality = 0.23 // root of coherence times purity below which a minutia is more likely noise
	directionAt  = 5.0  // pixels into the line where its direction is read
	gapOpposed   = 0.75 // cosines: how exactly two ends must face each other to be one ridge
	gapAligned   = 0.75 // and the line between them
	edgeDepth    = 2    // blocks from the edge of the finger within which every line ends
	borderGap    = 5    // pixels from the edge of the picture within which a line that it cuts may end
	edgeAhead    = 10   // the same is asked of the place this far beyond the end
)

// Refusal and quality.
const (
	leastContrast  = 2.5    // grey levels of deviation in the best tenth of the picture; less is blank
	leastArea      = 5000   // pixels of mask: 4 mm square
	mostArea       = 600000 // pixels of mask: 39 mm square, more than a rolled thumb
	mostPeriod     = 15.5   // mean of the clear blocks, in stated pixels: 0.79 mm; adults have 0.4 to 0.55, and a sensor of 620 dpi may not say so
	leastPurity    = 0.25   // mean over the mask; 0.31 is the least in 320 impressions
	leastClear     = 4000   // pixels with clear ridges
	leastClearPart = 0.2    // of the mask
	clearPurity    = 0.30   // a clear block's least purity and coherence
	clearCoherence = 0.35   //
	leastMinutiae  = 4      // fewer cannot tell fingers apart

	// Quality: two shortfalls, and the bounds under which a reason is given. Set on four sets, shifted and cut ones, and the errors
	// of two other matchers; numbers a quarter away do as well.
	halfTrust      = 12.0  // summed trust of minutiae at which the score is halved
	halfClearness  = 0.30  // mean purity times share of clear blocks at which it is halved
	trustPower     = 2.0   // how fast
	clearnessPower = 6.0   // clearness varies little between sound impressions, and below them all fails at once
	fewMinutiae    = 8.0   // summed trust: 7 of 100 comparisons, twice to four times as many errors as elsewhere
	unclearRidges  = 0.30  // clearness: 10 of 100, nine times
	smallArea      = 30000 // pixels with clear ridges, 77 mm²: 7 of 100, five times
)
