package gateway

import "context"

type traceKey struct{}

// WithTrace returns a ctx that carries the W3C trace id (32 lower-case hexadecimal digits) of the request being served.
func WithTrace(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

// TraceID is the trace id that ctx carries, empty outside a request.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}
