package avro_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
)

func configured(t testing.TB, clients registry.Clients, props map[string]string) codecs.Converter {
	t.Helper()
	all := map[string]string{"schema.registry.url": "http://127.0.0.1:1"}
	maps.Copy(all, props)
	c := avro.Plugin(clients).New()
	if err := c.Configure(all, false); err != nil {
		t.Fatal(err)
	}
	return c
}

// shape makes random schemas that have what Avro alone keeps: names, docs, versions and parameters of
// any type.
type shape struct {
	*registrytest.Random
	names int
}

func (s *shape) name() string {
	s.names++
	return fmt.Sprintf("n.T%d", s.names)
}

func (s *shape) schema(depth int) *data.Schema {
	kinds := 13
	if depth > 3 {
		kinds = 10
	}
	var b *data.Builder
	switch k := s.IntN(kinds + 1); k {
	case 0, 1, 2, 3, 4, 5, 6, 7, 8:
		b = data.NewBuilder(data.Int8 + data.Type(k))
		if s.IntN(8) == 0 {
			b.Name(s.name()).Version(int32(s.IntN(9))).Doc("a doc").Parameter("p", "v")
		}
	case 9:
		b = [...]func() *data.Builder{
			func() *data.Builder { return data.DecimalBuilder(int32(s.IntN(6))) },
			func() *data.Builder { return data.NewBuilder(data.Int32).Name(data.DateName).Version(1) },
			func() *data.Builder { return data.NewBuilder(data.Int32).Name(data.TimeName).Version(1) },
			func() *data.Builder { return data.NewBuilder(data.Int64).Name(data.TimestampName).Version(1) },
		}[s.IntN(4)]()
	case 10:
		b = data.ArrayOf(s.schema(depth + 1))
	case 11:
		b = data.MapOf(data.StringSchema, s.schema(depth+1))
	case 12:
		b = data.MapOf(data.Int32Schema, s.schema(depth+1)).Name(s.name())
	default:
		b = data.NewBuilder(data.StructType).Name(s.name())
		for i := range s.IntN(5) {
			b.Field(fmt.Sprintf("f%d", i), s.schema(depth+1))
		}
	}
	if s.IntN(3) == 0 {
		b.Optional()
	}
	return b.MustBuild()
}

// versioned is a schema with the version that the registry gives to what has none.
func versioned(c *data.Schema) *data.Schema {
	if _, ok := c.Version(); ok || c.Optional() {
		return c
	}
	b := data.NewBuilder(c.Type())
	switch c.Type() {
	case data.Array:
		b = data.ArrayOf(c.ValueSchema())
	case data.MapType:
		b = data.MapOf(c.KeySchema(), c.ValueSchema())
	case data.StructType:
		for _, f := range c.Fields() {
			b.Field(f.Name, f.Schema)
		}
	}
	return b.Basics(c).Version(1).MustBuild()
}

// Whatever Avro can hold comes back as it was, its schema too.
func TestRoundTrips(t *testing.T) {
	for seed := range uint64(2000) {
		s := &shape{Random: registrytest.NewRandom(seed, false)}
		schema := s.schema(0)
		c := configured(t, registrytest.NewFake(), map[string]string{"auto.register.schemas": "true"})
		for range 3 {
			value := s.Value(schema)
			b, err := c.FromConnect("t", schema, value)
			if err != nil {
				t.Fatalf("seed %d: %s %s: %v", seed, schema, data.Text(value), err)
			}
			if value == nil {
				if b != nil {
					t.Fatalf("seed %d: null became %x", seed, b)
				}
				continue
			}
			got, err := c.ToConnect("t", b)
			if err != nil {
				t.Fatalf("seed %d: %s %s: %v", seed, schema, data.Text(value), err)
			}
			want := data.SchemaAndValue{Schema: versioned(schema), Value: value}
			if st, ok := value.(*data.Struct); ok && want.Schema != schema {
				again := data.NewStruct(want.Schema)
				for i := range schema.Fields() {
					again.SetAt(i, st.At(i))
				}
				want.Value = again
			}
			if d := datatest.Diff(want, got); d != "" {
				t.Fatalf("seed %d: %s", seed, d)
			}
		}
	}
}
