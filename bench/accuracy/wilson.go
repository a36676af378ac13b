package accuracy

// Wilson is the 95 % score interval of a share (Wilson 1927): hits of so many independent trials.
func Wilson(hits, of int) Interval {
	if of == 0 {
		return Interval{Low: 0, High: 1}
	}
	i := wilson(float64(hits)/float64(of), float64(of))
	if hits == 0 {
		i.Low = 0 // not a rounding error beside it
	}
	if hits == of {
		i.High = 1
	}
	return i
}
