package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"biogate/models"
)

type modelsCmd struct {
	List   modelsListCmd   `cmd:"" help:"The models of this build, their licences and calibrations."`
	Verify modelsVerifyCmd `cmd:"" help:"Check the prepared networks, and the library that runs them, against their hashes."`
	Pull   modelsPullCmd   `cmd:"" help:"Fetch the networks and the library that runs them from their packages, check and prepare them."`
}

type modelFlags struct {
	Models string `help:"Folder of the prepared networks." default:"${models}" env:"BIOGATE_MODELS" placeholder:"DIR"`
}

type modelAnswer struct {
	models.Manifest
	Calibration *calibrationAnswer `json:"calibration"`
}

type calibrationAnswer struct {
	DataSet  string  `json:"data_set"`
	Genuine  int     `json:"genuine"`
	Impostor int     `json:"impostor"`
	Floor    float64 `json:"floor"`
}

type modelsListCmd struct{}

func (modelsListCmd) Run(out console) error {
	all, err := models.All()
	if err != nil {
		return err
	}
	answers := make([]modelAnswer, len(all))
	for i, m := range all {
		answers[i].Manifest = m
		if c, err := models.LoadCalibration(m.ID); err == nil {
			answers[i].Calibration = &calibrationAnswer{c.DataSet, c.Genuine, c.Impostor, c.Floor}
		}
	}
	return out.answer(map[string]any{"models": answers}, func(w io.Writer) {
		for _, a := range answers {
			fmt.Fprintf(w, "%-20s %-7s %s\n", a.ID, a.Modality, licence(a.Manifest))
			if a.Superseded != "" {
				fmt.Fprintf(w, "  superseded by %s: its templates are refused\n", a.Superseded)
			}
			if a.Calibration != nil {
				fmt.Fprintf(w, "  calibrated on %s: %d genuine, %d impostor pairs, floor %.2g\n", a.Calibration.DataSet, a.Calibration.Genuine, a.Calibration.Impostor, a.Calibration.Floor)
			}
		}
	})
}

// licence of the files; a model without files is this program's own code.
func licence(m models.Manifest) string {
	if len(m.Files) == 0 {
		return "Apache-2.0 (this program)"
	}
	var all []string
	for _, s := range m.Sources() {
		all = append(all, fmt.Sprintf("%s (%s %s)", s.Licence, s.Package, s.Version))
	}
	return strings.Join(all, ", ")
}

type modelsVerifyCmd struct {
	modelFlags `embed:""`
}

func (c modelsVerifyCmd) Run(out console) error {
	problem := errors.Join(models.Verify(c.Models), verifyRuntime(c.Models))
	answer := map[string]any{"ok": problem == nil, "dir": c.Models}
	text := fmt.Sprintf("every network in %s is what its manifest says, and so is the library", c.Models)
	if problem != nil {
		text, answer["problem"] = problem.Error(), problem.Error()
	}
	if err := out.answer(answer, func(w io.Writer) { fmt.Fprintln(w, text) }); err != nil {
		return err
	}
	if problem != nil {
		return errNegative
	}
	return nil
}

type modelsPullCmd struct {
	From       string `help:"Folder with the packages' tarballs as \"npm pack\" leaves them, where no registry can be reached." type:"path" placeholder:"DIR"`
	modelFlags `embed:""`
}

func (c modelsPullCmd) Run(ctx context.Context, out console) error {
	library, known := models.RuntimeHere()
	pullNetworks := func() error { return models.Pull(ctx, c.Models) }
	pullLibrary := func() error { return library.Pull(ctx, c.Models) }
	if c.From != "" {
		pullNetworks = func() error { return models.PullFrom(c.From, c.Models) }
		pullLibrary = func() error { return library.PullFrom(c.From, c.Models) }
	}
	missing := pullNetworks() // of one model; others, and the library, may be had
	if known {
		if err := pullLibrary(); err != nil {
			missing = errors.Join(missing, fmt.Errorf("the library that runs the networks faster than OpenCV: %w", err))
		}
	}
	if missing != nil {
		return missing
	}
	return modelsVerifyCmd{c.modelFlags}.Run(out)
}

// verifyRuntime finds nothing wrong where no library is known for the machine: OpenCV then runs the networks.
func verifyRuntime(dir string) error {
	library, known := models.RuntimeHere()
	if !known {
		return nil
	}
	_, err := library.Library(dir)
	return err
}
