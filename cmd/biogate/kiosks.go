package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"biogate/adapters/filedevices"
	"biogate/adapters/prommetrics"
	"biogate/gateway"
	"biogate/gateway/config"
	"biogate/gateway/httpapi"
	"biogate/gateway/kiosk"
)

// devicesFile is the registry of devices of a gateway with these settings.
func devicesFile(c config.Config) string {
	if c.Kiosks.Devices != "" {
		return c.Kiosks.Devices
	}
	return filepath.Join(c.Data, "devices.json")
}

// kiosks makes what says who asks.
func (a *app) kiosks(log *slog.Logger, metrics *prommetrics.Metrics, trail gateway.Audit) (*kiosk.Authenticator, error) {
	c := a.config
	devices, err := filedevices.Open(filedevices.Options{Path: devicesFile(c), Log: log})
	if err != nil {
		return nil, err
	}
	if c.Mode == config.Production {
		if err := someDevice(c, devices); err != nil {
			return nil, err
		}
	}
	a.devices = devices
	metrics.Devices(func() bool { return devices.Err() == nil })
	issuer, err := c.IssuerURL(a.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return kiosk.NewAuthenticator(kiosk.Options{
		Devices: devices, Memory: a.memory, Window: c.Kiosks.Window, Sites: c.Kiosks.Sites, Required: c.CredentialRequired(),
		Authority: c.Authority(), Scheme: issuer.Scheme, Refused: metrics.CredentialRefused, Report: onRecord(trail, log), Now: time.Now,
	})
}

// onRecord puts refusals of devices whose credential held into the audit trail; nil where none is kept. The device is refused whether
// that succeeds or not, and also when it does not wait for the answer.
func onRecord(trail gateway.Audit, log *slog.Logger) func(ctx context.Context, device, code string, times int) {
	if trail == nil {
		return nil
	}
	return func(ctx context.Context, device, code string, times int) {
		e := gateway.AuditEvent{At: time.Now().UTC(), Trace: gateway.TraceID(ctx), Action: "authenticate", Outcome: code, Device: device, Count: times}
		if err := trail.Append(context.WithoutCancel(ctx), e); err != nil {
			log.Error("the refusal of a device is not on record", "code", code, "cause", err.Error())
		}
	}
}

// served says whether a gateway with this configuration answers d at that time.
func served(c config.Config, d kiosk.Device, at time.Time) bool {
	return d.Usable(at) && (len(c.Kiosks.Sites) == 0 || slices.Contains(c.Kiosks.Sites, d.Site))
}

// someDevice: a gateway that can serve nobody is a mistake.
func someDevice(c config.Config, devices *filedevices.Registry) error {
	list, err := devices.List()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(d kiosk.Device) bool { return served(c, d, time.Now()) }) {
		return nil
	}
	return fmt.Errorf(`mode is "production", and %s has no device that is served here now: register one with "biogate devices add"`, devicesFile(c))
}

// tls is how connections are protected; nil: they are not.
func (a *app) tls(log *slog.Logger) (*tls.Config, error) {
	t := a.config.TLS
	if t.Certificate == "" {
		return nil, nil
	}
	certificate, err := httpapi.LoadCertificate(t.Certificate, t.Key, log, time.Now)
	if err != nil {
		return nil, err
	}
	return httpapi.ServerTLS(certificate), nil
}

// baseURL is where this gateway answers.
func (a *app) baseURL() string {
	scheme := "http"
	if a.config.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + a.listener.Addr().String()
}

// unprotected names what development mode leaves open.
func unprotected(c config.Config) (out []string) {
	if !c.CredentialRequired() {
		out = append(out, "requests from this machine are taken without a credential")
	}
	if len(c.Audiences) == 0 {
		out = append(out, "any audience is served")
	}
	if c.TLS.Certificate == "" {
		out = append(out, "connections are not encrypted")
	}
	if c.Issuer == "" {
		out = append(out, "a signed request is taken for whatever gateway its Host names")
	}
	return out
}
