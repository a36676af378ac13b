package main

import (
	"bufio"
	"bytes"
	"context"
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

	"biogate/matcher"
)

// process is a gateway in a process of its own, on one core.
type process struct {
	cmd *exec.Cmd
	url string
}

func startProcess(b *testing.B, config string) *process {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := b.TempDir()
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

// hammer sends n requests, each made by request, over so many connections, and fails on any answer but a match.
func (p *process) hammer(b *testing.B, connections, n int, request func(i int) []byte) {
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
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				if _, err := conn.Write(request(i)); err != nil {
					b.Error(err)
					return
				}
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					b.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != 200 || !bytes.Contains(body, []byte(`"decision":"match"`)) {
					b.Errorf("%d %v: %s", res.StatusCode, err, body)
					return
				}
			}
		})
	}
	wg.Wait()
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
// gateway on one core serves it: cpu-us/op is what its process takes, 1/core-s how many a core can do in a second.
func BenchmarkVerification(b *testing.B) {
	for _, c := range []struct {
		name     string
		modality matcher.Modality
		capture  func() []byte
	}{
		{"face", matcher.Face, func() []byte { return photoOf(b, "sample3.jpg") }},
	} {
		b.Run("plain/"+c.name, func(b *testing.B) {
			probe := template(b, c.modality, c.capture())
			p := startProcess(b, "policy: {pad: off}\naudit: {enabled: false}\nattempts: {failures: 0}\n")
			path := "?audience=https://rp.example&modality=" + string(c.modality) + "&subject=p0"
			res, err := http.Post(p.url+"/v1/subjects/p0/templates?modality="+string(c.modality), "application/octet-stream", bytes.NewReader(probe))
			if err != nil || res.StatusCode != 201 {
				text, _ := io.ReadAll(res.Body)
				b.Fatalf("enrol: %v %s", err, text)
			}
			message := fmt.Appendf(nil, "POST /v1/verifications%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s", path, len(probe), probe)
			p.measure(b, func(int) []byte { return message })
		})
	}
}

func (p *process) measure(b *testing.B, request func(i int) []byte) {
	const connections = 32
	p.hammer(b, connections, 2000, request) // warm
	before := p.cpu(b)
	b.ResetTimer()
	p.hammer(b, connections, b.N, request)
	b.StopTimer()
	took := p.cpu(b) - before
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/took.Seconds(), "1/core-s")
}

func photoOf(b *testing.B, name string) []byte {
	data, err := os.ReadFile(filepath.Join(rootOf(b), ".cache", "demo", "package", "demo", name))
	if err != nil {
		b.Skipf("the photograph %s is missing: `make test` fetches it", name)
	}
	return data
}
