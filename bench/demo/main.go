// Command demo starts a gateway on a free port, does the main job once with captures that anybody may use, and prints what
// happened: synthetic fingerprints of our own generator, and photographs that an npm package ships for its own demonstration.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"biogate/bench/synth"
	"biogate/gateway/assertion"
	"biogate/matcher/imaging"
)

const (
	audience  = "https://boarding.example"
	enrolled  = 3 // impressions of each finger; the next one is the probe
	fingers   = 8 // members of the gallery
	startWait = time.Minute
)

func main() {
	program := flag.String("biogate", "bin/biogate", "the gateway to start")
	photos := flag.String("photos", "", "folder with photographs of single people; empty: fingers alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, *photos); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, photos string) error {
	gw, err := start(ctx, program)
	if err != nil {
		return err
	}
	defer gw.stop()
	s := story{gateway: gw}
	return errors.Join(s.fingers(ctx), s.faces(ctx, photos), s.relyingParty(ctx), s.goodbye(ctx))
}

// story tells one line a step.
type story struct {
	*gateway
	line  int
	token string
}

func (s *story) say(format string, args ...any) {
	s.line++
	fmt.Printf("%2d  %s\n", s.line, fmt.Sprintf(format, args...))
}

// answer is what the demo reads of the gateway's documents.
type answer struct {
	Decision   string  `json:"decision"`
	FMR        float64 `json:"fmr"`
	Assertion  string  `json:"assertion"`
	Receipt    string  `json:"receipt"`
	Candidates []struct {
		Subject string  `json:"subject"`
		FMR     float64 `json:"fmr"`
	} `json:"candidates"`
}

func (s *story) fingers(ctx context.Context) error {
	s.say("gateway ready at %s, development mode, empty embedded store", s.url)
	var probe, stranger []byte
	for i := range fingers {
		finger := synth.Member(2026, i)
		var captures []any
		for k := range enrolled {
			captures = append(captures, fingerCapture(impression(finger, k)))
		}
		if _, err := s.want(ctx, 201, "POST", fmt.Sprintf("/v1/subjects/passenger-%d/templates", i), map[string]any{"captures": captures}); err != nil {
			return err
		}
		switch i {
		case 0:
			probe = impression(finger, enrolled)
		case 1:
			stranger = impression(finger, enrolled)
		}
	}
	s.say("enrolled %d synthetic fingers, %d impressions each: passenger-0 to passenger-%d", fingers, enrolled, fingers-1)
	genuine, err := s.verify(ctx, "passenger-0", fingerCapture(probe))
	if err != nil {
		return err
	}
	s.token = genuine.Assertion
	s.say("passenger-0 shows the finger again: %s at FMR %.1e, with a signed assertion", genuine.Decision, genuine.FMR)
	impostor, err := s.verify(ctx, "passenger-0", fingerCapture(stranger))
	if err != nil {
		return err
	}
	s.say("an impostor claims to be passenger-0: %s at FMR %.1e, no assertion", impostor.Decision, impostor.FMR)
	if genuine.Decision != "match" || impostor.Decision != "no-match" || impostor.Assertion != "" {
		return fmt.Errorf("wrong decisions: %s and %s", genuine.Decision, impostor.Decision)
	}
	return s.identify(ctx, stranger)
}

func (s *story) identify(ctx context.Context, probe []byte) error {
	if _, err := s.want(ctx, 201, "PUT", "/v1/galleries/vn123", map[string]any{"purpose": "boarding", "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}); err != nil {
		return err
	}
	for i := range fingers {
		if _, err := s.want(ctx, 0, "PUT", fmt.Sprintf("/v1/galleries/vn123/members/passenger-%d", i), nil); err != nil {
			return err
		}
	}
	found, err := s.want(ctx, 200, "POST", "/v1/identifications", map[string]any{"gallery": "vn123", "audience": audience, "captures": []any{fingerCapture(probe)}})
	if err != nil {
		return err
	}
	if len(found.Candidates) == 0 || found.Candidates[0].Subject != "passenger-1" {
		return fmt.Errorf("identified %+v instead of passenger-1", found.Candidates)
	}
	s.say("who is it among the %d of flight vn123? %s: %s at FMR %.1e", fingers, found.Decision, found.Candidates[0].Subject, found.Candidates[0].FMR)
	return nil
}

func (s *story) faces(ctx context.Context, photos string) error {
	served := photos != ""
	var err error
	if served {
		served, err = s.enrolFaces(ctx, photos)
	}
	if err != nil {
		return err
	}
	if !served {
		s.say("no faces: this build or machine has no face engine, or no photographs were given")
		return nil
	}
	return errors.Join(
		s.claim(ctx, photos, again, "match", "traveller-0 in a photograph of another day"),
		s.claim(ctx, photos, travellers[1], "no-match", "traveller-1 claims to be traveller-0"))
}

// claim shows a portrait as traveller-0.
func (s *story) claim(ctx context.Context, photos string, p portrait, want, what string) error {
	capture, err := p.capture(photos)
	if err != nil {
		return err
	}
	a, err := s.verify(ctx, "traveller-0", capture)
	if err != nil {
		return err
	}
	s.say("%s: %s at FMR %.1e", what, a.Decision, a.FMR)
	if a.Decision != want {
		return fmt.Errorf("%s: %s instead of %s", what, a.Decision, want)
	}
	return nil
}

// portrait is a part of one of the package's group photographs that shows one person.
type portrait struct {
	file string
	part image.Rectangle
}

// travellers are enrolled; again is another photograph of the first of them.
var (
	travellers = []portrait{
		{"sample3.jpg", image.Rect(1050, 150, 1400, 640)},
		{"sample3.jpg", image.Rect(500, 200, 930, 720)},
		{"sample6.jpg", image.Rect(150, 330, 560, 880)},
		{"sample6.jpg", image.Rect(600, 180, 980, 660)},
	}
	again = portrait{"sample1.jpg", image.Rect(1400, 100, 1760, 560)}
)

// enrolFaces enrols the travellers; false when the gateway has no face engine.
func (s *story) enrolFaces(ctx context.Context, photos string) (bool, error) {
	for i, p := range travellers {
		capture, err := p.capture(photos)
		if err != nil {
			return false, err
		}
		_, status, err := s.call(ctx, "POST", fmt.Sprintf("/v1/subjects/traveller-%d/templates", i), map[string]any{"captures": []any{capture}})
		switch {
		case err != nil:
			return false, err
		case status == http.StatusNotImplemented:
			return false, nil
		case status != http.StatusCreated:
			return false, fmt.Errorf("traveller-%d was not enrolled: %d", i, status)
		}
	}
	s.say("enrolled %d faces, cut out of the group photographs of an npm package: traveller-0 to traveller-%d", len(travellers), len(travellers)-1)
	return true, nil
}

// capture cuts the portrait out and compresses it as a camera would.
func (p portrait) capture(photos string) (any, error) {
	picture, err := cut(filepath.Join(photos, p.file), p.part)
	if err != nil {
		return nil, err
	}
	return faceCapture(synth.Recapture(picture, 0)), nil
}

// cut returns a part of a photograph.
func cut(name string, part image.Rectangle) (imaging.RGB, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return imaging.RGB{}, err
	}
	whole, err := imaging.DecodeRGB(data, "")
	if err != nil {
		return imaging.RGB{}, fmt.Errorf("%s: %w", name, err)
	}
	if !part.In(image.Rect(0, 0, whole.Width, whole.Height)) {
		return imaging.RGB{}, fmt.Errorf("%s is not the photograph that was expected", name)
	}
	out := imaging.RGB{Width: part.Dx(), Height: part.Dy()}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		row := 3 * (y*whole.Width + part.Min.X)
		out.Pix = append(out.Pix, whole.Pix[row:row+3*part.Dx()]...)
	}
	return out, nil
}

func (s *story) relyingParty(ctx context.Context) error {
	jwks, err := s.get(ctx, "/.well-known/jwks.json")
	if err != nil {
		return err
	}
	claims, err := assertion.Verify(s.token, jwks, assertion.Expect{Audience: audience})
	if err != nil {
		return err
	}
	changed := []byte(s.token)
	changed[len(changed)/2] ^= 1
	_, refusal := assertion.Verify(string(changed), jwks, assertion.Expect{Audience: audience})
	if refusal == nil {
		return errors.New("an assertion with a changed byte was accepted")
	}
	s.say("the relying party checks the assertion offline: amr %v, pairwise sub %.12s..., valid %d s; one byte changed: refused",
		claims.AMR, claims.Subject, claims.Expiry-claims.IssuedAt)
	return nil
}

func (s *story) goodbye(ctx context.Context) error {
	gone, err := s.want(ctx, 200, "DELETE", "/v1/subjects/passenger-0", nil)
	if err != nil {
		return err
	}
	if gone.Receipt == "" {
		return errors.New("deletion without a receipt")
	}
	_, status, err := s.call(ctx, "GET", "/v1/subjects/passenger-0", nil)
	if err != nil || status != http.StatusNotFound {
		return fmt.Errorf("after deletion: %d %w", status, err)
	}
	s.say("passenger-0 is forgotten everywhere, with a signed receipt; the gateway stops")
	return nil
}

func (s *story) verify(ctx context.Context, subject string, capture any) (answer, error) {
	return s.want(ctx, 200, "POST", "/v1/verifications", map[string]any{"subject": subject, "audience": audience, "captures": []any{capture}})
}

func fingerCapture(data []byte) any {
	return map[string]any{"modality": "finger", "position": "right-index", "dpi": 500, "data": data}
}

func faceCapture(data []byte) any { return map[string]any{"modality": "face", "data": data} }

func impression(f *synth.Finger, k int) []byte {
	data, err := synth.EncodePNG(f.Impression(k, synth.Options{}))
	if err != nil {
		panic(err) // a picture in memory always encodes
	}
	return data
}

// gateway is a running child process.
type gateway struct {
	url     string
	process *exec.Cmd
	data    string
}

func start(ctx context.Context, program string) (*gateway, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp("", "biogate-demo-")
	if err != nil {
		return nil, err
	}
	g := &gateway{url: "http://" + addr, data: data, process: exec.CommandContext(ctx, program, "serve", "--listen", addr, "--data", data)}
	var log bytes.Buffer
	g.process.Stderr, g.process.Stdout = &log, &log
	g.process.Cancel = func() error { return g.process.Process.Signal(syscall.SIGTERM) }
	if err := g.process.Start(); err != nil {
		return nil, err
	}
	if err := g.await(ctx); err != nil {
		g.stop()
		return nil, fmt.Errorf("%w; the gateway said:\n%s", err, log.String())
	}
	return g, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (g *gateway) await(ctx context.Context) error {
	deadline := time.Now().Add(startWait)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		if _, err := g.get(ctx, "/readyz"); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the gateway did not become ready")
}

func (g *gateway) stop() {
	_ = g.process.Process.Signal(syscall.SIGTERM)
	_ = g.process.Wait()
	_ = os.RemoveAll(g.data)
}

func (g *gateway) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return io.ReadAll(res.Body)
}

// call sends one request and reads what of the answer the demo needs.
func (g *gateway) call(ctx context.Context, method, path string, body any) (a answer, status int, err error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return a, 0, err
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, g.url+path, reader)
	if err != nil {
		return a, 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return a, res.StatusCode, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return a, res.StatusCode, nil
	}
	if len(text) > 0 {
		err = json.Unmarshal(text, &a)
	}
	return a, res.StatusCode, err
}

// want is call with an expected status; 0 accepts every success.
func (g *gateway) want(ctx context.Context, status int, method, path string, body any) (answer, error) {
	a, got, err := g.call(ctx, method, path, body)
	if err == nil && got != status && (status != 0 || got >= http.StatusBadRequest) {
		err = fmt.Errorf("%s %s: %d", method, path, got)
	}
	return a, err
}
