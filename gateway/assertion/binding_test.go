package assertion_test

import (
	"errors"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/assertion"
)

// An assertion that is bound to a key is worth nothing to a bearer without it.
func TestBoundAssertions(t *testing.T) {
	signer := newSigner(t, "")
	i := newIssuer(t, assertion.Options{Signer: signer, Now: func() time.Time { return at }})
	keys := gateway.ProvenKeys{DPoP: "the key", Certificate: "the certificate"}
	for binding, own := range map[gateway.Binding]assertion.Confirmation{
		gateway.BindDPoP: {DPoP: keys.DPoP}, gateway.BindMTLS: {Certificate: keys.Certificate},
	} {
		a := facts()
		a.Party.Binding, a.Caller.Proven = binding, keys
		token := issue(t, i, a)
		for name, c := range map[string]struct {
			key   assertion.Confirmation
			bound bool
			want  error
		}{
			"its holder":                       {own, true, nil},
			"its holder, unasked":              {own, false, nil},
			"nobody":                           {assertion.Confirmation{}, false, assertion.ErrBinding},
			"the holder of another key":        {assertion.Confirmation{DPoP: "another", Certificate: "another"}, false, assertion.ErrBinding},
			"the key's name as the other kind": {assertion.Confirmation{DPoP: own.Certificate, Certificate: own.DPoP}, false, assertion.ErrBinding},
		} {
			_, err := assertion.Verify(token, i.JWKS(), assertion.Expect{Audience: audience, Now: at, Key: c.key, Bound: c.bound})
			if !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", binding, name, err, c.want)
			}
		}
	}
	plain := issue(t, i, facts())
	if _, err := assertion.Verify(plain, i.JWKS(), assertion.Expect{Audience: audience, Now: at, Key: assertion.Confirmation{DPoP: "the key"}, Bound: true}); !errors.Is(err, assertion.ErrBinding) {
		t.Errorf("one that is bound to nothing, where a key is demanded: %v", err)
	}
}

// A key that the policy does not ask for is not named: it is the same at every audience.
func TestKeysLeaveOnlyWhereTheyAreAskedFor(t *testing.T) {
	a := facts()
	a.Caller.Proven = gateway.ProvenKeys{DPoP: "the key", Certificate: "the certificate"}
	if c := claimsOf(t, issue(t, newIssuer(t, assertion.Options{Signer: plainSigner{}}), a)); c.Confirmation != nil {
		t.Errorf("%+v", c.Confirmation)
	}
}

func TestLevelsAreAsserted(t *testing.T) {
	signer := newSigner(t, "")
	i := newIssuer(t, assertion.Options{Signer: signer, Now: func() time.Time { return at }})
	for level, want := range map[int]error{1: assertion.ErrLevel, 2: nil} {
		a := facts()
		a.Level = level
		if _, err := assertion.Verify(issue(t, i, a), i.JWKS(), assertion.Expect{Audience: audience, Now: at, Level: 2}); !errors.Is(err, want) {
			t.Errorf("level %d where 2 is demanded: %v", level, err)
		}
	}
}

// A rate that is not told is no low rate.
func TestWhatIsNotToldIsNotRead(t *testing.T) {
	signer := newSigner(t, "")
	i := newIssuer(t, assertion.Options{Signer: signer, Now: func() time.Time { return at }})
	a := facts()
	a.Party.Claims = []gateway.Claim{}
	c, err := assertion.Verify(issue(t, i, a), i.JWKS(), assertion.Expect{Audience: audience, Now: at})
	if m := c.Biogate.Modalities; err != nil || c.Biogate.FMR != 1 || len(m) != 2 || m[0].FMR != 1 || m[0].PAD != nil || m[0].Quality != nil || m[0].Model != "" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestPartiesHaveLifetimesAndSectors(t *testing.T) {
	i := newIssuer(t, assertion.Options{Signer: plainSigner{}})
	say := func(p gateway.Party) assertion.Claims {
		a := facts()
		a.Party = p
		return claimsOf(t, issue(t, i, a))
	}
	short := say(gateway.Party{Audience: "a", Lifetime: 30 * time.Second, Sector: "group"})
	other := say(gateway.Party{Audience: "b", Sector: "group"})
	alone := say(gateway.Party{Audience: "c"})
	if short.Expiry-short.IssuedAt != 30 || other.Expiry-other.IssuedAt != 120 {
		t.Errorf("lifetimes: %+v, %+v", short, other)
	}
	if short.Subject != other.Subject || short.Subject == alone.Subject || short.Audience == other.Audience {
		t.Errorf("subjects %s and %s of one sector, %s of none", short.Subject, other.Subject, alone.Subject)
	}
}
