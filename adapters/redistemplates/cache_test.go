package redistemplates

import (
	"bytes"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"biogate/gateway"
	"biogate/gateway/porttest"
)

var testKey = bytes.Repeat([]byte{42}, 32)

func open(t testing.TB, url string) *Cache {
	t.Helper()
	const patience = 10 * time.Second // a busy machine is not an outage
	c, err := New(Options{URL: url, Deployment: "test", Key: testKey, DialTimeout: patience, IOTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTemplatesMiniredis(t *testing.T) {
	porttest.Templates(t, func(t testing.TB) gateway.Templates {
		return open(t, "redis://"+miniredis.RunT(t).Addr())
	}, porttest.Cache)
}

func TestTemplatesRedis(t *testing.T) {
	server := porttest.StartRedis(t)
	porttest.Templates(t, func(t testing.TB) gateway.Templates {
		server.Flush(t)
		return open(t, server.URL())
	}, porttest.Cache)
}
