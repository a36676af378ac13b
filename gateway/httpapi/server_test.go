package httpapi

import (
	"strings"
	"testing"
)

const oneFinger = `{"captures":[{"modality":"finger","position":"right-index","dpi":500,"data":"aGVsbG8="}]}`

func TestEnrollAnswersWhatIsHeld(t *testing.T) {
	r := start(t, &fakeAPI{}, nil)
	got := r.postJSON(t, "/v1/subjects/a.b-c:d%40e/templates", oneFinger)
	if got.status != 201 || got.json["subject"] != "a.b-c:d@e" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if !strings.Contains(string(got.body), `"reasons":[]`) || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", got.header, got.body)
	}
}
