//go:build noasm || !(amd64 || arm64)

package kernel

func above8Rows() []row[above8Func] { return []row[above8Func]{above8GenericRow()} }
