package main

import (
	"context"
	"fmt"
	"os"

	"biogate/bench/accuracy"
	"biogate/bench/pad"
	"biogate/bench/synth"
	"biogate/matcher"
)

type padCmd struct {
	faceFlags `embed:""`
	Dataset   string   `required:"" placeholder:"DIR" help:"Photographs, DIR/<person>/<image>.<ext>: the first of each person is presented, the others are swapped for it in one kind of attack."`
	Protocol  []string `default:"original,still,natural,head-turn,colour" enum:"original,still,natural,head-turn,colour" help:"How presentations are made (${default})."`
	Photos    int      `default:"40" help:"People, taken evenly from the set (${default})."`
	Half      string   `default:"all" enum:"all,first,second" help:"Which half of the people: thresholds are chosen on the first and reported on the second (${default})."`
	Seed      uint64   `default:"1" help:"Of the presentations (${default})."`
}

// padReport is the JSON document.
type padReport struct {
	Environment string `json:"environment"`
	Dataset     string `json:"dataset"`
	Half        string `json:"half"`
	Seed        uint64 `json:"seed"`
	pad.Result
}

func (c *padCmd) run(ctx context.Context, s *console) error {
	if c.Photos < 1 || c.Workers < 0 {
		return &misuse{fmt.Sprintf("--photos %d, --workers %d: at least one photograph is needed, and no negative number", c.Photos, c.Workers)}
	}
	set, err := accuracy.Load(c.Dataset, matcher.Face, "", 0)
	if err != nil {
		return err
	}
	photos, err := c.choose(set)
	if err != nil {
		return err
	}
	engine, closeEngine, err := openEngine(matcher.Face, c.engine())
	if err != nil {
		return err
	}
	defer closeEngine()
	sequencer, ok := engine.(pad.Engine)
	if !ok {
		return fmt.Errorf("model %s does not judge sequences", engine.Model())
	}
	var protocols []pad.Protocol
	for _, p := range c.Protocol {
		protocols = append(protocols, pad.Protocol(p))
	}
	result, err := pad.Run(ctx, sequencer, pad.Options{Photos: photos, Protocols: protocols, Seed: c.Seed, Workers: c.Workers, Progress: newProgress(s.err).say})
	if err != nil {
		return err
	}
	return s.printPAD(padReport{environment(), set.Name, c.Half, c.Seed, result})
}

// choose reads the photographs of some people, evenly spread over those of a half: every other person is of the first.
func (c *padCmd) choose(set accuracy.Dataset) ([]pad.Photo, error) {
	var people [][]accuracy.Capture
	for _, capture := range set.Captures {
		first := capture.Subject%2 == 0
		switch last := len(people) - 1; {
		case c.Half != "all" && first != (c.Half == "first"):
		case last >= 0 && people[last][0].Subject == capture.Subject:
			people[last] = append(people[last], capture)
		default:
			people = append(people, []accuracy.Capture{capture})
		}
	}
	n := min(c.Photos, len(people))
	photos := make([]pad.Photo, n)
	for i := range photos {
		for k, capture := range people[i*len(people)/n] {
			data, err := os.ReadFile(capture.Path)
			if err != nil {
				return nil, err
			}
			if k == 0 {
				photos[i] = pad.Photo{Name: capture.Name, Data: data}
			} else {
				photos[i].Others = append(photos[i].Others, data)
			}
		}
	}
	return photos, nil
}

func (s *console) printPAD(r padReport) error {
	if s.json {
		return s.printJSON(r)
	}
	fmt.Fprintf(s.out, "%s, %d photographs of %s (half: %s, seed %d), %s\n", r.Model, r.Photos, r.Dataset, r.Half, r.Seed, r.Environment)
	fmt.Fprintf(s.out, "%d photographs without one face\n", r.Unusable)
	fmt.Fprintf(s.out, "The presentations are simulated: this shows how the methods work, not what a deployment will meet.\n\n")
	w := s.rightAligned()
	fmt.Fprintln(w, "protocol\tevidence\tspecies\tjudged\tno response\tcalled attack\trate\t%\t95 %\tdecided attack\tdecided bona fide\tscore 5 %\tmedian\t95 %\t")
	for _, o := range r.Outcomes {
		rate := "APCER"
		if o.Species == synth.BonaFide {
			rate = "BPCER"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t\n", o.Protocol, o.Evidence, o.Species, o.N, o.NoResponse, o.Suspect, rate,
			percent(o.Error), span(o.Interval), o.DecidedAttack, o.DecidedGenuine, o.Quantile(0.05), o.Quantile(0.5), o.Quantile(0.95))
	}
	return w.Flush()
}
