package decision_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"biogate/gateway/decision"
	"biogate/matcher"
)

func TestSecondLevel(t *testing.T) {
	face := decision.Support{Modality: matcher.Face, FMR: 1e-7, Cleared: true}
	finger := decision.Support{Modality: matcher.Finger, FMR: 1e-8}
	strict := decision.Level{MaxFMR: 1e-6, Modalities: 1, Cleared: true, Fresh: true}
	both := decision.Level{MaxFMR: 1e-6, Modalities: 2}
	for _, c := range []struct {
		name  string
		level decision.Level
		s     decision.Strength
		lacks string
	}{
		{"a face that was judged, and a nonce", strict, decision.Strength{FMR: 1e-7, Fresh: true, Supports: []decision.Support{face}}, ""},
		{"without a nonce", strict, decision.Strength{FMR: 1e-7, Supports: []decision.Support{face}}, "fresh"},
		{"too high a rate", strict, decision.Strength{FMR: 2e-6, Fresh: true, Supports: []decision.Support{face}}, "fmr"},
		{"a finger that nobody judges", strict, decision.Strength{FMR: 1e-8, Fresh: true, Supports: []decision.Support{finger}}, "pad"},
		{"a face that suffices, and such a finger beside it", strict, decision.Strength{FMR: 1e-13, Fresh: true, Supports: []decision.Support{face, finger}}, ""},
		{
			"a living lookalike beside a finger of silicone", strict,
			decision.Strength{FMR: 1e-9, Fresh: true, Supports: []decision.Support{{Modality: matcher.Face, FMR: 1e-2, Cleared: true}, finger}},
			"pad",
		},
		{"a face and a finger", both, decision.Strength{FMR: 1e-12, Supports: []decision.Support{face, finger}}, ""},
		{"two fingers", both, decision.Strength{FMR: 1e-12, Supports: []decision.Support{finger, finger}}, "modality"},
		{"nothing", strict, decision.Strength{FMR: 1}, "fmr modality fresh"},
		{"a search of 100,000", decision.Level{MaxFMR: 1e-6, Modalities: 1}, decision.Strength{FMR: 1e-8, Searched: 100_000, Supports: []decision.Support{finger}}, "fmr"},
		{"a search of 100", decision.Level{MaxFMR: 1e-6, Modalities: 1}, decision.Strength{FMR: 1e-8, Searched: 100, Supports: []decision.Support{finger}}, ""},
	} {
		level, lacks := decision.Policy{Level2: &c.level}.Level(c.s)
		if strings.Join(lacks, " ") != c.lacks || (level == 2) != (c.lacks == "") {
			t.Errorf("%s: level %d lacks %v, want %q", c.name, level, lacks, c.lacks)
		}
	}
	if level, lacks := (decision.Policy{}).Level(decision.Strength{FMR: 1e-12, Fresh: true, Supports: []decision.Support{face, finger}}); level != 1 || lacks != nil {
		t.Errorf("a policy without a second level: %d %v", level, lacks)
	}
}

// Showing more never lowers a level by itself, and what nobody judged never raises one that demands a judgement.
func TestLevelsAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		support := rapid.Custom(func(t *rapid.T) decision.Support {
			return decision.Support{
				Modality: rapid.SampledFrom([]matcher.Modality{matcher.Face, matcher.Finger}).Draw(t, "modality"),
				FMR:      rapid.SampledFrom([]float64{1e-9, 1e-7, 1e-5, 1e-2}).Draw(t, "fmr"), Cleared: rapid.Bool().Draw(t, "cleared"),
			}
		})
		s := decision.Strength{FMR: rapid.SampledFrom([]float64{1e-12, 1e-7, 1e-5}).Draw(t, "fused"), Fresh: rapid.Bool().Draw(t, "fresh"), Supports: rapid.SliceOfN(support, 1, 4).Draw(t, "supports")}
		p := decision.Policy{Level2: &decision.Level{MaxFMR: 1e-6, Modalities: rapid.IntRange(1, 2).Draw(t, "modalities"), Cleared: true, Fresh: rapid.Bool().Draw(t, "demanded")}}
		level, _ := p.Level(s)
		cleared := slices.ContainsFunc(s.Supports, func(x decision.Support) bool { return x.Cleared })
		if level == 2 && !cleared {
			t.Fatal("a level that demands a judgement, of captures that nobody judged")
		}
		searched := s
		searched.Searched = rapid.IntRange(1, 1000).Draw(t, "searched")
		if after, _ := p.Level(searched); after > level {
			t.Fatal("a search is stronger than a verification")
		}
		without := p
		without.Level2 = &decision.Level{MaxFMR: 1e-6, Modalities: p.Level2.Modalities}
		if weaker, _ := without.Level(s); weaker < level {
			t.Fatal("a level that demands less is reached less")
		}
	})
}

func TestLevelsAreChecked(t *testing.T) {
	good := decision.Policy{MaxFMR: 1e-4, IdentifyFPIR: 1e-3, MaxCandidates: 1, RequireLevel: 2, Level2: &decision.Level{MaxFMR: 1e-6, Modalities: 1, Cleared: true}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*decision.Policy){
		"require_level is 3":     func(p *decision.Policy) { p.RequireLevel = 3 },
		"there is no level2":     func(p *decision.Policy) { p.Level2 = nil },
		"level2.max_fmr is 0.01": func(p *decision.Policy) { p.Level2 = &decision.Level{MaxFMR: 0.01, Modalities: 1} },
		"level2.modalities is 3": func(p *decision.Policy) { p.Level2 = &decision.Level{MaxFMR: 1e-6, Modalities: 3} },
		"modalities accepts only": func(p *decision.Policy) {
			p.Modalities, p.Level2 = []matcher.Modality{matcher.Face}, &decision.Level{MaxFMR: 1e-6, Modalities: 2}
		},
		"nothing would be judged": func(p *decision.Policy) { p.PAD = decision.PADOff },
		`modalities has "iris"`:   func(p *decision.Policy) { p.Modalities = []matcher.Modality{"iris"} },
		"twice":                   func(p *decision.Policy) { p.Modalities = []matcher.Modality{matcher.Face, matcher.Face} },
		"a challenge is for faces": func(p *decision.Policy) {
			p.PAD, p.Challenge, p.Modalities = decision.PADRequire, matcher.ChallengeColour, []matcher.Modality{matcher.Finger}
		},
	} {
		p := good
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
