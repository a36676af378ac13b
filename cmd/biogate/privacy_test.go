package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"biogate/adapters/bolttemplates"
	"biogate/gateway/httpsig"
	"biogate/gateway/porttest"
)

// watched is a gateway in a process of its own, of which all that it says is kept, and a client that remembers what is secret.
type watched struct {
	t       *testing.T
	cmd     *exec.Cmd
	file    string
	data    string
	url     string
	said    string // file of its output
	device  string
	key     crypto.Signer
	secrets map[string]string // what must not be told to others nor written anywhere: name -> text
	bytes   *needles          // the same of templates and captures
	answers map[string][]byte // to whom they were given -> body and header
}

func watch(t *testing.T, redis *porttest.Redis) *watched {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &watched{
		t: t, url: "http://" + address, data: filepath.Join(dir, "data"), said: filepath.Join(dir, "said"), file: filepath.Join(dir, "config.yaml"),
		device: "device.of.gate@han:4711", secrets: map[string]string{}, bytes: newNeedles(), answers: map[string][]byte{},
	}
	password := "password-of-redis-" + rand.Text()
	settings := fmt.Sprintf("listen: %s\ndata: %s\nmodels: %s\nlog_level: debug\nredis: %s\nrates: {refused: {per_second: 1000, burst: 1000}}\n",
		address, w.data, modelsDir(t), strings.Replace(redis.URL(), "//", "//default:"+password+"@", 1))
	if err := os.WriteFile(w.file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	w.key, _ = register(t, w.data, w.device, "--can", "verify,identify,enroll,read,forget,galleries,introspect,operate")
	w.secrets["the device"], w.secrets["the password"] = w.device, password
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *watched) start() {
	w.t.Helper()
	out, err := os.OpenFile(w.said, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	w.cmd = exec.Command(os.Args[0])
	w.cmd.Args = []string{"biogate", "serve", "--config", w.file} // by this name the test's program is the gateway
	w.cmd.Env = append(os.Environ(), "TMPDIR=/nowhere")           // whoever wanted to put a capture aside could not
	w.cmd.Stdout, w.cmd.Stderr = out, out
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "the gateway is ready", func() bool {
		res, err := http.Get(w.url + "/readyz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil && res.StatusCode == 200
	})
}

func (w *watched) stop() {
	if w.cmd == nil {
		return
	}
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	_ = w.cmd.Wait()
	w.cmd = nil
}

// marked is a text that nobody else has, to be told from all others: what a client should not have put there, but did.
func (w *watched) marked(place string) string {
	text := "mark." + strings.ReplaceAll(place, " ", ".") + "." + rand.Text()[:10]
	w.secrets["a marker in the "+place] = text
	return text
}

// query is one request. Its header may override everything.
type query struct {
	method, path string
	body         any
	header       []string
	signed       bool
	want         int      // the status; 0: any
	allowed      []string // secrets that this answer may tell, although the request does not name them
}

// ask asks again, where something is missing for a moment and an answer is wanted.
func (w *watched) ask(q query) (a answer) {
	w.t.Helper()
	eventually(w.t, "an answer", func() bool {
		a = w.once(q)
		return q.want == 0 || a.status != http.StatusServiceUnavailable
	})
	if q.want != 0 && a.status != q.want {
		w.t.Fatalf("%s %s: %d instead of %d: %s", q.method, q.path, a.status, q.want, a.body)
	}
	return a
}

// once sends a request, and holds that its answer tells nothing that is secret and that the request did not name.
func (w *watched) once(q query) answer {
	w.t.Helper()
	var body []byte
	switch b := q.body.(type) {
	case nil:
	case []byte:
		body = b
	case string:
		body = []byte(b)
	default:
		var err error
		if body, err = json.Marshal(b); err != nil {
			w.t.Fatal(err)
		}
	}
	req, err := http.NewRequest(q.method, w.url+q.path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(q.header); i += 2 {
		req.Header.Set(q.header[i], q.header[i+1])
	}
	if q.signed {
		err := httpsig.Sign(req, body, httpsig.SignOptions{KeyID: w.device, Key: w.key, Now: time.Now().Add(2 * time.Second), Nonce: w.nonce()})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", q.method, q.path, err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(a.body, &a); err != nil {
			w.t.Fatalf("%s %s: %v in %s", q.method, q.path, err, a.body)
		}
	}
	var header bytes.Buffer
	_ = res.Header.Write(&header)
	own := fmt.Sprintf("%s %s %v %s", q.method, q.path, req.Header, body)
	w.tells(fmt.Sprintf("the answer to %s %s (%d)", q.method, q.path, a.status), own, append(header.Bytes(), a.body...), a.status >= 400, q.allowed)
	for name, token := range map[string]string{"an assertion": a.Assertion, "a receipt": a.Receipt, "a nonce": a.Nonce} {
		if token != "" {
			w.secret(name, token)
		}
	}
	return a
}

// secret is a token from now on: its parts are secret too.
func (w *watched) secret(name, token string) {
	parts := []string{token}
	if jws := strings.Split(token, "."); len(jws) == 3 {
		parts = jws[1:] // the header is the same in all
	}
	for _, part := range parts {
		w.secrets[fmt.Sprintf("%s %d", name, len(w.secrets))] = part
	}
}

func (w *watched) nonce() string {
	n := rand.Text()
	w.secrets[fmt.Sprintf("a nonce %d", len(w.secrets))] = n
	return n
}

// tells: a problem repeats no secret, not even its own request's, but for the names of fields; other answers repeat their own.
func (w *watched) tells(where, own string, answer []byte, isProblem bool, allowed []string) {
	w.t.Helper()
	for name, text := range w.secrets {
		found := bytes.Contains(answer, []byte(text)) || bytes.Contains(answer, []byte(url.QueryEscape(text)))
		if !found || slices.Contains(allowed, text) {
			continue
		}
		named := strings.Contains(own, text) || strings.Contains(own, url.QueryEscape(text)) || strings.Contains(own, url.PathEscape(text))
		if !named || isProblem && !strings.Contains(name, "name of a") {
			w.t.Errorf("%s has %s: %s", where, name, answer)
		}
	}
	for _, what := range w.bytes.in(answer) {
		w.t.Errorf("%s has %s", where, what)
	}
}

// raw sends bytes that no HTTP library would.
func (w *watched) raw(text string) {
	w.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, text)
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	answer, _ := io.ReadAll(c)
	w.tells(fmt.Sprintf("the answer to %.40q", text), text, answer, true, nil)
}

// absent holds that none of what is secret is in places, but for what names say.
func (w *watched) absent(when string, places map[string][]byte, but ...string) {
	w.t.Helper()
	n := newNeedles()
	n.windows = w.bytes.windows
	for name, text := range w.secrets {
		if !slices.Contains(but, name) {
			n.text(name, text)
		}
	}
	n.absent(w.t, when, places)
}

// keyTexts are all long texts in the files of keys.
func keyTexts(t *testing.T, dir string) (out []string) {
	t.Helper()
	public := regexp.MustCompile(`"(x|y|kid|id|keyId)": *"?[A-Za-z0-9_-]*"?`)
	for _, b := range files(t, dir) {
		out = append(out, regexp.MustCompile(`[A-Za-z0-9+/_=-]{40,}`).FindAllString(string(public.ReplaceAll(b, nil)), -1)...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return strings.Contains(s, "/tmp/") || strings.HasPrefix(s, "/") })
}

// TestTelemetryTellsNobody runs good and bad traffic over every route of a gateway that logs all it can, with Redis going and coming
// back, and looks for identifiers, biometric bytes, tokens and keys in all that it says of itself and in the answers to others.
func TestTelemetryTellsNobody(t *testing.T) {
	redis := porttest.StartRedis(t)
	w := watch(t, redis)
	for i := range 2 {
		w.secrets[fmt.Sprintf("subject %d", i)] = fmt.Sprintf("a.private.person@example:%d", 71001+i)
		for k := range 2 {
			w.bytes.capture(t, impression(t, i, k))
		}
	}
	w.traffic(t, "first")
	redis.Kill(t)
	w.traffic(t, "while.redis.is.away")
	redis.Start(t)
	eventually(t, "Redis is used again", func() bool {
		return w.ask(query{method: "GET", path: "/v1/subjects/" + url.PathEscape(w.secrets["subject 1"])}).status != 0 && w.ready()
	})
	w.badTraffic(t)
	w.damage(t)

	for i, text := range keyTexts(t, keyDir(w.data)) {
		w.secrets[fmt.Sprintf("key %d", i)] = text
	}
	metrics := w.ask(query{method: "GET", path: "/metrics", signed: true})
	if metrics.status != 200 {
		t.Fatalf("metrics: %d", metrics.status)
	}
	w.stop()
	log, err := os.ReadFile(w.said)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"level":"DEBUG"`, `"code":"subject-unknown"`, `"decision":"match"`, `"status":500`, `"degraded":["cache"`} {
		if !bytes.Contains(log, []byte(want)) {
			t.Errorf("the log has no %s: the traffic was not what it should be", want)
		}
	}
	w.absent("telemetry", map[string][]byte{"the log": log, "the metrics": metrics.body})
	// The audit may know devices. Subjects are keyed hashes there.
	trail := files(t, filepath.Join(w.data, "audit"))
	w.absent("audit", trail, "the device")
	if audited := string(slices.Concat(slices.Collect(maps.Values(trail))...)); !strings.Contains(audited, w.device) || !strings.Contains(audited, "forget") {
		t.Errorf("the audit has not seen the traffic: %.2000s", audited)
	}
	// No capture was put anywhere.
	captured := &watched{t: t, secrets: map[string]string{}, bytes: w.bytes}
	captured.absent("kept", with(files(t, w.data), redis.Everything(t)))
}

func (w *watched) ready() bool {
	res, err := http.Get(w.url + "/readyz")
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode == 200 && !bytes.Contains(body, []byte("cache"))
}

// traffic is what kiosks and relying parties send every day, in the three forms of bodies.
func (w *watched) traffic(t *testing.T, when string) {
	t.Helper()
	first, second := w.secrets["subject 0"], w.secrets["subject 1"]
	gallery := "gallery." + when
	for i, subject := range []string{first, second} {
		key := w.marked("Idempotency-Key " + when + fmt.Sprint(i))
		for range 2 {
			w.ask(query{method: "POST", path: "/v1/subjects/" + url.PathEscape(subject) + "/templates", body: captures(fingerCapture(impression(t, i, 0))), header: []string{"Idempotency-Key", key}, signed: true, want: 201})
		}
		w.ask(query{method: "GET", path: "/v1/subjects/" + url.PathEscape(subject), signed: i == 0, want: 200})
	}
	w.ask(query{method: "PUT", path: "/v1/galleries/" + gallery, body: map[string]any{"purpose": w.marked("purpose " + when)}, signed: true, want: 201})
	w.ask(query{method: "PUT", path: "/v1/galleries/" + gallery + "/members/" + url.PathEscape(first), body: map[string]any{"group": w.marked("group " + when)}, want: 200})
	w.ask(query{method: "POST", path: "/v1/galleries/" + gallery + "/members", body: fmt.Sprintf("{\"subject\":%q}\n{\"subject\":\"not.enrolled.here\"}\n", second), header: []string{"Content-Type", "application/x-ndjson"}, want: 200})
	w.ask(query{method: "GET", path: "/v1/galleries/" + gallery, signed: true, allowed: []string{w.secrets["a marker in the purpose "+when]}})

	nonce := w.ask(query{method: "POST", path: "/v1/challenges", body: map[string]any{"subject": first, "audience": "https://rp.example"}, signed: true, want: 201}).Nonce
	v := verification(first, fingerCapture(impression(t, 0, 1)))
	v["challenge"], v["nonce"] = nonce, w.marked("nonce "+when)
	match := w.ask(query{method: "POST", path: "/v1/verifications", body: v, signed: true, want: 200})
	if match.Decision != "match" {
		t.Fatalf("%s: %s", when, match.body)
	}
	w.subjectOf(match.Assertion)
	w.ask(query{method: "POST", path: "/v1/verifications", body: v, signed: true, want: 409}) // its nonce is spent
	w.ask(query{method: "POST", path: "/v1/verifications", body: verification(second, fingerCapture(impression(t, 0, 1))), want: 200})
	w.ask(query{method: "POST", path: "/v1/introspect", body: "token=" + match.Assertion, header: []string{"Content-Type", "application/x-www-form-urlencoded"}, signed: true, want: 200})
	w.ask(query{
		method: "POST", path: "/v1/verifications?modality=finger&audience=https://rp.example&subject=" + url.QueryEscape(first),
		body: impression(t, 0, 1), header: []string{"Content-Type", "image/png"}, want: 200,
	})
	form, kind := multipartBody(t, fmt.Sprintf(`{"subject":%q,"audience":"https://rp.example"}`, first), "finger:right-index", impression(t, 0, 1))
	w.ask(query{method: "POST", path: "/v1/verifications", body: form, header: []string{"Content-Type", kind}, want: 200})
	found := w.ask(query{
		method: "POST", path: "/v1/identifications", body: map[string]any{"gallery": gallery, "audience": "https://rp.example", "captures": []any{fingerCapture(impression(t, 1, 1))}},
		signed: true, allowed: []string{second}, want: 200,
	})
	if found.Decision != "match" {
		t.Fatalf("%s: %s", when, found.body)
	}
	w.subjectOf(found.Assertion)
	w.ask(query{method: "DELETE", path: "/v1/galleries/" + gallery + "/members/" + url.PathEscape(second), signed: true, want: 200})
	end := w.ask(query{method: "DELETE", path: "/v1/galleries/" + gallery, signed: true, want: 200})
	w.ask(query{method: "GET", path: "/v1/galleries/" + gallery + "/receipt", signed: true, allowed: append(strings.Split(end.Receipt, "."), end.Receipt)})
	for _, status := range []int{200, 404} {
		w.ask(query{method: "DELETE", path: "/v1/subjects/" + url.PathEscape(first), signed: true, want: status})
	}
	for _, path := range []string{"/livez", "/readyz", "/docs", "/openapi.yaml", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/metrics"} {
		w.ask(query{method: "GET", path: path, signed: path == "/metrics", want: 200})
	}
}

// subjectOf makes what a relying party calls the person a secret.
func (w *watched) subjectOf(assertion string) {
	w.t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		w.t.Fatalf("assertion %q", assertion)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Sub string }
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Sub == "" {
		w.t.Fatalf("assertion %s, %v", text, err)
	}
	w.secrets["a pairwise subject "+claims.Sub] = claims.Sub
}

func multipartBody(t *testing.T, request, name string, data []byte) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	err := m.WriteField("request", request)
	part, errPart := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename="capture.png"`, name)}, "Content-Type": {"image/png"}})
	if err != nil || errPart != nil {
		t.Fatal(err, errPart)
	}
	_, _ = part.Write(data)
	_ = m.Close()
	return b.Bytes(), m.FormDataContentType()
}

// badTraffic has identifiers where they do not belong.
func (w *watched) badTraffic(t *testing.T) {
	t.Helper()
	mark := w.marked
	print := fingerCapture(impression(t, 0, 1))
	for _, q := range []query{
		{method: "GET", path: "/v1/nothing/" + mark("path")},
		{method: "GET", path: "/" + mark("root") + "?subject=" + mark("query")},
		{method: "POST", path: "/v1/subjects/" + mark("wrong method path")},
		{method: "GET", path: "/v1/subjects/" + mark("unknown subject"), signed: true},
		{method: "GET", path: "/v1/subjects/%00" + mark("subject with a NUL")},
		{method: "GET", path: "/v1/subjects/" + strings.Repeat("x", 200) + mark("long subject")},
		{method: "GET", path: "/v1/galleries/" + mark("unknown gallery")},
		{method: "GET", path: "/v1/galleries/" + mark("unknown gallery receipt") + "/receipt"},
		{method: "PUT", path: "/v1/galleries/g-" + mark("gallery of a member") + "/members/" + mark("member")},
		{method: "GET", path: "/livez?" + mark("query of livez")},
		{method: "POST", path: "/v1/verifications", body: `{"` + mark("name of a field") + `":1}`},
		{method: "POST", path: "/v1/verifications", body: `{"subject":"` + mark("cut off JSON")},
		{method: "POST", path: "/v1/verifications", body: `{"subject":{"` + mark("deep field") + `":1},"captures":[]}`},
		{method: "POST", path: "/v1/verifications", body: mark("no JSON")},
		{method: "POST", path: "/v1/verifications?" + mark("query of a verification") + "=1", body: verification("nobody.at.all", print)},
		{method: "POST", path: "/v1/verifications", body: verification(mark("unknown subject of a verification"), print), signed: true},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": mark("audience") + "\x01", "captures": []any{print}}},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": "a", "nonce": mark("nonce") + "\x01", "captures": []any{print}}},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": "a", "challenge": mark("challenge"), "captures": []any{print}}},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": "a", "captures": []any{map[string]any{"modality": mark("modality"), "data": "AAAA"}}}},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": "a", "captures": []any{map[string]any{"modality": "finger", "position": mark("position"), "data": "AAAA"}}}},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": "a", "captures": []any{map[string]any{"modality": "finger", "format": mark("format"), "data": "AAAA"}}}},
		{method: "POST", path: "/v1/verifications", body: map[string]any{"subject": "s", "audience": "a", "captures": []any{map[string]any{"modality": "finger", "data": mark("data")}}}},
		{method: "POST", path: "/v1/identifications", body: map[string]any{"gallery": mark("unknown gallery of a search"), "audience": "a", "subjects": []string{mark("one to search among")}, "captures": []any{print}}},
		{method: "POST", path: "/v1/challenges", body: map[string]any{"kind": mark("kind"), "subject": "s"}},
		{method: "POST", path: "/v1/introspect", body: "token=" + mark("token") + ".x.y", header: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{method: "POST", path: "/v1/introspect", body: mark("form") + "=1", header: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{method: "POST", path: "/v1/verifications", body: "x", header: []string{"Content-Type", "application/" + mark("Content-Type")}},
		{method: "POST", path: "/v1/verifications", body: "x", header: []string{"Content-Encoding", mark("Content-Encoding")}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"traceparent", "00-" + mark("traceparent") + "-01"}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"tracestate", "x=" + mark("tracestate"), "X-Trace-Id", mark("X-Trace-Id"), "X-Request-Id", mark("X-Request-Id")}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"User-Agent", mark("User-Agent"), "Referer", "https://x.example/" + mark("Referer"), "Cookie", "id=" + mark("Cookie"), "X-Forwarded-For", mark("X-Forwarded-For")}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"Authorization", "Bearer " + mark("Authorization")}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"Origin", "https://" + mark("Origin")}},
		{method: "DELETE", path: "/v1/subjects/nobody", header: []string{"Idempotency-Key", mark("Idempotency-Key") + "\u00e4"}},
		{method: "DELETE", path: "/v1/subjects/nobody", header: []string{"Idempotency-Key", mark("Idempotency-Key") + strings.Repeat("k", 200)}},
		{method: "POST", path: "/v1/verifications", body: verification("nobody.at.all", print), header: []string{"DPoP", mark("DPoP") + ".x.y"}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"Signature-Input", mark("Signature-Input"), "Signature", "sig1=:" + mark("Signature") + ":"}},
		{method: "GET", path: "/v1/subjects/nobody", header: []string{"Signature-Input", fmt.Sprintf(`sig1=("@method");created=%d;nonce=%q;keyid=%q`, time.Now().Unix(), mark("nonce of a signature"), mark("keyid")), "Signature", "sig1=:" + strings.Repeat("A", 86) + "==:"}},
		{method: "POST", path: "/v1/verifications", body: "x", signed: true, header: []string{"Content-Digest", mark("Content-Digest")}},
		{method: mark("method"), path: "/v1/subjects/nobody"},
	} {
		w.ask(q)
	}
	form, kind := multipartBody(t, `{"subject":"s","audience":"a"}`, mark("name of a part"), []byte("x"))
	w.ask(query{method: "POST", path: "/v1/verifications", body: form, header: []string{"Content-Type", kind}})
	form, kind = multipartBody(t, mark("request of a form"), "finger", []byte("x"))
	w.ask(query{method: "POST", path: "/v1/verifications", body: form, header: []string{"Content-Type", kind + mark("boundary")}})
	stranger := query{method: "GET", path: "/v1/subjects/nobody", signed: true}
	known := w.device
	w.device = mark("id of an unknown device") // signs with a key that is not its own
	w.ask(stranger)
	w.device = known
	for _, text := range []string{
		"GET /v1/subjects/" + mark("broken line") + "\r\n\r\n",
		"GET /v1/subjects/" + mark("path of a broken header") + " HTTP/1.1\r\nHost: localhost\r\n" + mark("header without a colon") + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX " + mark("header with a blank") + ": 1\r\n\r\n",
		"GET /v1/subjects/x HTTP/1.1\r\nHost: " + mark("Host") + "\r\n\r\n",
		"GET http://" + mark("user") + ":secret@localhost/v1/subjects/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /v1/subjects/" + mark("bad escape") + "%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /v1/verifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + mark("Content-Length") + "\r\n\r\n",
		"POST /v1/verifications HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: " + mark("Transfer-Encoding") + "\r\n\r\n",
		"POST /v1/verifications HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + mark("chunk") + "\r\n\r\n",
		"POST /v1/verifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + mark("body that ends early"),
		"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + mark("long header") + strings.Repeat("x", 70000) + "\r\n\r\n",
		mark("no HTTP") + "\r\n\r\n",
		"\x16\x03\x01\x00\x80" + mark("TLS") + "\r\n\r\n",
		"GET /v1/subjects/" + mark("HTTP 9") + " HTTP/9.9\r\nHost: localhost\r\n\r\n",
	} {
		w.raw(text)
	}
}

// damage exchanges a record for another's, as somebody with access to the disk could, and asks for it.
func (w *watched) damage(t *testing.T) {
	t.Helper()
	w.ask(query{method: "POST", path: "/v1/subjects/" + url.PathEscape(w.secrets["subject 0"]) + "/templates", body: captures(fingerCapture(impression(t, 0, 0)))})
	w.stop()
	store, err := bolttemplates.Open(storeFile(w.data), bolttemplates.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first, errFirst := store.Get(t.Context(), w.secrets["subject 0"])
	second, errSecond := store.Get(t.Context(), w.secrets["subject 1"])
	if errFirst != nil || errSecond != nil {
		t.Fatal(errFirst, errSecond)
	}
	first.Subject, first.Version = second.Subject, second.Version+1
	if err := store.Put(t.Context(), first, second.Version); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	w.start()
	if a := w.ask(query{method: "GET", path: "/v1/subjects/" + url.PathEscape(second.Subject)}); a.status != 500 {
		t.Errorf("a record that was exchanged: %d %s", a.status, a.body)
	}
	w.ask(query{method: "POST", path: "/v1/verifications", body: verification(second.Subject, fingerCapture(impression(t, 1, 1)))})
}
