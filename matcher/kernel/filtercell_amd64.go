//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

func filterCellRows() []row[filterCellFunc] {
	return []row[filterCellFunc]{{"avx2", cpu.X86.HasAVX2, filterCellAVX2}, filterCellGenericRow()}
}

func filterCellAVX2(out, in []byte, stride int, start uint16, taps []Tap) {
	if len(taps) == 0 {
		filterCellGeneric(out, in, stride, start, taps)
		return
	}
	filterCellAVX2Taps(&out[0], &in[0], stride, start, &taps[0].At, len(taps))
}

// filterCellAVX2Taps takes the address of n taps above 0.
//
//go:noescape
func filterCellAVX2Taps(out, in *uint8, stride int, start uint16, taps *int32, n int)
