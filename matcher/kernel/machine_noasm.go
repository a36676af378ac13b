//go:build noasm || !(amd64 || arm64)

package kernel

func readSumRows() []row[sumFunc] { return []row[sumFunc]{readSumGenericRow()} }

func countOnesRows() []row[sumFunc] { return []row[sumFunc]{countOnesGenericRow()} }

func multiplyAddsRows() []row[multiplyAddsFunc] {
	return []row[multiplyAddsFunc]{multiplyAddsGenericRow()}
}
