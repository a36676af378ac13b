package bolttemplates

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"biogate/gateway"
)

// A sealed value is: format (1 byte), JSON, CRC-32C over the key and all before it, big-endian.
const sealedFormat = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func seal(key []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := append([]byte{sealedFormat}, body...)
	return binary.BigEndian.AppendUint32(b, sealSum(key, b)), nil
}

func unseal(key, b []byte, v any) error {
	n := len(b) - crc32.Size
	switch {
	case n < 1:
		return corrupt("%d bytes", len(b))
	case b[0] != sealedFormat:
		return corrupt("format %d, this build reads format %d", b[0], sealedFormat)
	case binary.BigEndian.Uint32(b[n:]) != sealSum(key, b[:n]):
		return corrupt("checksum does not match")
	}
	if err := json.Unmarshal(b[1:n], v); err != nil {
		return corrupt("%v", err)
	}
	return nil
}

func sealSum(key, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, b)
}

func corrupt(format string, args ...any) error {
	return &gateway.Error{
		Kind: gateway.Internal, Code: "record-corrupt", Detail: "a stored value cannot be read",
		Cause: fmt.Errorf("stored value: "+format, args...),
	}
}
