package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prefix of the variables that are settings.
const prefix = "BIOGATE_"

// Setting is one setting of the file, as a person writes and reads it.
type Setting struct {
	Path     string // as in the file, joined by dots: policy.max_fmr
	Variable string // its name in the environment: BIOGATE_POLICY_MAX_FMR
	Value    string // as in the file; passwords of URLs are not shown
}

// Settings are all settings with their values, in the order of the file.
func (c *Config) Settings() []Setting {
	var out []Setting
	each(reflect.ValueOf(c).Elem(), nil, func(path []string, value reflect.Value) {
		text, err := yaml.Marshal(c.shown(path, value))
		if err != nil {
			text = []byte("?") // every setting is of a type that YAML has
		}
		out = append(out, Setting{strings.Join(path, "."), variable(path), strings.TrimSpace(string(text))})
	})
	return out
}

// shown is a value without what nobody should read over a shoulder, and with what audiences leave out: an empty list would read
// like one that is left out, and they mean different things.
func (c *Config) shown(path []string, value reflect.Value) any {
	switch path[len(path)-1] {
	case "redis":
		return hidePassword(value.String())
	case "audiences":
		effective := make([]Audience, len(c.Audiences))
		for i, a := range c.Audiences {
			effective[i] = c.Effective(a)
		}
		return effective
	}
	return value.Interface()
}

// Environment puts the settings in environ, lines of NAME=value, over c. The name of a setting is BIOGATE_ and its path in the
// file in capitals with _ between: BIOGATE_POLICY_MAX_FMR. A value is written as in the file, lists as [a, b]; an empty one
// changes nothing. The error names every variable whose value does not fit.
func (c *Config) Environment(environ []string) error {
	fields := map[string]reflect.Value{}
	each(reflect.ValueOf(c).Elem(), nil, func(path []string, value reflect.Value) { fields[variable(path)] = value })
	var errs []error
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		field, known := fields[name]
		if !known || value == "" {
			continue
		}
		if err := assign(field, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Unknown are the variables of environ that look like settings and are none, but for those that others use.
func Unknown(environ, others []string) (names []string) {
	known := map[string]bool{}
	each(reflect.ValueOf(new(Config)).Elem(), nil, func(path []string, _ reflect.Value) { known[variable(path)] = true })
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, prefix) && value != "" && !known[name] && !slices.Contains(others, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// each calls f with every setting below v and its path.
func each(v reflect.Value, path []string, f func(path []string, value reflect.Value)) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		at := append(slices.Clip(path), name)
		if field := v.Field(i); field.Kind() == reflect.Struct {
			each(field, at, f)
		} else {
			f(at, field)
		}
	}
}

func variable(path []string) string { return prefix + strings.ToUpper(strings.Join(path, "_")) }

// assign reads text into a setting: as it is for texts, as YAML for everything else.
func assign(setting reflect.Value, text string) error {
	if setting.Kind() == reflect.String {
		setting.SetString(text)
		return nil
	}
	read := reflect.New(setting.Type())
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(read.Interface()); err != nil {
		return explain(err, nil)
	}
	if err := fractions([]byte(text), setting.Type()); err != nil {
		return err
	}
	setting.Set(read.Elem())
	return nil
}
