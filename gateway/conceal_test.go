package gateway_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/decision"
	"biogate/gateway/httpapi"
	"biogate/gateway/limits"
	"biogate/matcher"
)

const discreet = "https://discreet.example"

// newDiscreetHouse has subjects of every kind, and an audience that hides who is enrolled.
func newDiscreetHouse(t *testing.T, change ...func(*gateway.Deps)) (*house, *truths) {
	t.Helper()
	kept := &truths{}
	h := newHouse(t, append([]func(*gateway.Deps){func(d *gateway.Deps) {
		d.Parties = map[string]gateway.Party{discreet: {Audience: discreet, Policy: d.Policy, HideEnrolment: true}}
		d.Attempts, d.Audit = limits.NewLocal(nist, 100_000, d.Now), kept
	}}, change...)...)
	h.enroll(t, "known", face("known"))
	h.enroll(t, "several", face("several"), face("several too"), finger("several", "right-index"))
	h.enroll(t, "other-modality", finger("other", "right-index"))
	h.enroll(t, "old", face("old"))
	h.registry.held["old"].Templates[0].Model = "toy-face-0"
	h.enroll(t, "damaged", face("damaged"))
	h.registry.held["damaged"].Templates[0].Data[0] ^= 1
	return h, kept
}

// truths keeps what was put on record.
type truths struct {
	mu     sync.Mutex
	events []gateway.AuditEvent
}

func (a *truths) Append(_ context.Context, e gateway.AuditEvent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
	return nil
}

func (h *house) askDiscreetly(subject string, captures ...matcher.Sample) string {
	out, err := h.Verify(context.Background(), gateway.VerifyRequest{Subject: subject, Audience: discreet, Captures: captures})
	told, _ := json.Marshal(out)
	if err != nil {
		e := gateway.AsError(err)
		told = fmt.Appendf(nil, "%v %s %s %s %v %s", e.Kind, e.Code, e.Detail, e.Hint, e.RetryAfter, e.NotBefore)
	}
	return string(told)
}

var subjectsOfAnyKind = []string{"nobody", "known", "several", "other-modality", "old", "damaged"}

// TestHiddenEnrolmentAnswersAlike: whatever the captures are, and as often as they come, the answers about all kinds of subjects
// are the same to the byte; what is on record is the truth.
func TestHiddenEnrolmentAnswersAlike(t *testing.T) {
	for name, captures := range map[string][]matcher.Sample{
		"a stranger": {face("mallory")}, "two modalities": {face("mallory"), finger("mallory", "right-index")},
		"an attack": {face("mask of mallory")}, "a poor capture": {face("!blank")}, "no capture": {face("")},
		"good and poor": {face("mallory"), finger("!dry", "left-index")},
	} {
		t.Run(name, func(t *testing.T) {
			h, kept := newDiscreetHouse(t)
			for i := range 8 { // into the back-off
				want := h.askDiscreetly("nobody", captures...)
				for _, subject := range subjectsOfAnyKind[1:] {
					if got := h.askDiscreetly(subject, captures...); got != want {
						t.Errorf("request %d about %s:\n%s, about nobody:\n%s", i, subject, got, want)
					}
				}
			}
			for _, e := range kept.events {
				if e.Subject == "nobody" && e.Outcome != "attempts-exceeded" && !slices.Contains(e.Reasons, "subject-unknown") || e.Subject == "known" && slices.Contains(e.Reasons, "enrolment-hidden") {
					t.Errorf("on record is %+v", e)
				}
			}
		})
	}
}

// TestHiddenEnrolmentSaysNotWhich: it claims no no-match, says that it does not tell, and a match is told as ever.
func TestHiddenEnrolmentSaysNotWhich(t *testing.T) {
	h, _ := newDiscreetHouse(t)
	out, err := h.Verify(t.Context(), gateway.VerifyRequest{Subject: "known", Audience: discreet, Captures: []matcher.Sample{face("mallory")}})
	if err != nil || out.Decision != decision.Inconclusive || out.FMR != 1 || len(out.Scores) != 0 || !slices.Equal(out.Reasons, []string{"enrolment-hidden"}) {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = h.Verify(t.Context(), gateway.VerifyRequest{Subject: "known", Audience: discreet, Captures: []matcher.Sample{face("known")}})
	if err != nil || out.Decision != decision.Match || out.Assertion == "" || !out.NotBefore.IsZero() {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestDecoysNeverMatch: not even who shows exactly what a decoy shows is anybody.
func TestDecoysNeverMatch(t *testing.T) {
	h, _ := newDiscreetHouse(t, func(d *gateway.Deps) { d.Engines[0] = aliceEngine{d.Engines[0].(toyEngine)} })
	if out, err := h.Verify(t.Context(), gateway.VerifyRequest{Subject: "nobody", Audience: discreet, Captures: []matcher.Sample{face("alice")}}); err != nil || out.Decision != decision.Inconclusive || out.Assertion != "" {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestHiddenEnrolmentTakesTheSameWork: as many references are prepared and compared for those who have none as for those who have.
func TestHiddenEnrolmentTakesTheSameWork(t *testing.T) {
	work := &atomic.Int64{}
	h, _ := newDiscreetHouse(t, func(d *gateway.Deps) {
		for i, e := range d.Engines {
			d.Engines[i] = workingEngine{e.(toyEngine), work}
		}
	})
	for _, captures := range [][]matcher.Sample{{face("mallory")}, {finger("mallory", "right-index")}, {face("mallory"), finger("mallory", "right-index")}} {
		for _, subject := range []string{"nobody", "known", "other-modality"} {
			work.Store(0)
			if h.askDiscreetly(subject, captures...); work.Load() != int64(len(captures)) {
				t.Errorf("%d captures, %s: %d references were prepared", len(captures), subject, work.Load())
			}
		}
	}
}

// workingEngine counts the references that it prepares.
type workingEngine struct {
	toyEngine
	work *atomic.Int64
}

func (e workingEngine) Reference(t matcher.Template) (matcher.Reference, error) {
	e.work.Add(1)
	return e.toyEngine.Reference(t)
}

// aliceEngine makes decoys that show Alice.
type aliceEngine struct{ toyEngine }

func (e aliceEngine) Decoy() (matcher.Template, error) {
	return matcher.Template{Modality: e.modality, Model: e.model, Payload: []byte("alice")}, nil
}

// TestHiddenEnrolmentWhileTheRecordIsAway: those whom the cache has get no other answer than the others, whether the gateway knows
// of the outage already or learns of it by this very request.
func TestHiddenEnrolmentWhileTheRecordIsAway(t *testing.T) {
	for _, known := range []bool{false, true} {
		h, _ := newDiscreetHouse(t)
		cached := &cachedRegistry{toyRegistry: h.registry, cached: "known"}
		if known {
			h.registry.down = []string{"record"}
		}
		h.deps.Registry = cached
		h.restart(t)
		about := map[string]string{}
		for _, subject := range []string{"known", "several", "nobody"} {
			about[subject] = h.askDiscreetly(subject, face("mallory"))
		}
		if about["known"] != about["nobody"] || about["several"] != about["nobody"] || strings.Contains(about["nobody"], "record-unavailable") != known {
			t.Errorf("known %v: %v", known, about)
		}
	}
}

// cachedRegistry has one subject in a cache, and no record.
type cachedRegistry struct {
	*toyRegistry
	cached string
}

func (r *cachedRegistry) Get(ctx context.Context, subject string) (gateway.References, []string, error) {
	if subject != r.cached {
		return gateway.References{}, r.down, errors.New("the record is away")
	}
	return r.toyRegistry.Get(ctx, subject)
}

func (r *cachedRegistry) Degraded() []string { return r.down }

// slowRegistry takes longer for those who are not held, and for some of those who are.
type slowRegistry struct{ *toyRegistry }

func (r slowRegistry) Get(ctx context.Context, subject string) (gateway.References, []string, error) {
	refs, degraded, err := r.toyRegistry.Get(ctx, subject)
	if err != nil {
		time.Sleep(4 * time.Millisecond)
	}
	return refs, degraded, err
}

// TestKnownAndUnknownCannotBeToldApart asks over HTTP about subjects who are enrolled, as somebody else, and about subjects who are
// not, in random order, while the record answers about the latter 4 ms later. Bodies are the same, and two tests that would
// take equal times for different ones less than once in a million runs (Mann-Whitney and Kolmogorov-Smirnov) see no difference.
// Without a quantum the same tests see one at once. BIOGATE_CONCEAL_REQUESTS sets how many requests there are; 10000 take
// a minute.
func TestKnownAndUnknownCannotBeToldApart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	n := 1000
	if text := os.Getenv("BIOGATE_CONCEAL_REQUESTS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	for name, c := range map[string]struct {
		quantum time.Duration
		n       int
		apart   bool
	}{"hidden": {50 * time.Millisecond, n, false}, "without a quantum": {time.Nanosecond, 400, true}} {
		t.Run(name, func(t *testing.T) {
			known, unknown, bodies := askOverHTTP(t, c.quantum, c.n)
			if len(bodies) != 1 {
				t.Errorf("%d different answers: %v", len(bodies), bodies)
			}
			z, d := mannWhitney(known, unknown), kolmogorovSmirnov(known, unknown)
			t.Logf("%d and %d requests, medians %.2f and %.2f ms, z = %.2f, D = %.2f of its limit", len(known), len(unknown), median(known), median(unknown), z, d)
			if apart := math.Abs(z) > 5.2 || d > 1; apart != c.apart {
				t.Errorf("told apart: %v, want %v", apart, c.apart)
			}
		})
	}
}

// askOverHTTP returns the times of answers in milliseconds, and the different bodies without their trace.
func askOverHTTP(t *testing.T, quantum time.Duration, n int) (known, unknown []float64, bodies map[string]int) {
	h, _ := newDiscreetHouse(t, func(d *gateway.Deps) {
		d.Quantum, d.Now, d.Attempts = quantum, time.Now, limits.NewLocal(nist, 100_000, time.Now)
	})
	for i := range n / 2 {
		h.enroll(t, fmt.Sprint("known-", i), face(fmt.Sprint("known-", i)))
	}
	h.deps.Registry = slowRegistry{h.registry}
	h.restart(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.New(httpapi.Deps{API: h.Service, Log: slog.New(slog.DiscardHandler), Config: httpapi.Config{Slots: 64, Queue: 64}})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Shutdown(context.Background()); <-served })

	const clients = 16
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	t.Cleanup(client.CloseIdleConnections)
	data := base64.StdEncoding.EncodeToString([]byte("mallory"))
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	work := make(chan int)
	var mu sync.Mutex
	var all sync.WaitGroup
	bodies = map[string]int{}
	for range clients {
		all.Go(func() {
			for i := range work {
				subject := fmt.Sprint([]string{"known-", "other-"}[i%2], i/2)
				body := fmt.Sprintf(`{"subject":%q,"audience":%q,"captures":[{"modality":"face","data":%q}]}`, subject, discreet, data)
				start := time.Now()
				text, err := post(client, "http://"+ln.Addr().String()+"/v1/verifications", body)
				took := float64(time.Since(start).Microseconds()) / 1000
				mu.Lock()
				if bodies[text]++; err != nil {
					t.Error(err)
				} else if i%2 == 0 {
					known = append(known, took)
				} else {
					unknown = append(unknown, took)
				}
				mu.Unlock()
			}
		})
	}
	for _, i := range order {
		work <- i
	}
	close(work)
	all.Wait()
	return known, unknown, bodies
}

// post returns the status, the header's names and the body, without what is new in each answer.
func post(client *http.Client, url, body string) (string, error) {
	res, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	text = bytes.ReplaceAll(text, []byte(res.Header.Get("X-Trace-Id")), []byte("TRACE"))
	for _, changing := range []string{"X-Trace-Id", "Traceparent", "Date"} {
		res.Header.Set(changing, "")
	}
	return fmt.Sprint(res.StatusCode, res.Header, string(text)), err
}

// mannWhitney is the statistic of the Mann-Whitney test in standard deviations; beyond 5.2 once in 5 million for equal distributions.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v     float64
		first bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	ranks := 0.
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		for mean := float64(i+1+j) / 2; i < j; i++ {
			if all[i].first {
				ranks += mean
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	return (ranks - n*(n+m+1)/2) / math.Sqrt(n*m*(n+m+1)/12)
}

// kolmogorovSmirnov is the largest distance of the two distributions, over what is exceeded once in 5 million for equal ones.
func kolmogorovSmirnov(a, b []float64) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	n, m, most := float64(len(a)), float64(len(b)), 0.
	for _, v := range slices.Concat(a, b) {
		below := func(s []float64) float64 {
			i, _ := slices.BinarySearch(s, math.Nextafter(v, math.Inf(1)))
			return float64(i)
		}
		most = max(most, math.Abs(below(a)/n-below(b)/m))
	}
	return most / (math.Sqrt(-math.Log(1e-7)/2) * math.Sqrt((n+m)/(n*m)))
}

func median(a []float64) float64 { return slices.Sorted(slices.Values(a))[len(a)/2] }
