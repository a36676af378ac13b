package tflite

import (
	"encoding/binary"
	"errors"
)

// A flatbuffer is a tree of tables. A table starts with the signed distance back to its vtable: two bytes of the vtable's
// size, two of the table's, then for each field two bytes with its place in the table, 0 when it is left out. Vectors,
// strings and tables are referred to by their distance ahead.

var errDamaged = errors.New("damaged file")

// reader reads a flatbuffer. It stays within the file whatever the file says: the first read beyond it sets err, and every
// read from then on gives zero.
type reader struct {
	file []byte
	err  error
}

// table is the place of a table in the file; 0 is no table, since the file's first bytes are something else.
type table int

func (r *reader) bytes(at, n int) []byte {
	if r.err != nil || at < 0 || n < 0 || at > len(r.file)-n {
		r.err = errDamaged
		return nil
	}
	return r.file[at : at+n]
}

func (r *reader) uint16(at int) int {
	if b := r.bytes(at, 2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (r *reader) uint32(at int) uint32 {
	if b := r.bytes(at, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) int32(at int) int { return int(int32(r.uint32(at))) }

// ahead follows a reference; 0 when it points outside the file.
func (r *reader) ahead(at int) int {
	to := at + int(r.uint32(at))
	if r.err != nil || to >= len(r.file) {
		r.err = errDamaged
		return 0
	}
	return to
}

// field is the place of a table's field, 0 when it is left out.
func (r *reader) field(t table, i int) int {
	if t == 0 {
		return 0
	}
	vtable := int(t) - r.int32(int(t))
	if place := 4 + 2*i; place < r.uint16(vtable) {
		if offset := r.uint16(vtable + place); offset > 0 {
			return int(t) + offset
		}
	}
	return 0
}

// int is a field of 32 bits, usual when it is left out.
func (r *reader) int(t table, i, usual int) int {
	if at := r.field(t, i); at > 0 {
		return r.int32(at)
	}
	return usual
}

// byte is a field of 8 bits, 0 when it is left out.
func (r *reader) byte(t table, i int) int {
	if at := r.field(t, i); at > 0 {
		if b := r.bytes(at, 1); b != nil {
			return int(b[0])
		}
	}
	return 0
}

// vector is the place of a vector's first element and the number of its elements of size bytes; 0, 0 when it is left out.
func (r *reader) vector(t table, i, size int) (at, n int) {
	field := r.field(t, i)
	if field == 0 {
		return 0, 0
	}
	start := r.ahead(field)
	n = int(r.uint32(start))
	if r.err != nil || n > (len(r.file)-start-4)/size {
		r.err = errDamaged
		return 0, 0
	}
	return start + 4, n
}

func (r *reader) table(t table, i int) table {
	if at := r.field(t, i); at > 0 {
		return table(r.ahead(at))
	}
	return 0
}

func (r *reader) tables(t table, i int) []table {
	at, n := r.vector(t, i, 4)
	list := make([]table, 0, n)
	for k := range n {
		list = append(list, table(r.ahead(at+4*k)))
	}
	return list
}

func (r *reader) ints(t table, i int) []int {
	at, n := r.vector(t, i, 4)
	list := make([]int, 0, n)
	for k := range n {
		list = append(list, r.int32(at+4*k))
	}
	return list
}

func (r *reader) data(t table, i int) []byte {
	at, n := r.vector(t, i, 1)
	return r.bytes(at, n)
}
