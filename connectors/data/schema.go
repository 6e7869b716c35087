package data

// Type is the physical type of a schema.
type Type uint8

// The types, in the order of Java's Schema.Type.
const (
	Int8 Type = iota + 1
	Int16
	Int32
	Int64
	Float32
	Float64
	Boolean
	String
	Bytes
	Array
	MapType
	StructType
)

var typeNames = [...]string{"", "INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN", "STRING", "BYTES", "ARRAY", "MAP", "STRUCT"}

// String is the Java name of the type, e.g. INT32.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return ""
}

// Primitive reports whether the type is neither ARRAY, MAP nor STRUCT.
func (t Type) Primitive() bool { return t >= Int8 && t <= Bytes }

// TypeByName finds a type by its Java name (upper case).
func TypeByName(name string) (Type, bool) {
	for i := Int8; i <= StructType; i++ {
		if typeNames[i] == name {
			return i, true
		}
	}
	return 0, false
}

// Field is one field of a STRUCT schema.
type Field struct {
	Name   string
	Index  int
	Schema *Schema
}

// Parameter is one entry of a schema's parameters, kept in order.
type Parameter struct{ Name, Value string }

// Schema describes a value. It is immutable; make one with a Builder. The nil *Schema means "no
// schema".
type Schema struct {
	typ        Type
	optional   bool
	name       string
	doc        string
	version    int32
	hasVersion bool
	logical    logical // what name says the Go type of values is; kept so that validation needn't compare names
	def        any
	params     []Parameter
	fields     []Field
	index      map[string]int
	key, elem  *Schema
	refers     *Schema // the STRUCT around this place that it stands for
}

// Type is the physical type.
func (s *Schema) Type() Type { return s.typ }

// Optional reports whether null is a value of this schema.
func (s *Schema) Optional() bool { return s.optional }

// Refers is the STRUCT that this schema stands for within itself, nil for any other schema. Code
// that walks through a schema without a value to lead it must stop at such a place, since what
// is below it is what is around it.
func (s *Schema) Refers() *Schema { return s.refers }

// Name is the schema's name, "" for none. Logical types are known by it.
func (s *Schema) Name() string { return s.name }

// Doc is the documentation, "" for none.
func (s *Schema) Doc() string { return s.doc }

// Version is the schema's version and whether it has one.
func (s *Schema) Version() (int32, bool) { return s.version, s.hasVersion }

// Default is the default value, nil for none.
func (s *Schema) Default() any { return s.def }

// Parameters are the parameters in order. The slice must not be changed.
func (s *Schema) Parameters() []Parameter { return s.params }

// Parameter finds one parameter.
func (s *Schema) Parameter(name string) (string, bool) {
	for _, p := range s.params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Fields are a STRUCT's fields in order. The slice must not be changed.
func (s *Schema) Fields() []Field { return s.fields }

// Field finds a field of a STRUCT by name.
func (s *Schema) Field(name string) (Field, bool) {
	i := s.FieldIndex(name)
	if i < 0 {
		return Field{}, false
	}
	return s.fields[i], true
}

// FieldIndex is the place of a STRUCT's field, -1 if there is none of that name.
func (s *Schema) FieldIndex(name string) int {
	if s.index == nil {
		for i := range s.fields {
			if s.fields[i].Name == name {
				return i
			}
		}
		return -1
	}
	if i, ok := s.index[name]; ok {
		return i
	}
	return -1
}

// KeySchema is a MAP's key schema.
func (s *Schema) KeySchema() *Schema { return s.key }

// ValueSchema is a MAP's value schema or an ARRAY's element schema.
func (s *Schema) ValueSchema() *Schema { return s.elem }

// Schemas of the primitive types, required and optional.
var (
	Int8Schema    = &Schema{typ: Int8}
	Int16Schema   = &Schema{typ: Int16}
	Int32Schema   = &Schema{typ: Int32}
	Int64Schema   = &Schema{typ: Int64}
	Float32Schema = &Schema{typ: Float32}
	Float64Schema = &Schema{typ: Float64}
	BooleanSchema = &Schema{typ: Boolean}
	StringSchema  = &Schema{typ: String}
	BytesSchema   = &Schema{typ: Bytes}

	OptionalInt8Schema    = &Schema{typ: Int8, optional: true}
	OptionalInt16Schema   = &Schema{typ: Int16, optional: true}
	OptionalInt32Schema   = &Schema{typ: Int32, optional: true}
	OptionalInt64Schema   = &Schema{typ: Int64, optional: true}
	OptionalFloat32Schema = &Schema{typ: Float32, optional: true}
	OptionalFloat64Schema = &Schema{typ: Float64, optional: true}
	OptionalBooleanSchema = &Schema{typ: Boolean, optional: true}
	OptionalStringSchema  = &Schema{typ: String, optional: true}
	OptionalBytesSchema   = &Schema{typ: Bytes, optional: true}
)
