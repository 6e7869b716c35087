package jsonschema

import (
	"bytes"
	"fmt"
	"strings"

	schemas "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/troupe-connect/troupe/codecs/registry"
)

// validator checks payloads against a schema, for json.fail.invalid.schema.
type validator struct{ schema *schemas.Schema }

// base is where a schema is taken to lie that doesn't say it.
const base = "mem://input/"

// noLoader reads nothing: all that a schema refers to was read before.
type noLoader struct{}

// Load implements schemas.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is none of the schema's references", strings.TrimPrefix(url, base))
}

// validator compiles a schema for checking payloads. It sees the schema's references and nothing
// else.
func (c *converter) validator(s registry.Schema) (*validator, error) {
	compiler := schemas.NewCompiler()
	compiler.DefaultDraft(schemas.Draft7)
	compiler.AssertFormat()
	compiler.UseLoader(noLoader{})
	root, err := schemas.UnmarshalJSON(strings.NewReader(s.Text))
	if err != nil {
		return nil, err
	}
	at := base + "schema"
	if err := compiler.AddResource(at, root); err != nil {
		return nil, err
	}
	refs, err := c.session.References(s)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		doc, err := schemas.UnmarshalJSON(strings.NewReader(ref.Schema.Text))
		if err != nil {
			return nil, err
		}
		if err := compiler.AddResource(resolve(base, ref.Name), doc); err != nil {
			return nil, err
		}
	}
	compiled, err := compiler.Compile(at)
	if err != nil {
		return nil, err
	}
	return &validator{compiled}, nil
}

// check reports what in a payload the schema doesn't allow.
func (v *validator) check(payload []byte) error {
	value, err := schemas.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return err
	}
	return v.schema.Validate(value)
}
