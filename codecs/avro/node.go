package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/java"
)

// nodeKind is the kind of a JSON value.
type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeFalse
	nodeTrue
	nodeInt
	nodeFloat
	nodeString
	nodeArray
	nodeObject
)

// node is a JSON value whose members keep their order, since a schema's text depends on it.
type node struct {
	kind    nodeKind
	text    string // of a string; digits of a number
	items   []node
	members []member
}

// member is a name with its value; of equal names the last value counts, at the place of the
// first.
type member struct {
	name  string
	value node
}

// maxNesting bounds the depth of JSON and of schemas, and of values, which are read recursively.
const maxNesting = 1000

var errNesting = errors.New("nested deeper than 1000")

// parseNode reads one JSON value.
func parseNode(text string) (node, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return n, err
	}
	if d.More() {
		return n, errors.New("there is something behind the end of the JSON")
	}
	return n, nil
}

// readNode reads a value with its depth bounded, since readers of schemas call themselves.
func readNode(d *json.Decoder, depth int) (n node, err error) {
	if depth > maxNesting {
		return n, errNesting
	}
	t, err := d.Token()
	if err != nil {
		return n, err
	}
	switch t := t.(type) {
	case nil:
		return node{}, nil
	case bool:
		if t {
			return node{kind: nodeTrue}, nil
		}
		return node{kind: nodeFalse}, nil
	case string:
		return node{kind: nodeString, text: t}, nil
	case json.Number:
		return numberNode(string(t)), nil
	case json.Delim:
		if t == '[' {
			return readItems(d, depth)
		}
		return readMembers(d, depth)
	}
	return n, fmt.Errorf("unexpected %v", t)
}

func readItems(d *json.Decoder, depth int) (node, error) {
	n := node{kind: nodeArray}
	for d.More() {
		item, err := readNode(d, depth+1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token()
	return n, err
}

// readMembers reads an object, in the order of the text.
func readMembers(d *json.Decoder, depth int) (node, error) {
	n := node{kind: nodeObject}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return n, err
		}
		value, err := readNode(d, depth+1)
		if err != nil {
			return n, err
		}
		n.set(name.(string), value)
	}
	_, err := d.Token()
	return n, err
}

// numberNode is a number as Jackson keeps it: what has a point or an exponent is a double.
func numberNode(text string) node {
	if !strings.ContainsAny(text, ".eE") {
		return node{kind: nodeInt, text: text}
	}
	f, _ := strconv.ParseFloat(text, 64) // beyond the range it is an infinity, as in Java
	return floatNode(f)
}

// floatNode prints the number as Java's Double.toString does: 1.0E10, not 1e+10.
func floatNode(f float64) node { return node{kind: nodeFloat, text: java.Float64Text(f)} }

func intNode(n int64) node { return node{kind: nodeInt, text: strconv.FormatInt(n, 10)} }

func stringNode(s string) node { return node{kind: nodeString, text: s} }

func boolNode(b bool) node {
	if b {
		return node{kind: nodeTrue}
	}
	return node{kind: nodeFalse}
}

// set sets a member: in place if there is one of the name.
func (n *node) set(name string, value node) {
	for i := range n.members {
		if n.members[i].name == name {
			n.members[i].value = value
			return
		}
	}
	n.members = append(n.members, member{name, value})
}

// get finds a member.
func (n *node) get(name string) (*node, bool) {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value, true
		}
	}
	return nil, false
}

// str is a member that is a string, "" for any other.
func (n *node) str(name string) string {
	if v, ok := n.get(name); ok && v.kind == nodeString {
		return v.text
	}
	return ""
}

// float is a number's value.
func (n *node) float() float64 {
	switch n.text {
	case "NaN":
		return math.NaN()
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	f, _ := strconv.ParseFloat(n.text, 64)
	return f
}

// int is an integer's value and whether it fits.
func (n *node) int() (int64, bool) {
	i, err := strconv.ParseInt(n.text, 10, 64)
	return i, err == nil
}

// asInt is a value as Jackson makes an integer of it: of text that is no number, and of arrays and
// objects, 0.
func (n *node) asInt(k kind) int64 {
	switch n.kind {
	case nodeTrue:
		return 1
	case nodeInt, nodeString:
		if i, ok := n.int(); ok {
			if k == kindInt && n.kind == nodeString && i != int64(int32(i)) {
				return 0
			}
			return i
		}
		return 0
	case nodeFloat:
		return int64(n.float())
	}
	return 0
}

// append appends the JSON as Jackson prints it: no spaces, no escapes that needn't be.
func (n *node) append(b []byte) []byte {
	switch n.kind {
	case nodeNull:
		return append(b, "null"...)
	case nodeFalse:
		return append(b, "false"...)
	case nodeTrue:
		return append(b, "true"...)
	case nodeInt:
		return append(b, n.text...)
	case nodeFloat:
		if c := n.text[len(n.text)-1]; c == 'N' || c == 'y' { // NaN, Infinity
			return appendText(b, n.text)
		}
		return append(b, n.text...)
	case nodeString:
		return appendText(b, n.text)
	case nodeArray:
		b = append(b, '[')
		for i := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = n.items[i].append(b)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i := range n.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, n.members[i].name), ':')
		b = n.members[i].value.append(b)
	}
	return append(b, '}')
}

// String is the JSON text.
func (n *node) String() string { return string(n.append(nil)) }

const upperHex = "0123456789ABCDEF"

// appendText appends a string in quotes.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		case bytes.IndexByte([]byte("\b\t\n\f\r"), c) >= 0:
			b = append(b, '\\', "btn.fr"[c-'\b'])
		default:
			b = append(b, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		}
	}
	return append(b, '"')
}

// latin is bytes as the text that Avro keeps them as in JSON, ISO-8859-1.
func latin(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// fromLatin is the bytes of such a text; what isn't ISO-8859-1 becomes ?, as in Java.
func fromLatin(s string) []byte {
	b := make([]byte, 0, utf8.RuneCountInString(s))
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}
