package httpapi

import (
	"bytes"
	"cmp"
	_ "embed"
	htmltemplate "html/template"
	"slices"
	"strings"
)

//go:embed docs.html
var docsPage string

// docsRoute is one line of the page's table of calls.
type docsRoute struct {
	Method, Path, About string
	Write               bool
}

// docsProblem is one line of the page's table of problems; its code is the line's anchor.
type docsProblem struct {
	Status            int
	Code, Title, Hint string
}

// renderDocs makes the page of /docs out of the routes and the catalogue. It refers to nothing outside this server.
func renderDocs(routes []route, bodyLimit int) ([]byte, error) {
	page, err := htmltemplate.New("docs").Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, struct {
		Routes    []docsRoute
		Problems  []docsProblem
		BodyLimit int
	}{docsRoutes(routes), docsProblems(), bodyLimit >> 20})
	return b.Bytes(), err
}

func docsRoutes(routes []route) (out []docsRoute) {
	for _, r := range routes {
		path := strings.NewReplacer(":subject", "{subject}", ":gallery", "{gallery}").Replace(r.path)
		out = append(out, docsRoute{r.method, path, r.about, r.is(write)})
	}
	return out
}

func docsProblems() (out []docsProblem) {
	for code, e := range catalogue {
		out = append(out, docsProblem{e.status, code, e.title, e.hint})
	}
	slices.SortFunc(out, func(a, b docsProblem) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), strings.Compare(a.Code, b.Code))
	})
	return out
}
