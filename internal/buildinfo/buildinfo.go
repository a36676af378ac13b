// Package buildinfo says what this program was built from.
package buildinfo

// version is set by the linker (see the Makefile).
var version = "devel"

// Version is the tag or revision that the program was built from, or "devel".
func Version() string { return version }
