package trace

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/data"
)

// maxNested bounds how deep a value is printed.
const maxNested = 200

// valueText is a value on one line, much like JSON: bytes are b64"…", decimals and times bare.
// Nothing in it can steer a terminal.
func valueText(v any) string { return string(appendValue(nil, v, 0)) }

func appendValue(b []byte, v any, depth int) []byte {
	if depth > maxNested {
		return append(b, "…"...)
	}
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return strconv.AppendQuote(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case []byte:
		b = append(b, `b64"`...)
		return append(base64.StdEncoding.AppendEncode(b, v), '"')
	case time.Time:
		return v.UTC().AppendFormat(b, "2006-01-02T15:04:05.999Z")
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendValue(b, x, depth+1)
		}
		return append(b, ']')
	}
	fields, ok := fieldsOf(nil, v)
	if !ok {
		if m, isMap := v.(*data.Map); isMap && m != nil {
			return appendPairs(b, m, depth)
		}
		return append(b, printable(data.Text(v))...)
	}
	b = append(b, '{')
	for i := range fields {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(strconv.AppendQuote(b, fields[i].name), ": "...)
		b = appendValue(b, fields[i].value, depth+1)
	}
	return append(b, '}')
}

func appendPairs(b []byte, m *data.Map, depth int) []byte {
	b = append(b, '{')
	for i, e := range m.Entries() {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendValue(b, e.Key, depth+1), ": "...)
		b = appendValue(b, e.Value, depth+1)
	}
	return append(b, '}')
}

// typeText is the type of a value by its schema, else by itself.
func typeText(s *data.Schema, v any) string {
	if s == nil {
		return plainType(v)
	}
	text := strings.ToLower(s.Type().String())
	if name := s.Name(); name != "" {
		if short, logical := strings.CutPrefix(name, "org.apache.kafka.connect.data."); logical {
			text = short
		} else {
			text += " " + name
		}
	}
	if version, ok := s.Version(); ok && !strings.HasPrefix(s.Name(), "org.apache.kafka.connect.data.") {
		text += " v" + strconv.Itoa(int(version))
	}
	if s.Optional() {
		text = "optional " + text
	}
	return printable(text)
}

// plainType is the type of a value that has no schema.
func plainType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []byte:
		return "bytes"
	case []any:
		return "array"
	case *data.Map:
		return "map"
	case *data.Struct:
		return "struct"
	case int8:
		return "int8"
	case int16:
		return "int16"
	case int32:
		return "int32"
	case int64:
		return "int64"
	case float32:
		return "float32"
	case float64:
		return "float64"
	case time.Time:
		return "date"
	case data.Decimal:
		return "Decimal"
	}
	return "other"
}

// nameText is the name of a field as part of a path.
func nameText(name string) string {
	if name == "" || strings.ContainsAny(name, ". \"[]") || printable(name) != name {
		return strconv.Quote(name)
	}
	return name
}

// printable is a text of which nothing can steer a terminal or end the line.
func printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func topicText(r *data.Record) string {
	if r.Topic == "" {
		return "null"
	}
	return printable(r.Topic)
}

func partitionText(r *data.Record) string {
	if n, ok := r.Partition.Get(); ok {
		return strconv.Itoa(int(n))
	}
	return "null"
}

func timeText(r *data.Record) string {
	if r.Timestamp.IsZero() {
		return "null"
	}
	return string(appendValue(nil, r.Timestamp, 0))
}

// short cuts a text to a length in characters, and says how much there is.
func short(s string, limit int) string {
	if limit <= 0 || utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i] + "… (" + strconv.Itoa(utf8.RuneCountInString(s)) + " characters)"
		}
	}
	return s
}

// listed names what there is to choose from.
func listed(names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	return strings.Join(names, ", ")
}
