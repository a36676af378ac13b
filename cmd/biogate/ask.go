package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"biogate/gateway/assertion"
	"biogate/gateway/challenge"
	"biogate/gateway/decision"
)

// gatewayFlags say which gateway answers.
type gatewayFlags struct {
	URL    string `help:"A running gateway. Without it the command opens the store itself." placeholder:"URL" env:"BIOGATE_URL"`
	Config string `help:"Configuration, when the command opens the store itself." placeholder:"FILE" type:"path"`
	Data   string `help:"Data folder, when the command opens the store itself." placeholder:"DIR"`

	credentialFlags `embed:""`
}

// ask calls f with a client of the gateway: the running one, or one inside this process that ends with f.
func (g gatewayFlags) ask(ctx context.Context, f func(client) error) error {
	if g.URL != "" {
		c, err := newClient(g.URL, g.credentialFlags)
		if err != nil {
			return err
		}
		return f(c)
	}
	return withGateway(ctx, serveFlags{Config: g.Config, Data: g.Data, Listen: "127.0.0.1:0"}, func(base string) error {
		c, err := newClient(base, credentialFlags{})
		if err != nil {
			return err
		}
		return f(c)
	})
}

type enrollCmd struct {
	Subject      string `required:"" help:"Id under which the person is held."`
	captureFlags `embed:""`
	gatewayFlags `embed:""`
}

func (c enrollCmd) Run(ctx context.Context, out console) error {
	samples, err := c.samples()
	if err != nil {
		return err
	}
	return c.ask(ctx, func(gw client) error {
		answer, err := gw.post(ctx, "/v1/subjects/"+url.PathEscape(c.Subject)+"/templates", map[string]any{"captures": captureBodies(samples)})
		if err != nil {
			return err
		}
		var held struct {
			Templates []struct {
				Modality, Position, Model string
				Quality                   qualityAnswer
			}
		}
		if err := json.Unmarshal(answer, &held); err != nil {
			return err
		}
		return out.answer(answer, func(w io.Writer) {
			for _, t := range held.Templates {
				fmt.Fprintf(w, "enrolled: %s, model %s, quality %d %v\n", strings.TrimSpace(string(t.Modality)+" "+string(t.Position)), t.Model, t.Quality.Score, t.Quality.Reasons)
			}
		})
	})
}

// askFlags are shared by verify and identify.
type askFlags struct {
	Audience     string `help:"For whom the assertion is made." default:"https://localhost"`
	Nonce        string `help:"Bound into the assertion."`
	captureFlags `embed:""`
	gatewayFlags `embed:""`
}

type verifyCmd struct {
	Subject  string `required:"" help:"Who the person claims to be."`
	askFlags `embed:""`
}

func (c verifyCmd) Run(ctx context.Context, out console) error {
	return c.decide(ctx, out, "/v1/verifications", map[string]any{"subject": c.Subject}, map[string]any{"subject": c.Subject})
}

type identifyCmd struct {
	Gallery  string   `required:"" help:"Where to search."`
	Group    string   `help:"Search among the members of this group alone."`
	Among    []string `help:"Search among these members alone." placeholder:"SUBJECT"`
	askFlags `embed:""`
}

func (c identifyCmd) Run(ctx context.Context, out console) error {
	body := map[string]any{"gallery": c.Gallery}
	if c.Group != "" {
		body["group"] = c.Group
	}
	if len(c.Among) > 0 {
		body["subjects"] = c.Among
	}
	return c.decide(ctx, out, "/v1/identifications", body, map[string]any{"gallery": c.Gallery})
}

// outcome is what verify and identify read of an answer.
type outcome struct {
	Decision decision.Verdict `json:"decision"`
	FMR      float64          `json:"fmr"`
	Reasons  []string         `json:"reasons"`
	Degraded []string         `json:"degraded"`
	Searched int              `json:"searched"`
	FPIR     float64          `json:"fpir"`
	Quality  []struct {
		Capture int    `json:"capture"`
		Hint    string `json:"hint"`
	} `json:"quality"`
	Assertion  string `json:"assertion"`
	Candidates []struct {
		Subject string  `json:"subject"`
		FMR     float64 `json:"fmr"`
	} `json:"candidates"`
}

// decide asks, checks the assertion as its audience would, and prints both. about is what a challenge is for.
func (c askFlags) decide(ctx context.Context, out console, path string, body, about map[string]any) error {
	samples, err := c.samples()
	if err != nil {
		return err
	}
	body["audience"], body["captures"] = c.Audience, captureBodies(samples)
	if c.Nonce != "" {
		body["nonce"] = c.Nonce
	}
	return c.ask(ctx, func(gw client) error {
		if err := c.answerChallenge(ctx, gw, body, about); err != nil {
			return err
		}
		answer, err := gw.post(ctx, path, body)
		if err != nil {
			return err
		}
		var o outcome
		if err := json.Unmarshal(answer, &o); err != nil {
			return err
		}
		if err := c.check(ctx, gw, o); err != nil {
			return err
		}
		if err := out.answer(answer, o.print); err != nil {
			return err
		}
		if o.Decision != decision.Match {
			return errNegative
		}
		return nil
	})
}

// answerChallenge makes the request the answer to a challenge for it alone, as kiosks do: nobody can send it a second time. A nonce
// that is one already is left to stand for itself.
func (c askFlags) answerChallenge(ctx context.Context, gw client, body, about map[string]any) error {
	if challenge.Ours(c.Nonce) {
		return nil
	}
	about["audience"] = c.Audience
	answer, err := gw.post(ctx, "/v1/challenges", about)
	if err != nil {
		return err
	}
	var issued struct{ Nonce string }
	err = json.Unmarshal(answer, &issued)
	body["challenge"] = issued.Nonce
	return err
}

// check: a match without a good assertion is a failure.
func (c askFlags) check(ctx context.Context, gw client, o outcome) error {
	if o.Decision != decision.Match {
		return nil
	}
	jwks, err := fetch(ctx, gw.http, gw.url+"/.well-known/jwks.json")
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	expect := assertion.Expect{Audience: c.Audience, Nonce: c.Nonce, Leeway: 30 * time.Second}
	if c.TLSCert != "" { // an assertion that is bound to a key is bound to ours
		sum, err := readCertificate(c.TLSCert)
		if err != nil {
			return err
		}
		expect.Key.Certificate = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	_, err = assertion.Verify(o.Assertion, jwks, expect)
	return err
}

func (o outcome) print(w io.Writer) {
	fmt.Fprintf(w, "%s, FMR %.3g", o.Decision, o.FMR)
	if o.Searched > 0 {
		fmt.Fprintf(w, ", FPIR %.3g among %d", o.FPIR, o.Searched)
	}
	if len(o.Reasons) > 0 {
		fmt.Fprintf(w, ", %s", strings.Join(o.Reasons, ", "))
	}
	if len(o.Degraded) > 0 {
		fmt.Fprintf(w, ", degraded: %s", strings.Join(o.Degraded, ", "))
	}
	fmt.Fprintln(w)
	for _, q := range o.Quality {
		if q.Hint != "" {
			fmt.Fprintf(w, "capture %d: %s\n", q.Capture+1, q.Hint)
		}
	}
	for _, c := range o.Candidates {
		fmt.Fprintf(w, "candidate %s, FMR %.3g\n", c.Subject, c.FMR)
	}
	if o.Assertion != "" {
		fmt.Fprintf(w, "assertion checked with the gateway's key set:\n%s\n", o.Assertion)
	}
}
