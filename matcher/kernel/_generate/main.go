// Command generate writes the amd64 assembly of one operation of package kernel, with avo. See the go:generate lines
// in kernel.go.
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	operation := flag.String("operation", "", "operation to write")
	flag.Parse()
	ConstraintExpr("!noasm")
	switch *operation {
	case "above8":
		above8()
	case "dot8":
		dot8()
	case "dots8":
		dots8()
	case "dotsbatch8":
		dotsBatch8()
	case "embed256":
		embed256()
	case "filtercell":
		filterCell()
	case "nearest256":
		nearest256()
	case "machine":
		machine()
	default:
		log.Fatalf("operation %q: unknown", *operation)
	}
	Generate()
}
