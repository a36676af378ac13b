//go:build noasm || !amd64

package kernel

func filterCellRows() []row[filterCellFunc] { return []row[filterCellFunc]{filterCellGenericRow()} }
