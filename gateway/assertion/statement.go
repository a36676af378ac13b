package assertion

// Open checks form, type, algorithm and signature of a statement that a gateway signed, and returns its claims, a JSON
// object. What they mean is for the caller to judge. It reads tokens up to MaxTokenBytes.
func Open(token, typ string, jwks []byte) (claims []byte, err error) {
	return open(token, typ, jwks, nil)
}
