package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/gateway/config"
	"biogate/gateway/porttest"
)

// estate is all that a deployment of two nodes has: each with a record of its own, both with the keys of the first and one Redis.
type estate struct {
	redis         *porttest.Redis
	first, second *house
	temporary     string
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{redis: persistent(t), temporary: t.TempDir()}
	t.Setenv("TMPDIR", e.temporary)
	if err := os.WriteFile(filepath.Join(e.temporary, "something"), []byte("to search"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.first = e.start(t, t.TempDir())
	data := t.TempDir()
	copyKeys(t, keyDir(e.first.config.Data), keyDir(data))
	e.second = e.start(t, data)
	return e
}

func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range files(t, from) {
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), b[:len(b)-len(name)], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (e *estate) start(t *testing.T, data string) *house {
	t.Helper()
	return newHouse(t, func(c *config.Config) { c.Redis, c.Data, c.Attempts.Failures = e.redis.URL(), data, 100 })
}

// restart ends the first node and starts it again: what it remembered is built anew of what it holds.
func (e *estate) restart(t *testing.T) {
	t.Helper()
	data := e.first.config.Data
	e.first.stop()
	e.first = e.start(t, data)
}

// stores are all places where something rests, but the files of Redis.
func (e *estate) stores(t *testing.T) map[string][]byte {
	t.Helper()
	return with(files(t, e.first.config.Data, e.second.config.Data, e.temporary), e.redis.Everything(t))
}

// compact has Redis write its files anew, of what it holds now.
func (e *estate) compact(t *testing.T) {
	t.Helper()
	e.redis.Do(t, "SAVE")
	e.redis.Do(t, "BGREWRITEAOF")
}

// someone is a person of these tests, and what must be nowhere after the deletion.
type someone struct {
	subject string
	probe   map[string]any // one of the templates, as a capture
	names   *needles       // the subject's id
	open    *needles       // templates and captures
	sealed  *needles       // what rests of the templates, encrypted
}

func (p someone) erased(t *testing.T, when string, places map[string][]byte) {
	t.Helper()
	p.names.absent(t, when, places)
	p.open.absent(t, when, places)
	p.sealed.absent(t, when, places)
}

// enrolled enrols a person twice, and has every store see them: cache, receipts, galleries, failed attempts, challenges, and the
// second node by way of the cache.
func (e *estate) enrolled(t *testing.T, subject string, finger, enrolments int, galleries ...string) someone {
	t.Helper()
	p := someone{subject: subject, names: newNeedles(), open: newNeedles(), sealed: newNeedles()}
	p.names.text("the subject's id", subject)
	path := "/v1/subjects/" + subject
	for k := range enrolments {
		body := captures(fingerCapture(impression(t, finger, k)))
		key := []string{"Idempotency-Key", "enrol-" + subject + string(rune('0'+k))}
		e.first.want(t, 201, "POST", path+"/templates", body, key...)
		e.first.want(t, 201, "POST", path+"/templates", body, key...)
		open, sealed := heldOf(t, e.first, subject)
		p.open.templates(t, open)
		p.open.capture(t, impression(t, finger, k))
		p.sealed.sealed(sealed)
		p.probe = fingerCapture(open.Templates[0].Data)
	}
	for _, g := range galleries {
		e.first.want(t, 200, "PUT", "/v1/galleries/"+g+"/members/"+subject, map[string]any{"group": "gate-4"}, "Idempotency-Key", "join-"+g+subject)
	}
	e.first.want(t, 201, "POST", "/v1/challenges", map[string]any{"subject": subject, "audience": "https://rp.example"})
	e.first.want(t, 200, "POST", "/v1/verifications", verification(subject, fingerCapture(iso(0))))
	if a := e.first.want(t, 200, "POST", "/v1/verifications", verification(subject, p.probe)); a.Decision != "match" {
		t.Fatalf("%s", a.body)
	}
	// What one node keeps in the cache is nothing to another one, which would not learn of its deletion.
	e.second.want(t, 404, "POST", "/v1/verifications", verification(subject, p.probe))
	e.first.want(t, 200, "GET", path, nil)
	return p
}

// expire has the references of a subject expire now.
func expire(t *testing.T, h *house, subject string) {
	t.Helper()
	_, _, err := h.references.Update(t.Context(), subject, func(held gateway.References) (gateway.References, error) {
		held.Templates = slices.Clone(held.Templates)
		for i := range held.Templates {
			held.Templates[i].ExpiresAt = time.Now()
		}
		return held, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// gone holds that nobody finds a person any more.
func (e *estate) gone(t *testing.T, when string, p someone, galleries ...string) {
	t.Helper()
	for name, node := range map[string]*house{"the first": e.first, "the second": e.second} {
		if a, err := node.call("POST", "/v1/verifications", verification(p.subject, p.probe)); err != nil || a.status != 404 || a.Code != "subject-unknown" {
			t.Errorf("%s, %s node: %d %s %v", when, name, a.status, a.body, err)
		}
		for _, g := range galleries {
			a, err := node.call("POST", "/v1/identifications", map[string]any{"gallery": g, "audience": "https://rp.example", "captures": []any{p.probe}})
			if err != nil || a.status == 200 && (a.Decision == "match" || len(a.Candidates) > 0) {
				t.Errorf("%s, %s node, gallery %s: %s %v", when, name, g, a.body, err)
			}
		}
	}
}

// TestErasureReachesEverything is the promise of a deletion receipt: whoever was deleted, expired or went with a gallery is in
// no file, no key of Redis and no answer of any node, in no form, not even encrypted.
func TestErasureReachesEverything(t *testing.T) {
	e := newEstate(t)
	for name, body := range map[string]map[string]any{
		"crew": {"purpose": "work"}, "deleted": {"erase_members": true}, "expired": {"erase_members": true},
	} {
		e.first.want(t, 201, "PUT", "/v1/galleries/"+name, body, "Idempotency-Key", "make-"+name)
	}
	direct := e.enrolled(t, "by.request@example:1001", 0, 2, "crew")
	flown := e.enrolled(t, "with.its.flight@example:1002", 1, 1, "deleted")
	flownLater := e.enrolled(t, "with.a.later.flight@example:1003", 2, 1, "expired")
	expiring := e.enrolled(t, "when.it.expires@example:1004", 3, 1, "crew")
	keeps := e.enrolled(t, "this.one.stays@example:1005", 4, 1, "crew")
	e.restart(t) // the cache keeps what the process before put there
	for _, p := range []someone{direct, flown, flownLater, expiring} {
		e.first.want(t, 200, "POST", "/v1/verifications", verification(p.subject, p.probe))
	}
	if len(direct.sealed.finds(files(t, e.first.config.Data))) == 0 || len(direct.sealed.finds(e.redis.Everything(t))) == 0 {
		t.Fatal("what rests of a subject is not found before the deletion: the search proves nothing")
	}

	receipt := e.first.want(t, 200, "DELETE", "/v1/subjects/"+direct.subject, nil)
	if c, err := assertion.VerifyDeletion(receipt.Receipt, e.first.signer.JWKS(), e.first.url); err != nil || c.Subject == "" || c.Templates != 2 || len(receipt.Degraded) > 0 {
		t.Errorf("receipt: %+v, %v, %v", c, err, receipt.Degraded)
	}
	direct.erased(t, "after the deletion", e.stores(t))
	e.gone(t, "after the deletion", direct, "crew")

	end := e.first.want(t, 200, "DELETE", "/v1/galleries/deleted", nil, "Idempotency-Key", "end-1")
	if c, err := assertion.VerifyGallery(end.Receipt, e.first.signer.JWKS(), e.first.url); err != nil || c.Gallery != "deleted" || c.Erased != 1 {
		t.Errorf("receipt: %+v, %v", c, err)
	}
	flown.erased(t, "after the end of the gallery", e.stores(t))
	e.gone(t, "after the end of the gallery", flown)

	e.first.want(t, 200, "PUT", "/v1/galleries/expired", map[string]any{"erase_members": true, "expires_at": time.Now().Add(time.Second)})
	var late answer
	eventually(t, "the gallery that expires has a receipt", func() bool {
		a, err := e.first.call("GET", "/v1/galleries/expired/receipt", nil)
		late = a
		return err == nil && a.status == 200
	})
	if c, err := assertion.VerifyGallery(late.Receipt, e.first.signer.JWKS(), e.first.url); err != nil || c.Erased != 1 || c.Reason != gateway.EndExpired {
		t.Errorf("receipt: %+v, %v", c, err)
	}
	flownLater.erased(t, "after the gallery expired", e.stores(t))
	e.gone(t, "after the gallery expired", flownLater)

	expire(t, e.first, expiring.subject)
	e.gone(t, "after the references expired", expiring, "crew")
	e.restart(t) // looks for what has expired at once, and not in ten minutes
	eventually(t, "what expired is erased", func() bool {
		_, err := e.first.store.Get(t.Context(), expiring.subject)
		return errors.Is(err, gateway.ErrNotFound)
	})
	e.first.stop() // all that was under way is done
	e.first = e.start(t, e.first.config.Data)

	left := []someone{direct, flown, flownLater, expiring}
	for _, p := range left {
		p.erased(t, "in the end", e.stores(t))
		e.gone(t, "in the end", p, "crew")
		// What Redis keeps in files is behind what it holds. Names and plain templates never reach it.
		p.names.absent(t, "in the end", files(t, e.redis.Dir()))
		p.open.absent(t, "in the end", files(t, e.redis.Dir()))
	}
	if len(direct.sealed.finds(files(t, e.redis.Dir()))) == 0 {
		t.Error("an append-only file forgets by itself: say so where operators read that it does not")
	}
	e.compact(t)
	eventually(t, "the files of Redis are written anew", func() bool {
		return len(direct.sealed.finds(files(t, e.redis.Dir()))) == 0
	})
	for _, p := range left {
		p.sealed.absent(t, "after Redis wrote its files anew", files(t, e.redis.Dir()))
	}
	if a := e.first.want(t, 200, "POST", "/v1/verifications", verification(keeps.subject, keeps.probe)); a.Decision != "match" {
		t.Errorf("who was not deleted: %s", a.body)
	}
}

// TestErasureWhileRedisIsAway: the cache could not be told, and must not be believed when it is back, by any node.
func TestErasureWhileRedisIsAway(t *testing.T) {
	for name, away := range map[string]struct{ leave, comeBack func(r *porttest.Redis) }{
		"killed, and all it kept is back": {func(r *porttest.Redis) { r.Kill(t) }, func(r *porttest.Redis) { r.Start(t) }},
		"cut off":                         {func(r *porttest.Redis) { r.Freeze(t) }, func(r *porttest.Redis) { r.Thaw(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEstate(t)
			p := e.enrolled(t, "while.it.is.away@example:2001", 0, 1)
			away.leave(e.redis)
			a := e.first.want(t, 200, "DELETE", "/v1/subjects/"+p.subject, nil)
			if !slices.Contains(a.Degraded, "cache") {
				t.Errorf("the deletion does not say that the cache was missing: %s", a.body)
			}
			p.erased(t, "while Redis is away", files(t, e.first.config.Data, e.second.config.Data))
			away.comeBack(e.redis)
			for _, node := range []*house{e.first, e.second} {
				eventually(t, "the cache is used again", func() bool {
					a, err := node.call("GET", "/v1/subjects/nobody", nil)
					return err == nil && a.status == 404 && len(node.registry.Degraded()) == 0
				})
			}
			e.gone(t, "when Redis is back", p)
			e.restart(t)
			e.gone(t, "after a restart", p)
			// What the cache was not told of rests there encrypted, read by nobody, until its time is over, or somebody says it again.
			e.first.want(t, 404, "DELETE", "/v1/subjects/"+p.subject, nil)
			p.erased(t, "after another deletion", e.stores(t))
		})
	}
}
