package jsonschema

import (
	"cmp"
	"maps"
	"slices"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// sorted are properties by their index.
func sorted(places map[int32]property) []property {
	list := make([]property, 0, len(places))
	for _, index := range slices.SortedFunc(maps.Keys(places), cmp.Compare[int32]) {
		list = append(list, places[index])
	}
	return list
}

// merged are the properties of schemas that must all fit, in the order in which they are met.
type merged struct {
	names    []string
	schemas  map[string]*model
	required map[string]bool
	visited  map[*model]bool
}

// collect adds the properties of one of the schemas.
func (g *merged) collect(m *model) {
	if m == nil || g.visited[m] {
		return
	}
	g.visited[m] = true
	switch m.kind {
	case kCombined:
		if m.criterion == allOf {
			for _, part := range m.parts {
				g.collect(part)
			}
		}
	case kObject:
		for _, p := range m.properties {
			if _, there := g.schemas[p.name]; !there {
				g.names = append(g.names, p.name)
			}
			g.schemas[p.name], g.required[p.name] = p.schema, m.required[p.name]
		}
	case kReference:
		g.collect(m.referred)
	}
}

// allOf makes one schema of several: a struct of all properties or, where there are none, the
// schema of the part that says most.
func (c *connecting) allOf(m *model, version int32, optional bool) (*data.Schema, error) {
	g := &merged{schemas: map[string]*model{}, required: map[string]bool{}}
	last := map[kind]*model{}
	for _, part := range m.parts {
		last[part.kind] = part
		g.visited = map[*model]bool{}
		g.collect(part)
	}
	if len(g.names) > 0 {
		return c.mergedStruct(m, g, optional)
	}
	text, num := last[kString], last[kNumber]
	var chosen *model
	switch {
	case last[kCombined] != nil:
		chosen = last[kCombined]
	case last[kConst] != nil && text != nil:
		chosen = text
	case last[kConst] != nil:
		chosen = num
	case last[kEnum] != nil && text != nil:
		chosen = last[kEnum]
	case last[kEnum] != nil:
		chosen = num
	case text != nil && num != nil:
		chosen = num // a number with a format
	case text != nil:
		chosen = text
	case last[kReference] != nil:
		return c.reference(last[kReference], version, optional)
	}
	if chosen == nil {
		return nil, errs.Data.New("Unsupported criterion allOf for %d schemas that have neither properties nor a type in common", len(m.parts))
	}
	return c.schema(chosen, version, optional)
}

// mergedStruct makes a struct of the merged properties. It has no name: none of the parts' titles
// is that of the whole.
func (c *connecting) mergedStruct(m *model, g *merged, optional bool) (*data.Schema, error) {
	b := data.NewBuilder(data.StructType)
	place := &structOf{builder: b}
	c.structs[m] = place
	for _, name := range g.names {
		f, err := c.schema(g.schemas[name], 0, c.optionalNonRequired && !g.required[name])
		if err != nil {
			return nil, err
		}
		b.Field(name, f)
	}
	if optional {
		b.Optional()
	}
	s, err := b.Build()
	place.built = s
	return s, err
}
