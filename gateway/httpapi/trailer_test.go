package httpapi

import (
	"fmt"
	"testing"
)

// TestTrailersAddNothing: what comes behind a body was not signed with the header. A proxy that could add a key there would have
// an earlier deletion's answer given to a later one.
func TestTrailersAddNothing(t *testing.T) {
	api, enrolments := counting(nil)
	r := start(t, api, nil)
	for range 2 {
		conn := r.dial(t)
		fmt.Fprintf(conn, "POST /v1/subjects/a/templates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"+
			"Trailer: Idempotency-Key\r\n\r\n%x\r\n%s\r\n0\r\nIdempotency-Key: added\r\n\r\n", len(oneFinger), oneFinger)
		if status, text := readRaw(t, conn); status != 201 {
			t.Errorf("%d %s", status, text)
		}
	}
	if n := enrolments.Load(); n != 2 {
		t.Errorf("%d enrolments were made of 2 that had no key in their header", n)
	}
}
