package main

import (
	"context"
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
	Leeway   time.Duration `help:"Allowed difference of clocks." default:"30s"`
	CA       string        `help:"Certificates that the server of --jwks has its own from, PEM, instead of the system's." placeholder:"FILE" type:"path" env:"BIOGATE_CA"`
}

type assertionAnswer struct {
	Valid bool `json:"valid"`
	// AudienceChecked is false when nobody said which audience to demand: then the token may be meant for somebody else.
	AudienceChecked bool              `json:"audience_checked"`
	Error           string            `json:"error,omitempty"`
	Claims          *assertion.Claims `json:"claims,omitempty"`
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
	claims, err := assertion.Verify(token, jwks, assertion.Expect{
		Audience: c.Audience, AnyAudience: c.Audience == "", Issuer: c.Issuer, Nonce: c.Nonce, Leeway: c.Leeway,
	})
	if err != nil {
		if printed := out.answer(assertionAnswer{Error: err.Error()}, func(w io.Writer) { fmt.Fprintf(w, "refused: %v\n", err) }); printed != nil {
			return printed
		}
		return errNegative
	}
	return out.answer(assertionAnswer{Valid: true, AudienceChecked: c.Audience != "", Claims: &claims}, func(w io.Writer) {
		fmt.Fprintf(w, "valid: %s by %s for %s, FMR %.3g, %v, until %s\n", claims.Biogate.Decision, claims.Issuer, claims.Audience,
			claims.Biogate.FMR, claims.AMR, time.Unix(claims.Expiry, 0).UTC().Format(time.RFC3339))
		if c.Audience == "" {
			fmt.Fprintln(w, "the audience was not checked: a relying party gives --audience")
		}
	})
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
