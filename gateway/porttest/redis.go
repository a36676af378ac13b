package porttest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is a real redis-server on a free port of the loopback, with a directory of its own.
type Redis struct {
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
}

// StartRedis starts a server that ends with the test. Without persistence, unless args of redis-server say otherwise.
// The test is skipped when there is no redis-server.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("no redis-server on this machine: apt-get install redis-server, or make test, which does it")
	}
	r := &Redis{port: freePort(t), dir: t.TempDir(), args: args}
	t.Cleanup(r.kill)
	r.Start(t)
	return r
}

// URL is where clients find the server.
func (r *Redis) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", r.port) }

// Dir is where the server keeps its files.
func (r *Redis) Dir() string { return r.dir }

// Start starts the server, again on its port and in its directory, and returns when it answers.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	args := append([]string{"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir, "--save", "", "--appendonly", "no"}, r.args...)
	cmd := exec.Command("redis-server", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.cmd = cmd
	for range 500 {
		if r.try("PING") == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
}

// Kill ends the server at once, as a crash does.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	r.kill()
}

func (r *Redis) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}

// Freeze stops the server in the middle of what it does: connections stay, answers do not come.
func (r *Redis) Freeze(t testing.TB) { r.signal(t, syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (r *Redis) Thaw(t testing.TB) { r.signal(t, syscall.SIGCONT) }

func (r *Redis) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Flush removes all keys.
func (r *Redis) Flush(t testing.TB) { r.Do(t, "FLUSHALL") }

// Do sends one inline command and expects a reply that is no error.
func (r *Redis) Do(t testing.TB, command string) {
	t.Helper()
	if err := r.try(command); err != nil {
		t.Fatal(err)
	}
}

func (r *Redis) try(command string) error {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.port), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && strings.HasPrefix(line, "-") {
		return fmt.Errorf("redis-server: %s", line)
	}
	return err
}

// Everything is what the server holds: every key, with its value.
func (r *Redis) Everything(t testing.TB) map[string][]byte {
	t.Helper()
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.port), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(c)
	ask := func(words ...string) []string {
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
		}
		_, err := io.WriteString(c, b.String())
		reply, errReply := readReply(in)
		if err := errors.Join(err, errReply); err != nil {
			t.Fatal(err)
		}
		return reply
	}
	read := map[string][]string{
		"string": {"GET"}, "hash": {"HGETALL"}, "list": {"LRANGE", "0", "-1"}, "set": {"SMEMBERS"}, "zset": {"ZRANGE", "0", "-1", "WITHSCORES"},
	}
	out := map[string][]byte{}
	for _, key := range ask("KEYS", "*") {
		kind := ask("TYPE", key)[0]
		command, ok := read[kind]
		if !ok {
			t.Fatalf("a key of type %s is not read here", kind)
		}
		out["redis "+key] = []byte(key + "\n" + strings.Join(ask(append([]string{command[0], key}, command[1:]...)...), "\n"))
	}
	return out
}

// readReply reads one reply of RESP 2 as the strings that are in it.
func readReply(in *bufio.Reader) ([]string, error) {
	line, err := in.ReadString('\n')
	if err != nil || len(line) < 3 {
		return nil, errors.Join(err, errors.New("redis-server: no reply"))
	}
	rest := line[1 : len(line)-2]
	switch line[0] {
	case '+', ':':
		return []string{rest}, nil
	case '$', '*':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return nil, err
		}
		if line[0] == '$' {
			b := make([]byte, n+2)
			_, err := io.ReadFull(in, b)
			return []string{string(b[:n])}, err
		}
		var out []string
		for range n {
			one, err := readReply(in)
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
		}
		return out, nil
	}
	return nil, fmt.Errorf("redis-server: %s", line)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
