package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"biogate/gateway/assertion"
)

type assertionCmd struct {
	Verify assertionVerifyCmd `cmd:"" help:"Check an assertion with a key set: what a relying party does."`
}

type assertionVerifyCmd struct {
	Token    string        `arg:"" help:"The assertion, or - for standard input."`
	JWKS     string        `required:"" name:"jwks" help:"URL or file of the JSON Web Key Set." placeholder:"URL|FILE"`
	Audience string        `help:"Demand this audience; a relying party always does." placeholder:"AUD"`
	Issuer   string        `help:"Demand this issuer." placeholder:"URL"`
	Nonce    string        `help:"Demand this nonce."`
	Level    int           `help:"Demand this level of assurance (claim acr), 1 or 2." default:"1"`
	Leeway   time.Duration `help:"Allowed difference of clocks." default:"30s"`
	CA       string        `help:"Certificates that the server of --jwks has its own from, PEM, instead of the system's." placeholder:"FILE" type:"path" env:"BIOGATE_CA"`

	DPoPThumbprint string `name:"dpop-thumbprint" help:"Demand that the assertion is bound to the key with this JWK thumbprint (RFC 7638, SHA-256, base64url)." placeholder:"JKT"`
	Cert           string `help:"Demand that the assertion is bound to this client certificate." placeholder:"FILE"`
}

type assertionAnswer struct {
	Valid bool `json:"valid"`
	// AudienceChecked is false when nobody said which audience to demand: then the token may be meant for somebody else.
	AudienceChecked bool `json:"audience_checked"`
	// KeyChecked is true when the assertion is bound to the key that was stated.
	KeyChecked bool              `json:"key_checked"`
	Error      string            `json:"error,omitempty"`
	Claims     *assertion.Claims `json:"claims,omitempty"`
}

func (c assertionVerifyCmd) Run(ctx context.Context, out console) error {
	token, err := readToken(c.Token)
	if err != nil {
		return err
	}
	transport, err := credentialFlags{CA: c.CA}.transport()
	if err != nil {
		return err
	}
	jwks, err := fetch(ctx, &http.Client{Transport: transport}, c.JWKS)
	if err != nil {
		return fmt.Errorf("key set %s: %w", c.JWKS, err)
	}
	expect := assertion.Expect{Audience: c.Audience, AnyAudience: c.Audience == "", Issuer: c.Issuer, Nonce: c.Nonce, Level: c.Level, Leeway: c.Leeway}
	if err := c.bearer(&expect); err != nil {
		return err
	}
	claims, err := assertion.Verify(token, jwks, expect)
	if err != nil {
		if printed := out.answer(assertionAnswer{Error: err.Error()}, func(w io.Writer) { fmt.Fprintf(w, "refused: %v\n", err) }); printed != nil {
			return printed
		}
		return errNegative
	}
	unchecked := claims.Confirmation != nil && expect.AnyKey
	return out.answer(assertionAnswer{Valid: true, AudienceChecked: c.Audience != "", KeyChecked: claims.Confirmation != nil && !unchecked, Claims: &claims}, func(w io.Writer) {
		fmt.Fprintf(w, "valid: %s by %s for %s, FMR %.3g, %v, until %s\n", claims.Biogate.Decision, claims.Issuer, claims.Audience,
			claims.Biogate.FMR, claims.AMR, time.Unix(claims.Expiry, 0).UTC().Format(time.RFC3339))
		if c.Audience == "" {
			fmt.Fprintln(w, "the audience was not checked: a relying party gives --audience")
		}
		if unchecked {
			fmt.Fprintln(w, "the key that it is bound to was not checked: a relying party gives --dpop-thumbprint or --cert, as the bearer has proven them")
		}
	})
}

// bearer says which key the assertion must be bound to. Without a word any will do: whoever looks at a token is not its bearer.
func (c assertionVerifyCmd) bearer(e *assertion.Expect) error {
	if c.Level != 1 && c.Level != 2 {
		return misuse("--level %d: there are 1 and 2", c.Level)
	}
	e.Key.DPoP = c.DPoPThumbprint
	if c.Cert != "" {
		data, err := os.ReadFile(c.Cert)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(data)
		if block == nil || block.Type != "CERTIFICATE" {
			return fmt.Errorf("%s holds no certificate in PEM", c.Cert)
		}
		sum := sha256.Sum256(block.Bytes)
		e.Key.Certificate = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	e.Bound = e.Key != (assertion.Confirmation{})
	e.AnyKey = !e.Bound
	return nil
}

func readToken(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	data, err := io.ReadAll(io.LimitReader(os.Stdin, assertion.MaxTokenBytes))
	return strings.TrimSpace(string(data)), err
}

// fetch reads a file or an http(s) URL, at most a megabyte.
func fetch(ctx context.Context, by *http.Client, from string) ([]byte, error) {
	if u, err := url.Parse(from); err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return os.ReadFile(from)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	res, err := by.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}
