//go:build !noasm

package kernel

func readSumRows() []row[sumFunc] { return []row[sumFunc]{readSumGenericRow()} }

func countOnesRows() []row[sumFunc] { return []row[sumFunc]{countOnesGenericRow()} }

func multiplyAddsRows() []row[multiplyAddsFunc] {
	return []row[multiplyAddsFunc]{{"sdot", hasSDOT(), multiplyAddsSDOT}, multiplyAddsGenericRow()}
}

func multiplyAddsSDOT(n int) int32 {
	if n == 0 {
		return 0
	}
	return multiplyAddsSDOTTurns(n)
}

// multiplyAddsSDOTTurns takes n turns above 0.
func multiplyAddsSDOTTurns(n int) int32
