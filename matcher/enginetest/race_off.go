//go:build !race

package enginetest

// Racing: see race_on.go.
const Racing = false
