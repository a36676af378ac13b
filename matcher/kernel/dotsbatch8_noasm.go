//go:build noasm || !(amd64 || arm64)

package kernel

func dotsBatch8Rows() []row[dotsBatch8Func] { return []row[dotsBatch8Func]{dotsBatch8GenericRow()} }
