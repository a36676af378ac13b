package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"biogate/bench/synth"
	"biogate/gateway/config"
)

// house is a whole gateway, on a real socket, with a store in a folder of the test.
type house struct {
	*app
	url  string
	stop func()
}

// build starts a gateway as `biogate serve` does.
func newHouse(t *testing.T, change ...func(*config.Config)) *house {
	t.Helper()
	c := config.Default()
	c.Listen, c.Data, c.Models = "127.0.0.1:0", t.TempDir(), modelsDir(t)
	c.Limits.DrainGrace = 0
	for _, b := range []*config.Breaker{&c.Breakers.Cache, &c.Breakers.Memory, &c.Breakers.Record, &c.Breakers.Signer} {
		b.Timeout = 10 * time.Second // a busy machine is no outage
	}
	for _, f := range change {
		f(&c)
	}
	a, err := build(t.Context(), c, newLog(io.Discard, "error"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.serve(ctx) }()
	h := &house{app: a, url: "http://" + a.listener.Addr().String()}
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve ended with %v", err)
		}
		a.close()
	})
	t.Cleanup(h.stop)
	return h
}

// root is the checkout.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func modelsDir(t *testing.T) string { return filepath.Join(root(t), ".cache", "models") }

// missing skips a test that lacks something, or fails it where everything must be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("BIOGATE_REQUIRE_ALL") != "" {
		t.Fatalf("%s is missing, and BIOGATE_REQUIRE_ALL is set", what)
	}
	t.Skipf("%s is missing: `make test` installs it", what)
}

func (h *house) needFaces(t *testing.T) {
	t.Helper()
	if cause := h.engines.missing["face"]; cause != nil {
		missing(t, "the face engine ("+cause.Error()+")")
	}
}

// photo returns one of the demonstration's group photographs: sample3.jpg shows three faces.
func photo(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), ".cache", "demo", "package", "demo", name))
	if err != nil {
		missing(t, "the photograph "+name)
	}
	return data
}

// answer is what tests read of the gateway's documents.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	Decision string
	Code     string
	FMR      float64
	Reasons  []string
	Degraded []string
	Trace    string

	Nonce      string
	Challenge  *struct{ Steps []challengeStep }
	Searched   int
	Assertion  string
	Receipt    string
	Candidates []struct{ Subject string }
}

// call sends body as JSON, or as it is when it is bytes or a string.
func (h *house) call(method, path string, body any, header ...string) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, h.url+path, reader)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return a, err
	}
	if len(a.body) > 0 && strings.Contains(res.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(a.body, &a)
	}
	return a, err
}

// want is call with the status that must come.
func (h *house) want(t *testing.T, status int, method, path string, body any, header ...string) answer {
	t.Helper()
	a, err := h.call(method, path, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		t.Fatalf("%s %s: %d instead of %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

func captures(list ...map[string]any) map[string]any { return map[string]any{"captures": list} }

func fingerCapture(data []byte) map[string]any {
	return map[string]any{"modality": "finger", "position": "right-index", "data": data}
}

func faceCapture(data []byte) map[string]any { return map[string]any{"modality": "face", "data": data} }

func verification(subject string, list ...map[string]any) map[string]any {
	return map[string]any{"subject": subject, "audience": "https://rp.example", "captures": list}
}

// easy impressions are good captures: these tests are about the gateway, not about how far the engine reaches.
var easy = synth.Options{Difficulty: 0.5}

// prints makes impressions of synthetic fingers once for all tests.
var prints = struct {
	sync.Mutex
	fingers     map[int]*synth.Finger
	impressions map[[2]int][]byte
}{fingers: map[int]*synth.Finger{}, impressions: map[[2]int][]byte{}}

// impression is the k-th picture of the i-th finger, PNG.
func impression(t *testing.T, i, k int) []byte {
	t.Helper()
	prints.Lock()
	defer prints.Unlock()
	if data, ok := prints.impressions[[2]int{i, k}]; ok {
		return data
	}
	if prints.fingers[i] == nil {
		prints.fingers[i] = synth.Member(2026, i)
	}
	data, err := synth.EncodePNG(prints.fingers[i].Impression(k, easy))
	if err != nil {
		t.Fatal(err)
	}
	prints.impressions[[2]int{i, k}] = data
	return data
}

// blank is a white picture.
func blank(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// redis is a real redis-server on a port of its own.
type redisServer struct {
	t    *testing.T
	port int
	cmd  *exec.Cmd
}

func newRedis(t *testing.T) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		missing(t, "redis-server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{t: t, port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	r.start()
	t.Cleanup(r.kill)
	return r
}

func (r *redisServer) url() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", r.port) }

func (r *redisServer) start() {
	r.t.Helper()
	r.cmd = exec.Command("redis-server", "--port", fmt.Sprint(r.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.t.TempDir())
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "redis-server listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (r *redisServer) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// eventually waits for a condition, generously: it is about whether, not when.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}
