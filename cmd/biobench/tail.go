package main

import (
	"context"
	"fmt"

	"biogate/bench/accuracy"
	"biogate/bench/synth"
	"biogate/matcher"
	"biogate/matcher/finger"
	"biogate/models"
)

// checkTail holds the calibration to impostors that it was not made from.
func (c *accuracyCmd) checkTail(ctx context.Context, e matcher.Engine, calibration *models.Calibration, o accuracy.Options) error {
	if c.Synthetic > 0 {
		prints, err := syntheticPrints(e, c.Synthetic, c.Seed)
		if err != nil {
			return err
		}
		against := fmt.Sprintf("%d synthetic fingers, minutiae without pictures, seed %d", c.Synthetic, c.Seed)
		if err := addTailTest(ctx, calibration, prints, against, o); err != nil {
			return err
		}
	}
	for _, dir := range c.Check {
		set, err := accuracy.Load(dir, e.Modality(), c.Ext, c.DPI)
		if err != nil {
			return err
		}
		set = set.Firsts()
		acquired, err := accuracy.Acquire(ctx, e, set, o.Workers, o.Progress)
		if err != nil {
			return err
		}
		if err := addTailTest(ctx, calibration, acquired, fmt.Sprintf("%s, one capture of each of %d subjects", set.Name, len(set.Subjects)), o); err != nil {
			return err
		}
	}
	return nil
}

func addTailTest(ctx context.Context, c *models.Calibration, impostors []accuracy.Acquired, against string, o accuracy.Options) error {
	test, err := accuracy.CheckTail(ctx, c, impostors, against, o.Workers, o.Progress)
	c.Tail.Checks = append(c.Tail.Checks, test)
	return err
}

// syntheticPrints prepares n fingers of a seeded population.
func syntheticPrints(e matcher.Engine, n int, seed uint64) ([]accuracy.Acquired, error) {
	var list []accuracy.Acquired
	for p := range synth.Prints(seed, n) {
		payload, err := finger.AppendPayload(nil, p)
		if err != nil {
			return nil, err
		}
		t := matcher.Template{Modality: matcher.Finger, Model: e.Model(), Payload: payload}
		probe, err := e.Probe(t)
		if err != nil {
			return nil, err
		}
		ref, err := e.Reference(t)
		if err != nil {
			return nil, err
		}
		list = append(list, accuracy.Acquired{Probe: probe, Reference: ref})
	}
	return list, nil
}
