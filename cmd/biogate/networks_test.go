package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"biogate/models"
)

// needNetworks is the prepared usual model and the library; without them the test is left out.
func needNetworks(t *testing.T) models.Manifest {
	t.Helper()
	m, err := models.Active(models.DefaultFace)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(modelsDir(t)); err != nil {
		missing(t, err.Error())
	}
	if err := verifyRuntime(modelsDir(t)); err != nil {
		missing(t, err.Error())
	}
	return m
}

// withoutLibrary is a folder with the networks and nothing to run them faster.
func withoutLibrary(t *testing.T, m models.Manifest) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(modelsDir(t), m.ID), filepath.Join(dir, m.ID)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// examined is what doctor finds about the networks with a folder of models and a choice.
func examined(t *testing.T, dir, choice string) (f finding, engines finding) {
	t.Helper()
	t.Setenv("BIOGATE_MODELS", dir)
	var out, problems bytes.Buffer
	run(t.Context(), []string{"--json", "doctor", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--networks", choice}, &out, &problems)
	var answer struct{ Findings []finding }
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatalf("%v: %s%s", err, &out, &problems)
	}
	for _, found := range answer.Findings {
		switch found.Check {
		case "networks":
			f = found
		case "engines":
			engines = found
		}
	}
	return f, engines
}

func TestDoctorSaysWhatTheNetworksRunIn(t *testing.T) {
	m := needNetworks(t)
	for _, c := range []struct{ dir, choice, state, detail string }{
		{modelsDir(t), "auto", "ok", "ONNX Runtime"},
		{modelsDir(t), "ort", "ok", "ONNX Runtime"},
		{modelsDir(t), "opencv", "ok", "OpenCV"},
		{withoutLibrary(t, m), "auto", "warning", "libonnxruntime"},
		{withoutLibrary(t, m), "opencv", "ok", "OpenCV"},
	} {
		f, engines := examined(t, c.dir, c.choice)
		if f.State != c.state || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: %+v", c.choice, f)
		}
		if !strings.Contains(engines.Detail, "face") {
			t.Errorf("%s: faces are not served: %+v", c.choice, engines)
		}
		if f.State == "warning" && !strings.Contains(f.Remedy, "make models") {
			t.Errorf("%s: remedy %q", c.choice, f.Remedy)
		}
	}
	if _, engines := examined(t, withoutLibrary(t, m), "ort"); engines.State != "warning" || !strings.Contains(engines.Detail, "libonnxruntime") {
		t.Errorf("ort alone, without the library: %+v", engines)
	}
}

func TestUnknownNetworksAreMisuse(t *testing.T) {
	for _, args := range [][]string{
		{"doctor", "--networks", "cuda"},
		{"extract", "a.png", "--networks", "cuda"},
	} {
		var out, problems bytes.Buffer
		if status := run(t.Context(), args, &out, &problems); status != exitMisuse || !strings.Contains(problems.String(), "--networks") {
			t.Errorf("%v: status %d, %s", args, status, &problems)
		}
	}
	t.Setenv("BIOGATE_NETWORKS", "cuda")
	var out, problems bytes.Buffer
	if status := run(t.Context(), []string{"doctor"}, &out, &problems); status == exitDone {
		t.Errorf("from the environment: %s%s", &out, &problems)
	}
}

func TestModelsVerifyMissesTheLibrary(t *testing.T) {
	m := needNetworks(t)
	var out, problems bytes.Buffer
	status := run(t.Context(), []string{"models", "verify", "--models", withoutLibrary(t, m)}, &out, &problems)
	if status != exitNegative || !strings.Contains(out.String(), "libonnxruntime") || !strings.Contains(out.String(), "make models") {
		t.Errorf("status %d, %s%s", status, &out, &problems)
	}
}
