// Package models holds what a comparison score depends on: for each model its manifest (networks or parameters, hashes,
// licences, input contracts, template format) and its calibration. Folders are append-only: new weights or parameters
// are a new id. Weights are fetched by hash at set-up and stay out of the repository.
package models

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// DefaultDir is where prepared weights live, relative to the project's root.
const DefaultDir = ".cache/models"

// remedy ends every error that a fetch repairs.
const remedy = "run `make models` (or `biogate models pull`)"

// Kinds of files in packages; prepared files are all of the first.
const (
	onnxFile   = ".onnx"
	tfliteFile = ".tflite"
)

//go:embed */*.json
var folders embed.FS

// Manifest says what one model is made of.
type Manifest struct {
	ID          string   `json:"id"`
	Modality    string   `json:"modality"` // face, finger
	Kind        string   `json:"kind"`     // networks: files hold weights; parameters: the code is the model
	Description string   `json:"description"`
	Source      Source   `json:"source,omitzero"` // of Files that name none of their own
	Files       []File   `json:"files,omitempty"`
	Face        *Face    `json:"face,omitempty"`
	Template    Template `json:"template"`
	// Superseded is the id of the model that took this one's place. No engine runs it and its weights are not fetched; it
	// stays so that its templates can be refused by name.
	Superseded string `json:"superseded,omitempty"`
}

// Source is the package that carries a model's files.
type Source struct {
	Package     string `json:"package"`
	Version     string `json:"version"`
	Licence     string `json:"licence"`
	LicenceNote string `json:"licence_note,omitempty"`
}

// File is one file of weights.
type File struct {
	Name           string   `json:"name"`                     // role in the pipeline, and file name after preparation
	Source         *Source  `json:"source,omitempty"`         // where it differs from the manifest's
	Path           string   `json:"path"`                     // inside the source package: .onnx, or .tflite to be converted
	Bytes          int64    `json:"bytes"`                    // of the original
	SHA256         string   `json:"sha256"`                   // of the original
	PreparedBytes  int64    `json:"prepared_bytes,omitempty"` // after Prepare, where it differs from Bytes
	PreparedSHA256 string   `json:"prepared_sha256"`          // after Prepare
	Input          Input    `json:"input"`
	Outputs        []string `json:"outputs"`          // names, in the order that the pipeline reads them
	Values         []int    `json:"values,omitempty"` // how many each output has
}

// Input is a network's input contract: value = (pixel - Mean) / Scale with pixel in 0..255.
type Input struct {
	Shape    []int   `json:"shape"`    // N, channels, height, width
	Channels string  `json:"channels"` // order of the planes: RGB, BGR or grey
	Mean     float32 `json:"mean"`
	Scale    float32 `json:"scale"`
	Crop     string  `json:"crop"` // what part of the picture it sees
}

// Width of the input in pixels.
func (i Input) Width() int { return i.Shape[3] }

// Height of the input in pixels.
func (i Input) Height() int { return i.Shape[2] }

// Template describes the stored form that the model's engine makes.
type Template struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Bytes   int    `json:"bytes,omitempty"` // payload; 0: varies
}

// Load returns the manifest of the model with an id.
func Load(id string) (Manifest, error) {
	data, err := fs.ReadFile(folders, path.Join(id, "manifest.json"))
	if err != nil {
		return Manifest{}, fmt.Errorf("models: no model %q in this build", id)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("models: %s/manifest.json: %w", id, err)
	}
	if err := m.check(id); err != nil {
		return Manifest{}, fmt.Errorf("models: %s/manifest.json: %w", id, err)
	}
	return m, nil
}

// Active returns the manifest of a model that engines run: Load's, unless another model took its place.
func Active(id string) (Manifest, error) {
	m, err := Load(id)
	if err == nil && m.Superseded != "" {
		return Manifest{}, fmt.Errorf("models: model %q belongs to an earlier pipeline, %q took its place", id, m.Superseded)
	}
	return m, err
}

// All returns every manifest of this build, ordered by id.
func All() ([]Manifest, error) {
	found, err := fs.Glob(folders, "*/manifest.json")
	if err != nil {
		return nil, err
	}
	all := make([]Manifest, 0, len(found))
	for _, name := range found {
		m, err := Load(path.Dir(name))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Manifest) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// Verify checks the prepared weights of every model under dir that is not superseded. Its error names each file that is missing or
// wrong, what was expected and the remedy.
func Verify(dir string) error {
	all, err := All()
	if err != nil {
		return err
	}
	var problems []error
	for _, m := range all {
		if m.Superseded == "" {
			problems = append(problems, m.Verify(dir))
		}
	}
	return errors.Join(problems...)
}

// Verify checks the prepared weights of one model under dir.
func (m Manifest) Verify(dir string) error {
	var problems []error
	for _, f := range m.Files {
		_, err := m.Weights(dir, f.Name)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// Weights reads a prepared file by its name and returns its bytes if they are what the manifest says.
func (m Manifest) Weights(dir, name string) ([]byte, error) {
	f, err := m.File(name)
	if err != nil {
		return nil, err
	}
	where := m.preparedPath(dir, f)
	info, err := os.Stat(where)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("models: %s is missing: %s", where, remedy)
	}
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	if want := cmp.Or(f.PreparedBytes, f.Bytes); info.Size() != want {
		return nil, fmt.Errorf("models: %s has %d bytes, want %d: %s", where, info.Size(), want, remedy)
	}
	data, err := os.ReadFile(where)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	if sum := hash(data); sum != f.PreparedSHA256 {
		return nil, fmt.Errorf("models: %s has SHA-256 %s, want %s: %s", where, sum, f.PreparedSHA256, remedy)
	}
	return data, nil
}

// File returns the entry with a name.
func (m Manifest) File(name string) (File, error) {
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, fmt.Errorf("models: model %s has no file %q", m.ID, name)
	}
	return m.Files[i], nil
}

func (m Manifest) preparedPath(dir string, f File) string {
	return filepath.Join(dir, m.ID, f.Name+onnxFile)
}

// Sources are the packages that the files come out of, each once, in the order of the files.
func (m Manifest) Sources() []Source {
	var all []Source
	for _, f := range m.Files {
		if s := m.sourceOf(f); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (m Manifest) sourceOf(f File) Source {
	if f.Source != nil {
		return *f.Source
	}
	return m.Source
}

func (m Manifest) check(folder string) error {
	switch {
	case m.ID != folder:
		return fmt.Errorf("id %q in folder %q", m.ID, folder)
	case m.Modality == "" || m.Kind == "" || m.Template.Format == "":
		return errors.New("modality, kind and template.format must be set")
	}
	for _, s := range m.Sources() {
		if s.Package == "" || s.Version == "" || s.Licence == "" {
			return errors.New("files need a source package, its version and licence")
		}
	}
	for _, f := range m.Files {
		if f.Name == "" || !fs.ValidPath(f.Path) || f.Bytes <= 0 || len(f.SHA256) != 64 || len(f.PreparedSHA256) != 64 {
			return fmt.Errorf("file %q: name, path, bytes and both hashes must be set", f.Name)
		}
		if kind := path.Ext(f.Path); kind != onnxFile && kind != tfliteFile {
			return fmt.Errorf("file %q: %s is neither %s nor %s", f.Name, f.Path, onnxFile, tfliteFile)
		}
	}
	if m.Face != nil {
		return m.Face.Check(m)
	}
	return nil
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
