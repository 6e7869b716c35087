package debezium

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// version is what the plugins report: the Debezium release whose classes were recorded.
const version = "3.6.1.Final"

var (
	family   = kit.Family{Package: "io.debezium.transforms.", Version: version}
	postgres = kit.Family{Package: "io.debezium.connector.postgresql.transforms.", Version: version}
)

// Plugins are all transforms of the package.
func Plugins() []smt.Plugin {
	unwrap := family.One("ExtractNewRecordState", newRecordStateConfig(), func() smt.Transform { return &newRecordState{} })
	unwrap.Aliases = []string{family.Package + oldUnwrapName, oldUnwrapName}
	return []smt.Plugin{
		unwrap,
		family.One("ByLogicalTableRouter", logicalTableConfig(), func() smt.Transform { return &logicalTableRouter{} }),
		family.One("outbox.EventRouter", eventRouterConfig(), func() smt.Transform { return &eventRouter{} }),
		family.One("ExtractChangedRecordState", changedStateConfig(), func() smt.Transform { return &changedState{} }),
		family.One("HeaderToValue", headerToValueConfig(), func() smt.Transform { return &headerToValue{} }),
		family.One("TimezoneConverter", timezoneConfig(), func() smt.Transform { return &timezoneConverter{} }),
		family.One("ExtractSchemaToNewRecord", config.NewDef(), func() smt.Transform { return &schemaToRecord{} }),
		family.One("SchemaChangeEventFilter", schemaChangeConfig(), func() smt.Transform { return &schemaChangeFilter{} }),
		family.One("partitions.PartitionRouting", partitionRoutingConfig(), func() smt.Transform { return &partitionRouting{} }),
		postgres.One("DecodeLogicalDecodingMessageContent", decodeMessageConfig(), func() smt.Transform { return &decodeMessage{} }),
	}
}

// The fields of an envelope.
const (
	beforeField = "before"
	afterField  = "after"
	sourceField = "source"
	opField     = "op"
)

// The values of op that transforms tell apart.
const (
	opCreate   = "c"
	opUpdate   = "u"
	opDelete   = "d"
	opTruncate = "t"
	opMessage  = "m"
)

const (
	envelopeSuffix    = ".Envelope"
	extractPurpose    = "field extraction"
	errUnknownField   = "Unknown field: %s"
	errNoSuchField    = "%s is not a valid field name"
	errNullReference  = "the change event has no %s"
	settingInvalid    = "The '%s' value is invalid: %s"
	valueRequired     = "A value is required"
	unableToValidate  = "Unable to validate config."
	booleanExpected   = "Either 'true' or 'false' is expected"
	integerExpected   = "An integer is expected"
	regexExpected     = "A valid regular expressions is expected, but %s"
	unknownIsNotValid = "Value must be one of %s"
)

// isEnvelope reports whether values of the schema are change events.
func isEnvelope(schema *data.Schema) bool {
	return schema != nil && strings.HasSuffix(schema.Name(), envelopeSuffix)
}

// fieldOf is the place of a field that an envelope must have to be taken apart.
// Both errors are those of Connect's ConnectSchema.field and of Debezium's requireNonNull-like
// look-up: errs.Data for a schema that is no struct, errs.IllegalArgument for a field that is
// missing.
func fieldOf(envelope *data.Schema, name string) (int, error) {
	if envelope.Type() != data.StructType {
		return 0, errs.Data.New("Cannot look up fields on non-struct type")
	}
	i := envelope.FieldIndex(name)
	if i < 0 {
		return 0, errs.IllegalArgument.New(errUnknownField, name)
	}
	return i, nil
}

// stored is the value at a place, its default where it is null.
// It is Struct.get of Connect, whose callers must bear in mind that an explicit null in the stored
// event can't be told from a field that was left out.
func stored(s *data.Struct, i int) any {
	v := s.At(i)
	if v == nil {
		v = s.Schema().Fields()[i].Schema.Default()
	}
	return v
}

// named is the value of a field, its default where it is null; the error (errs.Data) says that there is
// no such field.
func named(s *data.Struct, name string) (any, error) {
	v, ok := s.Get(name)
	if !ok {
		return nil, errs.Data.New(errNoSuchField, name)
	}
	return v, nil
}

// textOf is a STRING field as stored; ok is false for null.
func textOf(s *data.Struct, name string) (text string, ok bool, err error) {
	v, err := s.GetTyped(name, data.String)
	if err != nil {
		return "", false, err
	}
	text, ok = v.(string)
	return text, ok, nil
}

// structOf is a STRUCT field as stored, nil for null.
func structOf(s *data.Struct, name string) (*data.Struct, error) {
	v, err := s.GetTyped(name, data.StructType)
	if err != nil {
		return nil, err
	}
	inner, _ := v.(*data.Struct)
	return inner, nil
}

// copyFields adds the fields of a schema to one being built.
func copyFields(b *data.Builder, from *data.Schema) *data.Builder {
	for _, f := range from.Fields() {
		b.Field(f.Name, f.Schema)
	}
	return b
}

// fieldsOf are the fields of a STRUCT; the error says that a schema is none.
func fieldsOf(schema *data.Schema) ([]data.Field, error) {
	if schema.Type() != data.StructType {
		return nil, errs.Data.New("Cannot list fields on non-struct type")
	}
	return schema.Fields(), nil
}

// withOptional says whether null is a value of the schema being built.
// Builder.Basics leaves out optionality, as SchemaUtil.copySchemaBasics does, so that every copy
// has to say it again.
func withOptional(b *data.Builder, optional bool) *data.Builder {
	if optional {
		return b.Optional()
	}
	return b.Required()
}
