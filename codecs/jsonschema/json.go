package jsonschema

import (
	"strconv"

	"github.com/troupe-connect/troupe/codecs/internal/jackson"

	"github.com/troupe-connect/troupe/connectors/java"
)

// What a JSON value is in Go: nil, bool, string, number, []any or *object.
type (
	// number is a number as Jackson prints it: an integer, or with a fraction or exponent a
	// BigDecimal.
	number struct {
		text    string
		integer bool
	}
	// object is an object with its members in order; of equal names the last one's value is at the
	// place of the first.
	object struct {
		names  []string
		values map[string]any
	}
)

func newObject() *object { return &object{values: map[string]any{}} }

func (o *object) put(name string, v any) {
	if _, there := o.values[name]; !there {
		o.names = append(o.names, name)
	}
	o.values[name] = v
}

// get is a member's value, nil for none. The nil object has no members.
func (o *object) get(name string) any {
	if o == nil {
		return nil
	}
	return o.values[name]
}

// has reports whether there is a member, also one that is null. The nil object has none.
func (o *object) has(name string) bool {
	if o == nil {
		return false
	}
	_, there := o.values[name]
	return there
}

// without is the object without some members.
func (o *object) without(names map[string]bool) *object {
	rest := newObject()
	for _, name := range o.names {
		if !names[name] {
			rest.put(name, o.values[name])
		}
	}
	return rest
}

// hashed puts the members into the order of a HashMap into which they were put one by one.
// The order counts where the JVM's converter goes through such a map while it writes or reads a
// schema: the text must be the same to the byte, or the registry takes it for another version.
func (o *object) hashed() *object {
	o.names = java.SizedOrder(o.names, java.GrownBuckets)
	return o
}

// copied puts the members into the order of a HashMap made as a copy of another.
func (o *object) copied() *object {
	o.names = java.SizedOrder(o.names, java.CopiedBuckets(len(o.names)))
	return o
}

// sized puts the members into the order of a HashMap made for that many.
func (o *object) sized() *object {
	o.names = java.SizedOrder(o.names, atLeast(len(o.names)))
	return o
}

// atLeast is a power of two.
func atLeast(n int) int {
	buckets := 1
	for buckets < n {
		buckets *= 2
	}
	return buckets
}

// parseJSON reads a JSON text as Jackson does.
func parseJSON(text []byte) (any, error) {
	var s jackson.Scanner
	s.NonNumbers, s.NoExtraZeros = true, true
	utf8, err := jackson.ToUTF8(text)
	if err != nil {
		return nil, err
	}
	s.Reset(utf8)
	if err := s.Document(); err != nil {
		return nil, err
	}
	return jsonValue(&s, 0), nil
}

// jsonValue is the value of a node.
func jsonValue(s *jackson.Scanner, i uint32) any {
	n := &s.Nodes[i]
	switch n.Kind {
	case jackson.KindFalse:
		return false
	case jackson.KindTrue:
		return true
	case jackson.KindInt, jackson.KindFloat:
		return numberOf(s, n)
	case jackson.KindString:
		return s.Str(n)
	case jackson.KindArray:
		list := make([]any, 0, n.Count)
		for at := i + 1; at < n.Next; at = s.Nodes[at].Next {
			list = append(list, jsonValue(s, at))
		}
		return list
	case jackson.KindObject:
		o := newObject()
		for at := i + 1; at < n.Next; at = s.Nodes[at+1].Next {
			o.put(s.Str(&s.Nodes[at]), jsonValue(s, at+1))
		}
		return o
	}
	return nil
}

// numberOf is a number as Jackson prints it: no sign before zero, no exponent that a BigDecimal
// wouldn't print.
func numberOf(s *jackson.Scanner, n *jackson.Node) number {
	text := string(s.Src[n.Start:n.End])
	if n.Flag {
		text = "-" + text
	}
	if n.Kind == jackson.KindInt {
		if text == "-0" {
			text = "0"
		}
		return number{text, true}
	}
	if d, err := s.Decimal(n); err == nil {
		text = d.String()
	}
	return number{text, false}
}

// int32 is the number as a Java Integer, false where Jackson makes something else of it.
func (n number) int32() (int32, bool) {
	i, err := strconv.ParseInt(n.text, 10, 32)
	return int32(i), err == nil && n.integer
}

// appendJSON appends a value as Jackson writes it into a string.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case number:
		return append(b, v.text...)
	case string:
		return jackson.AppendText(b, v)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case *object:
		b = append(b, '{')
		for i, name := range v.names {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jackson.AppendText(b, name), ':')
			b = appendJSON(b, v.values[name])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// integer is a number of our own making.
func integer(n int) number { return number{strconv.Itoa(n), true} }
