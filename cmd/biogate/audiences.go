package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"biogate/gateway/config"
)

type audiencesCmd struct {
	List audiencesListCmd `cmd:"" help:"Every registered relying party, one a line."`
	Show audiencesShowCmd `cmd:"" help:"All that holds for a relying party, with what its entry leaves out."`
}

type configFlag struct {
	Config string `help:"The gateway's configuration file." placeholder:"FILE" type:"path"`
}

// registered are the audiences of a configuration, as they are enforced.
func (f configFlag) registered() (config.Config, []config.Audience, error) {
	c, err := serveFlags{Config: f.Config}.load()
	if err != nil {
		return c, nil, err
	}
	out := make([]config.Audience, len(c.Audiences))
	for i, a := range c.Audiences {
		out[i] = c.Effective(a)
	}
	return c, out, nil
}

type audiencesListCmd struct {
	configFlag `embed:""`
}

// audiencesAnswer is every audience with its settings by name, and whether others are served.
type audiencesAnswer struct {
	Audiences []map[string]any `json:"audiences"`
	Others    string           `json:"others"` // served, with the defaults, or refused
}

func (c audiencesListCmd) Run(out console) error {
	settings, list, err := c.registered()
	if err != nil {
		return err
	}
	answer := audiencesAnswer{Audiences: []map[string]any{}, Others: "served"}
	if settings.Mode == config.Production {
		answer.Others = "refused"
	}
	for _, a := range list {
		one, err := a.Settings()
		if err != nil {
			return err
		}
		answer.Audiences = append(answer.Audiences, one)
	}
	return out.answer(answer, func(w io.Writer) { printAudiences(w, list, answer.Others) })
}

func printAudiences(w io.Writer, list []config.Audience, others string) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "AUDIENCE\tMODALITIES\tMAX FMR\tPAD\tCHALLENGE\tLEVEL\tLIFETIME\tSUBJECT\tBINDING\tINTROSPECTION")
	for _, a := range list {
		fmt.Fprintf(table, "%s\t%s\t%g\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, strings.Join(a.Modalities, "+"), *a.MaxFMR, *a.PAD,
			cmp.Or(*a.Challenge, "-"), levels(a), *a.Lifetime, subjectOf(a), *a.Binding, *a.Introspection)
	}
	_ = table.Flush()
	fmt.Fprintf(w, "others are %s\n", others)
}

// levels are the levels of assurance that can be asserted.
func levels(a config.Audience) string {
	switch {
	case a.Level2 == nil:
		return "1"
	case *a.RequireLevel == 2:
		return "2"
	}
	return "1-2"
}

func subjectOf(a config.Audience) string {
	switch {
	case a.PlainSubject:
		return "plain"
	case *a.Sector != a.Name:
		return "sector " + *a.Sector
	}
	return "pairwise"
}

type audiencesShowCmd struct {
	configFlag `embed:""`
	Name       string `arg:"" help:"The audience."`
}

func (c audiencesShowCmd) Run(out console) error {
	_, list, err := c.registered()
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Name != c.Name {
			continue
		}
		settings, err := a.Settings()
		if err != nil {
			return err
		}
		text, err := a.YAML()
		if err != nil {
			return err
		}
		return out.answer(settings, func(w io.Writer) { fmt.Fprint(w, text) })
	}
	if !out.json {
		fmt.Fprintf(out.out, "%q is not registered\n", c.Name)
		return errNegative
	}
	_ = out.answer(map[string]any{"error": map[string]any{"detail": "this audience is not registered"}}, nil)
	return errNegative
}
