package transforms

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/internal/reuse"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func replaceFieldConfig() *config.Def {
	list := func(name, doc string, v config.Validator) config.Key {
		return kit.Optional(kit.Key(name, config.List, config.Medium, doc), []string{}, v)
	}
	return config.NewDef(
		list("exclude", "Fields to leave out. It counts more than include.", nil),
		list("include", "Fields to keep, all others being left out; all are kept if it is empty.",
			nil),
		list("renames", "Fields to rename, as old:new pairs.", config.LambdaValidator(
			"list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>",
			func(_ string, value any) error {
				l, _ := value.([]string)
				_, err := parseRenames(l)
				return err
			})),
		replaceNullConfig(),
	)
}

// replaceField leaves fields out and renames them.
type replaceField struct {
	kit.Base
	side             smt.Side
	exclude, include map[string]bool
	renames, reverse map[string]string
	renamed          map[string]any // new names, boxed once
	defaults         defaults
	plans            smt.SchemaCache[*replacePlan]
	made             reuse.Structs
}

// Structs implements reuse.Maker.
func (t *replaceField) Structs() (*reuse.Structs, any) { return &t.made, t.side }

// CopiesStructs implements reuse.Copier.
func (*replaceField) CopiesStructs() {}

// replacePlan is a schema made and where its fields come from.
type replacePlan struct {
	schema *data.Schema
	from   []replaceSource
}

type replaceSource struct {
	index int // -1: there is no such field
	check bool
}

const replacePurpose = "field replacement"

func parseRenames(pairs []string) (map[string]string, error) {
	m := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		parts := kit.Split(pair, ":")
		if len(parts) != 2 {
			return nil, config.Invalid("renames", pairs, "Invalid rename mapping: "+pair)
		}
		m[parts[0]] = parts[1]
	}
	return m, nil
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// Configure reads renames as old:new; one without a colon is errs.Config.
func (t *replaceField) Configure(props map[string]string) error {
	v, err := replaceFieldConfig().Parse(props)
	if err != nil {
		return err
	}
	if t.renames, err = parseRenames(v.List("renames")); err != nil {
		return err
	}
	t.exclude, t.include = setOf(v.List("exclude")), setOf(v.List("include"))
	t.reverse, t.renamed = map[string]string{}, map[string]any{}
	for old, name := range t.renames {
		if other, ok := t.reverse[name]; !ok || old > other { // the same whatever order the map has
			t.reverse[name] = old
		}
		t.renamed[old] = name
	}
	t.defaults = defaults(v.Bool(replaceNullKey))
	return nil
}

// keeps reports whether a field stays: exclude wins over include.
func (t *replaceField) keeps(name string) bool {
	return !t.exclude[name] && (len(t.include) == 0 || t.include[name])
}

// Apply leaves null alone.
func (t *replaceField) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if value == nil {
		return r, nil
	}
	if schema == nil {
		out, err := t.inMap(value)
		if err != nil {
			return nil, err
		}
		t.side.Set(r, nil, out)
		return r, nil
	}
	s, err := kit.Struct(value, replacePurpose)
	if err != nil {
		return nil, err
	}
	out, err := t.inStruct(s)
	if err != nil {
		return nil, err
	}
	t.side.Set(r, out.Schema(), out)
	return r, nil
}

func (t *replaceField) inMap(value any) (*data.Map, error) {
	in, err := asMap(value, replacePurpose)
	if err != nil {
		return nil, err
	}
	out, err := t.renamedMap(in.Entries())
	if err == nil && out == nil {
		entries := slices.Clone(in.Entries())
		java.SortByHash(entries, java.GrownBuckets, func(e data.Entry) string {
			name, _ := e.Key.(string)
			return name
		})
		out = data.NewMap(len(entries))
		for _, e := range entries {
			t.put(out, e)
		}
	}
	return out, err
}

// renamedMap is nil when two of the entries come to have one name. Which of them stays depends in Java
// on the order of a HashMap, the last wins; that order is only looked up then.
func (t *replaceField) renamedMap(entries []data.Entry) (*data.Map, error) {
	out := data.NewMap(len(entries))
	kept := 0
	for _, e := range entries {
		if _, ok := e.Key.(string); !ok && e.Key != nil {
			return nil, errs.Data.New("Only string keys are supported for [%s], found: %s",
				replacePurpose, data.JavaClass(e.Key))
		}
		if t.put(out, e) {
			kept++
		}
	}
	if out.Len() < kept {
		return nil, nil
	}
	return out, nil
}

// put puts the entry under its new name, unless it is left out.
func (t *replaceField) put(out *data.Map, e data.Entry) bool {
	name, _ := e.Key.(string)
	if !t.keeps(name) {
		return false
	}
	if renamed, ok := t.renamed[name]; ok {
		out.Put(renamed, e.Value)
	} else {
		out.Put(e.Key, e.Value)
	}
	return true
}

func (t *replaceField) inStruct(in *data.Struct) (*data.Struct, error) {
	plan, ok := t.plans.Get(in.Schema())
	if !ok {
		var err error
		if plan, err = t.plan(in.Schema()); err != nil {
			return nil, err
		}
		t.plans.Put(in.Schema(), plan)
	}
	out := t.made.New(plan.schema)
	for i, from := range plan.from {
		var err error
		switch {
		case from.index < 0:
			name := plan.schema.Fields()[i].Name
			err = errs.Data.New("%s is not a valid field name", t.reverse[name])
		case from.check:
			err = kit.Set(out, i, t.defaults.field(in, from.index))
		default:
			err = t.defaults.copyField(out, i, in, from.index)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plan makes the schema for structs of a schema. As in Java the value of a field is that of the
// field that is renamed to it, even if the field that had the name before is kept instead.
func (t *replaceField) plan(from *data.Schema) (*replacePlan, error) {
	b := data.NewBuilder(data.StructType).Basics(from)
	for _, f := range from.Fields() {
		if !t.keeps(f.Name) {
			continue
		}
		name := f.Name
		if renamed, ok := t.renames[name]; ok {
			name = renamed
		}
		b.Field(name, f.Schema)
	}
	schema, err := b.Build()
	if err != nil {
		return nil, err
	}
	p := &replacePlan{schema: schema}
	for _, f := range schema.Fields() {
		name := f.Name
		if old, ok := t.reverse[name]; ok {
			name = old
		}
		src := replaceSource{index: from.FieldIndex(name)}
		src.check = src.index >= 0 && from.Fields()[src.index].Schema != f.Schema
		p.from = append(p.from, src)
	}
	return p, nil
}
