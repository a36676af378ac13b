package gateway

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// tokenIDs makes the ids of assertions. To everybody else they are random; to the gateway they tell when each was made, to the
// millisecond: the times in an assertion are coarse, and whether it can have been introspected where nobody remembers it any more
// is a matter of seconds.
type tokenIDs struct{ block cipher.Block }

// newTokenIDs takes the key that the nodes of a deployment share. Without one ids tell only this process anything.
func newTokenIDs(shared []byte) (tokenIDs, error) {
	if shared == nil {
		shared = make([]byte, sha256.Size)
		rand.Read(shared)
	}
	mac := hmac.New(sha256.New, shared)
	mac.Write([]byte("assertion id"))
	block, err := aes.NewCipher(mac.Sum(nil))
	return tokenIDs{block}, err
}

var tokenIDText = base32.StdEncoding.WithPadding(base32.NoPadding)

// at is a new id: one block of milliseconds since 1970 and 64 random bits, encrypted.
func (t tokenIDs) at(made time.Time) string {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint64(b[:], uint64(made.UnixMilli()))
	rand.Read(b[8:])
	t.block.Encrypt(b[:], b[:])
	return tokenIDText.EncodeToString(b[:])
}

// made is when an id was made. Of one that was made under another key it is any time at all.
func (t tokenIDs) made(id string) (made time.Time, ok bool) {
	b, err := tokenIDText.DecodeString(id)
	if err != nil || len(b) != aes.BlockSize {
		return time.Time{}, false
	}
	t.block.Decrypt(b, b)
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))), true
}
