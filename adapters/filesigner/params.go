package filesigner

import "time"

const (
	// DefaultOverlap is how long a retired key stays in the key set. It must exceed an assertion's lifetime (120 s), the
	// verifiers' leeway (about 60 s) and the time that they cache the key set (an hour or so). A day costs 150 bytes.
	DefaultOverlap = 24 * time.Hour
	// recheck is how often a Signer in use looks whether the file has changed. One stat takes about 2 us.
	recheck = time.Second
	// maxRingBytes bounds what is read and written. A retired key has about 350 bytes.
	maxRingBytes = 1 << 20
	// maxKeys is how many keys are kept before the oldest expired ones go: 80 years of monthly rotations.
	maxKeys = 1000
	// secretBytes is the size of a secret: the strength of HMAC-SHA256 is that of its key.
	secretBytes = 32
	// maxSecrets bounds the secrets that a keyring holds.
	maxSecrets = 64
	// maxNameBytes bounds what a Token calls a key.
	maxNameBytes = 255
	// destroyEvery is how often a Signer in use tries to destroy what is left on its Token, and destroyWithin how long one try
	// may take.
	destroyEvery  = time.Minute
	destroyWithin = 10 * time.Second

	ringFile = "keyring.json"
	lockFile = "keyring.lock"
	tempGlob = ".keyring-*.tmp"
)
