package redismemory

import (
	"testing"
	"time"

	"biogate/gateway/porttest"
)

func TestHealthOfAServer(t *testing.T) {
	server := porttest.StartRedis(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	h, err := open(t, server.URL(), "test").Health(t.Context())
	if err != nil || h.UsedBytes <= 0 || h.MaxBytes != 64<<20 || h.Policy != "allkeys-lru" || h.Ahead.Abs() > time.Minute {
		t.Errorf("%+v %v", h, err)
	}
}

func TestHealthIsReadAsItStands(t *testing.T) {
	h, err := parseHealth("# Memory\r\nused_memory:1000\r\nmaxmemory:2000\r\nmaxmemory_policy:allkeys-lru\r\n")
	if err != nil || h.UsedBytes != 1000 || h.MaxBytes != 2000 || h.Policy != "allkeys-lru" {
		t.Errorf("%+v %v", h, err)
	}
	for _, text := range []string{"", "used_memory:1000\r\nmaxmemory:0\r\n", "used_memory:x\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"} {
		if h, err := parseHealth(text); err == nil {
			t.Errorf("%q is taken for %+v", text, h)
		}
	}
}
