package models

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"biogate/models/tflite"
)

func TestManifestsOfThisBuild(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.ID] {
			t.Errorf("%s comes twice", m.ID)
		}
		seen[m.ID] = true
	}
	if !seen[DefaultFace] {
		t.Error("the default face model is missing")
	}
	for _, m := range all {
		if _, err := Active(m.ID); (err == nil) != (m.Superseded == "") || m.Superseded != "" && !seen[m.Superseded] {
			t.Errorf("%s, superseded by %q: error %v", m.ID, m.Superseded, err)
		}
		if m.Superseded == "" && m.Modality == "face" && m.Face == nil {
			t.Errorf("%s does not say how its networks are fed", m.ID)
		}
	}
	if _, err := Load("no-such-model"); err == nil {
		t.Error("an unknown model was loaded")
	}
	if _, err := Load("../models"); err == nil {
		t.Error("a path was taken for a model")
	}
}

// tinyNet is an ONNX model with one float tensor in raw bytes, one as packed floats, one of integers and one node.
func tinyNet(weights ...float32) []byte {
	var raw, packed []byte
	for _, w := range weights {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(w))
	}
	packed = raw
	field := func(b []byte, num protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), value)
	}
	varint := func(b []byte, num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
	}
	floats := field(varint(nil, tensorDataType, typeFloat), tensorRawData, raw)
	packedFloats := field(varint(nil, tensorDataType, typeFloat), tensorFloatData, packed)
	integers := field(varint(nil, tensorDataType, 7), tensorRawData, raw)
	graph := field(nil, 1, []byte{})
	for _, tensor := range [][]byte{floats, packedFloats, integers} {
		graph = field(graph, graphInitializer, tensor)
	}
	return field(varint(nil, 1, 3), modelGraph, graph)
}

func TestZeroDenormals(t *testing.T) {
	model := tinyNet(1, 1e-21, -1e-30, 0, 1e-19, 1e-40)
	n, err := zeroDenormals(model)
	if err != nil || n != 6 {
		t.Fatalf("%d zeroed, error %v; want 3 in each of two tensors", n, err)
	}
	again := bytes.Clone(model)
	if n, err := zeroDenormals(again); n != 0 || err != nil || !bytes.Equal(again, model) {
		t.Errorf("a second time: %d zeroed, error %v", n, err)
	}
	want := tinyNet(1, 0, 0, 0, 1e-19, 0)
	integers := tinyNet(1, 1e-21, -1e-30, 0, 1e-19, 1e-40)
	if cut := len(model) - 6*4; !bytes.Equal(model[:cut], want[:cut]) || !bytes.Equal(model[cut:], integers[cut:]) {
		t.Error("other bytes than those of the float tensors' denormal weights changed")
	}
	if _, err := zeroDenormals(model[:len(model)-1]); err == nil {
		t.Error("a cut model was taken")
	}
}

func tinyManifest(t *testing.T, model []byte) Manifest {
	t.Helper()
	prepared := bytes.Clone(model)
	if _, err := zeroDenormals(prepared); err != nil {
		t.Fatal(err)
	}
	return Manifest{
		ID: "tiny-1", Modality: "face", Kind: "networks", Template: Template{Format: "tiny"},
		Source: Source{Package: "tiny", Version: "1.0.0", Licence: "none"},
		Files: []File{{
			Name: "net", Path: "model/net.onnx", Bytes: int64(len(model)),
			SHA256: hash(model), PreparedSHA256: hash(prepared),
		}},
	}
}

// at is a package that lies somewhere.
func at(name string) func(Source) (string, error) {
	return func(Source) (string, error) { return name, nil }
}

func unpacked(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tarball(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for name, data := range files {
		if err := archive.WriteHeader(&tar.Header{Name: "package/" + name, Size: int64(len(data)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "tiny.tgz")
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPrepare(t *testing.T) {
	model := tinyNet(1, 1e-30)
	m := tinyManifest(t, model)
	files := map[string][]byte{"README.md": []byte("read me"), "model/net.onnx": model, "model/other.onnx": {1}}
	for name, source := range map[string]string{"tarball": tarball(t, files), "folder": unpacked(t, files)} {
		dir := t.TempDir()
		if err := m.Prepare(at(source), dir); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := m.Weights(dir, "net")
		if err != nil || hash(data) != m.Files[0].PreparedSHA256 {
			t.Errorf("%s: weights: %v", name, err)
		}
		if err := m.Prepare(at("/no/such/package"), dir); err != nil {
			t.Errorf("%s: a second time: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "tiny-1", "*")); len(left) != 1 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

// tinyTFLite is a TensorFlow Lite model whose one operator is a Relu of four numbers.
func tinyTFLite(t *testing.T) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString("GAAAAFRGTDMOABgABAAIAAwAAAAUAAAAEAAAAAMAAAAQAAAANAAAAAAAAAAYAQAAAQAAABAAAAAMABQABAAAAAAAEAAMAAAAEwAAAAAAAAAAAA" +
		"AAEwAAAAEAAAAQAAAADAAUAAQACAAMABAADAAAABAAAACAAAAAhAAAAIgAAAACAAAAFAAAAEQAAAAMABQABAAIAAwAEAAMAAAAEAAAAAAAAAAA" +
		"AAAAEAAAAAIAAAABAAAABAAAAAIAAABpbgAADAAUAAQACAAMABAADAAAABAAAAAAAAAAAAAAABAAAAACAAAAAQAAAAQAAAABAAAAYQAAAAEAAA" +
		"AAAAAAAQAAAAEAAAABAAAAFAAAAA4AGAAEAAgADAAQAAAAAAAQAAAAAAAAABAAAAAUAAAAAQAAAAAAAAABAAAAAAAAAAEAAAABAAAAAQAAAAwA" +
		"AAAGAAgAAAAAAAgAAAAAAAAA")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPrepareConverts(t *testing.T) {
	original := tinyTFLite(t)
	prepared, err := tflite.ONNX(original)
	if err != nil {
		t.Fatal(err)
	}
	model := tinyNet(1, 1e-30)
	m := tinyManifest(t, model)
	m.Files = append(m.Files, File{
		Name: "other", Source: &Source{Package: "another", Version: "2.0.0", Licence: "none"}, Path: "assets/relu.tflite",
		Bytes: int64(len(original)), SHA256: hash(original), PreparedBytes: int64(len(prepared)), PreparedSHA256: hash(prepared),
	})
	if err := m.check("tiny-1"); err != nil {
		t.Fatal(err)
	}
	packages := map[string]string{
		"tiny":    unpacked(t, map[string][]byte{"model/net.onnx": model}),
		"another": unpacked(t, map[string][]byte{"assets/relu.tflite": original}),
	}
	var asked []string
	where := func(s Source) (string, error) {
		asked = append(asked, s.Package)
		return packages[s.Package], nil
	}
	dir := t.TempDir()
	if err := m.Prepare(where, dir); err != nil {
		t.Fatal(err)
	}
	if data, err := m.Weights(dir, "other"); err != nil || !bytes.Equal(data, prepared) {
		t.Errorf("converted: %d bytes, error %v", len(data), err)
	}
	if err := os.Remove(filepath.Join(dir, "tiny-1", "other.onnx")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Prepare(where, dir), m.Verify(dir)); err != nil {
		t.Error(err)
	}
	if !slices.Equal(asked, []string{"tiny", "another", "another"}) {
		t.Errorf("asked for %q: each package once, and again only that of the missing file", asked)
	}
	m.Files[1].PreparedSHA256 = hash(original)
	if _, err := m.Files[1].prepare(original); err == nil || !strings.Contains(err.Error(), "after preparation") {
		t.Errorf("a file that converts to something else: error %v", err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	model := tinyNet(1, 1e-30)
	m := tinyManifest(t, model)
	changed := bytes.Clone(model)
	changed[len(changed)-1] ^= 1
	longer := append(bytes.Clone(model), 0)
	text := filepath.Join(t.TempDir(), "text.tgz")
	if err := os.WriteFile(text, []byte("no tarball"), 0o644); err != nil {
		t.Fatal(err)
	}
	whole := tarball(t, map[string][]byte{"model/net.onnx": model})
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.tgz")
	if err := os.WriteFile(cut, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, source, want string }{
		{"missing package", "/no/such/package", "no such file"},
		{"text", text, "tarball"},
		{"cut tarball", cut, "tarball"},
		{"file missing", tarball(t, map[string][]byte{"model/x": model}), "model/net.onnx: not in the package"},
		{"changed", tarball(t, map[string][]byte{"model/net.onnx": changed}), "SHA-256"},
		{"longer", unpacked(t, map[string][]byte{"model/net.onnx": longer}), "bytes"},
	} {
		dir := t.TempDir()
		err := m.Prepare(at(c.source), dir)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) != 0 {
			t.Errorf("%s: left behind: %v", c.name, left)
		}
	}
}

// fakeNPM puts a program named npm first in the search path.
func fakeNPM(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestPullTakesWhatNPMPacks(t *testing.T) {
	model := tinyNet(1, 1e-30)
	m := tinyManifest(t, model)
	packed := tarball(t, map[string][]byte{"model/net.onnx": model})
	fakeNPM(t, `test "$1 $4" = "pack tiny@1.0.0" || exit 9; cp `+packed+` tiny.tgz && echo tiny.tgz`)
	dir := t.TempDir()
	if err := pull(t.Context(), dir, []Manifest{m}); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(dir); err != nil {
		t.Error(err)
	}
}

// Where no registry can be reached, packages lie under the names that npm gives them.
func TestPackagesOfAFolder(t *testing.T) {
	model, library := tinyNet(1, 1e-30), []byte("a shared library")
	m, r := tinyManifest(t, model), tinyRuntime(library)
	r.Source.Package = "@owner/tiny-runtime"
	folder, dir := t.TempDir(), t.TempDir()
	where := func(s Source) (string, error) { return s.tarball(folder), nil }
	if err := errors.Join(prepareAll([]Manifest{m}, where, dir), r.PullFrom(folder, dir)); err == nil ||
		!strings.Contains(err.Error(), "tiny-1.0.0.tgz") || !strings.Contains(err.Error(), "owner-tiny-runtime-2.0.0.tgz") {
		t.Errorf("nothing there: %v, want the names of both packages", err)
	}
	for name, files := range map[string]map[string][]byte{
		"tiny-1.0.0.tgz":               {"model/net.onnx": model},
		"owner-tiny-runtime-2.0.0.tgz": {"bin/libtiny.so.1": library},
	} {
		if err := os.Rename(tarball(t, files), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(prepareAll([]Manifest{m}, where, dir), r.PullFrom(folder, dir), m.Verify(dir)); err != nil {
		t.Error(err)
	}
	if _, err := r.Library(dir); err != nil {
		t.Error(err)
	}
}

func TestPullSaysWhyItFailed(t *testing.T) {
	m := tinyManifest(t, tinyNet(1))
	for _, c := range []struct{ script, want string }{
		{"echo no such package >&2; exit 1", "no such package"},
		{`case " $* " in *" --silent "*) ;; *) echo npm error code ECONNREFUSED >&2 ;; esac; exit 1`, "ECONNREFUSED"}, // as npm does
		{"true", "no file name"},
		{"echo ../../etc/passwd", "no file name"},
		{"echo missing.tgz", "missing.tgz"},
	} {
		fakeNPM(t, c.script)
		if err := pull(t.Context(), t.TempDir(), []Manifest{m}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.script, err, c.want)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if err := pull(t.Context(), t.TempDir(), []Manifest{m}); err == nil || !strings.Contains(err.Error(), "npm is not installed") {
		t.Errorf("without npm: error %v", err)
	}
}

func TestPullGivesUpOnARegistryThatHangs(t *testing.T) {
	fakeNPM(t, "sleep 20") // a child that keeps the pipe open when its parent is killed
	_, err := npmPack(t.Context(), tinyManifest(t, tinyNet(1)).Source, t.TempDir(), 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("error %v", err)
	}
}

func TestVerifyNamesFileAndRemedy(t *testing.T) {
	model := tinyNet(1)
	m := tinyManifest(t, model)
	dir := t.TempDir()
	where := filepath.Join(dir, "tiny-1", "net.onnx")
	wrong := func(want string) {
		t.Helper()
		err := m.Verify(dir)
		if err == nil || !strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "make models") {
			t.Errorf("error %v, want the file, %q and the remedy in it", err, want)
		}
	}
	wrong("missing")
	if err := m.Prepare(at(unpacked(t, map[string][]byte{"model/net.onnx": model})), dir); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(dir); err != nil {
		t.Error(err)
	}
	changed := bytes.Clone(model)
	changed[len(changed)-1] ^= 1
	if err := os.WriteFile(where, changed, 0o644); err != nil {
		t.Fatal(err)
	}
	wrong(m.Files[0].PreparedSHA256)
	if err := os.WriteFile(where, model[1:], 0o644); err != nil {
		t.Fatal(err)
	}
	wrong("bytes")
	if err := m.Prepare(at(unpacked(t, map[string][]byte{"model/net.onnx": model})), dir); err != nil || m.Verify(dir) != nil {
		t.Errorf("damage was not repaired: %v", err)
	}
}

func FuzzZeroDenormals(f *testing.F) {
	f.Add(tinyNet(1, 1e-30))
	f.Add([]byte{})
	f.Add([]byte{0x3a, 0x05, 0x2a, 0x03, 0x4a, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := len(data)
		if _, err := zeroDenormals(data); err == nil && len(data) != before {
			t.Error("the length changed")
		}
	})
}
