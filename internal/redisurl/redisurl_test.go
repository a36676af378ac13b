package redisurl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	o, err := Parse("rediss://user:pass@host:6380/3", "")
	if err != nil || o.TLSConfig == nil || o.TLSConfig.ServerName != "host" || o.TLSConfig.InsecureSkipVerify || o.Addr != "host:6380" || o.DB != 3 || o.Password != "pass" {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err = Parse("redis://localhost", ""); err != nil || o.TLSConfig != nil || o.Addr != "localhost:6379" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestWhatIsNoURLIsRefusedAndNotShown(t *testing.T) {
	for name, raw := range map[string]string{
		"scheme": "http://user:geheim@host/0", "nothing": "", "no host": "redis://:geheim@/0", "database": "redis://user:geheim@host/zero", "port": "redis://user:geheim@host:port/0",
		"escape": "redis://user:geheim%zz@host/0", "control": "redis://user:geheim\x7f@host/0", "parameter": "rediss://user:geheim@host/0?skip_verify=true", "fragment": "redis://user:geheim@host/0#x",
	} {
		if _, err := Parse(raw, ""); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuthoritiesThatCannotBeUsedAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "text": "nothing in PEM", "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "long": strings.Repeat("-", maxAuthorities+1)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("rediss://host", path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("rediss://host", filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there is taken for the system's authorities")
	}
	if _, err := Parse("redis://host", filepath.Join(dir, "none")); err == nil {
		t.Error("authorities and no TLS")
	}
}
