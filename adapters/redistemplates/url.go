package redistemplates

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// parseURL reads redis:// and rediss:// URLs. Parsers quote the whole URL in their errors, so none of those leaves here.
func parseURL(raw string) (*redis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("redis: the URL cannot be read; write redis://host:port/0, with %-escapes in user and password")
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return nil, fmt.Errorf("redis: scheme %q, write redis://host:port/0 or rediss://host:port/0", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("redis: the URL names no host; write redis://host:port/0")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("redis: the URL has parameters behind ? or #; there are none")
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, fmt.Errorf("redis: path %q of the URL is no database number", u.Path)
	}
	return o, nil
}

func checkDeployment(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if name == "" || len(name) > 64 || strings.Trim(name, letters) != "" {
		return fmt.Errorf("redis: deployment %q, use 1 to 64 of a-z, 0-9 and -", name)
	}
	return nil
}

// runID finds the server's run id in its INFO; empty when it does not tell.
func runID(info string) string {
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(line, "run_id:"); ok {
			return strings.TrimSpace(id)
		}
	}
	return ""
}
