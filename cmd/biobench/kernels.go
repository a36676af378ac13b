package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"biogate/matcher/kernel"
)

type kernelsCmd struct {
	Rounds int `default:"300" help:"Measurements of each row, of which the fastest counts (${default})."`
}

// kernelsReport is the JSON document.
type kernelsReport struct {
	Environment string      `json:"environment"`
	Kernels     []kernelRow `json:"kernels"`
}

type kernelRow struct {
	Op        string  `json:"op"`
	Row       string  `json:"row"`
	Usable    bool    `json:"usable"` // on this machine
	Chosen    bool    `json:"chosen"` // by dispatch
	Unit      string  `json:"unit"`   // what ops_per_s counts
	OpsPerS   float64 `json:"ops_per_s,omitempty"`
	VsGeneric float64 `json:"vs_generic,omitempty"` // how many times the generic row's rate
	Ceiling   string  `json:"ceiling,omitempty"`    // the operation whose best row shows what the machine allows
	Reached   float64 `json:"reached,omitempty"`    // the fraction of it
}

func (c *kernelsCmd) run(ctx context.Context, s *console) error {
	if c.Rounds < 1 {
		return &misuse{fmt.Sprintf("--rounds %d: must be 1 or more", c.Rounds)}
	}
	rows := kernel.Rows()
	perSecond, err := fastest(ctx, rows, c.Rounds)
	if err != nil {
		return err
	}
	report := kernelsReport{Environment: environment()}
	generic, most := map[string]float64{}, map[string]float64{}
	for i, r := range rows {
		if r.Name == "generic" {
			generic[r.Op] = perSecond[i]
		}
		most[r.Op] = max(most[r.Op], perSecond[i])
	}
	for i, r := range rows {
		row := kernelRow{
			Op: r.Op, Row: r.Name, Usable: r.Usable, Chosen: r.Chosen, Unit: r.Unit,
			OpsPerS: perSecond[i], VsGeneric: perSecond[i] / generic[r.Op], Ceiling: r.Ceiling,
		}
		if r.Ceiling != "" {
			row.Reached = perSecond[i] / most[r.Ceiling]
		}
		report.Kernels = append(report.Kernels, row)
	}
	return s.printKernels(report)
}

// fastest measures all rows in turn, so that all meet the same machine. The shortest time of many short ones is the
// one that other programs disturbed least. Rows that are not usable have the rate 0.
func fastest(ctx context.Context, rows []kernel.Row, rounds int) ([]float64, error) {
	perSecond := make([]float64, len(rows))
	for range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, r := range rows {
			if !r.Usable {
				continue
			}
			r.Work() // what the rows before have driven out of the caches
			began := time.Now()
			units := r.Work()
			perSecond[i] = max(perSecond[i], float64(units)/max(time.Since(began), 1).Seconds())
		}
	}
	return perSecond, nil
}

func (s *console) printKernels(report kernelsReport) error {
	if s.json {
		return s.printJSON(report)
	}
	fmt.Fprintf(s.out, "%s, one thread\n\n", report.Environment)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "operation\trow\tmillions/s\tx generic\tof\treached")
	for _, r := range report.Kernels {
		switch name := r.Row + map[bool]string{true: " *"}[r.Chosen]; {
		case r.Usable && r.Ceiling != "":
			fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%s\t%.0f %% of %s\n", r.Op, name, r.OpsPerS/1e6, r.VsGeneric, r.Unit, 100*r.Reached, r.Ceiling)
		case r.Usable:
			fmt.Fprintf(w, "%s\t%s\t%.2f\t%.2f\t%s\n", r.Op, name, r.OpsPerS/1e6, r.VsGeneric, r.Unit)
		default:
			fmt.Fprintf(w, "%s\t%s\t\t\tnot usable on this machine\n", r.Op, name)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out, "\n* chosen at start")
	return err
}
