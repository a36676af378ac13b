package config

import "testing"

// FuzzEnvironment: whatever a variable holds, it is refused or gives settings that can be checked and shown.
func FuzzEnvironment(f *testing.F) {
	for _, line := range []string{"BIOGATE_LISTEN=x", "BIOGATE_AUDIENCES=[{name: a}]", "BIOGATE_POLICY_MAX_FMR=.nan", "BIOGATE_KIOSKS_SITES=[a, b]", "BIOGATE_ASSERTION_LIFETIME=-1s", "BIOGATE_REDIS=redis://:p@h"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c := Default()
		if c.Environment([]string{line}) == nil {
			_ = c.Validate()
			c.Settings()
		}
	})
}
