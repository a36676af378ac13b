package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logging runs `biogate serve` as a process whose log goes to stderr, and returns it when it answers.
func logging(t *testing.T, stderr *os.File) (p *exec.Cmd, url string) {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	p = exec.Command(os.Args[0])
	p.Args = []string{"biogate", "serve", "--listen", address, "--data", filepath.Join(t.TempDir(), "data")}
	p.Env = append(os.Environ(), "BIOGATE_MODELS="+t.TempDir(), "BIOGATE_LOG_LEVEL=debug") // faces are answered 501
	p.Stderr = stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	for range 200 {
		if res, err := http.Get("http://" + address + "/readyz"); err == nil {
			res.Body.Close()
			return p, "http://" + address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the gateway does not start")
	return nil, ""
}

// asked gets an answer of this status n times, each of them soon.
func asked(t *testing.T, n, status int, method, url string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	for i := range n {
		req, err := http.NewRequest(method, url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Fatalf("request %d: %s", i, res.Status)
		}
	}
}

const faceOfNobody = "/v1/verifications?subject=p&audience=https://rp.example&modality=face"

func TestGatewayOutlivesWhoeverReadsItsLog(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, url := logging(t, to)
	to.Close()
	from.Close()
	asked(t, 3, http.StatusNotImplemented, http.MethodPost, url+faceOfNobody) // a warning, which is written before the answer
	asked(t, 3, http.StatusOK, http.MethodGet, url+"/livez")
}

// A pipe takes 64 KiB that nobody reads, which is some three hundred lines.
func TestLogThatNobodyReadsHoldsUpNoRequest(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	defer to.Close()
	_, url := logging(t, to)
	asked(t, 1000, http.StatusOK, http.MethodGet, url+"/livez")
	asked(t, 3, http.StatusNotImplemented, http.MethodPost, url+faceOfNobody)
}

func TestLogIsWholeAtTheEnd(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, url := logging(t, file)
	const n = 20
	asked(t, n, http.StatusNotFound, http.MethodGet, url+"/nowhere")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(text, []byte(`"status":404`)); got != n {
		t.Errorf("%d lines of %d requests", got, n)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, `"msg":"stopped"`) {
		t.Errorf("the last line is %s", last)
	}
}

func TestWarningIsInTheLogBeforeTheAnswer(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, url := logging(t, file)
	asked(t, 3, http.StatusNotImplemented, http.MethodPost, url+faceOfNobody)
	_ = p.Process.Kill()
	text, err := os.ReadFile(file.Name())
	if got := bytes.Count(text, []byte(`"status":501`)); got != 3 || err != nil {
		t.Error(fmt.Sprint(err), got, string(text))
	}
}
