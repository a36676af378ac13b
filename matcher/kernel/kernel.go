// Package kernel holds the inner loops of extraction and of comparison: slices in, numbers out, no allocation.
//
// Every operation is a list of rows, best first; the last one is portable Go and the reference that the others are
// tested against. Dispatch, agreement tests, fuzzing and benchmarks walk the same rows. Integer kernels agree exactly.
package kernel

//go:generate go run -C _generate . -operation above8 -out ../above8_amd64.s
//go:generate go run -C _generate . -operation dot8 -out ../dot8_amd64.s
//go:generate go run -C _generate . -operation dots8 -out ../dots8_amd64.s
//go:generate go run -C _generate . -operation dotsbatch8 -out ../dotsbatch8_amd64.s
//go:generate go run -C _generate . -operation embed256 -out ../embed256_amd64.s
//go:generate go run -C _generate . -operation filtercell -out ../filtercell_amd64.s
//go:generate go run -C _generate . -operation nearest256 -out ../nearest256_amd64.s
//go:generate go run -C _generate . -operation machine -out ../machine_amd64.s

// row is one implementation of an operation.
type row[F any] struct {
	name   string
	usable bool // on this machine
	fn     F
}

// best returns the first usable implementation.
func best[F any](rows []row[F]) F {
	for _, r := range rows {
		if r.usable {
			return r.fn
		}
	}
	panic("kernel: no usable implementation")
}
