package prommetrics

import "github.com/prometheus/client_golang/prometheus"

// Devices shows whether the registry of devices can be read, asked at each scrape. Call it once.
func (m *Metrics) Devices(readable func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "biogate_devices_readable", Help: "1 while the registry of devices can be read; 0: revocations do not arrive.",
	}, func() float64 {
		if readable() {
			return 1
		}
		return 0
	}))
}
