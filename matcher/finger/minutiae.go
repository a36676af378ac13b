package finger

// Kind is the type of a minutia, by its code in ISO/IEC 19794-2.
type Kind uint8

// Types of minutiae.
const (
	Other       Kind = 0
	Ending      Kind = 1
	Bifurcation Kind = 2
)

// Minutia is one ridge ending or bifurcation, at 500 dpi.
type Minutia struct {
	X, Y    int16 // pixels from the top left corner, y down
	Angle   uint8 // direction as in ISO/IEC 19794-2, counterclockwise from the x axis, in 1/256 turn
	Kind    Kind
	Quality uint8 // 1 (poor) to 100; 0: not stated
}

// Print is what the extractor makes and the comparison needs: the minutiae of one impression, normalised to 500 dpi.
type Print struct {
	Width, Height int // of the impression, pixels at 500 dpi
	Minutiae      []Minutia
}
