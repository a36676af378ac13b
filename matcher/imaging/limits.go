package imaging

// Limits on what a header may announce. They bound memory and time before any of it is spent.
const (
	// MaxPixels in one picture. The largest phone cameras save 50 megapixels at most by default; a palm at 1,000 dpi
	// has 20. More costs memory and gains no recognition.
	MaxPixels = 50_000_000
	// MaxSide of a picture in pixels; it keeps one row and every sum of coordinates small.
	MaxSide = 16_384
	// MaxWorkBytes that decoding one picture may hold at once, its result included, by the estimates beside each format: a
	// gateway decodes one picture a core, and a small machine with four must not need more than 1 GiB for it. A JPEG of one
	// scan, as cameras write it, fits up to MaxPixels, 8-bit PNG and BMP up to 38 megapixels. Refused above less are what no
	// camera sends: progressive JPEG (43 megapixels at 4:2:0, 28 without subsampling), 16-bit or interlaced PNG (24), both at
	// once (14), JPEG 2000 (13 in colour in one tile, 30 in grey, 40 in small tiles), WSQ (20, a palm at 1,000 dpi), TIFF (9,
	// three times a finger at 1,000 dpi).
	MaxWorkBytes = 256 << 20
	// resultBytes of a pixel are held beside the decoder's picture: RGB, the larger of the two results.
	resultBytes = 3
	// MaxScans of a JPEG. Encoders write 1 to about 20; each scan may visit every block for a few bytes of data, which
	// makes their number the one thing by which a small file buys much time.
	MaxScans = 64
	// wsqMaxSegments of a file: tables, comments and blocks. Encoders write some ten; building a table takes a microsecond and
	// may follow upon 30 bytes.
	wsqMaxSegments = 1000

	// Fewest bytes that a picture can honestly need, as the most pixels' worth of data a byte can carry. A header that
	// announces more lies or is cut off, and is refused before memory is given to it.
	maxInflate      = 1032 // raw bytes from one byte of DEFLATE (zlib's technical details)
	jpegPixelsAByte = 512  // one bit for each 8x8 block
	headerSlack     = 4096 // bytes of raw data let through whatever the ratio
	// A blank picture needs no coded data in WSQ: up to the size of four fingers (some 80 ms) it may be so, above it has noise.
	wsqFreePixels  = 4 << 20
	wsqPixelsAByte = 512
)

// checkSize refuses a picture by its announced size. work is the most bytes a pixel that its decoder holds at once.
func checkSize(name string, width, height int, work float64) error {
	most := int(MaxWorkBytes / (work + resultBytes))
	switch {
	case width <= 0 || height <= 0:
		return refuse(CodeUndecodable, "the %s header announces a picture of %dx%d pixels", name, width, height)
	case width > MaxSide || height > MaxSide:
		return refuse(CodeTooLarge, "the picture is %dx%d pixels, a side may have at most %d", width, height, MaxSide)
	case width*height > MaxPixels:
		return refuse(CodeTooLarge, "the picture has %d pixels, at most %d are allowed", width*height, MaxPixels)
	case width*height > most:
		return refuse(CodeTooLarge, "the picture has %d pixels, which is too many for this variety of %s (at most %d)",
			width*height, name, most)
	}
	return nil
}
