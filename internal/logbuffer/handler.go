package logbuffer

import (
	"context"
	"log/slog"
)

// Handler hands records to one that writes to a Writer. Those at level WARN and above are written before it returns, with all
// that came before: they are what somebody looks for after a crash.
type Handler struct {
	slog.Handler
	Lines *Writer
}

// Handle implements slog.Handler.
func (h Handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.Lines.Flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Handler{h.Handler.WithAttrs(attrs), h.Lines}
}

// WithGroup implements slog.Handler.
func (h Handler) WithGroup(name string) slog.Handler {
	return Handler{h.Handler.WithGroup(name), h.Lines}
}
