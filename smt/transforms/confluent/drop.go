package confluent

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const schemaBehaviorKey = "schema.behavior"

func dropConfig() *config.Def {
	return config.NewDef(optional(schemaBehaviorKey, config.String, "nullify",
		config.ValidString("nullify", "retain", "validate", "force_optional"),
		"What becomes of the schema. nullify: there is none. retain: it stays. validate: it stays and must be optional. "+
			"force_optional: it becomes optional."))
}

// drop makes the key or value null.
type drop struct {
	kit.Base
	side     smt.Side
	behavior string
	schemas  smt.SchemaCache[*data.Schema]
}

func (t *drop) Configure(props map[string]string) error {
	v, err := dropConfig().Parse(props)
	if err != nil {
		return err
	}
	t.behavior = v.String(schemaBehaviorKey)
	return nil
}

// Apply with retain may leave a null under a schema that doesn't allow it: that is what was asked
// for.
func (t *drop) Apply(r *data.Record) (*data.Record, error) {
	schema, _ := t.side.Get(r)
	switch {
	case schema == nil || t.behavior == "retain":
	case t.behavior == "nullify":
		schema = nil
	case schema.Optional():
	case t.behavior == "validate":
		return nil, errs.Data.New("the schema of the %s is not optional: %s", t.side, schema)
	default:
		made, ok := t.schemas.Get(schema)
		if !ok {
			var err error
			if made, err = optionalCopy(schema); err != nil {
				return nil, err
			}
			t.schemas.Put(schema, made)
		}
		schema = made
	}
	t.side.Set(r, schema, nil)
	return r, nil
}

// optionalCopy is a schema like another but optional.
func optionalCopy(from *data.Schema) (*data.Schema, error) {
	b := data.NewBuilder(from.Type())
	switch from.Type() {
	case data.Array:
		b = data.ArrayOf(from.ValueSchema())
	case data.MapType:
		b = data.PartialMapOf(from.KeySchema(), from.ValueSchema())
	case data.StructType:
		for _, f := range from.Fields() {
			b.Field(f.Name, f.Schema)
		}
	}
	b.Basics(from).Optional()
	if from.Default() != nil && from.Type() != data.StructType {
		b.Default(from.Default())
	}
	return b.Build()
}

// gzipDecompress unpacks a key or value that is bytes packed by gzip. Null stays null.
type gzipDecompress struct {
	kit.Base
	side smt.Side
}

// maxUnpacked bounds what a small record may unpack to.
const maxUnpacked = 1 << 28

func (*gzipDecompress) Configure(map[string]string) error { return nil }

// Apply fails with errs.Data for what isn't packed, is cut short, or unpacks to more than
// maxUnpacked.
func (t *gzipDecompress) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if value == nil {
		return r, nil
	}
	packed, ok := value.([]byte)
	if !ok {
		return nil, errs.Data.New("only bytes can be unpacked, the %s is a %s", t.side,
			data.JavaClass(value))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, errs.Data.Wrap(err, "the %s is not packed by gzip", t.side)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxUnpacked+1))
	if err != nil {
		return nil, errs.Data.Wrap(err, "the %s can't be unpacked by gzip", t.side)
	}
	if len(out) > maxUnpacked {
		return nil, errs.Data.New("the %s unpacks to more than %d bytes", t.side, maxUnpacked)
	}
	t.side.Set(r, schema, out)
	return r, nil
}
