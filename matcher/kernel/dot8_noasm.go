//go:build noasm || !(amd64 || arm64)

package kernel

func dot8Rows() []row[dot8Func] { return []row[dot8Func]{dot8GenericRow()} }
