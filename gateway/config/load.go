package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes bounds what is read of a file.
const maxFileBytes = 1 << 20

// Load reads a file over the defaults; without a path it is the defaults. Settings that do not exist, or stand twice, are
// errors that name the line; what could be read comes with them, so that all problems can be told at once. The result still
// wants Environment, Override and Validate.
func Load(path string) (Config, error) {
	if path == "" {
		return Default(), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c, err := parse(text)
	if err != nil {
		return c, fmt.Errorf("config: %s: %w", path, err)
	}
	return c, nil
}

func parse(text []byte) (Config, error) {
	if len(text) > maxFileBytes {
		return Default(), fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err == io.EOF { // nothing but comments
		return c, nil
	} else if err != nil {
		return c, explain(err, text)
	}
	if err := fractions(text, reflect.TypeFor[Config]()); err != nil {
		return c, err
	}
	if err := dec.Decode(new(any)); err != io.EOF {
		return c, errors.New("it holds more than one document")
	}
	return c, nil
}

// Overrides are the settings that have flags; empty ones change nothing.
type Overrides struct{ Listen, Data, Redis, FaceModel, Networks string }

// Override puts o over c, after the environment.
func (c *Config) Override(o Overrides) {
	for _, row := range []struct {
		setting *string
		value   string
	}{{&c.Listen, o.Listen}, {&c.Data, o.Data}, {&c.Redis, o.Redis}, {&c.FaceModel, o.FaceModel}, {&c.Networks, o.Networks}} {
		if row.value != "" {
			*row.setting = row.value
		}
	}
}
