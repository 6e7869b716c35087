package jsonschema

import (
	"fmt"
	"strings"
)

// byType reads `type`; a list of types is anyOf them.
func (r *reading) byType() error {
	if !r.has("type") {
		return nil
	}
	switch typ := r.raw.get("type").(type) {
	case string:
		r.use("type")
		m, err := r.explicit(typ)
		r.found = append(r.found, m)
		return err
	case []any:
		m := &model{kind: kCombined, criterion: anyOf}
		for _, t := range typ {
			name, ok := t.(string)
			if !ok {
				return fmt.Errorf("a type must be a string")
			}
			part, err := r.explicit(name)
			if err != nil {
				return err
			}
			m.parts = append(m.parts, part)
		}
		r.use("type")
		r.found = append(r.found, m)
		return nil
	}
	return fmt.Errorf("type must be a string or an array of strings")
}

// explicit reads a schema of a type, with the keywords of that type.
func (r *reading) explicit(typ string) (*model, error) {
	switch typ {
	case "string":
		return r.stringSchema()
	case "integer", "number":
		return r.number(typ == "integer")
	case "boolean":
		return &model{kind: kBoolean}, nil
	case "null":
		return &model{kind: kNull}, nil
	case "array":
		return r.array()
	case "object":
		return r.object()
	}
	return nil, fmt.Errorf("unknown type: [%s]", typ)
}

// byKeywords reads schemas whose type only their keywords tell.
func (r *reading) byKeywords() error {
	add := func(m *model, err error) error {
		r.found = append(r.found, m)
		return err
	}
	// What is there is asked first: one of these schemas uses none of another's keywords.
	array, object := r.hasAny(r.l.keywords(arrayKeywords)), r.hasAny(r.l.keywords(objectKeywords))
	numeric, text := r.hasAny(numberKeywords), r.hasAny(r.l.keywords(stringKeywords))
	conditional := r.l.draft >= draft7 && r.hasAny([]string{"if", "then", "else"})
	if array {
		if err := add(r.array()); err != nil {
			return err
		}
	}
	if object {
		if err := add(r.object()); err != nil {
			return err
		}
	}
	if numeric {
		if err := add(r.number(false)); err != nil {
			return err
		}
	}
	if text {
		if err := add(r.stringSchema()); err != nil {
			return err
		}
	}
	if conditional {
		r.use("if", "then", "else")
		r.found = append(r.found, &model{kind: kConditional})
	}
	return nil
}

func (r *reading) number(integer bool) (*model, error) {
	r.use(numberKeywords...)
	for _, name := range numberKeywords {
		v, there := r.raw.values[name]
		_, isNumber := v.(number)
		_, isBool := v.(bool)
		if exclusive := strings.HasPrefix(name, "exclusive"); there && !isNumber &&
			(!exclusive || r.l.draft > draft4 || !isBool) {
			return nil, fmt.Errorf("#/%s: expected type: Number, found: %s", name,
				clipped(appendJSON(nil, v)))
		}
	}
	return &model{kind: kNumber, integer: integer}, nil
}

// counts checks keywords that must be integers.
func (r *reading) counts(names ...string) error {
	for _, name := range names {
		v, there := r.raw.values[name]
		if n, ok := v.(number); there && (!ok || !n.integer) {
			return fmt.Errorf("#/%s: expected type: Integer, found: %s", name,
				clipped(appendJSON(nil, v)))
		}
	}
	return nil
}

func (r *reading) stringSchema() (*model, error) {
	r.use(stringKeywords...)
	if err := r.counts("minLength", "maxLength"); err != nil {
		return nil, err
	}
	for _, name := range []string{"pattern", "format"} {
		if v, there := r.raw.values[name]; there {
			if _, ok := v.(string); !ok {
				return nil, fmt.Errorf("%s must be a string", name)
			}
		}
	}
	return &model{kind: kString}, nil
}

// array reads items: one schema for all of them, or one for each place.
func (r *reading) array() (*model, error) {
	r.use(r.l.keywords(arrayKeywords)...)
	m := &model{kind: kArray}
	err := r.counts("minItems", "maxItems")
	if err != nil {
		return nil, err
	}
	switch items := r.raw.get("items").(type) {
	case bool:
		if r.l.draft >= draft2019 {
			break // says which further items there may be
		}
		m.item, err = r.child(items)
	case nil:
		if r.raw.has("items") {
			return nil, fmt.Errorf("items must be a schema or an array of them")
		}
	case []any:
		if m.items, err = r.children(items); err != nil {
			return nil, err
		}
	default:
		m.item, err = r.child(items)
		if r.l.draft >= draft2019 && r.raw.has("prefixItems") {
			m.item, m.moreItems = nil, m.item
		}
	}
	if err != nil {
		return nil, err
	}
	return m, r.tuple(m)
}

// children reads a list of schemas.
func (r *reading) children(list []any) (all []*model, err error) {
	for _, raw := range list {
		m, err := r.child(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// tuple reads what an array says of its items one by one, and of further ones.
func (r *reading) tuple(m *model) (err error) {
	more := "additionalItems"
	if r.l.draft >= draft2019 {
		more = "items"
		if list, ok := r.raw.get("prefixItems").([]any); ok {
			if m.items, err = r.children(list); err != nil {
				return err
			}
		}
	}
	switch raw := r.raw.get(more).(type) {
	case bool:
		m.noMore = !raw
	case *object:
		if more == "additionalItems" {
			m.moreItems, err = r.child(raw)
		}
	}
	return err
}

// byName reads the schemas of an object's members.
func (r *reading) byName(keyword string) (list []property, err error) {
	o, ok := r.raw.get(keyword).(*object)
	if !ok {
		return nil, nil
	}
	for _, name := range o.names {
		if _, isList := o.values[name].([]any); isList && keyword == "dependencies" {
			continue
		}
		m, err := r.child(o.values[name])
		if err != nil {
			return nil, err
		}
		list = append(list, property{name, m})
	}
	return list, nil
}

// object reads properties and what is said of them.
func (r *reading) object() (*model, error) {
	r.use(r.l.keywords(objectKeywords)...)
	m := &model{kind: kObject, required: map[string]bool{}}
	if err := r.counts("minProperties", "maxProperties"); err != nil {
		return nil, err
	}
	if raw, there := r.raw.values["properties"]; there {
		defs, ok := raw.(*object)
		if !ok {
			return nil, fmt.Errorf("properties must be an object")
		}
		if err := r.properties(m, defs); err != nil {
			return nil, err
		}
	}
	if raw, there := r.raw.values["required"]; there {
		list, ok := raw.([]any)
		if !ok {
			return nil, fmt.Errorf("required must be an array")
		}
		for _, name := range list {
			text, ok := name.(string)
			if !ok {
				return nil, fmt.Errorf("a required property must be a string")
			}
			m.required[text] = true
		}
	}
	if raw, there := r.raw.values["additionalProperties"]; there {
		if open, plain := raw.(bool); plain {
			m.closed = !open
		} else {
			additional, err := r.child(raw)
			if err != nil {
				return nil, err
			}
			m.additional = additional
		}
	}
	return m, r.dependents(m)
}

// dependents reads patternProperties and the schemas that properties bring with them.
func (r *reading) dependents(m *model) (err error) {
	if m.patterns, err = r.byName("patternProperties"); err != nil {
		return err
	}
	m.dependent = map[string]*model{}
	for _, keyword := range []string{"dependencies", "dependentSchemas"} {
		list, err := r.byName(keyword)
		if err != nil {
			return err
		}
		for _, p := range list {
			m.dependent[p.name] = p.schema
		}
	}
	return nil
}

// properties reads the properties; a text under the name of the id keyword is an id, not a
// property.
func (r *reading) properties(m *model, defs *object) error {
	var names []string
	schemas := map[string]*model{}
	for _, name := range defs.names {
		_, isObject := defs.values[name].(*object)
		if name == r.l.idKeyword() && !isObject {
			continue
		}
		schema, err := r.child(defs.values[name])
		if err != nil {
			return err
		}
		names, schemas[name] = append(names, name), schema
	}
	m.setProperties(names, schemas)
	return nil
}

// common reads what every schema has, and keeps what is left.
func (r *reading) common(m *model) error {
	for _, c := range []struct {
		keyword string
		to      *string
	}{{"title", &m.title}, {"description", &m.description}, {r.l.idKeyword(), &m.id}} {
		if !r.has(c.keyword) {
			continue
		}
		text, ok := r.raw.get(c.keyword).(string)
		if !ok {
			return fmt.Errorf("%s must be a string", c.keyword)
		}
		r.use(c.keyword)
		*c.to = text
	}
	if r.l.draft >= draft7 {
		r.use("readOnly", "writeOnly")
	}
	if r.has("default") {
		r.use("default")
		m.def = r.raw.get("default")
		m.hasDef = m.def != nil || r.l.draft < draft2019 // later a null is no default
	}
	m.extra = r.raw.without(r.used)
	m.raw = r.raw
	for _, part := range m.parts {
		if part.raw == nil {
			part.raw = r.raw
		}
	}
	return nil
}
