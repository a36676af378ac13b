package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"biogate/matcher"
)

// client speaks to a gateway as a kiosk does.
type client struct {
	url    string
	http   *http.Client
	signer signer
}

func newClient(base string, f credentialFlags) (client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return client{}, misuse("--url %q is no http or https address", base)
	}
	if u.Scheme == "http" && (f.TLSCert != "" || f.CA != "") {
		return client{}, misuse("--tls-cert, --tls-key and --ca need an https address, not %q", base)
	}
	transport, err := f.transport()
	if err != nil {
		return client{}, err
	}
	s, err := f.signer()
	if err != nil {
		return client{}, err
	}
	return client{strings.TrimRight(base, "/"), &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: stay}, s}, nil
}

// stay follows no redirect: a capture goes to the gateway that was named and to nobody else.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// problem is an RFC 9457 document, as an error.
type problem struct {
	Status  int      `json:"status"`
	Code    string   `json:"code"`
	Detail  string   `json:"detail"`
	Hint    string   `json:"hint,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	Trace   string   `json:"trace"`
}

func (p problem) Error() string {
	text := fmt.Sprintf("%s: %s", p.Code, p.Detail)
	if len(p.Reasons) > 0 {
		text += fmt.Sprintf(" (%s)", strings.Join(p.Reasons, ", "))
	}
	if p.Hint != "" {
		text += "; " + goingOn(p.Hint)
	}
	return text
}

// goingOn is a sentence as it goes on behind a semicolon: JSON keeps its capitals.
func goingOn(sentence string) string {
	if len(sentence) < 2 || !unicode.IsLower(rune(sentence[1])) {
		return sentence
	}
	return strings.ToLower(sentence[:1]) + sentence[1:]
}

// post sends a JSON body and returns the answer's document, or a problem.
func (c client) post(ctx context.Context, path string, body any) (json.RawMessage, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if err := c.signer.sign(req, data); err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the gateway at %s does not answer: %w", c.url, errors.Unwrap(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		var p problem
		if json.Unmarshal(answer, &p) != nil || p.Code == "" {
			return nil, fmt.Errorf("the gateway at %s answered %s", c.url, res.Status)
		}
		return nil, p
	}
	return answer, nil
}

// captureBody is a capture as the HTTP interface takes it.
type captureBody struct {
	Modality matcher.Modality `json:"modality"`
	Position matcher.Position `json:"position,omitempty"`
	DPI      int              `json:"dpi,omitempty"`
	Data     []byte           `json:"data"`
}

func captureBodies(samples []matcher.Sample) []captureBody {
	out := make([]captureBody, len(samples))
	for i, s := range samples {
		out[i] = captureBody{s.Modality, s.Position, s.DPI, s.Data}
	}
	return out
}
