package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// SignOptions say who signs, with what and when.
type SignOptions struct {
	KeyID string
	Key   crypto.Signer // of an Ed25519 or a P-256 key
	Now   time.Time
	Nonce string // 16 to 128 printable characters without blanks, never the same twice; crypto/rand.Text() does
}

// Sign signs a request with its body as Parse wants it: it sets Content-Digest, if there is a body, Signature-Input and
// Signature. Whatever else the header must hold, Content-Type above all, is there before. Errors when it is not, or when
// the key cannot sign.
func Sign(req *http.Request, body []byte, o SignOptions) error {
	algorithm, err := algorithmOf(o.Key.Public())
	if err != nil {
		return err
	}
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		req.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	}
	m := outgoing(req, len(body))
	line := "sig1=" + params(m, algorithm, o)
	in, err := parseInput(line) // what we could not read ourselves does not leave
	if err != nil {
		return err
	}
	if err := in.coversAll(m); err != nil {
		return err
	}
	toSign, err := base(m, in)
	if err != nil {
		return err
	}
	value, err := signBase(o.Key, toSign)
	if err != nil {
		return err
	}
	req.Header.Set("Signature-Input", line)
	req.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(value)+":")
	return nil
}

// outgoing is a client's request as its server will see it.
func outgoing(req *http.Request, length int) Message {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	return Message{
		Method: req.Method, Authority: host, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery,
		Header: func(name string) []string {
			if name == "content-length" {
				return []string{strconv.Itoa(length)}
			}
			return req.Header.Values(name)
		},
	}
}

// params covers what is required and whatever of covered the request has.
func params(m Message, algorithm string, o SignOptions) string {
	names := append([]string{}, required[:]...)
	for _, name := range covered {
		if len(m.Header(name)) > 0 {
			names = append(names, name)
		}
	}
	return fmt.Sprintf(`("%s");created=%d;nonce="%s";keyid="%s";alg="%s"`, strings.Join(names, `" "`), o.Now.Unix(), o.Nonce, o.KeyID, algorithm)
}

// signBase is a signature in the form of RFC 9421: of ECDSA r and s, 32 bytes each.
func signBase(key crypto.Signer, toSign []byte) ([]byte, error) {
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok {
		return key.Sign(rand.Reader, toSign, crypto.Hash(0))
	}
	sum := sha256.Sum256(toSign)
	der, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &pair); err != nil || len(rest) > 0 || pair.R.BitLen() > 256 || pair.S.BitLen() > 256 {
		return nil, errors.New("the signer's answer is no ECDSA signature on P-256")
	}
	value := make([]byte, signatureBytes)
	pair.R.FillBytes(value[:32])
	pair.S.FillBytes(value[32:])
	return value, nil
}
