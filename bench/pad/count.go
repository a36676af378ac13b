package pad

import (
	"cmp"
	"math"
	"slices"

	"biogate/bench/accuracy"
	"biogate/bench/synth"
	"biogate/matcher"
)

// Summary is the Evidence of what all evidence together comes to.
const Summary = "summary"

// species in the order of reports.
var species = slices.Concat([]synth.Species{synth.BonaFide}, synth.Attacks, []synth.Species{Swapped})

type key struct {
	protocol Protocol
	species  synth.Species
	evidence string
}

// count adds up the verdicts, in the order of protocols, species and names.
func count(model string, found []verdicts) Result {
	r := Result{Model: model, Photos: len(found)}
	sums := map[key]*Outcome{}
	for _, v := range found {
		if v.unusable {
			r.Unusable++
		}
		for _, one := range v.list {
			if one.pad == nil {
				outcome(sums, one, Summary).NoResponse++
				continue
			}
			add(sums, one, matcher.PADEvidence{Name: Summary, Score: one.pad.Score, Suspect: one.pad.Suspect, Advisory: one.pad.Advisory})
			for _, e := range one.pad.Evidence {
				add(sums, one, e)
			}
		}
	}
	for _, o := range sums {
		wrong := o.N - o.Suspect
		if o.Species == synth.BonaFide {
			wrong = o.Suspect
		}
		o.Error, o.Interval = float64(wrong)/float64(max(o.N, 1)), accuracy.Wilson(wrong, o.N)
		slices.Sort(o.scores)
		r.Outcomes = append(r.Outcomes, *o)
	}
	slices.SortFunc(r.Outcomes, func(a, b Outcome) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Protocols, a.Protocol), slices.Index(Protocols, b.Protocol)),
			cmp.Compare(a.Evidence, b.Evidence),
			cmp.Compare(slices.Index(species, a.Species), slices.Index(species, b.Species)),
		)
	})
	return r
}

func outcome(sums map[key]*Outcome, v verdict, evidence string) *Outcome {
	k := key{v.protocol, v.species, evidence}
	if sums[k] == nil {
		sums[k] = &Outcome{Protocol: v.protocol, Species: v.species, Evidence: evidence}
	}
	return sums[k]
}

func add(sums map[key]*Outcome, v verdict, e matcher.PADEvidence) {
	o := outcome(sums, v, e.Name)
	o.N++
	o.scores = append(o.scores, e.Score)
	switch {
	case e.Suspect && !e.Advisory:
		o.Suspect++
		o.DecidedAttack++
	case e.Suspect:
		o.Suspect++
	case !e.Advisory:
		o.DecidedGenuine++
	}
}

// Quantile is the score that a share q of the presentations do not exceed.
func (o Outcome) Quantile(q float64) float64 {
	if len(o.scores) == 0 {
		return math.NaN()
	}
	return o.scores[int(q*float64(len(o.scores)-1)+0.5)]
}
