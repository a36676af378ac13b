package imaging

// byteFields reads big-endian numbers one after the other; it is short once it was asked for more than there is.
type byteFields struct {
	b     []byte
	short bool
}

// number reads n bytes.
func (f *byteFields) number(n int) (v int) {
	for _, b := range f.take(n) {
		v = v<<8 | int(b)
	}
	return v
}

// take returns the next n bytes, or nil.
func (f *byteFields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.short, f.b = true, nil
		return nil
	}
	taken := f.b[:n]
	f.b = f.b[n:]
	return taken
}
