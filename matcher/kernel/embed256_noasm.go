//go:build noasm || !(amd64 || arm64)

package kernel

func embed256Rows() []row[embed256Func] { return []row[embed256Func]{embed256GenericRow()} }
