package data

import "unsafe"

// Slab makes the values of records many at a time: strings and numbers in interfaces, structs and lists,
// for each of which Go would set memory aside on its own. Converters that read use one.
//
// What a slab made lives as long as its neighbours in the same piece of memory: a value that is kept for long
// keeps up to 63 more, or 255 fields, and what they point to, payloads of other records among it. One
// goroutine uses a slab. The zero value is ready, and costs nothing until it is used.
type Slab struct {
	strings []string
	longs   []int64
	ints    []int32
	doubles []float64
	floats  []float32
	arrays  [][]any
	structs []Struct
	values  []any
}

// How many values come at a time.
const (
	slabScalars = 64
	slabStructs = 16
	slabValues  = 256
	// slabWidest is from where a struct or list has memory of its own.
	slabWidest = 32
)

// face is how Go holds an interface without methods: the type, and where the value lies.
type face struct {
	kind unsafe.Pointer
	at   unsafe.Pointer
}

func kindOf(sample any) unsafe.Pointer { return (*face)(unsafe.Pointer(&sample)).kind }

var (
	stringKind  = kindOf("")
	int64Kind   = kindOf(int64(0))
	int32Kind   = kindOf(int32(0))
	float64Kind = kindOf(float64(0))
	float32Kind = kindOf(float32(0))
	arrayKind   = kindOf([]any(nil))
)

// boxed is the value at p, of that kind, in an interface. Nobody writes to it any more.
func boxed(kind, p unsafe.Pointer) (v any) {
	*(*face)(unsafe.Pointer(&v)) = face{kind: kind, at: p}
	return v
}

// next takes one of the values that were set aside, or sets aside more.
func next[T any](room *[]T) *T {
	if len(*room) == 0 {
		*room = make([]T, slabScalars)
	}
	p := &(*room)[0]
	*room = (*room)[1:]
	return p
}

// String is any(text).
func (s *Slab) String(text string) any {
	p := next(&s.strings)
	*p = text
	return boxed(stringKind, unsafe.Pointer(p))
}

// Int64 is any(n).
func (s *Slab) Int64(n int64) any {
	if uint64(n) < 256 {
		return n // Go has these
	}
	p := next(&s.longs)
	*p = n
	return boxed(int64Kind, unsafe.Pointer(p))
}

// Int32 is any(n).
func (s *Slab) Int32(n int32) any {
	if uint32(n) < 256 {
		return n
	}
	p := next(&s.ints)
	*p = n
	return boxed(int32Kind, unsafe.Pointer(p))
}

// Float64 is any(n).
func (s *Slab) Float64(n float64) any {
	p := next(&s.doubles)
	*p = n
	return boxed(float64Kind, unsafe.Pointer(p))
}

// Float32 is any(n).
func (s *Slab) Float32(n float32) any {
	p := next(&s.floats)
	*p = n
	return boxed(float32Kind, unsafe.Pointer(p))
}

// Struct is NewStruct(schema).
func (s *Slab) Struct(schema *Schema) *Struct {
	n := len(schema.fields)
	if n > slabWidest {
		return NewStruct(schema)
	}
	if len(s.structs) == 0 {
		s.structs = make([]Struct, slabStructs)
	}
	st := &s.structs[0]
	s.structs = s.structs[1:]
	st.schema, st.values = schema, s.take(n)
	return st
}

// List is an empty list with room for n values; appending more moves it.
func (s *Slab) List(n int) []any {
	if n > slabWidest {
		return make([]any, 0, n)
	}
	return s.take(n)[:0]
}

// Array is any(list), and an empty list for nil.
func (s *Slab) Array(list []any) any {
	if list == nil {
		list = emptyList
	}
	p := next(&s.arrays)
	*p = list
	return boxed(arrayKind, unsafe.Pointer(p))
}

var emptyList = []any{}

// take is n values, all nil, which nobody else has.
func (s *Slab) take(n int) []any {
	if len(s.values) < n {
		s.values = make([]any, slabValues)
	}
	v := s.values[:n:n]
	s.values = s.values[n:]
	return v
}
