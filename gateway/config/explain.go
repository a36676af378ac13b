package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	mistyped     = regexp.MustCompile("(?s)^line ([0-9]+): cannot unmarshal (!!\\w+)(?: `(.*)`)? into (.+)$")
)

// kinds are the types of settings in words.
var kinds = map[string]string{
	"int": "a whole number", "float64": "a number", "bool": "true or false", "string": "a text", "[]string": "a list: [a, b]",
	"time.Duration": "a time with its unit, such as 90s", "[]config.Audience": "a list of audiences",
}

// explain puts the decoder's message into the words of the file: settings, not Go types. text is what was read, where it has more
// than one setting.
func explain(err error, text []byte) error {
	var mismatch *yaml.TypeError
	if !errors.As(err, &mismatch) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var document yaml.Node
	_ = yaml.Unmarshal(text, &document) // it could be read: only its types are wrong
	nodes := nodesOf(&document, "", reflect.TypeFor[Config]())
	lines := make([]string, len(mismatch.Errors))
	for i, line := range mismatch.Errors {
		parts := mistyped.FindStringSubmatch(line)
		if parts == nil {
			lines[i] = unknownField.ReplaceAllString(line, "unknown setting $1")
			continue
		}
		var path string
		path, nodes = find(nodes, parts[1], parts[2], parts[3], parts[4])
		lines[i] = wanted(path, parts[1], parts[2], parts[3], parts[4])
	}
	return errors.New(strings.Join(lines, "; "))
}

// fractions refuses numbers with a fraction where whole ones are meant: the decoder would cut the fraction off without a word.
func fractions(text []byte, t reflect.Type) error {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return err
	}
	var lines []string
	for _, n := range nodesOf(&document, "", t) {
		if number, err := strconv.ParseFloat(n.value, 64); n.goType == "int" && n.tag == "!!float" && (err != nil || number != math.Trunc(number)) {
			lines = append(lines, wanted(n.path, n.line, n.tag, n.value, n.goType))
		}
	}
	if len(lines) > 0 {
		return errors.New(strings.Join(lines, "; "))
	}
	return nil
}

// wanted says what a setting must be and what it is.
func wanted(path, line, tag, value, goType string) string {
	kind, known := kinds[goType]
	if !known {
		kind = "settings, name: value"
	}
	has := strconv.Quote(value)
	switch tag {
	case "!!map":
		has = "settings"
	case "!!seq":
		has = "a list"
	}
	return fmt.Sprintf("line %s: %s wants %s, has %s", line, cmp.Or(path, "it"), kind, has)
}

// node is a value in the file, and the type that its setting has.
type node struct{ path, line, tag, value, goType string }

// nodesOf are the values at and below n that are settings, in the order of the file. t is the type of the setting at path.
func nodesOf(n *yaml.Node, path string, t reflect.Type) (out []node) {
	switch n.Kind {
	case yaml.DocumentNode:
		return nodesOf(n.Content[0], "", t)
	case yaml.AliasNode: // what is wrong is said of the place that it stands for
		return []node{nodeOf(n.Alias, path, t)}
	case yaml.MappingNode:
		out = []node{nodeOf(n, path, t)}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if name := n.Content[i].Value; fieldType(t, name) != nil {
				out = append(out, nodesOf(n.Content[i+1], strings.TrimPrefix(path+"."+name, "."), fieldType(t, name))...)
			}
		}
	case yaml.SequenceNode:
		out = []node{nodeOf(n, path, t)}
		for i, item := range n.Content {
			if t.Kind() == reflect.Slice {
				out = append(out, nodesOf(item, fmt.Sprintf("%s[%d]", path, i), t.Elem())...)
			}
		}
	case yaml.ScalarNode:
		out = []node{nodeOf(n, path, t)}
	}
	return out
}

// fieldType is the type of the setting of this name in t; nil where there is none.
func fieldType(t reflect.Type, name string) reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tag == name {
			if f.Type.Kind() == reflect.Pointer { // a setting that may be left out
				return f.Type.Elem()
			}
			return f.Type
		}
	}
	return nil
}

// nodeOf is n as the decoder's messages show it: long values are cut.
func nodeOf(n *yaml.Node, path string, t reflect.Type) node {
	value := n.Value
	if len(value) > 10 {
		value = value[:7] + "..."
	}
	return node{path, strconv.Itoa(n.Line), n.ShortTag(), value, t.String()}
}

// find is the path of the first of nodes that a message speaks of, and the nodes behind it: messages come in the order of the file.
func find(nodes []node, line, tag, value, goType string) (path string, rest []node) {
	i := slices.IndexFunc(nodes, func(n node) bool { return n.path != "" && n == node{n.path, line, tag, value, goType} })
	if i < 0 {
		return "", nodes
	}
	return nodes[i].path, nodes[i+1:]
}
