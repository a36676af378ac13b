//go:build noasm || !(amd64 || arm64)

package kernel

func nearest256Rows() []row[nearest256Func] {
	return []row[nearest256Func]{nearest256GenericRow()}
}
