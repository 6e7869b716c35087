package transforms

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// fieldPath leads to a field: its name, or in syntax V2 the names on the way to a nested one.
type fieldPath []string

const nestedPurpose = "nested field access"

// parsePath reads the syntax V2 (KIP-821): names are parted by dots; one with dots in it stands in
// backticks, in which \` is a backtick. A backtick that no dot or end follows is one itself.
func parsePath(path string) (fieldPath, error) {
	var steps fieldPath
	for rest := path; rest != ""; {
		if rest[0] != '`' {
			name, after, _ := strings.Cut(rest, ".")
			steps = append(steps, name)
			rest = after
			continue
		}
		name, after, ok := cutQuoted(rest[1:])
		if !ok {
			at := len(path) - len(rest)
			return nil, errs.Config.New("Incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it", path, at)
		}
		steps = append(steps, name)
		rest = after
	}
	if strings.HasSuffix(path, ".") {
		steps = append(steps, "")
	}
	return steps, nil
}

// cutQuoted reads a name up to its closing backtick, and the dot behind that.
func cutQuoted(s string) (name, rest string, ok bool) {
	var b strings.Builder
	for start, i := 0, 0; ; i++ {
		j := strings.IndexByte(s[i:], '`')
		if j < 0 {
			return "", "", false
		}
		i += j
		// Java looks at the character before, be it the opening backtick.
		escaped := i > 0 && s[i-1] == '\\'
		last := i == len(s)-1
		switch {
		case last && escaped:
			return "", "", false
		case last:
			return b.String() + s[start:i], "", true
		case s[i+1] != '.':
		case escaped:
			b.WriteString(s[start : i-1])
			b.WriteByte('`')
			start = i + 1
		default:
			return b.String() + s[start:i], s[i+2:], true
		}
	}
}

// field is the field of a schema that the path leads to, nil if there is none.
func (p fieldPath) field(schema *data.Schema) (*data.Field, error) {
	if len(p) == 0 {
		return nil, errEmptyPath()
	}
	var f *data.Field
	for _, name := range p {
		if schema.Type() != data.StructType {
			return nil, errs.Data.New("Cannot look up fields on non-struct type")
		}
		i := schema.FieldIndex(name)
		if i < 0 {
			return nil, nil
		}
		f = &schema.Fields()[i]
		schema = f.Schema
	}
	return f, nil
}

func errEmptyPath() error { return errs.IllegalArgument.New("fromIndex(0) > toIndex(-1)") }

// inStruct is the value of the field, nil where there is none.
func (p fieldPath) inStruct(s *data.Struct, d defaults) (any, error) {
	last := len(p) - 1
	for _, name := range p[:last] {
		i := s.Schema().FieldIndex(name)
		if i < 0 {
			return nil, nil
		}
		next, err := kit.StructOrNull(defaults(true).field(s, i), nestedPurpose)
		if err != nil || next == nil {
			return nil, err
		}
		s = next
	}
	i := s.Schema().FieldIndex(p[last])
	if i < 0 {
		return nil, nil
	}
	return d.field(s, i), nil
}

// inMap is the value of the field, nil where there is none.
func (p fieldPath) inMap(m *data.Map) (any, error) {
	if len(p) == 0 {
		return nil, errEmptyPath()
	}
	last := len(p) - 1
	for _, name := range p[:last] {
		v, _ := m.Get(name)
		if v == nil {
			return nil, nil
		}
		var err error
		if m, err = asMap(v, nestedPurpose); err != nil {
			return nil, err
		}
	}
	v, _ := m.Get(p[last])
	return v, nil
}
