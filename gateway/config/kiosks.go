package config

import "time"

// TLS is how connections are protected. Files are read again when they change.
type TLS struct {
	// Certificate and Key are PEM files: the chain, leaf first, and its private key. Empty: plain HTTP.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// Terminated says that a proxy in front ends TLS: then devices can only sign their requests.
	Terminated bool `yaml:"terminated"`
}

// Kiosks is who may ask, and how fresh a request must be.
type Kiosks struct {
	// Devices is the file of the registry, which `biogate devices` keeps; empty: devices.json in the data folder.
	Devices string `yaml:"devices"`
	// Required refuses requests without a registered device's credential; production mode always does.
	Required bool `yaml:"required"`
	// Sites are those whose devices this gateway serves; empty: all.
	Sites []string `yaml:"sites"`
	// Window is how far the time of a signed request may lie behind ours; it may be 5 s ahead.
	Window time.Duration `yaml:"window"`
	// NarrowWindow is the window while only this process remembers what was used, because Redis does not answer.
	NarrowWindow time.Duration `yaml:"narrow_window"`
	// Remembered bounds the nonces of requests and challenges that one process remembers.
	Remembered int `yaml:"remembered"`
}

// Rate is how many requests may come.
type Rate struct {
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"` // at once
}

// Rates bound requests.
type Rates struct {
	Device  Rate `yaml:"device"`  // of each device; without one, of each address of other machines
	Global  Rate `yaml:"global"`  // of all together
	Refused Rate `yaml:"refused"` // of each address whose signatures were refused
}

// Attempts bounds failed verifications of one subject (NIST SP 800-63B, 5.2.3).
type Attempts struct {
	// Failures in a row before a subject has to wait; 0: attempts are not counted.
	Failures int `yaml:"failures"`
	// Delay of the next attempt then; it doubles with each failure, up to Longest.
	Delay   time.Duration `yaml:"delay"`
	Longest time.Duration `yaml:"longest"`
}

func (k Kiosks) check() []error {
	return []error{
		within("kiosks.window", k.Window, time.Second, 10*time.Minute),
		within("kiosks.narrow_window", k.NarrowWindow, time.Second, k.Window),
		within("kiosks.remembered", k.Remembered, 1000, 100_000_000),
	}
}

func (r Rate) check(setting string) []error {
	return []error{
		need(r.PerSecond >= 0.001 && r.PerSecond <= 1e6, "%s.per_second is %v, it must be 0.001 to 1e6", setting, r.PerSecond),
		within(setting+".burst", r.Burst, 1, 1_000_000),
	}
}

func (a Attempts) check() []error {
	return []error{
		within("attempts.failures", a.Failures, 0, 100),
		within("attempts.delay", a.Delay, time.Second, time.Hour),
		within("attempts.longest", a.Longest, a.Delay, 7*24*time.Hour),
	}
}
