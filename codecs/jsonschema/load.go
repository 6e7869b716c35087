package jsonschema

import (
	"fmt"
	"slices"
	"strings"
)

// document is a parsed schema with those it refers to.
type document struct {
	root  any
	refs  map[string]any // by name as registered
	names []string       // of them, in order
}

// maxSchemaDepth bounds how deep schemas may be nested in one another.
const maxSchemaDepth = 500

// draft says which keywords there are.
type draft uint8

const (
	draft4 draft = iota
	draft6
	draft7
	draft2019
	draft2020
)

var draftURLs = map[string]draft{
	"json-schema.org/draft-04/schema": draft4, "json-schema.org/schema": draft4,
	"json-schema.org/draft-06/schema": draft6, "json-schema.org/draft-07/schema": draft7,
	"json-schema.org/draft/2019-09/schema": draft2019, "json-schema.org/draft/2020-12/schema": draft2020,
}

// draftOf is the draft that $schema names: draft 7 where it names none that is known.
func draftOf(root *object) draft {
	uri, _ := root.get("$schema").(string)
	uri = strings.TrimSuffix(uri, "#")
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(uri, scheme); ok {
			if d, known := draftURLs[rest]; known {
				return d
			}
		}
	}
	return draft7
}

// load makes the model of a document. ignoreModern reads the drafts after 7 as 7.
func (d *document) load(ignoreModern bool) (*model, error) {
	if b, ok := d.root.(bool); ok {
		if b {
			return &model{kind: kTrue}, nil
		}
		return &model{kind: kFalse}, nil
	}
	root, ok := d.root.(*object)
	if !ok {
		return nil, fmt.Errorf("a schema must be an object, this one is %s",
			clipped(appendJSON(nil, d.root)))
	}
	l := &loader{doc: d, draft: draftOf(root), knots: map[string]*knot{}}
	if l.draft >= draft2019 && ignoreModern {
		l.draft = draft7
	}
	if id, ok := root.get(l.idKeyword()).(string); ok {
		l.id = id
	}
	return l.load(scope{root: root, base: l.id}, root, 0)
}

// clipped is a part of a schema that is short enough for an error.
func clipped(b []byte) string {
	if len(b) > 100 {
		return string(b[:100]) + "…"
	}
	return string(b)
}

// loader reads schemas of the drafts 4, 6 and 7 as Everit's library does.
type loader struct {
	doc   *document
	draft draft
	id    string
	knots map[string]*knot // references by absolute pointer
}

// knot is the target of references: they are met while it is being loaded, too.
type knot struct {
	waiting []*model
	target  *model
}

// refer is a reference to the target, which may not be known yet.
func (k *knot) refer() *model {
	m := &model{kind: kReference, referred: k.target}
	if k.target == nil {
		k.waiting = append(k.waiting, m)
	}
	return m
}

// resolve gives the target to all references.
func (k *knot) resolve(target *model) {
	k.target = target
	for _, m := range k.waiting {
		m.referred = target
	}
}

// scope is the document that references are looked up in.
type scope struct {
	root any
	base string
}

// idKeyword is the keyword that names a schema, which draft 6 renamed.
func (l *loader) idKeyword() string {
	if l.draft == draft4 {
		return "id"
	}
	return "$id"
}

var (
	arrayKeywords = []string{
		"items", "additionalItems", "minItems", "maxItems", "uniqueItems",
		"contains",
	}
	objectKeywords = []string{
		"properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties",
		"additionalProperties", "propertyNames",
	}
	numberKeywords = []string{
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
		"multipleOf",
	}
	stringKeywords = []string{"minLength", "maxLength", "pattern", "format"}

	// What came after draft 7, by the list that it belongs to.
	modernArrays  = []string{"prefixItems", "unevaluatedItems", "minContains", "maxContains"}
	modernObjects = []string{"dependentRequired", "dependentSchemas", "unevaluatedProperties"}
)

// keywords are those of the list that the draft has.
func (l *loader) keywords(list []string) []string {
	if l.draft >= draft2019 {
		switch list[0] {
		case "items":
			return slices.Concat(list, modernArrays)
		case "properties":
			return slices.Concat(list, modernObjects)
		case "minLength":
			return list[:3] // formats are not looked at
		}
	}
	if last := list[len(list)-1]; l.draft == draft4 && (last == "contains" ||
		last == "propertyNames") {
		return list[:len(list)-1]
	}
	return list
}

// load reads a schema: an object, or a boolean that allows everything or nothing.
func (l *loader) load(sc scope, raw any, depth int) (*model, error) {
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("schemas are nested deeper than %d", maxSchemaDepth)
	}
	switch raw := raw.(type) {
	case bool:
		if raw {
			return &model{kind: kTrue}, nil
		}
		return &model{kind: kFalse}, nil
	case *object:
		return l.loadObject(sc, raw, depth)
	}
	return nil, fmt.Errorf("a schema must be an object or boolean, is %s",
		clipped(appendJSON(nil, raw)))
}

// reading is a schema object on its way to a model: what is left of it, and what was found.
type reading struct {
	l     *loader
	sc    scope
	depth int
	raw   *object
	used  map[string]bool // keywords that were read
	found []*model
}

// has reports whether a keyword is there that nothing has read yet: each counts for one schema
// only.
func (r *reading) has(name string) bool { return r.raw.has(name) && !r.used[name] }

// use notes keywords as read.
func (r *reading) use(names ...string) {
	for _, name := range names {
		r.used[name] = true
	}
}

// hasAny is has for a list.
func (r *reading) hasAny(names []string) bool {
	return slices.ContainsFunc(names, r.has)
}

// child reads a schema within this one.
func (r *reading) child(raw any) (*model, error) { return r.l.load(r.sc, raw, r.depth+1) }

// loadObject reads an object. Everit makes a schema of every kind of keyword it has; several are
// an allOf that nobody wrote (generated).
func (l *loader) loadObject(sc scope, raw *object, depth int) (*model, error) {
	r := &reading{l: l, sc: sc, depth: depth, raw: raw, used: map[string]bool{}}
	if depth > 0 {
		if id, ok := raw.get(l.idKeyword()).(string); ok && !strings.HasPrefix(id, "#") {
			r.sc.base = resolve(sc.base, id)
		}
	}
	if err := r.extract(); err != nil {
		return nil, err
	}
	var m *model
	switch len(r.found) {
	case 0:
		m = &model{kind: kEmpty}
	case 1:
		m = r.found[0]
	default:
		m = &model{kind: kCombined, criterion: allOf, parts: r.found, generated: true}
	}
	return m, r.common(m)
}

// extract finds the schemas that stand side by side in the object.
func (r *reading) extract() error {
	if r.has("$ref") {
		ref, ok := r.raw.get("$ref").(string)
		if !ok {
			return fmt.Errorf("$ref must be a string")
		}
		r.use("$ref")
		m, err := r.l.lookup(r.sc, ref, r.depth)
		r.found = append(r.found, m)
		if err != nil || r.l.draft < draft2019 {
			return err
		}
	}
	for _, step := range []func() error{r.enum, r.combined, r.not, r.constant, r.byType, r.byKeywords} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// enum and the methods below each read one kind of keywords, if it is there.
func (r *reading) enum() error {
	if !r.has("enum") {
		return nil
	}
	values, ok := r.raw.get("enum").([]any)
	if !ok {
		return fmt.Errorf("enum must be an array")
	}
	r.use("enum")
	r.found = append(r.found, &model{kind: kEnum, values: values})
	return nil
}

func (r *reading) combined() error {
	for _, c := range []struct {
		keyword   string
		criterion criterion
	}{{"allOf", allOf}, {"anyOf", anyOf}, {"oneOf", oneOf}} {
		if !r.has(c.keyword) {
			continue
		}
		list, ok := r.raw.get(c.keyword).([]any)
		if !ok {
			return fmt.Errorf("%s must be an array", c.keyword)
		}
		m := &model{kind: kCombined, criterion: c.criterion}
		for _, raw := range list {
			part, err := r.child(raw)
			if err != nil {
				return err
			}
			m.parts = append(m.parts, part)
		}
		r.use(c.keyword)
		r.found = append(r.found, m)
	}
	return nil
}

func (r *reading) not() error {
	if !r.has("not") {
		return nil
	}
	inner, err := r.child(r.raw.get("not"))
	if err != nil {
		return err
	}
	r.use("not")
	r.found = append(r.found, &model{kind: kNot, inner: inner})
	return nil
}

func (r *reading) constant() error {
	if r.l.draft > draft4 && r.has("const") {
		r.use("const")
		r.found = append(r.found, &model{kind: kConst, values: []any{r.raw.get("const")}})
	}
	return nil
}
