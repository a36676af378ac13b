package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"biogate/bench/synth"
	"biogate/gateway/httpsig"
	"biogate/gateway/porttest"
	"biogate/matcher"
)

// process is a gateway in a process of its own, on one core.
type process struct {
	cmd *exec.Cmd
	url string
}

// startProcess starts one whose data folder is dir/data.
func startProcess(b *testing.B, dir, config string) *process {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	file := filepath.Join(dir, "config.yaml")
	config = fmt.Sprintf("listen: %s\ndata: %s\nmodels: %s\nlog_level: info\n", address, filepath.Join(dir, "data"), filepath.Join(rootOf(b), ".cache", "models")) + config
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0]), url: "http://" + address}
	p.cmd.Args = []string{"biogate", "serve", "--config", file} // by this name the test's program is the gateway
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
		log.Close()
	})
	for range 200 {
		if res, err := http.Get(p.url + "/readyz"); err == nil {
			res.Body.Close()
			return p
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	b.Fatalf("the gateway does not start: %s", text)
	return nil
}

// cpu is the processor time that the process has taken.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		b.Skipf("processor times of another process: %v", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick: USER_HZ is 100 on Linux
}

func rootOf(tb testing.TB) string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// hammer sends requests over so many connections, and fails on any answer but one of this status that has text in it.
func (p *process) hammer(b *testing.B, connections int, text string, status int, messages [][]byte) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for i := int(next.Add(1)) - 1; i < len(messages); i = int(next.Add(1)) - 1 {
				if err := exchange(conn, in, messages[i], text, status); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func exchange(conn net.Conn, in *bufio.Reader, message []byte, text string, status int) error {
	if _, err := conn.Write(message); err != nil {
		return err
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || !bytes.Contains(body, []byte(text)) {
		return fmt.Errorf("%d %v: %s", res.StatusCode, err, body)
	}
	return nil
}

// template is what the engine of this build makes of a capture.
func template(b *testing.B, modality matcher.Modality, data []byte) []byte {
	b.Helper()
	e, err := openEngines(engineOptions{models: filepath.Join(rootOf(b), ".cache", "models"), networks: "auto", sessions: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.close()
	for _, engine := range e.list {
		if engine.Modality() != modality {
			continue
		}
		x, err := engine.Extract(context.Background(), matcher.Sample{Modality: modality, Data: data, SkipPAD: true, At: &matcher.Point{X: 700, Y: 460}}, nil)
		if err != nil {
			b.Fatal(err)
		}
		out, err := x.Template.AppendBinary(nil)
		if err != nil {
			b.Fatal(err)
		}
		return out
	}
	b.Skipf("no engine for %s here", modality)
	return nil
}

// BenchmarkVerification is a whole 1:1 verification with a template for a probe, answered with a signed assertion, as a
// gateway on one core serves it: cpu-us/op is what its process takes, 1/core-s how many a core can do in a second. Each step has
// what the one before it has; full is what production mode does behind a proxy that ends TLS. Every request brings the answer
// "match", or the benchmark fails.
func BenchmarkVerification(b *testing.B) {
	const (
		off = "policy: {pad: off}\nrates: {device: {per_second: 1e6, burst: 1000000}, global: {per_second: 1e6, burst: 1000000}}\n" +
			"limits: {queue_wait: 15s}\nbreakers: {cache: {timeout: 10s}, memory: {timeout: 10s}}\n" // a busy machine is slow, and no failure
		plain  = off + "audit: {enabled: false}\n"
		signed = "kiosks: {required: true}\n"
		party  = "audiences: [{name: " + benchAudience + ", fresh: false}]\n"
		free   = "attempts: {failures: 0}\n"
	)
	face := benchProbe{matcher.Face, func() []byte { return photoOf(b, "sample3.jpg") }}
	finger := benchProbe{matcher.Finger, func() []byte { return printOf(b) }}
	for _, c := range []struct {
		name   string
		of     benchProbe
		config string
		signed bool
		redis  bool
	}{
		{name: "plain/face", of: face, config: plain + free},
		{name: "plain/finger", of: finger, config: plain + free},
		{name: "audit/face", of: face, config: off + free},
		{name: "signature/face", of: face, config: off + free + signed, signed: true},
		{name: "redis/face", of: face, config: off + free + signed, signed: true, redis: true},
		{name: "full/face", of: face, config: off + signed + party, signed: true, redis: true},
		{name: "full/finger", of: finger, config: off + signed + party, signed: true, redis: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			r := benchRequests{body: template(b, c.of.modality, c.of.capture()), modality: c.of.modality}
			if c.signed {
				r.devices = registerDevices(b, filepath.Join(dir, "data"))
			}
			config := c.config
			if c.redis {
				config += "redis: " + porttest.StartRedis(b).URL() + "\n"
			}
			p := startProcess(b, dir, config)
			r.url = p.url
			for i := range benchSubjects {
				p.hammer(b, 1, `"id":`, 201, [][]byte{r.enrolment(b, i)})
			}
			p.measure(b, &r)
		})
	}
}

// benchProbe is what is verified.
type benchProbe struct {
	modality matcher.Modality
	capture  func() []byte
}

const (
	benchAudience = "https://rp.example"
	benchSubjects = 256 // more than connections: of each subject no more requests are under way at a time than attempts may fail
	benchDevices  = 16
)

// benchRequests are made, and signed, outside of the gateway's process and before the time is taken.
type benchRequests struct {
	url      string
	body     []byte
	modality matcher.Modality
	devices  []crypto.Signer // d0, d1, ...; none: requests are not signed
}

func (r *benchRequests) enrolment(b *testing.B, i int) []byte {
	return r.message(b, i, fmt.Sprintf("/v1/subjects/p%d/templates?modality=%s", i, r.modality), time.Now())
}

// verifications are n of them, of all subjects in turn. Those that are signed are good for a minute.
func (r *benchRequests) verifications(b *testing.B, n int) [][]byte {
	out, now := make([][]byte, n), time.Now()
	for i := range out {
		out[i] = r.message(b, i, fmt.Sprintf("/v1/verifications?audience=%s&modality=%s&subject=p%d", benchAudience, r.modality, i%benchSubjects), now)
	}
	return out
}

// message is a request as it goes over the wire.
func (r *benchRequests) message(b *testing.B, i int, path string, now time.Time) []byte {
	req, err := http.NewRequest(http.MethodPost, r.url+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if len(r.devices) > 0 {
		d := i % len(r.devices) // signed ahead: what was signed before the process remembered is refused
		if err := httpsig.Sign(req, r.body, httpsig.SignOptions{KeyID: fmt.Sprint("d", d), Key: r.devices[d], Now: now.Add(2 * time.Second), Nonce: rand.Text()}); err != nil {
			b.Fatal(err)
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", req.URL.RequestURI(), req.URL.Host, len(r.body))
	_ = req.Header.Write(&out)
	out.WriteString("\r\n")
	out.Write(r.body)
	return out.Bytes()
}

// registerDevices has `biogate devices add` register them, and returns their keys.
func registerDevices(b *testing.B, data string) (keys []crypto.Signer) {
	b.Helper()
	dir := b.TempDir()
	for i := range benchDevices {
		file := filepath.Join(dir, fmt.Sprint(i))
		command := []string{"devices", "add", "--data", data, "--id", fmt.Sprint("d", i), "--site", "han", "--can", "enroll,verify", "--make-key", file}
		var stderr bytes.Buffer
		if status := run(b.Context(), command, io.Discard, &stderr); status != exitDone {
			b.Fatalf("%d %s", status, stderr.String())
		}
		der, err := readPEM(file, "PRIVATE KEY")
		if err != nil {
			b.Fatal(err)
		}
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, key.(crypto.Signer))
	}
	return keys
}

// measure takes the processor time of b.N verifications after a warm-up. Requests go out in parts, so that no signature grows old.
func (p *process) measure(b *testing.B, r *benchRequests) {
	const connections, warm, part = 32, 2000, 50_000
	p.verify(b, connections, r.verifications(b, warm))
	var took time.Duration
	b.ResetTimer()
	for left := b.N; left > 0 && !b.Failed(); left -= part {
		b.StopTimer()
		messages := r.verifications(b, min(left, part))
		before := p.cpu(b)
		b.StartTimer()
		p.verify(b, connections, messages)
		took += p.cpu(b) - before
	}
	b.StopTimer()
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/took.Seconds(), "1/core-s")
}

func (p *process) verify(b *testing.B, connections int, messages [][]byte) {
	p.hammer(b, connections, `"decision":"match"`, 200, messages)
}

func printOf(b *testing.B) []byte {
	text, err := synth.EncodePNG(synth.NewFinger(1).Impression(0, synth.Options{}))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func photoOf(b *testing.B, name string) []byte {
	data, err := os.ReadFile(filepath.Join(rootOf(b), ".cache", "demo", "package", "demo", name))
	if err != nil {
		b.Skipf("the photograph %s is missing: `make test` fetches it", name)
	}
	return data
}
