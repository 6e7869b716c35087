package avro

import (
	"errors"
	"fmt"

	"github.com/troupe-connect/troupe/codecs/registry"
)

// ParseSchema is the registry.Parser of Avro schemas.
func ParseSchema(s registry.Schema, references []registry.Resolved) (registry.Parsed, error) {
	before := make([]string, len(references))
	for i, r := range references {
		before[i] = r.Schema.Text
	}
	p := parser{known: map[string]*schema{}}
	for _, b := range before {
		if _, err := p.text(b); err != nil {
			return nil, err
		}
	}
	known := map[string]bool{}
	for name := range p.known {
		known[name] = true
	}
	made, err := p.text(s.Text)
	if err != nil {
		return nil, err
	}
	if err := checkNames(made, map[*schema]bool{}); err != nil {
		return nil, err
	}
	return &parsed{made, known}, nil
}

// parsed is a schema for a registry; known are the names that it has from elsewhere.
type parsed struct {
	*schema
	known map[string]bool
}

// Canonical implements registry.Parsed.
func (p *parsed) Canonical(normalize bool) string {
	out := printer{known: map[string]bool{}, sorted: normalize}
	for name := range p.known {
		out.known[name] = true
	}
	out.schema(p.schema, "")
	return string(out.b)
}

// Reads implements registry.Parsed.
func (p *parsed) Reads(writer registry.Parsed) []string {
	w, ok := writer.(*parsed)
	if !ok {
		return []string{"the earlier schema is of another format"}
	}
	if compatible(p.schema, w.schema) {
		return nil
	}
	return []string{fmt.Sprintf("what is written as %s can't be read as %s", w.text(), p.text())}
}

// checkNames reports names and defaults that Avro doesn't take in a new schema.
func checkNames(s *schema, seen map[*schema]bool) error {
	if s == nil || seen[s] {
		return nil
	}
	seen[s] = true
	if err := checkNames(s.elem, seen); err != nil {
		return err
	}
	for _, b := range s.branches {
		if err := checkNames(b, seen); err != nil {
			return err
		}
	}
	for i := range s.fields {
		f := &s.fields[i]
		if err := checkName(f.name); err != nil {
			return err
		}
		if err := checkNames(f.schema, seen); err != nil {
			return err
		}
		if f.def != nil && !f.schema.validDefault(f.def) {
			return errors.New("Invalid default for field " + f.name + ": " + f.def.String())
		}
	}
	return nil
}
