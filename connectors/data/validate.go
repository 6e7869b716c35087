package data

// ValidateField checks a value against a schema; the error (errs.Data) names the field.
func ValidateField(field string, schema *Schema, value any) error { panic("todo") }

// Equal reports whether two values are equal as Java's equals says: types count, bytes and lists
// and maps compare by content, NaN equals NaN, Decimals compare with their scale.
func Equal(a, b any) bool { panic("todo") }

// Field adds a field to a STRUCT.
func (b *Builder) Field(name string, schema *Schema) *Builder { panic("todo") }

// Build returns the schema.
func (b *Builder) Build() (*Schema, error) { panic("todo") }
