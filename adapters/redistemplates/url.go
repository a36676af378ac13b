package redistemplates

import (
	"fmt"
	"strings"
)

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
