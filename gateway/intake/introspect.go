package intake

import (
	"mime"
	"net/url"

	"biogate/gateway"
)

// Introspect reads the request of RFC 7662, section 2.1: a form with a token. token_type_hint, client_id and what else may be there
// change nothing: who asks is known by its connection or signature.
func Introspect(b Body) (token string, err error) {
	if media, _, err := mime.ParseMediaType(b.ContentType); err != nil || media != "application/x-www-form-urlencoded" {
		return "", refuse(gateway.Unsupported, CodeMediaType, "an introspection is asked for in application/x-www-form-urlencoded")
	}
	form, err := url.ParseQuery(string(b.Bytes))
	if err != nil || len(form["token"]) != 1 || form.Get("token") == "" || len(form.Get("token")) > gateway.MaxTokenBytes {
		return "", malformed(CodeToken, "the form does not hold one token of at most %d bytes", gateway.MaxTokenBytes)
	}
	return form.Get("token"), nil
}
