package jsonschema

import (
	"slices"
	"strconv"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// Parsed is a JSON Schema as a registry needs it.
type Parsed struct {
	text  any
	model *model
}

// ParseSchema understands a JSON Schema: it is a registry.Parser.
func ParseSchema(s registry.Schema, references []registry.Resolved) (registry.Parsed, error) {
	root, err := parseJSON([]byte(s.Text))
	if err != nil {
		return nil, err
	}
	doc := &document{root: root, refs: map[string]any{}}
	for _, ref := range references {
		if doc.refs[ref.Name], err = parseJSON([]byte(ref.Schema.Text)); err != nil {
			return nil, err
		}
		doc.names = append(doc.names, ref.Name)
	}
	m, err := doc.load(false)
	if err != nil {
		return nil, err
	}
	return &Parsed{root, m}, nil
}

// Canonical is the text without spaces; normalized, with the members of objects in order.
func (p *Parsed) Canonical(normalize bool) string {
	if normalize {
		return string(appendJSON(nil, sortedMembers(p.text)))
	}
	return string(appendJSON(nil, p.text))
}

// sortedMembers is a copy with the members of all objects in order.
func sortedMembers(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = sortedMembers(v[i])
		}
		return out
	case *object:
		out := newObject()
		for _, name := range slices.Sorted(slices.Values(v.names)) {
			out.put(name, sortedMembers(v.values[name]))
		}
		return out
	}
	return v
}

// Reads says why what writer has written can't all be read; nothing if it can.
func (p *Parsed) Reads(writer registry.Parsed) []string {
	w, ok := writer.(*Parsed)
	if !ok {
		return []string{"Incompatible because of different schema type"}
	}
	c := &comparison{}
	c.schema("#", w.model, p.model)
	return c.found
}

// comparison looks for what a schema no longer takes that another one did, as Confluent's registry
// does.
type comparison struct {
	found []string
	open  []*model // schemas being compared, which may hold themselves
	steps *int
}

// maxSteps bounds the comparisons, which unions in unions multiply.
const maxSteps = 200_000

// add notes a finding in the words of the registry's answer.
func (c *comparison) add(path, what string) {
	c.found = append(c.found, "{errorType:\""+what+"\", description:\"The reader's schema differs at path '"+path+"'\"}")
}

// try compares apart: what it finds is in the comparison returned.
func (c *comparison) try(path string, original, update *model) *comparison {
	sub := &comparison{open: slices.Clone(c.open), steps: c.steps}
	sub.schema(path, original, update)
	return sub
}

// followed is what a reference leads to; one that leads to itself is given up.
func followed(m *model) *model {
	for range maxSchemaDepth {
		if m == nil || m.kind != kReference {
			return m
		}
		m = m.referred
	}
	return m
}

// schema compares what was read (original) with what reads now (update). Schemas under comparison
// count as compatible, so that those that hold themselves come to an end.
func (c *comparison) schema(path string, original, update *model) {
	if c.steps == nil {
		c.steps = new(int)
	}
	if *c.steps++; *c.steps > maxSteps {
		c.add(path, "TOO_COMPLEX")
		return
	}
	switch {
	case original == nil && update == nil, update == nil:
		return
	case original == nil:
		c.add(path, "SCHEMA_ADDED")
		return
	}
	original, update = followed(original), followed(update)
	if original == nil || update == nil || c.asPart(path, original, update) {
		return
	}
	if original.kind != update.kind {
		anything := update.kind == kEmpty || update.kind == kTrue
		bytes := original.extra.get(propType) == "bytes" && update.extra.get(propType) == "bytes"
		if original.kind != kFalse && !anything && !bytes {
			c.add(path, "TYPE_CHANGED")
		}
		return
	}
	if slices.Contains(c.open, original) {
		return
	}
	c.open = append(c.open, original)
	switch original.kind {
	case kString:
		c.text(path, original, update)
	case kNumber:
		c.number(path, original, update)
	case kConst:
		if !sameValue(original.values[0], update.values[0]) {
			c.add(path+"/const", "ENUM_ARRAY_CHANGED")
		}
	case kEnum:
		c.enum(path, original, update)
	case kCombined:
		c.combined(path, original, update)
	case kNot:
		if len(c.try(path+"/not", update.inner, original.inner).found) > 0 {
			c.add(path+"/not", "NOT_TYPE_EXTENDED")
		}
	case kObject:
		c.object(path, original, update)
	case kArray:
		c.array(path, original, update)
	}
	c.open = c.open[:len(c.open)-1]
}

// asPart reports whether one schema is a part of the other, combined one that makes it compatible.
func (c *comparison) asPart(path string, original, update *model) bool {
	switch {
	case original.kind != kCombined && update.kind == kCombined:
		if len(update.parts) != 1 && update.criterion == allOf {
			return false
		}
		return slices.ContainsFunc(update.parts, func(part *model) bool { return len(c.try(path, original, part).found) == 0 })
	case original.kind == kCombined && update.kind != kCombined:
		if len(original.parts) != 1 && original.criterion != allOf {
			return false
		}
		return slices.ContainsFunc(original.parts, func(part *model) bool { return len(c.try(path, part, update).found) == 0 })
	}
	return false
}

// sameValue compares JSON by its text, in which 1 and 1.0 differ, as for Java's equals.
func sameValue(a, b any) bool { return string(appendJSON(nil, a)) == string(appendJSON(nil, b)) }

// limit is a keyword's number, false if there is none.
func limit(m *model, keyword string) (float64, bool) {
	n, ok := m.raw.get(keyword).(number)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.text, 64)
	return f, err == nil
}

// most compares an upper limit, least a lower one; name is that of the finding.
func (c *comparison) most(path, keyword, name string, original, update *model) {
	before, had := limit(original, keyword)
	after, has := limit(update, keyword)
	switch {
	case !had && has:
		c.add(path+"/"+keyword, name+"_ADDED")
	case had && has && after < before:
		c.add(path+"/"+keyword, name+"_DECREASED")
	}
}

// least is most for a lower limit.
func (c *comparison) least(path, keyword, name string, original, update *model) {
	before, had := limit(original, keyword)
	after, has := limit(update, keyword)
	switch {
	case !had && has:
		c.add(path+"/"+keyword, name+"_ADDED")
	case had && has && after > before:
		c.add(path+"/"+keyword, name+"_INCREASED")
	}
}

// text compares strings. Whether one pattern allows more than another isn't known: any change is
// one too many.
func (c *comparison) text(path string, original, update *model) {
	c.most(path, "maxLength", "MAX_LENGTH", original, update)
	c.least(path, "minLength", "MIN_LENGTH", original, update)
	before, had := original.raw.get("pattern").(string)
	after, has := update.raw.get("pattern").(string)
	switch {
	case !had && has:
		c.add(path+"/pattern", "PATTERN_ADDED")
	case had && has && before != after:
		c.add(path+"/pattern", "PATTERN_CHANGED")
	}
}

// number compares limits; multipleOf may become a divisor of itself, and number may not become
// integer.
func (c *comparison) number(path string, original, update *model) {
	c.most(path, "maximum", "MAXIMUM", original, update)
	c.least(path, "minimum", "MINIMUM", original, update)
	c.most(path, "exclusiveMaximum", "EXCLUSIVE_MAXIMUM", original, update)
	c.least(path, "exclusiveMinimum", "EXCLUSIVE_MINIMUM", original, update)
	before, had := limit(original, "multipleOf")
	after, has := limit(update, "multipleOf")
	switch {
	case !had && has:
		c.add(path+"/multipleOf", "MULTIPLE_OF_ADDED")
	case had && has && before != after && int64(before) != 0 && int64(after)%int64(before) == 0:
		c.add(path+"/multipleOf", "MULTIPLE_OF_EXPANDED")
	case had && has && before != after && (int64(after) == 0 || int64(before)%int64(after) != 0):
		c.add(path+"/multipleOf", "MULTIPLE_OF_CHANGED")
	}
	if !original.integer && update.integer {
		c.add(path, "TYPE_NARROWED")
	}
}

// enum allows more values, not fewer.
func (c *comparison) enum(path string, original, update *model) {
	has := func(list []any, v any) bool {
		return slices.ContainsFunc(list, func(o any) bool { return sameValue(o, v) })
	}
	missing, added := false, false
	for _, v := range original.values {
		missing = missing || !has(update.values, v)
	}
	for _, v := range update.values {
		added = added || !has(original.values, v)
	}
	switch {
	case missing && added:
		c.add(path+"/enum", "ENUM_ARRAY_CHANGED")
	case missing:
		c.add(path+"/enum", "ENUM_ARRAY_NARROWED")
	}
}

var criterionNames = [...]string{allOf: "allOf", anyOf: "anyOf", oneOf: "oneOf"}

// combined pairs the parts of two combinations. Which goes with which isn't said anywhere, so the
// most pairs that are compatible are looked for.
func (c *comparison) combined(path string, original, update *model) {
	single := len(original.parts) == 1
	extended := update.criterion == anyOf || single && len(update.parts) == 1 ||
		single && update.criterion == oneOf || len(update.parts) == 1 && original.criterion == allOf
	if original.criterion != update.criterion && !extended {
		c.add(path, "COMBINED_TYPE_CHANGED")
		return
	}
	before, after := distinct(original.parts), distinct(update.parts)
	switch {
	case len(before) < len(after) && update.criterion == allOf:
		c.add(path, "PRODUCT_TYPE_EXTENDED")
	case len(before) > len(after) && original.criterion != allOf:
		c.add(path, "SUM_TYPE_NARROWED")
	}
	fits := make([][]bool, len(before))
	for i, o := range before {
		fits[i] = make([]bool, len(after))
		for k, u := range after {
			at := path + "/" + criterionNames[original.criterion] + "/" + strconv.Itoa(i)
			fits[i][k] = len(c.try(at, o, u).found) == 0
		}
	}
	if matching(fits) < min(len(before), len(after)) {
		c.add(path, "COMBINED_TYPE_SUBSCHEMAS_CHANGED")
	}
}

// distinct leaves out parts with the text of another.
func distinct(parts []*model) []*model {
	var kept []*model
	for _, p := range parts {
		same := slices.ContainsFunc(kept, func(k *model) bool {
			return k.kind == p.kind && p.raw != nil && k.raw != nil && sameValue(p.raw, k.raw)
		})
		if !same {
			kept = append(kept, p)
		}
	}
	return kept
}

// matching is how many can be paired, each with another one that it fits.
func matching(fits [][]bool) int {
	if len(fits) == 0 {
		return 0
	}
	taken := make([]int, len(fits[0]))
	for k := range taken {
		taken[k] = -1
	}
	var place func(i int, tried []bool) bool
	place = func(i int, tried []bool) bool {
		for k, ok := range fits[i] {
			if !ok || tried[k] {
				continue
			}
			tried[k] = true
			if taken[k] < 0 || place(taken[k], tried) {
				taken[k] = i
				return true
			}
		}
		return false
	}
	n := 0
	for i := range fits {
		if place(i, make([]bool, len(taken))) {
			n++
		}
	}
	return n
}

// object compares properties, and what may stand beside them. An object that names few properties
// but is open allows all others, so that naming one more is a breach: the registry's open content
// model.
func (c *comparison) object(path string, original, update *model) {
	c.required(path, original, update)
	for _, p := range original.properties {
		if update.property(p.name) == nil {
			c.removed(path+"/properties/"+p.name, p, update)
		}
	}
	for _, p := range update.properties {
		at := path + "/properties/" + p.name
		if before := original.property(p.name); before != nil {
			c.schema(at, before, p.schema)
		} else {
			c.added(at, p, original, update)
		}
	}
	c.dependencies(path, original, update)
	switch at := path + "/additionalProperties"; {
	case !original.closed && update.closed:
		c.add(at, "ADDITIONAL_PROPERTIES_REMOVED")
	case original.closed != update.closed:
	case original.additional == nil && update.additional != nil:
		c.add(at, "ADDITIONAL_PROPERTIES_NARROWED")
	case original.additional != nil && update.additional != nil:
		c.schema(at, original.additional, update.additional)
	}
	c.most(path, "maxProperties", "MAX_PROPERTIES", original, update)
	c.least(path, "minProperties", "MIN_PROPERTIES", original, update)
}

// required allows a property to become required only with a default.
func (c *comparison) required(path string, original, update *model) {
	for _, p := range original.properties {
		after := update.property(p.name)
		if after != nil && !original.required[p.name] && update.required[p.name] && !after.hasDef {
			c.add(path+"/required/"+p.name, "REQUIRED_ATTRIBUTE_ADDED")
		}
	}
}

// openModel reports whether an object may have any properties beside those it names.
func openModel(m *model) bool { return len(m.patterns) == 0 && m.additional == nil && !m.closed }

// partly is the schema of a property that an object doesn't name.
func partly(m *model, name string) *model {
	for _, p := range m.patterns {
		re, err := regex.Compile("(?s).*(?:" + p.name + ").*")
		if err != nil {
			continue
		}
		if found, err := re.MatchString(name); err == nil && found {
			return p.schema
		}
	}
	return m.additional
}

// removed compares a property that is no longer named with what the object says of unnamed ones.
func (c *comparison) removed(path string, p property, update *model) {
	if openModel(update) {
		return
	}
	rest := partly(update, p.name)
	switch {
	case rest == nil && followed(p.schema) != nil && followed(p.schema).kind != kFalse:
		c.add(path, "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	case rest != nil:
		if sub := c.try(path, p.schema, rest); len(sub.found) > 0 {
			c.found = append(c.found, sub.found...)
			c.add(path, "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	}
}

// added compares what unnamed properties were with one that is named now.
func (c *comparison) added(path string, p property, original, update *model) {
	if openModel(original) {
		if p.schema.kind != kEmpty && p.schema.kind != kTrue {
			c.add(path, "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL")
		}
		return
	}
	if rest := partly(original, p.name); rest != nil {
		if sub := c.try(path, rest, p.schema); len(sub.found) > 0 {
			c.found = append(c.found, sub.found...)
			c.add(path, "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	}
	if update.required[p.name] && !p.schema.hasDef {
		c.add(path, "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL")
	}
}

// dependencies allows fewer, not more.
func (c *comparison) dependencies(path string, original, update *model) {
	for name, after := range update.dependent {
		before, had := original.dependent[name]
		if !had {
			c.add(path+"/dependencies/"+name, "DEPENDENCY_SCHEMA_ADDED")
			continue
		}
		c.schema(path+"/dependencies/"+name, before, after)
	}
	before, after := arrays(original), arrays(update)
	for name, list := range after {
		had, ok := before[name]
		switch {
		case !ok:
			c.add(path+"/dependencies/"+name, "DEPENDENCY_ARRAY_ADDED")
		case slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(had, s) }):
			c.add(path+"/dependencies/"+name, "DEPENDENCY_ARRAY_EXTENDED")
		}
	}
}

// arrays are the names that properties need beside them.
func arrays(m *model) map[string][]string {
	all := map[string][]string{}
	for _, keyword := range []string{"dependencies", "dependentRequired"} {
		o, _ := m.raw.get(keyword).(*object)
		if o == nil {
			continue
		}
		for _, name := range o.names {
			list, ok := o.values[name].([]any)
			if !ok {
				continue
			}
			all[name] = []string{}
			for _, v := range list {
				if s, ok := v.(string); ok {
					all[name] = append(all[name], s)
				}
			}
		}
	}
	return all
}
