package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"biogate/gateway"
	"biogate/gateway/intake"
)

func readIntrospect(s *Server, r request) (work, error) {
	token, err := intake.Introspect(r.body)
	return work{run: func(ctx context.Context) (answer, error) {
		found, err := s.deps.API.Introspect(ctx, token)
		return answer{status: http.StatusOK, body: introspection(found)}, err
	}}, err
}

// introspection is the answer of RFC 7662, section 2.2: the assertion's own members behind "active", or that alone.
func introspection(found gateway.Introspected) json.RawMessage {
	if claims, isObject := bytes.CutPrefix(found.Claims, []byte("{")); found.Active && isObject {
		return append(json.RawMessage(`{"active":true,`), claims...)
	}
	return json.RawMessage(`{"active":false}`)
}
