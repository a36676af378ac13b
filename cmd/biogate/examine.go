package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"biogate/adapters/filedevices"
	"biogate/adapters/filesigner"
	"biogate/adapters/redismemory"
	"biogate/adapters/tinkkeys"
	"biogate/gateway/audit"
	"biogate/gateway/config"
	"biogate/gateway/kiosk"
	"biogate/internal/durable"
)

// soon is when what expires wants a replacement.
const soon = 30 * 24 * time.Hour

// states of findings
const (
	fine    = "ok"
	warning = "warning"
	failure = "failure"
)

func examineMode(c config.Config) finding {
	if c.Mode == config.Production {
		return finding{"mode", fine, "production", ""}
	}
	return finding{"mode", warning, "development: " + cmp.Or(strings.Join(unprotected(c), ", "), "audiences that are not registered are served"), "for anything but a try: mode: production, see docs/operations.md"}
}

// worse is a failure in production, where nothing is made at a first start.
func worse(c config.Config) string {
	if c.Mode == config.Production {
		return failure
	}
	return fine
}

const madeAtStart = "none yet: the first start in development mode makes them"

func examineKeys(c config.Config) finding {
	o := ringOptions(c)
	o.Algorithm, o.AsFound = "", true
	ring, err := filesigner.Open(o)
	if _, statErr := os.Stat(keyDir(c.Data)); errors.Is(statErr, fs.ErrNotExist) {
		return noKeys(c, "keys")
	}
	if err != nil {
		return finding{"keys", failure, err.Error(), "biogate keys init, or restore the folder from the backup of the keys"}
	}
	if ring.Development() {
		return finding{"keys", worse(c), "made by a first start in development mode", "production needs its own: another data folder, and biogate keys init"}
	}
	for _, k := range ring.List() {
		if k.State == filesigner.Active {
			return finding{"keys", fine, fmt.Sprintf("%s signs, kept in the %s, since %s", k.Algorithm, k.Holder, k.SignsFrom.Format(time.DateOnly)), ""}
		}
	}
	return finding{"keys", failure, "no key signs", "biogate keys rotate"}
}

func noKeys(c config.Config, check string) finding {
	if c.Mode == config.Production {
		return finding{check, failure, "there are none in " + keyDir(c.Data), "biogate keys init, or restore the folder from the backup of the keys"}
	}
	return finding{check, fine, madeAtStart, ""}
}

func examineTemplateKeys(c config.Config) finding {
	keys, err := tinkkeys.Open(tinkkeys.Options{Dir: keyDir(c.Data)})
	switch {
	case errors.Is(err, tinkkeys.ErrNoKeys) || errors.Is(err, fs.ErrNotExist):
		return noKeys(c, "templates")
	case err != nil:
		return finding{"templates", failure, err.Error(), "restore the folder from the backup of the keys"}
	case keys.Development():
		return finding{"templates", worse(c), "their keys were made by a first start in development mode", "production needs its own: another data folder, and biogate keys init"}
	}
	return finding{"templates", fine, fmt.Sprintf("%d keys that they are encrypted with", len(keys.List())), ""}
}

// examineToken logs in to the token, once: a PIN that it refused is not tried again.
func examineToken(ctx context.Context, c config.Config) []finding {
	if c.Keys.Signer != "pkcs11" {
		return nil
	}
	err := withToken(ctx, c, func(filesigner.Options) error { return nil })
	return []finding{judge("hsm", err, failure, fmt.Sprintf("the token %q lets us in", c.Keys.PKCS11.Token),
		"look at keys.pkcs11, at the device, and whether this user may use it (SoftHSM: SOFTHSM2_CONF)")}
}

func examineDevices(c config.Config, now time.Time) finding {
	devices, err := filedevices.Open(filedevices.Options{Path: devicesFile(c), Log: quietLog()})
	var list []kiosk.Device
	if err == nil {
		list, err = devices.List()
	}
	if err != nil {
		return finding{"devices", failure, err.Error(), "restore " + devicesFile(c) + "; gateways that run keep what they read before"}
	}
	usable, ending := 0, 0
	for _, d := range list {
		if !served(c, d, now) {
			continue
		}
		usable++
		if !served(c, d, now.Add(soon)) {
			ending++
		}
	}
	said := fmt.Sprintf("%d of %d that are registered may ask", usable, len(list))
	switch {
	case usable == 0 && c.CredentialRequired():
		return finding{"devices", failure, said, "biogate devices add"}
	case ending > 0:
		return finding{"devices", warning, fmt.Sprintf("%s, %d of them for less than 30 days", said, ending), "biogate devices list says which; register them anew under other ids"}
	}
	return finding{"devices", fine, said, ""}
}

// examineTLS holds the certificate against the clock and against the name that clients know.
func examineTLS(c config.Config, now time.Time) []finding {
	if c.TLS.Certificate == "" {
		return nil
	}
	const remedy = "replace tls.certificate and tls.key; a running gateway takes the new ones within seconds"
	pair, err := tls.LoadX509KeyPair(c.TLS.Certificate, c.TLS.Key)
	if err == nil {
		err = checkFile("tls.key", c.TLS.Key, true)
	}
	if err != nil {
		return []finding{{"tls", failure, err.Error(), remedy}}
	}
	if u, err := url.Parse(c.Issuer); err == nil && u.Hostname() != "" && !c.TLS.Terminated {
		if err := pair.Leaf.VerifyHostname(u.Hostname()); err != nil {
			return []finding{{"tls", failure, "the certificate is not for the host of issuer: " + err.Error(), remedy}}
		}
	}
	left := pair.Leaf.NotAfter.Sub(now)
	said := fmt.Sprintf("the certificate ends %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	switch {
	case left <= 0 || now.Before(pair.Leaf.NotBefore):
		return []finding{{"tls", failure, said + fmt.Sprintf(" and began %s: it does not hold now", pair.Leaf.NotBefore.Format(time.DateOnly)), remedy}}
	case left < soon:
		return []finding{{"tls", warning, said, remedy}}
	}
	return []finding{{"tls", fine, said, ""}}
}

// Room that an audit trail should have before it: a full disk means that the gateway refuses.
const leastRoom = 1 << 30

func examineAudit(ctx context.Context, c config.Config, runs bool) []finding {
	if !c.Audit.Enabled {
		return []finding{{"audit", warning, "nothing of what the gateway does is on record", "audit.enabled: true"}}
	}
	dir := auditDir(c)
	if !runs && trailIsLost(ctx, c) {
		state := warning
		if c.Mode == config.Production {
			state = failure
		}
		return []finding{{"audit", state, errTrailLost(dir).Error(), "find out who took it"}}
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return []finding{{"audit", fine, "none yet: the first start begins it", ""}}
	}
	wrong := errors.Join(durable.CheckDir(dir, "audit trail"), soundTrail(c, dir, runs))
	out := []finding{judge("audit", wrong, failure, "the newest part is sound; biogate audit verify looks at all of it",
		"biogate audit verify says where; keep the folder as it is for whoever investigates")}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err == nil && disk.Bavail*uint64(disk.Bsize) < leastRoom {
		out = append(out, finding{"disk", warning, fmt.Sprintf("%d MB are left for %s: with a full disk the gateway refuses to answer", disk.Bavail*uint64(disk.Bsize)>>20, dir), "make room, or archive older segments"})
	}
	return out
}

// trailIsLost says whether production would not begin a trail by itself. What else is wrong with the record or the trail is said
// where they are looked at.
func trailIsLost(ctx context.Context, c config.Config) bool {
	a := &app{config: c}
	defer a.close()
	if err := a.holdStore(); err != nil || a.store == nil {
		return false
	}
	lost, err := missesTrail(ctx, auditDir(c), a.store)
	return err == nil && lost
}

// soundTrail looks at the two newest segments: what a gateway goes on from.
func soundTrail(c config.Config, dir string, runs bool) error {
	o := ringOptions(c)
	o.Algorithm, o.AsFound = "", true
	ring, err := filesigner.Open(o)
	if err != nil {
		return err
	}
	trail := audit.Trail{Running: runs}
	if trail.Keys, err = ring.EveryKey(); err != nil {
		return err
	}
	if trail.Head, trail.Segments, err = readTrail(dir); err != nil {
		return err
	}
	trail.Segments = trail.Segments[max(0, len(trail.Segments)-2):]
	report, err := audit.Verify(trail)
	if err == nil && !report.Sound() {
		f := report.Findings[0]
		err = fmt.Errorf("%s, line %d: %s", f.Kind, f.Seq, f.Detail)
	}
	return err
}

// clocksAgree is by how much the clocks of nodes may differ.
const clocksAgree = 2 * time.Second

func examineRedis(ctx context.Context, c config.Config) []finding {
	if c.Redis == "" {
		return nil
	}
	h, err := redisHealth(ctx, c)
	if err != nil {
		return []finding{{"redis", warning, err.Error(), "the gateway works without it, from the record, and says so in degraded"}}
	}
	said := fmt.Sprintf("answers, %d MB of %s used, %s", h.UsedBytes>>20, limitOf(h.MaxBytes), h.Policy)
	switch {
	case h.Ahead.Abs() > clocksAgree:
		return []finding{{"redis", warning, fmt.Sprintf("its clock differs from ours by %s", h.Ahead.Round(time.Millisecond)), "synchronise the clocks of all machines (chrony)"}}
	case h.Policy != "noeviction":
		return []finding{{"redis", warning, said + ": when it is full it forgets which nonces were used", "maxmemory-policy noeviction"}}
	case h.MaxBytes > 0 && h.UsedBytes > h.MaxBytes*8/10:
		return []finding{{"redis", warning, said, "raise maxmemory, or shorten cache.ttl"}}
	}
	return []finding{{"redis", fine, said, ""}}
}

func limitOf(bytes int64) string {
	if bytes == 0 {
		return "no limit"
	}
	return fmt.Sprintf("%d MB", bytes>>20)
}

func redisHealth(ctx context.Context, c config.Config) (redismemory.Health, error) {
	memory, err := redismemory.New(redismemory.Options{URL: c.Redis, Authorities: c.RedisCA, Deployment: c.Cache.Deployment, Key: make([]byte, 32), Now: time.Now, IOTimeout: time.Second})
	if err != nil {
		return redismemory.Health{}, err
	}
	defer memory.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return memory.Health(ctx)
}

// unsynchronised is STA_UNSYNC of adjtimex(2).
const unsynchronised = 0x40

func examineClock() finding {
	var t syscall.Timex
	if _, err := syscall.Adjtimex(&t); err == nil && t.Status&unsynchronised != 0 {
		return finding{"clock", warning, "the system does not know that its clock is synchronised", "chrony or systemd-timesyncd: signed requests, challenges and assertions are judged by the clock (in a container the host's does it)"}
	}
	return finding{"clock", fine, time.Now().UTC().Format(time.RFC3339) + ", synchronised", ""}
}
