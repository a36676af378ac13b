package assertion_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"biogate/gateway"
	"biogate/gateway/assertion"
	"biogate/matcher"
)

// world is people who are verified at two relying parties, all with the same captures, through the same kiosks and in the same
// minutes: the easiest case for whoever wants to join them.
type world struct {
	people, visits int
	apart          bool          // they come to each party at other times, with other captures
	spacing        time.Duration // between one person's arrival and the next's
	change         func(*gateway.Party)
}

// held is an assertion that a party holds, with who it is about: that is what the attack has to find.
type held struct {
	person int
	claims map[string]string // by path, as JSON
}

const shop = "https://shop.example"

// assertions are what both parties hold of a world, in no order.
func (w world) assertions(t *testing.T) (atBank, atShop []held) {
	t.Helper()
	random := rand.New(rand.NewPCG(2026, 11))
	now := time.Unix(1_790_000_000, 0)
	i := newIssuer(t, assertion.Options{Signer: plainSigner{}, Now: func() time.Time { return now }})
	say := func(a gateway.AssertionFacts, audience string) map[string]string {
		a.Party = gateway.Party{Audience: audience}
		if w.change != nil {
			w.change(&a.Party)
		}
		return flat(t, issue(t, i, a))
	}
	for person := range w.people {
		for range w.visits {
			now = now.Add(time.Duration(random.ExpFloat64() * float64(w.spacing)))
			a := shown(random, fmt.Sprintf("person-%d", person), now)
			atBank = append(atBank, held{person, say(a, audience)})
			came := now
			now = now.Add(time.Duration(random.IntN(300)) * time.Millisecond)
			a.AuthTime, a.Challenge = now, challengeAt(random, now)
			if w.apart {
				now = came.Add(time.Duration(random.IntN(1000)) * w.spacing)
				a = shown(random, a.Subject, now)
			}
			atShop = append(atShop, held{person, say(a, shop)})
			now = came
		}
	}
	random.Shuffle(len(atBank), func(i, j int) { atBank[i], atBank[j] = atBank[j], atBank[i] })
	random.Shuffle(len(atShop), func(i, j int) { atShop[i], atShop[j] = atShop[j], atShop[i] })
	return atBank, atShop
}

// shown is what one capture of a person led to: every number is a real one, of full precision.
func shown(random *rand.Rand, person string, now time.Time) gateway.AssertionFacts {
	fmr := math.Pow(10, -4-8*random.Float64())
	a := gateway.AssertionFacts{
		Subject: person, Level: 1, AuthTime: now, Mode: "verify", FMR: fmr,
		Challenge: challengeAt(random, now),
		Modalities: []gateway.ModalityFacts{{
			Modality: matcher.Face, Model: "face-112-1", FMR: fmr, Quality: 40 + random.IntN(60),
			PAD: &matcher.PAD{Score: random.Float64(), Advisory: true, Evidence: []matcher.PADEvidence{{Name: "network", Score: random.Float64(), Advisory: true}}},
		}},
	}
	if random.IntN(20) == 0 {
		a.Degraded = []string{"cache"}
	}
	if random.IntN(2) == 0 {
		a.Mode, a.Gallery, a.Group, a.Searched = "identify", "flight-"+fmt.Sprint(random.IntN(3)), "gate-"+fmt.Sprint(random.IntN(4)), 150+random.IntN(50)
	}
	a.Caller = gateway.Caller{Device: "kiosk-" + fmt.Sprint(random.IntN(5)), Proven: gateway.ProvenKeys{DPoP: "key of " + person, Certificate: "certificate of " + person}}
	return a
}

func challengeAt(random *rand.Rand, now time.Time) string {
	return fmt.Sprintf("bg1_%d_%d", now.UnixMilli(), random.Uint64())
}

// flat is every member of an assertion by its path.
func flat(t *testing.T, token string) map[string]string {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal([]byte(token), &claims); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(path+"."+name, inner)
			}
		case []any:
			text, _ := json.Marshal(v)
			out[path] = string(text)
			for i, inner := range v {
				walk(fmt.Sprintf("%s.%d", path, i), inner)
			}
		default:
			text, _ := json.Marshal(v)
			out[path] = string(text)
		}
	}
	walk("", claims)
	return out
}

// key is what an attack compares: some members, or a member of one assertion near the same of the other.
func (h held) key(paths []string) string {
	parts := make([]string, len(paths))
	for i, path := range paths {
		parts[i] = h.claims[path]
	}
	return strings.Join(parts, "|")
}

// join is how often a guess is right that takes, for each assertion of the bank, one of the shop's with the same key. Without
// one with the same key it guesses nothing.
func join(atBank, atShop []held, paths []string) (right float64) {
	index := map[string]map[int]int{} // key -> person -> assertions
	total := map[string]int{}
	for _, h := range atShop {
		k := h.key(paths)
		if index[k] == nil {
			index[k] = map[int]int{}
		}
		index[k][h.person]++
		total[k]++
	}
	for _, h := range atBank {
		if k := h.key(paths); total[k] > 0 {
			right += float64(index[k][h.person]) / float64(total[k])
		}
	}
	return right / float64(len(atBank))
}

// paths are the members that both parties hold.
func pathsOf(atBank, atShop []held) (out []string) {
	seen := map[string]bool{}
	for _, h := range atBank {
		for path := range h.claims {
			seen[path] = true
		}
	}
	shared := map[string]bool{}
	for _, h := range atShop {
		for path := range h.claims {
			shared[path] = shared[path] || seen[path]
		}
	}
	for path, both := range shared {
		if both {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// alike are the members that may be the same at both: not those that are made to differ.
func alike(paths []string, without ...string) []string {
	without = append(without, ".sub", ".aud", ".jti", ".iss", ".biogate.challenge")
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return slices.Contains(without, p) })
}

var times = []string{".iat", ".nbf", ".exp", ".auth_time"}

// best is the attack among all on one member, on each pair of members, on all of them and on all but the time, that is right most
// often.
func best(atBank, atShop []held) (right float64, by []string) {
	paths := pathsOf(atBank, atShop)
	try := func(by2 ...string) {
		if r := join(atBank, atShop, by2); r > right {
			right, by = r, by2
		}
	}
	for i, a := range paths {
		try(a)
		for _, b := range paths[:i] {
			try(b, a)
		}
	}
	try(alike(paths)...)
	try(alike(paths, times...)...)
	return right, by
}

// Two audiences that hold all their assertions cannot join a person: no member and no combination of members finds one among
// thousands. What they are left with is when: who is the only one at the whole gateway within ten seconds is seen by both.
func TestTwoAudiencesCannotJoinAPerson(t *testing.T) {
	w := world{people: 800, visits: 2, spacing: 5 * time.Millisecond} // 200 people a second, at a national gateway
	atBank, atShop := w.assertions(t)
	paths := pathsOf(atBank, atShop)
	chance := 2.0 / float64(len(atShop)) // each has two assertions there
	timeless := join(atBank, atShop, alike(paths, times...))
	right, by := best(atBank, atShop)
	t.Logf("of %d assertions by chance %.2f %%, by all but the time %.2f %%, by the best of all attacks (%d members) %.2f %%", len(atBank), 100*chance, 100*timeless, len(by), 100*right)
	if timeless > 0.14 || right > 0.17 {
		t.Errorf("joined: %.1f %% without the time; %.1f %% by %v", 100*timeless, 100*right, by)
	}
	w.apart = true
	if right, by := best(w.assertions(t)); right > 10*chance {
		t.Errorf("joined, though they came at other times: %.2f %% by %v, by chance %.2f %%", 100*right, by, 100*chance)
	}
	// No value that names one person at the bank is ever seen at the shop.
	few := map[string]map[int]bool{}
	for _, h := range atBank {
		for path, v := range h.claims {
			if k := path + "=" + v; !strings.HasPrefix(path, ".biogate.modalities") || !strings.Contains(v, "[") {
				if few[k] == nil {
					few[k] = map[int]bool{}
				}
				few[k][h.person] = true
			}
		}
	}
	for _, h := range atShop {
		for path, v := range h.claims {
			if people := few[path+"="+v]; people != nil && len(people) < 20 {
				t.Fatalf("%s = %s occurs at both, and for %d people at the bank", path, v, len(people))
			}
		}
	}
}

// The attack works: it finds nearly everybody when one of the protections is taken away, or when people use one subject.
func TestTheJoinFindsWhatIsThere(t *testing.T) {
	for name, change := range map[string]func(*gateway.Party){
		"plain subjects": func(p *gateway.Party) { p.PlainSubject = true },
		"one sector":     func(p *gateway.Party) { p.Sector = "group" },
		"one key":        func(p *gateway.Party) { p.Binding = gateway.BindDPoP },
	} {
		w := world{people: 200, visits: 2, spacing: 20 * time.Millisecond, change: change}
		if right, by := best(w.assertions(t)); right < 0.99 {
			t.Errorf("%s: the best join, by %v, is right for %.1f %%", name, by, 100*right)
		}
	}
}

// What a gateway cannot hide is who was there when: where it serves few people, the device and the time find them. Without the
// device, which is not told by default, it is fewer.
func TestWhatTimeAndPlaceGiveAway(t *testing.T) {
	for _, spacing := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second} {
		plain := world{people: 1000, visits: 2, spacing: spacing}
		placed := plain
		placed.change = func(p *gateway.Party) { p.Claims = gateway.KnownClaims }
		without, with := byAll(plain.assertions(t)), byAll(placed.assertions(t))
		t.Logf("one person each %s: %.1f %% joined; told everything that can be, %.1f %%", spacing, 100*without, 100*with)
		if with < without {
			t.Errorf("%s: telling more makes joins rarer: %v, %v", spacing, with, without)
		}
	}
}

// byAll is the join by all that may be the same.
func byAll(atBank, atShop []held) float64 {
	return join(atBank, atShop, alike(pathsOf(atBank, atShop)))
}
