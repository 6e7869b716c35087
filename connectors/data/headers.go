package data

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Header is one header of a record.
type Header struct {
	Key    string
	Schema *Schema
	Value  any
}

// Headers are a record's headers in order; a key may occur more than once.
type Headers []Header

// Last returns the last header with the key.
func (h Headers) Last(key string) (Header, bool) {
	for _, v := range slices.Backward(h) {
		if v.Key == key {
			return v, true
		}
	}
	return Header{}, false
}

// Has reports whether there is a header with the key.
func (h Headers) Has(key string) bool {
	_, ok := h.Last(key)
	return ok
}

// Add returns the headers with one more at the end. h itself is unchanged.
func (h Headers) Add(key string, schema *Schema, value any) Headers {
	return append(slices.Clip(h), Header{key, schema, value})
}

// Remove returns the headers without those of the key. h itself is unchanged.
func (h Headers) Remove(key string) Headers {
	if !h.Has(key) {
		return h
	}
	var out Headers
	for _, x := range h {
		if x.Key != key {
			out = append(out, x)
		}
	}
	return out
}

// AddString returns the headers with a STRING header at the end.
func (h Headers) AddString(key, value string) Headers { return h.Add(key, StringSchema, value) }

// AddChecked is Add for a value that may not fit its schema: the error (errs.Data) says so. Only
// the type of the value itself is looked at, not what is in it.
func (h Headers) AddChecked(key string, schema *Schema, value any) (Headers, error) {
	switch {
	case schema == nil:
	case value == nil && !schema.optional:
		return h, errs.Data.New("A null value requires an optional schema but was %s", schema)
	case value != nil && !fits(schema, value) && !fitsType(schema, value):
		return h, errs.Data.New("The value %s is not compatible with the schema %s", Text(value), schema)
	}
	return h.Add(key, schema, value), nil
}

// fitsType is fits for headers, where also the bare type of a logical one will do.
func fitsType(schema *Schema, value any) bool {
	return schema.logical != logicalNone && fits(&Schema{typ: schema.typ}, value)
}

// All are the headers with the key, in order.
func (h Headers) All(key string) Headers {
	var out Headers
	for _, x := range h {
		if x.Key == key {
			out = append(out, x)
		}
	}
	return out
}

// RetainLatest returns the headers with only the last of each key, in their order. h itself is
// unchanged.
func (h Headers) RetainLatest() Headers {
	out := make(Headers, 0, len(h))
	for i, x := range h {
		if !h[i+1:].Has(x.Key) {
			out = append(out, x)
		}
	}
	return out
}

// RetainLatestOf is RetainLatest for one key; the headers of other keys stay.
func (h Headers) RetainLatestOf(key string) Headers {
	var out Headers
	for i, x := range h {
		if x.Key != key || !h[i+1:].Has(key) {
			out = append(out, x)
		}
	}
	return out
}

// Apply returns the headers with each of the key, of all keys if key is "", replaced by what f
// makes of it, or dropped where f says false.
func (h Headers) Apply(key string, f func(Header) (Header, bool)) Headers {
	var out Headers
	for _, x := range h {
		keep := true
		if key == "" || x.Key == key {
			x, keep = f(x)
		}
		if keep {
			out = append(out, x)
		}
	}
	return out
}
