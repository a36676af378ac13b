package httpapi

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"biogate/gateway"
	"biogate/gateway/limits"
	"biogate/matcher"
)

func contract(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestContractListsTheRoutes(t *testing.T) {
	var served, promised []string
	for _, r := range routes {
		served = append(served, r.method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.path, "{$1}")+" "+r.about)
	}
	for path, item := range contract(t).Paths.Map() {
		for method, op := range item.Operations() {
			promised = append(promised, method+" "+path+" "+op.Summary)
		}
	}
	slices.Sort(served)
	slices.Sort(promised)
	if !slices.Equal(served, promised) {
		t.Errorf("routes\n%s\ncontract\n%s", strings.Join(served, "\n"), strings.Join(promised, "\n"))
	}
}

// TestContractListsTheCodes: every code of the catalogue stands in the contract under its status, and no other.
func TestContractListsTheCodes(t *testing.T) {
	promised := map[string]int{}
	for _, res := range contract(t).Components.Responses {
		media := res.Value.Content.Get(typeProblem)
		if media == nil {
			continue
		}
		narrowed := media.Schema.Value.AllOf[1].Value
		for _, code := range narrowed.Properties["code"].Value.Enum {
			promised[code.(string)] = int(narrowed.Properties["status"].Value.Const.(float64))
		}
	}
	known := map[string]int{}
	for code, e := range catalogue {
		known[code] = e.status
	}
	if !maps.Equal(known, promised) {
		t.Errorf("catalogue %v\ncontract  %v", known, promised)
	}
}

// TestAnswersKeepTheContract sends requests of every kind and holds each answer to the contract.
func TestAnswersKeepTheContract(t *testing.T) {
	r := start(t, &fakeAPI{}, func(d *Deps) { d.Config.Rates.Global = limits.Rate{PerSecond: 1000, Burst: 1000} })
	router, err := gorillamux.NewRouter(contract(t))
	if err != nil {
		t.Fatal(err)
	}
	const (
		captures = `"captures":[{"modality":"finger","position":"right-index","dpi":500,"data":"aGVsbG8="},{"modality":"face","at":{"x":1,"y":2},"data":"aGVsbG8"}]`
		verify   = `{"subject":"a","audience":"https://rp.example","nonce":"n",` + captures + `}`
	)
	seen := map[string]bool{}
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
	}{
		{"POST", "/v1/subjects/a/templates", "application/json", "{" + captures + "}", 201},
		{"POST", "/v1/subjects/a/templates", "image/png", "x", 400},
		{"POST", "/v1/subjects/a/templates", "text/plain", "x", 415},
		{"POST", "/v1/subjects/a/templates", "application/json", strings.Repeat(" ", 21<<20), 413},
		{"POST", "/v1/subjects/unusable/templates", "application/json", "{" + captures + "}", 422},
		{"POST", "/v1/subjects/huge/templates", "application/json", "{" + captures + "}", 413},
		{"POST", "/v1/subjects/liar/templates", "application/json", "{" + captures + "}", 415},
		{"POST", "/v1/subjects/broken/templates", "application/json", "{" + captures + "}", 400},
		{"POST", "/v1/subjects/unbuilt/templates", "application/json", "{" + captures + "}", 501},
		{"POST", "/v1/subjects/duplicate/templates", "application/json", "{" + captures + "}", 409},
		{"POST", "/v1/subjects/late/templates", "application/json", "{" + captures + "}", 503},
		{"POST", "/v1/subjects/fault/templates", "application/json", "{" + captures + "}", 500},
		{"GET", "/v1/subjects/a", "", "", 200},
		{"GET", "/v1/subjects/nobody", "", "", 404},
		{"GET", "/v1/subjects/panic", "", "", 500},
		{"GET", "/v1/subjects/down", "", "", 503},
		{"DELETE", "/v1/subjects/a", "", "", 200},
		{"POST", "/v1/verifications", "application/json", verify, 200},
		{"POST", "/v1/verifications", "application/json", `{"subject":"nobody","audience":"b",` + captures + `}`, 404},
		{"POST", "/v1/verifications", "application/json", `{"subject":"a","audience":"b","x":1}`, 400},
		{"POST", "/v1/verifications?modality=face&subject=a&audience=b", "image/png", "x", 200},
		{"POST", "/v1/identifications", "application/json", `{"gallery":"g","audience":"b","max_candidates":3,` + captures + `}`, 200},
		{"POST", "/v1/identifications", "application/json", `{"gallery":"g","audience":"b","group":"gate-4","subjects":["a","b"],` + captures + `}`, 200},
		{"POST", "/v1/identifications", "application/json", `{"gallery":"g","audience":"b","subjects":[],` + captures + `}`, 400},
		{"POST", "/v1/identifications?gallery=g&audience=b&modality=face&group=gate-4", "image/png", "x", 200},
		{"POST", "/v1/identifications?gallery=g&audience=b&modality=face&subjects=a", "image/png", "x", 400},
		{"POST", "/v1/challenges", "", "", 201},
		{"POST", "/v1/challenges", "application/json", `{"kind":"colour"}`, 201},
		{"POST", "/v1/challenges", "application/json", `{"kind":"head-turn"}`, 501},
		{"POST", "/v1/challenges", "application/json", `{"kind":"dance"}`, 400},
		{"POST", "/v1/challenges", "text/plain", `colour`, 415},
		{"POST", "/v1/verifications", "application/json", `{"subject":"a","audience":"b","captures":[{"modality":"face","time_ms":0,"data":"aGVs"},{"modality":"face","time_ms":10000,"data":"aGVs"}]}`, 200},
		{"POST", "/v1/verifications", "application/json", `{"subject":"a","audience":"b","captures":[{"modality":"face","time_ms":5,"data":"aGVs"},{"modality":"face","time_ms":5,"data":"aGVs"}]}`, 400},
		{"POST", "/v1/verifications", "application/json", `{"subject":"tried","audience":"b",` + captures + `}`, 429},
		{"POST", "/v1/verifications", "application/json", `{"subject":"spent","audience":"b",` + captures + `}`, 409},
		{"POST", "/v1/introspect", "application/x-www-form-urlencoded", "token=good", 200},
		{"POST", "/v1/introspect", "application/x-www-form-urlencoded", "token=used", 200},
		{"POST", "/v1/introspect", "application/x-www-form-urlencoded", "token=a&token=b", 400},
		{"POST", "/v1/introspect", "application/json", `{"token":"a"}`, 415},
		{"PUT", "/v1/galleries/new", "application/json", `{"purpose":"boarding","expires_at":"2099-01-01T00:00:00Z"}`, 201},
		{"PUT", "/v1/galleries/old", "", "", 200},
		{"GET", "/v1/galleries/old", "", "", 200},
		{"GET", "/v1/galleries/none", "", "", 404},
		{"DELETE", "/v1/galleries/old", "", "", 200},
		{"GET", "/v1/galleries/old/receipt", "", "", 200},
		{"GET", "/v1/galleries/none/receipt", "", "", 404},
		{"PUT", "/v1/galleries/old/members/a", "", "", 200},
		{"PUT", "/v1/galleries/old/members/a", "application/json", `{"group":"gate-4"}`, 200},
		{"PUT", "/v1/galleries/old/members/a", "application/json", `{"group":"gate 4"}`, 400},
		{"PUT", "/v1/galleries/old/members/a", "text/plain", `gate`, 415},
		{"PUT", "/v1/galleries/old/members/nobody", "", "", 404},
		{"DELETE", "/v1/galleries/old/members/a", "", "", 200},
		{"POST", "/v1/galleries/old/members", "application/x-ndjson", "{\"subject\":\"a\",\"group\":\"gate-4\"}\n{\"subject\":\"nobody\"}\n", 200},
		{"GET", "/.well-known/jwks.json", "", "", 200},
		{"GET", "/.well-known/openid-configuration", "", "", 200},
		{"GET", "/livez", "", "", 200},
		{"GET", "/readyz", "", "", 200},
		{"GET", "/metrics", "", "", 200},
		{"GET", "/openapi.yaml", "", "", 200},
		{"GET", "/docs", "", "", 200},
	} {
		got := r.call(t, c.method, c.path, strings.NewReader(c.body), "Content-Type", c.contentType)
		if got.status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, got.status, got.body, c.status)
			continue
		}
		keepsContract(t, router, c.method, c.path, c.contentType, c.body, got)
		if got.status < 300 {
			seen[c.method+" "+routeOf(t, router, c.method, c.path).Path] = true
		}
	}
	if len(seen) != len(routes) {
		t.Errorf("%d of %d routes answered well: %v", len(seen), len(routes), seen)
	}
}

func routeOf(t testing.TB, router routers.Router, method, path string) *routers.Route {
	t.Helper()
	req, _ := http.NewRequest(method, "http://127.0.0.1:8080"+path, nil)
	route, _, err := router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return route
}

// keepsContract holds an answer to the contract, and the request too when it was taken in a form that the validator reads.
func keepsContract(t testing.TB, router routers.Router, method, path, contentType, body string, got reply) {
	t.Helper()
	req, _ := http.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	route, params, err := router.FindRoute(req)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return
	}
	ctx := context.Background()
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if got.status < 300 && contentType == "application/json" {
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			t.Errorf("%s %s: the contract forbids a request that was taken: %v", method, path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: got.status, Header: got.header}
	out.Options = &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: !strings.Contains(got.header.Get("Content-Type"), "json")}
	out.SetBodyBytes(bytes.Clone(got.body))
	if err := openapi3filter.ValidateResponse(ctx, out); err != nil {
		t.Errorf("%s %s: %d: %v\n%s", method, path, got.status, err, got.body)
	}
}

// TestEveryProblemSaysWhatToDo: the contract has a hint in every problem, also one whose code the catalogue lacks.
func TestEveryProblemSaysWhatToDo(t *testing.T) {
	for code, e := range catalogue {
		if e.hint == "" {
			t.Errorf("%s has no hint", code)
		}
	}
	if p := newProblem(&gateway.Error{Kind: gateway.Conflict, Code: "x", Detail: "y"}, ""); p.Hint == "" {
		t.Error("a code that the catalogue lacks has no hint")
	}
}

// TestEveryRefusalOfAnEngineIsExplained reads the codes out of package matcher's source, so that a new one is not missed.
func TestEveryRefusalOfAnEngineIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../matcher/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		n++
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		e, known := catalogue[code]
		if p := newProblem(&matcher.Error{Code: matcher.Code(code), Detail: "x"}, ""); err != nil || !known || p.Status != e.status {
			t.Errorf("%s: answered %d, the catalogue says %+v", code, p.Status, e)
		}
		return true
	})
	if n < 9 {
		t.Errorf("found %d codes", n)
	}
}

func TestEveryKindHasAStatusAndADocument(t *testing.T) {
	for kind := gateway.Internal; kind <= gateway.NotBuilt; kind++ {
		p := newProblem(&gateway.Error{Kind: kind, Code: "x", Detail: "y"}, "")
		if p.Status < 400 || p.Title == "" || p.Code == "" {
			t.Errorf("kind %d: %+v", kind, p)
		}
	}
	if p := newProblem(&gateway.Error{Kind: 99, Code: "x"}, ""); p.Status != 500 || p.Code != codeInternal {
		t.Errorf("an unknown kind: %+v", p)
	}
	if p := newProblem(&gateway.Error{Kind: gateway.Internal, Code: "reference-damaged", Detail: "secret", Hint: "secret", Reasons: []string{"secret"}}, ""); strings.Contains(string(p.encode()), "secret") {
		t.Errorf("a fault of ours shows its detail: %s", p.encode())
	}
}

// TestDocsExplainEverything: the anchor that a problem's type points to is there, and the page needs nothing from elsewhere.
func TestDocsExplainEverything(t *testing.T) {
	page := string(start(t, &fakeAPI{}, nil).call(t, "GET", "/docs", nil).body)
	for code, e := range catalogue {
		if !strings.Contains(page, `id="`+code+`"`) || e.title == "" || e.status < 400 {
			t.Errorf("%s is not explained", code)
		}
	}
	for _, r := range docsRoutes(routes) {
		if !strings.Contains(page, r.Path) || !strings.Contains(page, r.About) {
			t.Errorf("%s is not there", r.Path)
		}
	}
	if regexp.MustCompile(`(?i)(src|href)="?(https?:)?//|<script|@import`).MatchString(page) {
		t.Error("the page loads something")
	}
}
