//go:build noasm || !(amd64 || arm64)

package kernel

func dots8Rows() []row[dots8Func] { return []row[dots8Func]{dots8GenericRow()} }
