package imaging

// Limits on JPEG 2000, beside those of limits.go. A few bytes can announce much of everything that is counted here.
const (
	j2kMaxComponents = 4       // red, green, blue and opacity
	j2kMaxGrid       = 1 << 26 // coordinates: sums and shifts of them fit into an int of 64 bits
	j2kMaxStep       = 4       // grid points from sample to sample of a component
	j2kMaxTiles      = 4096    // cameras and archives write 1 to some hundreds
	j2kMaxLayers     = 1024    // encoders write 1 to about 50
	j2kMaxChanges    = 64      // of the progression order

	// j2kMaxBlocks is the number of code-blocks of a picture; 12 megapixels in colour have 12,000 of 64 by 64 samples, the usual
	// size.
	j2kMaxBlocks = 1 << 17
	// j2kMaxPrecincts of a picture; 12 megapixels in colour have 3,000 of 128 by 128 samples.
	j2kMaxPrecincts = 1 << 15
	// j2kMaxVisits is how often packet headers may come by a code-block, once a layer: some 60 ms.
	j2kMaxVisits = 1 << 21
	// j2kSortVisits is what bringing a precinct into the order of a progression counts for.
	j2kSortVisits = 8
	// j2kMaxPieces is the number of pieces that code-blocks' data may come in: about one for each layer that adds to a block.
	j2kMaxPieces = 1 << 19
	// j2kMaxPasses is the number of samples that coding passes may come by, each by every sample of its code-block: about a
	// second. A lossless picture has 6 to 12 passes a sample, so that 7 megapixels in colour pass or 22 in grey.
	j2kMaxPasses = 256 << 20
	// j2kLayoutBytes is what precincts, code-blocks and pieces may take within these limits.
	j2kLayoutBytes = 24 << 20

	// A blank picture needs hardly any data. Up to this size it may be so, above it has noise.
	j2kFreePixels  = 2 << 20
	j2kPixelsAByte = 512
)

// j2kBudget is what a picture has left of the limits on its whole.
type j2kBudget struct{ blocks, precincts, visits, pieces, passes int }

func newJ2KBudget() j2kBudget {
	return j2kBudget{j2kMaxBlocks, j2kMaxPrecincts, j2kMaxVisits, j2kMaxPieces, j2kMaxPasses}
}

func (b j2kBudget) err() error {
	switch {
	case b.blocks < 0:
		return j2kBeyond("more than %d code-blocks", j2kMaxBlocks)
	case b.precincts < 0:
		return j2kBeyond("more than %d precincts", j2kMaxPrecincts)
	case b.visits < 0 || b.pieces < 0:
		return j2kBeyond("too many layers for its number of code-blocks")
	case b.passes < 0:
		return j2kBeyond("more bit-planes than a gateway has time for; send fewer pixels")
	}
	return nil
}
