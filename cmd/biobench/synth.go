package main

import (
	"context"
	"fmt"

	"biogate/bench/synth"
)

type synthCmd struct {
	Modality    string `required:"" enum:"finger" help:"finger."`
	N           int    `name:"n" required:"" help:"Number of fingers."`
	Impressions int    `default:"8" help:"Impressions of each (${default})."`
	Out         string `short:"o" required:"" placeholder:"DIR" help:"Folder for <finger>_<impression>.png."`
	Seed        uint64 `default:"1" help:"The population (${default}); the same seed gives the same pictures."`
}

// synthReport is the JSON document.
type synthReport struct {
	Modality    string `json:"modality"`
	Dataset     string `json:"dataset"`
	N           int    `json:"n"`
	Impressions int    `json:"impressions"`
	Seed        uint64 `json:"seed"`
}

func (c *synthCmd) run(ctx context.Context, s *console) error {
	if c.N < 1 || c.Impressions < 1 || c.N > synth.MaxDataset/c.Impressions {
		return &misuse{fmt.Sprintf("--n %d with --impressions %d: both must be 1 or more, and %d pictures in all at most", c.N, c.Impressions, synth.MaxDataset)}
	}
	say := newProgress(s.err).say
	err := synth.WriteDataset(ctx, c.Out, c.N, c.Impressions, c.Seed, func(done, total int) { say("draw", done, total) })
	if err != nil {
		return err
	}
	if s.json {
		return s.printJSON(synthReport{Modality: c.Modality, Dataset: c.Out, N: c.N, Impressions: c.Impressions, Seed: c.Seed})
	}
	_, err = fmt.Fprintf(s.out, "%d fingers with %d impressions each in %s; the people do not exist\n", c.N, c.Impressions, c.Out)
	return err
}
