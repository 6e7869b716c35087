package smt

import "github.com/troupe-connect/troupe/connectors/data"

// SchemaCache keeps what a transform made for each schema it saw, so that it is made once per
// schema and not per record. T is the schema made, or a plan with that schema in it.
//
// Schemas are told apart by identity, which costs nothing; a schema that is new by identity is
// compared by content with the ones seen last, so that a source which builds an equal schema for
// every record still gets one result, and caches behind this one hit too. The memory is bounded.
//
// The zero value is an empty cache. It is used from one goroutine.
type SchemaCache[T any] struct {
	last     *data.Schema
	lastMade T
	known    map[*data.Schema]T
	recent   [recentSchemas]madeFor[T]
	next     int
}

type madeFor[T any] struct {
	schema *data.Schema
	made   T
}

const (
	maxSchemas    = 1024 // known by identity
	recentSchemas = 8    // compared by content
)

// Get is what was put for the schema or for one equal to it.
func (c *SchemaCache[T]) Get(schema *data.Schema) (T, bool) {
	if schema == c.last && schema != nil {
		return c.lastMade, true
	}
	return c.find(schema)
}

func (c *SchemaCache[T]) find(schema *data.Schema) (T, bool) {
	made, ok := c.known[schema]
	if ok {
		c.last, c.lastMade = schema, made
		return made, true
	}
	for i := range c.recent {
		if r := &c.recent[i]; r.schema != nil && data.SchemaEqual(r.schema, schema) {
			c.remember(schema, r.made)
			return r.made, true
		}
	}
	return made, false
}

// Put keeps what was made for a schema.
func (c *SchemaCache[T]) Put(schema *data.Schema, made T) {
	c.recent[c.next%recentSchemas] = madeFor[T]{schema, made}
	c.next++
	c.remember(schema, made)
}

func (c *SchemaCache[T]) remember(schema *data.Schema, made T) {
	if c.known == nil || len(c.known) >= maxSchemas {
		c.known = map[*data.Schema]T{}
	}
	c.known[schema] = made
	c.last, c.lastMade = schema, made
}
