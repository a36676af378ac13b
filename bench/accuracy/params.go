package accuracy

const (
	// confidence of every two-sided interval.
	confidence = 0.95
	// defaultReplicates of the bootstrap; 400 put the ends of a 95 % interval within about a tenth of its width.
	defaultReplicates = 400

	// timedCaptures and timedProbes bound the one-thread timing pass; odd, so that the median is a measurement.
	timedCaptures   = 31
	timedProbes     = 31
	timedReferences = 256

	// pointsPerDecade of FMR in a calibration: log-linear interpolation between them is within 2 % for Gaussian scores.
	pointsPerDecade = 5
	// minExceedances: a measured point rests on at least this many false matches, the tail takes over above.
	minExceedances = 10
	// The tail is fitted on the top tailShare of the impostor scores, within the bounds below. A lower threshold lets the
	// body of the distribution bend the fit (bias), a higher one leaves few scores (variance).
	tailShare = 0.01
	minTail   = 30
	maxTail   = 5000
	// maxShape keeps a fitted tail from becoming so heavy that it promises nothing.
	maxShape = 0.5
	// minCalibration is the number of impostor comparisons below which no calibration is made.
	minCalibration = 1000
)
