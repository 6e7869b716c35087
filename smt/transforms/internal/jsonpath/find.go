package jsonpath

import (
	"cmp"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

// ErrNotFound says that a path leads through something that isn't there.
var ErrNotFound = errors.New("the path leads nowhere")

// ErrPrimitive says that a filter is applied to something that has no members.
var ErrPrimitive = errors.New("a filter can't be applied to a primitive value")

// Find is all that the path leads to in a document, in order. A path that leads to one place at most
// fails with ErrNotFound where there is none, and any path does where a step before the first
// that may lead to several places leads nowhere.
func (p *Path) Find(doc any) ([]any, error) {
	found, err := p.in(doc, doc)
	if err == nil && p.definite && len(found) == 0 {
		return nil, ErrNotFound
	}
	return found, err
}

func (p *Path) in(current, root any) ([]any, error) {
	f := finder{steps: p.steps, before: p.before, root: root}
	f.from(0, current)
	return f.found, f.err
}

// finder walks along the steps of a path.
type finder struct {
	steps  []step
	before int // steps before the first that may lead to several places
	root   any
	found  []any
	err    error
}

// from goes on with the i-th step at a value.
func (f *finder) from(i int, value any) {
	if f.err != nil {
		return
	}
	if i == len(f.steps) {
		f.found = append(f.found, value)
		return
	}
	s := &f.steps[i]
	switch s.kind {
	case property:
		f.property(i, s, value)
	case index, slice:
		f.elements(i, s, value)
	case wildcard:
		members(value, func(v any) { f.from(i+1, v) })
	case scan:
		f.scan(i+1, value, 0)
	case filter:
		f.filter(i, s, value)
	case length:
		if n, ok := sizeOf(value); ok {
			f.from(i+1, int64(n))
		}
	}
}

func (f *finder) property(i int, s *step, value any) {
	if !isObject(value) {
		f.missing(i)
		return
	}
	if len(s.names) == 1 {
		if v, ok := member(value, s.names[0]); ok {
			f.from(i+1, v)
		} else if i+1 < len(f.steps) {
			f.missing(i)
		}
		return
	}
	if i+1 < len(f.steps) {
		for _, name := range s.names {
			if v, ok := member(value, name); ok {
				f.from(i+1, v)
			}
		}
		return
	}
	several := data.NewMap(len(s.names))
	for _, name := range s.names {
		if v, ok := member(value, name); ok {
			several.Put(name, v)
		}
	}
	f.found = append(f.found, several)
}

// missing is what happens where there is nothing to go on with at the i-th step.
func (f *finder) missing(i int) {
	if i <= f.before && f.err == nil {
		f.err = ErrNotFound
	}
}

func (f *finder) elements(i int, s *step, value any) {
	list, ok := value.([]any)
	if !ok {
		f.missing(i)
		return
	}
	if s.kind == index {
		for _, n := range s.indexes {
			if n < 0 {
				n += len(list)
			}
			if n >= 0 && n < len(list) {
				f.from(i+1, list[n])
			}
		}
		return
	}
	from, to := bound(s.from, 0, len(list)), bound(s.to, len(list), len(list))
	for n := from; n < to; n++ {
		f.from(i+1, list[n])
	}
}

// bound is an end of a slice; a negative one counts from behind.
func bound(n *int, def, length int) int {
	if n == nil {
		return def
	}
	if *n < 0 {
		return max(*n+length, 0)
	}
	return min(*n, length)
}

// filter goes on with a struct or map that the condition holds for, or with the elements of a list
// that it holds for.
func (f *finder) filter(i int, s *step, value any) {
	list, ok := value.([]any)
	switch {
	case ok:
		for _, e := range list {
			if s.cond.holds(e, f.root) {
				f.from(i+1, e)
			}
		}
	case isObject(value):
		if s.cond.holds(value, f.root) {
			f.from(i+1, value)
		}
	case i <= f.before && f.err == nil:
		f.err = ErrPrimitive
	}
}

const maxScan = 1000 // levels that .. goes down

// scan goes on at a value and all below it that the step can be taken at.
func (f *finder) scan(i int, value any, level int) {
	if level > maxScan || f.err != nil {
		return
	}
	if f.applies(&f.steps[i], value) {
		f.from(i, value)
	}
	members(value, func(v any) {
		if _, list := v.([]any); list || isObject(v) {
			f.scan(i, v, level+1)
		}
	})
}

func (f *finder) applies(s *step, value any) bool {
	list, isList := value.([]any)
	switch s.kind {
	case property:
		if !isObject(value) {
			return false
		}
		_, ok := member(value, s.names[0])
		return ok || len(s.names) > 1
	case index, slice:
		return isList
	case filter:
		return isList && len(list) > 0 || isObject(value)
	}
	return true
}

func isObject(value any) bool {
	switch v := value.(type) {
	case *data.Struct:
		return v != nil
	case *data.Map:
		return v != nil
	}
	return false
}

// member is a field of a struct, its default where it is null, or an entry of a map.
func member(value any, name string) (any, bool) {
	switch v := value.(type) {
	case *data.Struct:
		return v.Get(name)
	case *data.Map:
		return v.GetString(name)
	}
	return nil, false
}

// members visits what lies directly in a value.
func members(value any, visit func(any)) {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			visit(e)
		}
	case *data.Map:
		for _, e := range v.Entries() {
			visit(e.Value)
		}
	case *data.Struct:
		for i := range v.Schema().Fields() {
			visit(v.At(i))
		}
	}
}

// sizeOf is the length of a text, list, map or struct.
func sizeOf(value any) (int, bool) {
	switch v := value.(type) {
	case string:
		return len([]rune(v)), true
	case []any:
		return len(v), true
	case *data.Map:
		return v.Len(), true
	case *data.Struct:
		return len(v.Schema().Fields()), true
	}
	return 0, false
}

// number is a value as a number, also of a text that is one.
func number(value any) (data.Decimal, bool) {
	switch v := value.(type) {
	case int8:
		return data.NewDecimal(int64(v), 0), true
	case int16:
		return data.NewDecimal(int64(v), 0), true
	case int32:
		return data.NewDecimal(int64(v), 0), true
	case int64:
		return data.NewDecimal(v, 0), true
	case data.Decimal:
		return v, true
	case *big.Int:
		return data.Decimal{Unscaled: v}, v != nil
	case time.Time:
		return data.NewDecimal(v.UnixMilli(), 0), true
	case float32, float64, string:
		d, err := data.ParseDecimal(data.Text(v))
		return d, err == nil
	}
	return data.Decimal{}, false
}

// compareNumbers is exact for numbers of one scale, as whole numbers are, and as exact as a float
// otherwise: a number may have an exponent that there is no memory for.
func compareNumbers(x, y data.Decimal) int {
	if x.Scale == y.Scale && x.Unscaled != nil && y.Unscaled != nil {
		return x.Unscaled.Cmp(y.Unscaled)
	}
	return cmp.Compare(x.Float64(), y.Float64())
}

// equal compares values as Jayway does: a number and a text are equal if the text is that number.
func equal(a, b any) bool {
	text, isText := a.(string)
	other, bothText := b.(string)
	if isText && bothText {
		return text == other
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return compareNumbers(x, y) == 0
		}
	}
	return data.Equal(a, b)
}

// ordered compares two numbers or two texts.
func ordered(a, b any) (int, bool) {
	text, isText := a.(string)
	other, otherText := b.(string)
	if isText || otherText {
		return strings.Compare(text, other), isText && otherText
	}
	x, ok := number(a)
	y, isNumber := number(b)
	if !ok || !isNumber {
		return 0, false
	}
	return compareNumbers(x, y), true
}

// has reports whether a list has the value in it.
func has(list, value any) bool {
	elements, ok := list.([]any)
	if !ok {
		return false
	}
	for _, e := range elements {
		if equal(e, value) {
			return true
		}
	}
	return false
}
