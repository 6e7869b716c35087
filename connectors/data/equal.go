package data

import (
	"bytes"
	"math"
	"math/big"
	"reflect"
	"time"
)

// Equal reports whether two values are equal as Java's equals says: types count, bytes and lists
// and maps compare by content, NaN equals NaN and 0.0 is not -0.0, Decimals compare with their
// scale, structs with their schema.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case int64:
		b, ok := b.(int64)
		return ok && a == b
	case int32:
		b, ok := b.(int32)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case int8:
		b, ok := b.(int8)
		return ok && a == b
	case int16:
		b, ok := b.(int16)
		return ok && a == b
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b))
	case float32:
		b, ok := b.(float32)
		return ok && (math.Float32bits(a) == math.Float32bits(b) || math.IsNaN(float64(a)) && math.IsNaN(float64(b)))
	}
	return equalLarge(a, b)
}

func equalLarge(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.UnixMilli() == b.UnixMilli()
	case Decimal:
		b, ok := b.(Decimal)
		return ok && a.Equal(b)
	case []any:
		b, ok := b.([]any)
		return ok && equalLists(a, b)
	case *Map:
		b, ok := b.(*Map)
		return ok && equalMaps(a, b)
	case *Struct:
		b, ok := b.(*Struct)
		return ok && equalStructs(a, b)
	case *big.Int:
		b, ok := b.(*big.Int)
		return ok && (a == b || a != nil && b != nil && a.Cmp(b) == 0)
	}
	return equalForeign(a, b)
}

// equalForeign compares what is no Connect value. (reflect.DeepEqual would do, but it would move
// every key that Map.Get looks for to the heap.)
func equalForeign(a, b any) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && plain(t) && a == b
}

// plain reports whether == on values of the type can't panic.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return false
	case reflect.Array:
		return plain(t.Elem())
	case reflect.Struct:
		for field := range t.Fields() {
			if !plain(field.Type) {
				return false
			}
		}
	}
	return t.Comparable()
}

func equalLists(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMaps(a, b *Map) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || len(a.entries) != len(b.entries) {
		return false
	}
	for i := range a.entries {
		v, ok := b.Get(a.entries[i].Key)
		if !ok || !Equal(a.entries[i].Value, v) {
			return false
		}
	}
	return true
}

func equalStructs(a, b *Struct) bool {
	if a == b {
		return true
	}
	return a != nil && b != nil && SchemaEqual(a.schema, b.schema) && equalLists(a.values, b.values)
}

// SchemaEqual reports whether two schemas are the same in everything, documentation, defaults
// and parameters (in any order) too. It is fast where they are one and the same pointer.
func SchemaEqual(a, b *Schema) bool { return schemaEqual(a, b, nil) }

// compared is a chain of pairs that are being compared further out, of schemas that stand for
// those around them: met again, they are equal if all else is.
type compared struct {
	a, b *Schema
	next *compared
}

func (c *compared) has(a, b *Schema) bool {
	for ; c != nil; c = c.next {
		if c.a == a && c.b == b {
			return true
		}
	}
	return false
}

func schemaEqual(a, b *Schema, open *compared) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	if a.typ != b.typ || a.optional != b.optional || a.name != b.name || a.doc != b.doc ||
		a.hasVersion != b.hasVersion || a.version != b.version || len(a.fields) != len(b.fields) ||
		!equalParameters(a.params, b.params) || !Equal(a.def, b.def) {
		return false
	}
	if a.refers != nil || b.refers != nil {
		if open.has(a, b) {
			return true
		}
		open = &compared{a, b, open}
	}
	return schemaEqual(a.key, b.key, open) && schemaEqual(a.elem, b.elem, open) && equalFields(a.fields, b.fields, open)
}

func equalFields(a, b []Field, open *compared) bool {
	for i := range a {
		if a[i].Name != b[i].Name {
			return false
		}
	}
	for i := range a {
		if !schemaEqual(a[i].Schema, b[i].Schema, open) {
			return false
		}
	}
	return true
}

func equalParameters(a, b []Parameter) bool {
	if len(a) != len(b) {
		return false
	}
next:
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		for j := range b {
			if a[i] == b[j] {
				continue next
			}
		}
		return false
	}
	return true
}
