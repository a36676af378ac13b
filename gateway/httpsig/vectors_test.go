package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"testing"

	"biogate/internal/eddsa"
)

func publicKey(t *testing.T, spki string) any {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(spki)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// testRequest is that of RFC 9421, appendix B.2.
var testRequest = Message{Method: "POST", Authority: "example.com", Path: "/foo", Query: "param=Value&Pet=dog", Header: func(name string) []string {
	value, ok := map[string]string{
		"date": "Tue, 20 Apr 2021 02:07:55 GMT", "content-type": "application/json", "content-length": "18",
		"content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
	}[name]
	if !ok {
		return nil
	}
	return []string{value}
}}

// RFC 9421, appendix B.2.6: base and signature. The vector has no nonce, so Parse itself refuses it.
func TestVectorEd25519(t *testing.T) {
	in, err := readInput(`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`)
	if err != nil {
		t.Fatal(err)
	}
	s := in.signature
	if s.base, err = base(testRequest, in); err != nil {
		t.Fatal(err)
	}
	const want = `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`
	if string(s.base) != want {
		t.Errorf("base:\n%s", s.base)
	}
	s.value, err = parseValue("sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:", in.label)
	if err != nil {
		t.Fatal(err)
	}
	key := publicKey(t, "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").(ed25519.PublicKey)
	prepared, err := eddsa.Prepare(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Verify(key), s.Verify(prepared)); err != nil {
		t.Error(err)
	}
	s.base[10] ^= 1
	for _, key := range []crypto.PublicKey{key, prepared} {
		if err := s.Verify(key); !errors.Is(err, ErrSignature) {
			t.Errorf("another base: %v", err)
		}
	}
}

// RFC 9421, appendix B.2.4. It signs a response, of which there are none here: the base is the RFC's.
func TestVectorECDSA(t *testing.T) {
	s := Signature{base: []byte(`"@status": 200
"content-type": application/json
"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:
"content-length": 23
"@signature-params": ("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`)}
	var err error
	s.value, err = parseValue("sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:", "sig-b24")
	if err != nil {
		t.Fatal(err)
	}
	key := publicKey(t, "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==").(*ecdsa.PublicKey)
	if err := s.Verify(key); err != nil {
		t.Error(err)
	}
	s.value[63] ^= 1
	if err := s.Verify(key); !errors.Is(err, ErrSignature) {
		t.Errorf("another signature: %v", err)
	}
}

// RFC 9421, appendix B.2, and RFC 9530, appendices B.1 and B.2 (the last one is of no content).
func TestVectorsOfDigests(t *testing.T) {
	for field, body := range map[string]string{
		"sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:": `{"hello": "world"}`,
		"sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:": `{"message": "good dog"}`,
		"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:":                                             `{"hello": "world"}`,
		"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:":                                             `{"hello": "world"}` + "\n",
		"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:":                                             "",
	} {
		d, err := digestOf(Message{Header: func(string) []string { return []string{field} }})
		if err := errors.Join(err, d.Check([]byte(body))); err != nil {
			t.Errorf("%s: %v", field, err)
		}
		if err := d.Check([]byte(body + " ")); !errors.Is(err, ErrDigest) {
			t.Errorf("%s of another body: %v", field, err)
		}
	}
}
