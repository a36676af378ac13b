package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"biogate/gateway/config"
)

// load asks a gateway from several goroutines until stopped, and holds every answer against what is right.
type load struct {
	t        *testing.T
	h        *house
	answered atomic.Int64
	degraded sync.Map // name -> true
	enrolled []string // acknowledged; read it after end
	stop     chan struct{}
	wg       sync.WaitGroup
}

// people of the load: subject p<i> holds finger i.
const people = 4

func startLoad(t *testing.T, h *house) *load {
	t.Helper()
	for i := range people {
		h.want(t, 201, "POST", fmt.Sprintf("/v1/subjects/p%d/templates", i), captures(fingerCapture(impression(t, i, 0)), fingerCapture(impression(t, i, 1))))
		impression(t, i, 2)
	}
	l := &load{t: t, h: h, stop: make(chan struct{})}
	for w := range 3 {
		l.wg.Go(func() { l.work(w) })
	}
	l.wg.Go(l.enrol)
	return l
}

// enrol enrols new subjects all the while; those that were acknowledged must be there in the end.
func (l *load) enrol() {
	for k := 0; ; k++ {
		select {
		case <-l.stop:
			return
		default:
		}
		subject := fmt.Sprintf("new%d", k)
		a, err := l.h.call("POST", "/v1/subjects/"+subject+"/templates", captures(fingerCapture(impression(l.t, 0, 0))))
		switch {
		case err != nil:
			l.t.Errorf("no answer to an enrolment: %v", err)
			return
		case a.status == 201:
			l.enrolled = append(l.enrolled, subject)
		case a.status != 503 || a.header.Get("Retry-After") == "":
			l.t.Errorf("enrolment: %d %s", a.status, a.body)
		}
	}
}

func (l *load) work(k int) {
	for ; ; k++ {
		select {
		case <-l.stop:
			return
		default:
		}
		shown, claimed := k%people, k%people
		if k%3 == 0 {
			claimed = (shown + 1) % people
		}
		a, err := l.h.call("POST", "/v1/verifications", verification(fmt.Sprintf("p%d", claimed), fingerCapture(impression(l.t, shown, 2))))
		if err != nil {
			l.t.Errorf("no answer: %v", err)
			return
		}
		want := map[bool]string{true: "match", false: "no-match"}[shown == claimed]
		switch {
		case a.status == 503 && a.header.Get("Retry-After") != "":
		case a.status != 200 || a.Decision != want:
			l.t.Errorf("finger %d as p%d: %d %s instead of %s", shown, claimed, a.status, a.Decision, want)
		default:
			l.answered.Add(1)
			for _, name := range a.Degraded {
				l.degraded.Store(name, true)
			}
		}
	}
}

// more waits until the load has had n more right answers.
func (l *load) more(n int64) {
	l.t.Helper()
	goal := l.answered.Load() + n
	eventually(l.t, fmt.Sprintf("%d more answers", n), func() bool { return l.answered.Load() >= goal || l.t.Failed() })
}

func (l *load) said(name string) bool {
	_, ok := l.degraded.Load(name)
	return ok
}

func (l *load) end() {
	close(l.stop)
	l.wg.Wait()
}

func TestRedisDiesAndComesBackUnderLoad(t *testing.T) {
	r := newRedis(t)
	h := newHouse(t, func(c *config.Config) { c.Redis = r.url() })
	h.want(t, 201, "POST", "/v1/subjects/leaver/templates", captures(fingerCapture(impression(t, 0, 0))))
	l := startLoad(t, h)
	l.more(20)
	if l.said("cache") {
		t.Error("degraded before anything happened")
	}
	r.kill()
	l.more(20)
	eventually(t, "an answer says that the cache is missing", func() bool { return l.said("cache") })

	during := h.want(t, 201, "POST", "/v1/subjects/late/templates", captures(fingerCapture(impression(t, 0, 0))))
	if !slices.Contains(during.Degraded, "cache") {
		t.Errorf("enrolment during the outage: %s", during.body)
	}
	h.want(t, 200, "DELETE", "/v1/subjects/leaver", nil)

	r.start()
	eventually(t, "the cache is used again", func() bool {
		a, err := h.call("POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 2))))
		return err == nil && a.Decision == "match" && len(a.Degraded) == 0
	})
	l.more(20)
	l.end()
	if len(l.enrolled) < 10 {
		t.Errorf("only %d enrolments under load", len(l.enrolled))
	}
	for _, subject := range l.enrolled {
		h.want(t, 200, "GET", "/v1/subjects/"+subject, nil)
	}
	if a := h.want(t, 404, "POST", "/v1/verifications", verification("leaver", fingerCapture(impression(t, 0, 2)))); a.Code != "subject-unknown" {
		t.Errorf("who was deleted during the outage is back: %s", a.body)
	}
	if a := h.want(t, 200, "POST", "/v1/verifications", verification("late", fingerCapture(impression(t, 0, 2)))); a.Decision != "match" {
		t.Errorf("what was enrolled during the outage is lost: %s", a.body)
	}
}

func TestRecordGoneCachedReferencesStillVerify(t *testing.T) {
	r := newRedis(t)
	h := newHouse(t, func(c *config.Config) { c.Redis = r.url() })
	h.want(t, 201, "POST", "/v1/subjects/p0/templates", captures(fingerCapture(impression(t, 0, 0))))
	eventually(t, "the reference is in the cache", func() bool {
		a, err := h.call("POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 2))))
		return err == nil && a.Decision == "match" && len(a.Degraded) == 0
	})
	if err := h.store.Close(); err != nil { // every call fails from here on
		t.Fatal(err)
	}
	eventually(t, "an answer says that the record is missing", func() bool {
		a, err := h.call("POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 2))))
		if err != nil || a.status != 200 || a.Decision != "match" {
			t.Fatalf("cached reference: %s, %v", a.body, err)
		}
		return slices.Contains(a.Degraded, "record")
	})
	enrol := h.want(t, 503, "POST", "/v1/subjects/p1/templates", captures(fingerCapture(impression(t, 1, 0))))
	if enrol.Code != "record-unavailable" || enrol.header.Get("Retry-After") == "" {
		t.Errorf("enrolment without a record: %s, Retry-After %q", enrol.body, enrol.header.Get("Retry-After"))
	}
	// Not in the cache, and nobody to ask: unknown is not the answer.
	if a := h.want(t, 503, "POST", "/v1/verifications", verification("p1", fingerCapture(impression(t, 1, 0)))); a.Code != "record-unavailable" {
		t.Errorf("unknown subject without a record: %s", a.body)
	}
	r.kill()
	if a := h.want(t, 503, "POST", "/v1/verifications", verification("p0", fingerCapture(impression(t, 0, 2)))); a.Code != "record-unavailable" {
		t.Errorf("neither record nor cache: %s", a.body)
	}
	eventually(t, "the gateway is not ready", func() bool {
		a, err := h.call("GET", "/readyz", nil)
		return err == nil && a.status == 503
	})
}
