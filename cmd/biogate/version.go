package main

import (
	"fmt"
	"io"
	"runtime"

	"biogate/internal/buildinfo"
)

type versionCmd struct{}

func (versionCmd) Run(out console) error {
	v := map[string]string{"version": buildinfo.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	return out.answer(v, func(w io.Writer) { fmt.Fprintf(w, "biogate %s, %s, %s\n", v["version"], v["go"], v["platform"]) })
}
