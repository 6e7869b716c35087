package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func setSchemaMetadataConfig() *config.Def {
	return config.NewDef(
		kit.Optional(kit.Key("schema.name", config.String, config.High,
			"Name that the schema gets."), nil, nil),
		kit.Optional(kit.Key("schema.version", config.Int, config.High,
			"Version that the schema gets."), nil, nil),
		replaceNullConfig(),
	)
}

// setSchemaMetadata sets name and version of a struct's schema. As in Java it does so for
// structs only.
type setSchemaMetadata struct {
	kit.Base
	side     smt.Side
	name     *string
	version  *int32
	defaults defaults
	schemas  smt.SchemaCache[*data.Schema]
}

// Configure wants a name or a version.
func (t *setSchemaMetadata) Configure(props map[string]string) error {
	v, err := setSchemaMetadataConfig().Parse(props)
	if err != nil {
		return err
	}
	if !v.IsNull("schema.name") {
		name := v.String("schema.name")
		t.name = &name
	}
	if !v.IsNull("schema.version") {
		n := int32(v.Int("schema.version"))
		t.version = &n
	}
	if t.name == nil && t.version == nil {
		return errs.Config.New("Neither schema name nor version configured")
	}
	t.defaults = defaults(v.Bool(replaceNullKey))
	return nil
}

// Apply leaves a null value without schema alone; a value without schema is errs.Data, as there is
// nothing to rename.
func (t *setSchemaMetadata) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if schema == nil && value == nil {
		return r, nil
	}
	if schema == nil {
		return nil, errs.Data.New("Schema required for [updating schema metadata]")
	}
	if schema.Type() != data.StructType {
		return nil, errNotStruct()
	}
	updated, ok := t.schemas.Get(schema)
	if !ok {
		var err error
		if updated, err = t.update(schema); err != nil {
			return nil, err
		}
		t.schemas.Put(schema, updated)
	}
	if in, ok := value.(*data.Struct); ok {
		out, err := t.copy(in, schema, updated)
		if err != nil {
			return nil, err
		}
		value = out
	}
	t.side.Set(r, updated, value)
	return r, nil
}

func (t *setSchemaMetadata) copy(in *data.Struct,
	schema, updated *data.Schema,
) (*data.Struct, error) {
	if in.Schema() != schema && len(in.Schema().Fields()) != len(schema.Fields()) {
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	same := sameFields(in, schema)
	out := data.NewStruct(updated)
	for i := range updated.Fields() {
		var err error
		if same {
			err = t.defaults.copyField(out, i, in, i)
		} else {
			err = kit.Set(out, i, t.defaults.field(in, i))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *setSchemaMetadata) update(from *data.Schema) (*data.Schema, error) {
	b := data.NewBuilder(data.StructType).Doc(from.Doc()).Parameters(from.Parameters()...)
	if from.Optional() {
		b.Optional()
	}
	if t.name != nil {
		b.Name(*t.name)
	} else {
		b.Name(from.Name())
	}
	if t.version != nil {
		b.Version(*t.version)
	} else if v, ok := from.Version(); ok {
		b.Version(v)
	}
	for _, f := range from.Fields() {
		b.Field(f.Name, f.Schema)
	}
	return withDefault(b, from)
}

// withDefault builds a STRUCT schema with the default of another that has the same fields.
func withDefault(b *data.Builder, from *data.Schema) (*data.Schema, error) {
	old, ok := from.Default().(*data.Struct)
	if !ok {
		return b.Build()
	}
	schema, err := b.Build()
	if err != nil {
		return nil, err
	}
	def := data.NewStruct(schema)
	for i := range schema.Fields() {
		def.SetAt(i, old.At(i))
	}
	return b.Default(def).Build()
}
