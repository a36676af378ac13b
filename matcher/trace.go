package matcher

// Trace receives intermediate results by name: an image.Image is a picture, anything else must marshal to JSON.
// A nil Trace is off; engines test for nil before they make a value, so that it costs nothing.
type Trace func(name string, value any)
