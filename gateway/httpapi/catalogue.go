package httpapi

import (
	"net/http"
	"time"

	"biogate/gateway"
)

// Codes of what the HTTP surface itself refuses.
const (
	codeInternal          = "internal"
	codeDeadline          = "deadline-exceeded"
	codeDraining          = "draining"
	codeOverloaded        = "overloaded"
	codeNotReady          = "not-ready"
	codeReceipts          = "receipts-unavailable"
	codeRouteUnknown      = "route-unknown"
	codeMethod            = "method-not-allowed"
	codeHTTP              = "http-invalid"
	codeHeaderTooLarge    = "header-too-large"
	codeTimeout           = "request-timeout"
	codeBodyTooLarge      = "body-too-large"
	codeBodyIncomplete    = "body-incomplete"
	codeContentEncoding   = "content-encoding-unsupported"
	codeRemote            = "remote-refused"
	codeCrossSite         = "cross-site-refused"
	codeRate              = "rate-exceeded"
	codeIdempotencyKey    = "idempotency-key-invalid"
	codeIdempotencyReused = "idempotency-key-reused"
	codeIdempotencyBusy   = "idempotency-in-progress"
	codePlain             = "tls-required"
)

func newError(kind gateway.Kind, code, detail string) *gateway.Error {
	return &gateway.Error{Kind: kind, Code: code, Detail: detail}
}

func later(code, detail string) *gateway.Error {
	return &gateway.Error{Kind: gateway.Unavailable, Code: code, Detail: detail, RetryAfter: time.Second}
}

func httpOnly(status int, code, detail string) *httpError {
	return &httpError{status, gateway.Error{Kind: gateway.Malformed, Code: code, Detail: detail}}
}

// Refusals without a variable part. They are never changed.
var (
	errPlain              = httpOnly(http.StatusBadRequest, codePlain, "this port speaks TLS, the request came without")
	errRouteUnknown       = httpOnly(http.StatusNotFound, codeRouteUnknown, "there is nothing at this path")
	errMethod             = httpOnly(http.StatusMethodNotAllowed, codeMethod, "this path does not know the method; the header Allow names those it knows")
	errHTTP               = httpOnly(http.StatusBadRequest, codeHTTP, "the request is not HTTP/1.1 as RFC 9112 has it")
	errHeaderTooLarge     = httpOnly(http.StatusRequestHeaderFieldsTooLarge, codeHeaderTooLarge, "the request's header is too large")
	errHeaderTimeout      = httpOnly(http.StatusRequestTimeout, codeTimeout, "the request's header did not arrive in time")
	errBodyTimeout        = httpOnly(http.StatusRequestTimeout, codeTimeout, "the request's body did not arrive in time")
	errBodyTooLarge       = newError(gateway.TooLarge, codeBodyTooLarge, "the request's body is larger than this call takes")
	errBodyIncomplete     = newError(gateway.Malformed, codeBodyIncomplete, "the request's body ended early or broke its transfer coding")
	errContentEncoding    = newError(gateway.Unsupported, codeContentEncoding, "bodies are read as they are, without a Content-Encoding")
	errBodiesFull         = later(codeOverloaded, "the gateway holds as many large bodies as it may")
	errOverloaded         = later(codeOverloaded, "the gateway has as much work as it can do in time")
	errTooManyConnections = later(codeOverloaded, "the gateway has as many connections as it may")
	errDraining           = later(codeDraining, "the gateway is going down")
	errRemote             = newError(gateway.Forbidden, codeRemote, "in development mode the gateway answers this machine alone")
	errCrossSite          = newError(gateway.Forbidden, codeCrossSite, "in development mode the gateway answers requests whose Host, and Origin when there is one, name this machine: not pages of other sites")
	errIdempotencyKey     = newError(gateway.Malformed, codeIdempotencyKey, "an Idempotency-Key is 1 to 128 printable ASCII characters")
	errIdempotencyReused  = newError(gateway.Conflict, codeIdempotencyReused, "this Idempotency-Key came with another request before")
	errIdempotencyBusy    = &gateway.Error{
		Kind: gateway.Conflict, Code: codeIdempotencyBusy, Detail: "a request with this Idempotency-Key is being worked on", RetryAfter: time.Second,
	}
)

// entry explains a code: its title, and what the caller can do.
type entry struct {
	status      int
	title, hint string
}

// catalogue has every code that clients can meet; /docs shows it and openapi.yaml lists the same.
var catalogue = map[string]entry{
	"body-empty":                    {400, "The body is empty", "Send captures as JSON, multipart or raw bytes."},
	"json-invalid":                  {400, "The body is not JSON", "Check the text with a JSON linter; NaN, comments and trailing commas are not JSON."},
	"multipart-invalid":             {400, "The body is not multipart/form-data", "Let an HTTP library build the form and its boundary."},
	"query-invalid":                 {400, "The query cannot be read", "URL-encode the query parameters."},
	"unknown-field":                 {400, "A field is unknown", "Remove the field or correct its name; nothing is ignored."},
	"duplicate-field":               {400, "A field is there twice", "Send each field once."},
	"field-invalid":                 {400, "A value has the wrong type", "See the type of the field in /openapi.yaml."},
	"base64-invalid":                {400, "The data is not base64", "Encode the bytes with the standard or the URL alphabet, without line breaks."},
	"captures-missing":              {400, "There is no capture", "Send at least one capture."},
	"captures-too-many":             {400, "There are too many captures", "Send at most 16 captures in one request."},
	"capture-empty":                 {400, "A capture holds no bytes", "Send the bytes of a picture or template."},
	"modality-unknown":              {400, "The modality is unknown", "Use face or finger."},
	"position-unknown":              {400, "The finger position is unknown", "Use right-thumb, right-index, ... left-little, or leave it out."},
	"subject-invalid":               {400, "The subject is malformed", "Use 1 to 128 of A-Z a-z 0-9 . _ : @ -"},
	"gallery-invalid":               {400, "The gallery's name is malformed", "Use 1 to 128 of A-Z a-z 0-9 . _ : @ -"},
	"group-invalid":                 {400, "The group's name is no name", "Use 1 to 128 of A-Z a-z 0-9 . _ : @ -"},
	"subjects-invalid":              {400, "The list of subjects to search among is empty or too long", "Name 1 to 1,000 subjects, or leave subjects out to search the whole gallery."},
	"token-invalid":                 {400, "The token is missing", "Send one field token in an application/x-www-form-urlencoded body."},
	"audience-invalid":              {400, "The audience is missing or malformed", "Name who the assertion is for, usually the relying party's URL."},
	"nonce-invalid":                 {400, "The nonce is malformed", "Use 1 to 256 printable characters."},
	"sequence-invalid":              {400, "The times of the captures are no sequence", "Give every face a time_ms, 0 at the first and ascending to 10000 at most in the order of the request, or give none."},
	"challenge-unknown":             {400, "There is no such challenge", "Ask for nonce, colour or head-turn."},
	"challenge-required":            {400, "The audience demands a challenge", "Get one of the kind that the detail names from POST /v1/challenges, and send its nonce as challenge with captures that answer it."},
	"parameter-invalid":             {400, "A parameter is out of range", "See the range of the field in /openapi.yaml."},
	"expiry-invalid":                {400, "The gallery would have expired already", "State an expires_at in the future."},
	"max-candidates-invalid":        {400, "The number of candidates is out of range", "Ask for 1 to 100 candidates."},
	"capture-undecodable":           {400, "A capture cannot be decoded", "Send the file as the sensor or camera wrote it."},
	"template-malformed":            {400, "A template breaks its format", "Extract it anew."},
	codeHTTP:                        {400, "The request is not HTTP/1.1", "Use an HTTP library, and send each header once; a proxy on the way may have changed the request."},
	codeBodyIncomplete:              {400, "The body is incomplete", "Send as many bytes as Content-Length says."},
	codeIdempotencyKey:              {400, "The Idempotency-Key is malformed", "Use a random UUID."},
	codePlain:                       {400, "The request came without TLS", "Use https."},
	"credential-required":           {401, "There is no credential", "Sign the request (RFC 9421) or show a client certificate, of a device that an operator registered with biogate devices add."},
	"credential-refused":            {401, "The credential is not taken", "Check the device's id and key, and that the request is signed for this gateway's public name and nothing on the way changes it."},
	"signature-invalid":             {401, "The signature cannot be used", "Sign as docs/request-path.md shows: method, authority, path, query, the body's digest and type, with created, nonce and keyid."},
	"digest-mismatch":               {401, "The body is not the one that was signed", "Send the bytes that Content-Digest was made of."},
	"request-stale":                 {401, "The request was signed too long ago, or ahead of time", "Set the clock of the device (the header Date has ours) and sign anew."},
	"request-replayed":              {401, "The request was made before", "Sign every request anew, with a new nonce."},
	"request-out-of-order":          {401, "The request comes too late", "Sign it anew; requests of a device come in the order in which they were signed, give or take 10 s."},
	"device-revoked":                {401, "The device was revoked", "Ask the operator for a new registration."},
	"device-expired":                {401, "The device's time is over or has not come", "Ask the operator for a new registration or certificate."},
	"proof-invalid":                 {401, "The proof of possession does not hold", "Make a DPoP proof (RFC 9449) for this method and URL, now."},
	"site-forbidden":                {403, "The device belongs to another site", "Ask the gateway of the device's site."},
	"capability-missing":            {403, "The device may not do this", "An operator registers a device with the capability."},
	codeRemote:                      {403, "The caller is on another machine", "Start the gateway with a configuration, or call it from the same machine."},
	codeCrossSite:                   {403, "The request is not addressed to this machine", "Call http://127.0.0.1 or http://localhost, with HTTP/1.1 and its Host header; start the gateway with a configuration to serve other callers."},
	"audience-forbidden":            {403, "The device may not ask for the audience", "An operator registers a device with the audiences that it may ask for."},
	"audience-unknown":              {403, "The audience is not registered", "An operator registers relying parties under audiences in the configuration."},
	"key-binding-required":          {403, "The request proves to hold no key", "Send a DPoP proof (RFC 9449), or connect with the client certificate: the audience's assertions are bound to it."},
	codeRouteUnknown:                {404, "The path is unknown", "See /docs for the paths."},
	"subject-unknown":               {404, "The subject is unknown", "Enrol the subject first."},
	"receipt-unknown":               {404, "No gallery of this name has ended", "Receipts are kept for as long as retention.receipts says."},
	"gallery-unknown":               {404, "The gallery is unknown or has expired", "Make the gallery first."},
	codeMethod:                      {405, "The method is unknown here", "Use a method of the header Allow; /docs has all calls."},
	codeTimeout:                     {408, "The request did not arrive in time", "Send it again on a better line."},
	"templates-too-many":            {409, "The subject holds as many templates as it may", "Delete the subject and enrol again."},
	"duplicate-subject":             {409, "The person is enrolled under another subject", "Use the subject that the person has, or delete that one first."},
	"nonce-spent":                   {409, "The nonce cannot be used", "Get a new one from POST /v1/challenges: each serves once, for 60 s, for the caller that asked and for what it was asked for."},
	codeIdempotencyReused:           {409, "The Idempotency-Key belongs to another request", "Use a new key for a new request."},
	codeIdempotencyBusy:             {409, "The same request is being worked on", "Ask again in a moment."},
	codeBodyTooLarge:                {413, "The body is too large", "Send fewer or smaller pictures."},
	"capture-too-large":             {413, "A capture is too large", "Scale the picture down."},
	"references-too-large":          {413, "The subject's templates are too large to hold", "Enrol fewer captures."},
	"members-too-many":              {413, "The list is too long", "Split it into lists of at most 100,000 lines."},
	"media-type-unsupported":        {415, "The Content-Type is not read here", "Send application/json; captures also as multipart/form-data, image/* or application/octet-stream, members as application/x-ndjson."},
	codeContentEncoding:             {415, "Compressed bodies are not read", "Send the body without Content-Encoding."},
	"format-unsupported":            {415, "A capture's format is not read", "Send PNG, JPEG, BMP, TIFF, WSQ or a template."},
	"format-mismatch":               {415, "A capture is not what its format says", "Correct the format, or leave it out."},
	"capture-unusable":              {422, "A capture cannot serve recognition", "Capture again; the reasons say what to mend."},
	"presentation-attack-suspected": {422, "A capture looks like a presentation attack", "Capture the person, not a picture of them."},
	"model-mismatch":                {422, "A template was made by another model", "Extract it anew with the model in force."},
	"attempts-exceeded":             {429, "Too many attempts failed", "Wait as long as Retry-After says."},
	codeRate:                        {429, "There are too many requests", "Wait as long as Retry-After says; the header RateLimit says what is left."},
	codeHeaderTooLarge:              {431, "The header is too large", "Send fewer or shorter headers, and captures in the body."},
	codeInternal:                    {500, "The gateway failed", "Report the trace to the operator."},
	"engine-unavailable":            {501, "There is no engine for the modality", "Use a build with that engine."},
	codeOverloaded:                  {503, "The gateway is busy", "Try again after the time in Retry-After."},
	codeDeadline:                    {503, "The gateway ran out of time", "Try again after the time in Retry-After."},
	codeDraining:                    {503, "The gateway is going down", "Try again: another instance answers."},
	"audit-unavailable":             {503, "The request cannot be put on record", "Send the same request again later; the operator looks at the disk of the audit trail."},
	"record-unavailable":            {503, "The record of templates does not answer", "Try again after the time in Retry-After."},
	"signer-unavailable":            {503, "The signer does not answer", "Try again after the time in Retry-After."},
	"nonces-unavailable":            {503, "Whether a nonce was used cannot be said", "Try again after the time in Retry-After, with a new nonce."},
	"devices-unavailable":           {503, "Which devices are registered cannot be said", "Try again after the time in Retry-After."},
	"attempts-unavailable":          {503, "How many attempts failed cannot be said", "Try again after the time in Retry-After."},
	codeNotReady:                    {503, "The gateway is not ready", "Ask again in a moment; /metrics and the log say what is missing."},
	codeReceipts:                    {503, "What became of an Idempotency-Key is unknown", "Try again after the time in Retry-After, with the same key."},
}
