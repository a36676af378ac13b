package httpapi

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
)

// body is a request's body in memory, with what it took of the budget. The budget counts the bytes of bodies alone: what
// is decoded from base64 comes on top, about three quarters as much, so that a JSON body takes 1.75 times its length.
type body struct {
	bytes []byte
	taken int
	from  *budget
}

func (b *body) release() { b.from.give(b.taken) }

// readBody reads the body of a request, at most limit bytes. A body that says it is longer is refused unread.
func (s *Server) readBody(c *fiber.Ctx, limit int) (*body, error) {
	b := &body{from: s.bodies}
	if coding := c.Get(fiber.HeaderContentEncoding); coding != "" && coding != "identity" {
		return b, errContentEncoding
	}
	length := c.Request().Header.ContentLength()
	stream := c.Context().RequestBodyStream()
	if length == 0 || stream == nil {
		return b, nil
	}
	if length > limit {
		return b, errBodyTooLarge
	}
	if err := s.awaitBody(c); err != nil {
		return b, errBodyIncomplete
	}
	if err := b.fill(stream, length, limit); err != nil {
		b.release()
		b.taken = 0
		return b, bodyError(err)
	}
	eventOf(c).unread = false
	return b, nil
}

// awaitBody asks for the body when the client waits to be asked.
func (s *Server) awaitBody(c *fiber.Ctx) error {
	if !eventOf(c).awaited {
		return nil
	}
	conn := c.Context().Conn()
	if err := conn.SetWriteDeadline(time.Now().Add(s.deps.Config.WriteTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	return err
}

// fill reads a stream of a known length, or of -1: chunked, up to limit. Room is made, and taken of the budget, as bytes
// arrive: a sender who only says that much will come holds nothing.
func (b *body) fill(stream io.Reader, length, limit int) error {
	most := length
	if length < 0 {
		most = limit + 1
	}
	for size := min(smallBody, most); ; size = min(2*size, most) {
		if err := b.grow(size); err != nil {
			return err
		}
		switch err := b.read(stream); {
		case len(b.bytes) == length:
			return nil
		case errors.Is(err, io.EOF) && length > 0:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case len(b.bytes) > limit:
			return errBodyTooLarge
		}
	}
}

// read fills the room that grow made; io.EOF is the end of the stream.
func (b *body) read(stream io.Reader) error {
	for len(b.bytes) < cap(b.bytes) {
		n, err := stream.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if err != nil {
			return err
		}
	}
	return nil
}

// grow makes room for size bytes, within the budget.
func (b *body) grow(size int) error {
	if more := size - b.taken; size > smallBody {
		if !b.from.take(more) {
			return errBodiesFull
		}
		b.taken += more
	}
	b.bytes = append(make([]byte, 0, size), b.bytes...)
	return nil
}

// bodyError says why a body could not be read.
func bodyError(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, errBodyTooLarge), errors.Is(err, errBodiesFull):
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return errBodyTimeout
	}
	return errBodyIncomplete
}
