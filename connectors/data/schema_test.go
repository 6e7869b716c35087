package data_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func ExampleNewBuilder() {
	schema, err := data.NewBuilder(data.StructType).
		Name("com.example.Person").Version(1).Doc("someone").
		Field("name", data.StringSchema).
		Field("born", data.OptionalDateSchema).
		Field("balance", data.DecimalSchema(2)).
		Field("tags", data.ArrayOf(data.StringSchema).Optional().MustBuild()).
		Build()
	fmt.Println(schema, err)

	_, err = data.NewBuilder(data.Int32).Default("five").Build()
	fmt.Println(err)
	// Output:
	// Schema{com.example.Person:STRUCT} <nil>
	// Invalid default value: Invalid Java object for schema with type INT32: class java.lang.String for value
}

func ExampleStruct_Put() {
	schema := data.StructOf("id", data.Int64Schema, "name", data.OptionalStringSchema)
	person := data.NewStruct(schema)
	for field, value := range map[string]any{"id": int64(7), "name": "Ann"} {
		if err := person.Put(field, value); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(person)
	fmt.Println(person.Put("id", int32(7)))
	fmt.Println(person.Put("age", int32(7)))
	fmt.Println(data.NewStruct(schema).Validate())
	// Output:
	// Struct{id=7,name=Ann}
	// Invalid Java object for schema with type INT64: class java.lang.Integer for field: "id"
	// age is not a valid field name
	// Invalid value: null used for required field: "id", schema type: INT64
}

func TestBuilderErrors(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		b          *data.Builder
	}{
		{"no type", "type cannot be null", data.NewBuilder(0)},
		{"unknown type", "type cannot be null", data.NewBuilder(99)},
		{"array of nil", "valueSchema cannot be null.", data.ArrayOf(nil)},
		{"map without key", "keySchema cannot be null.", data.MapOf(nil, data.Int8Schema)},
		{"map without value", "valueSchema cannot be null.", data.MapOf(data.Int8Schema, nil)},
		{"field without schema", "fieldSchema for field a cannot be null.", data.NewBuilder(data.StructType).Field("a", nil)},
		{"field without name", "fieldName cannot be null.", data.NewBuilder(data.StructType).Field("", data.Int8Schema)},
		{"field of a primitive", "Cannot create fields on type INT8", data.NewBuilder(data.Int8).Field("a", data.Int8Schema)},
		{"name twice", "Invalid SchemaBuilder call: name has already been set.", data.NewBuilder(data.Int8).Name("a").Name("b")},
		{"default twice", "Invalid SchemaBuilder call: default has already been set.", data.NewBuilder(data.Int8).Default(int8(1)).Default(int8(2))},
		{"first error stays", "Invalid SchemaBuilder call: doc has already been set.", data.NewBuilder(data.Int8).Doc("a").Doc("b").Name("a").Name("b")},
		{"null default of required", "Invalid default value", data.NewBuilder(data.Int8).Default(nil)},
	} {
		_, err := tt.b.Build()
		if !errors.Is(err, errs.SchemaBuilder) || errs.Message(err) != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestBuilderAllows(t *testing.T) {
	for name, b := range map[string]*data.Builder{
		"the same again":           data.NewBuilder(data.Int8).Optional().Optional().Name("a").Name("a").Version(1).Version(1).Default(int8(1)).Default(int8(1)),
		"name after no name":       data.NewBuilder(data.Int8).Name("").Name("a"),
		"null default of optional": data.NewBuilder(data.Int8).Optional().Default(nil).Default(int8(1)),
		"default of logical type":  data.DecimalBuilder(1).Default(data.NewDecimal(15, 1)),
		"empty struct":             data.NewBuilder(data.StructType),
	} {
		if _, err := b.Build(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The default of a struct is a struct of the schema before it has one.
func TestStructDefault(t *testing.T) {
	b := data.NewBuilder(data.StructType).Field("a", data.Int32Schema)
	plain := b.MustBuild()
	withDefault, err := b.Default(data.NewStruct(plain).With("a", int32(1))).Build()
	if err != nil {
		t.Fatal(err)
	}
	outer := data.NewStruct(data.StructOf("s", withDefault))
	if err := outer.Validate(); err != nil {
		t.Error(err)
	}
	if got, _ := outer.Get("s"); got.(*data.Struct).String() != "Struct{a=1}" {
		t.Errorf("default: %v", got)
	}
	if plain.Default() != nil {
		t.Error("the schema built first has changed")
	}
}

// What a builder built stays as it was when the builder goes on.
func TestBuilderReuse(t *testing.T) {
	b := data.NewBuilder(data.StructType).Parameter("p", "1")
	var built []*data.Schema
	for i := range 30 {
		built = append(built, b.MustBuild())
		b.Field(fmt.Sprint("f", i), data.Int32Schema).Parameter("p", fmt.Sprint(i)).Parameter(fmt.Sprint("p", i), "x")
	}
	for i, s := range built {
		if n := len(s.Fields()); n != i {
			t.Errorf("schema %d has %d fields", i, n)
		}
		if _, ok := s.Field(fmt.Sprint("f", i)); ok {
			t.Errorf("schema %d has a field that was added later", i)
		}
		for j := range i {
			if f, ok := s.Field(fmt.Sprint("f", j)); !ok || f.Index != j {
				t.Errorf("schema %d: field %d is %v", i, j, f)
			}
		}
		if p, _ := s.Parameter("p"); i > 0 && p != fmt.Sprint(i-1) {
			t.Errorf("schema %d: parameter p is %s", i, p)
		}
	}
}

func TestBasics(t *testing.T) {
	from := data.NewBuilder(data.Int32).Name("n").Version(3).Doc("d").Parameter("a", "1").Optional().Default(int32(1)).MustBuild()
	got := data.NewBuilder(data.StructType).Basics(from).MustBuild()
	want := data.NewBuilder(data.StructType).Name("n").Version(3).Doc("d").Parameter("a", "1").MustBuild()
	if !data.SchemaEqual(want, got) {
		t.Errorf("got %v", got)
	}
}

func TestValidatePlaces(t *testing.T) {
	list := data.ArrayOf(data.Int8Schema).MustBuild()
	for _, tt := range []struct {
		schema *data.Schema
		value  any
		want   string
	}{
		{data.ArrayOf(list).MustBuild(), []any{[]any{int8(1), nil}}, "Invalid value: null used for required element of array element of array %s, schema type: INT8"},
		{data.MapOf(data.StringSchema, list).MustBuild(), data.MapFrom("a", []any{"x"}), "Invalid Java object for schema with type INT8: class java.lang.String for element of array value of map %s"},
		{data.MapOf(data.Int8Schema, list).MustBuild(), data.MapFrom("a", nil), "Invalid Java object for schema with type INT8: class java.lang.String for key of map %s"},
		{data.NewBuilder(data.Array).MustBuild(), []any{}, "No schema defined for element of array %s"},
		{data.PartialMapOf(data.Int8Schema, nil).MustBuild(), data.NewMap(0), "No schema defined for value of map %s"},
		{data.NewBuilder(data.MapType).MustBuild(), data.NewMap(0), "No schema defined for key of map %s"},
		{data.DateSchema, int32(1), `Invalid Java object for schema "org.apache.kafka.connect.data.Date" with type INT32: class java.lang.Integer for %s`},
		{nil, int32(1), "No schema defined for %s"},
		{data.OptionalStringSchema, 5, "Invalid Java object for schema with type STRING: class java.lang.Object for %s"},
		{data.StructOf("a", data.Int8Schema), (*data.Struct)(nil), "Invalid Java object for schema with type STRUCT: class org.apache.kafka.connect.data.Struct for %s"},
		{data.MapOf(data.Int8Schema, list).MustBuild(), (*data.Map)(nil), "Invalid Java object for schema with type MAP: class java.util.HashMap for %s"},
	} {
		for place, err := range map[string]error{"value": data.ValidateValue(tt.schema, tt.value), `field: "f"`: data.ValidateField("f", tt.schema, tt.value)} {
			if want := strings.ReplaceAll(tt.want, "%s", place); !errors.Is(err, errs.Data) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	}
}

func TestValidateNestedStruct(t *testing.T) {
	inner := data.StructOf("a", data.Int8Schema)
	outer := data.StructOf("s", inner)
	other := data.StructOf("a", data.OptionalInt8Schema)
	same := data.StructOf("a", data.Int8Schema)
	for _, tt := range []struct {
		value *data.Struct
		want  string
	}{
		{data.NewStruct(inner).With("a", int8(1)), ""},
		{data.NewStruct(same).With("a", int8(1)), ""},
		{data.NewStruct(other).With("a", int8(1)), "Struct schemas do not match."},
		{data.NewStruct(inner), `Invalid value: null used for required field: "a", schema type: INT8`},
	} {
		err := data.NewStruct(outer).Put("s", tt.value)
		if (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	schema := data.StructOf("id", data.Int64Schema, "name", data.StringSchema, "when", data.TimestampSchema,
		"list", data.ArrayOf(data.Float64Schema).MustBuild(), "map", data.MapOf(data.StringSchema, data.BooleanSchema).MustBuild())
	st := data.NewStruct(schema).With("id", int64(1)).With("name", "x").With("when", someTime).
		With("list", []any{1.5, 2.5}).With("map", data.MapFrom("a", true))
	if n := testing.AllocsPerRun(100, func() {
		if err := st.Validate(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// node is a STRUCT that holds itself in a field and in an array, each place with its own optionality.
func node(kind *data.Schema) *data.Schema {
	b := data.NewBuilder(data.StructType).Name("Node").Parameter("p", "1")
	b.Field("v", kind).
		Field("next", b.Within(true, data.Parameter{Name: "tag", Value: "2"})).
		Field("kids", data.ArrayOf(b.Within(false)).MustBuild())
	return b.MustBuild()
}

func TestSchemaWithinItself(t *testing.T) {
	s := node(data.Int32Schema)
	next, _ := s.Field("next")
	if n := next.Schema; n.Refers() != s || !n.Optional() || n.Name() != "Node" || len(n.Parameters()) != 2 || n.FieldIndex("kids") != 2 {
		t.Errorf("next is %v with %v, refers to %v", n, n.Parameters(), n.Refers())
	}
	if len(s.Parameters()) != 1 || s.Refers() != nil {
		t.Errorf("the struct itself: parameters %v, refers to %v", s.Parameters(), s.Refers())
	}
	if !data.SchemaEqual(s, node(data.Int32Schema)) {
		t.Error("a schema isn't equal to one built alike")
	}
	if data.SchemaEqual(s, node(data.Int64Schema)) {
		t.Error("schemas with other fields are equal")
	}
	inner := data.NewStruct(next.Schema).With("v", int32(2)).With("kids", []any{})
	outer := data.NewStruct(s).With("v", int32(1)).With("next", inner).With("kids", []any{})
	if err := outer.Validate(); err != nil {
		t.Error(err)
	}
	if err := outer.Put("next", data.NewStruct(s).With("v", int32(2)).With("kids", []any{})); err == nil {
		t.Error("a struct of the outer schema, which isn't optional, was taken")
	}
}
