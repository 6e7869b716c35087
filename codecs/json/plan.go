package json

import (
	"strconv"

	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// op is how values of a schema are written: by its logical name, else by its type.
type op uint8

const (
	opInvalid op = iota
	opInt8
	opInt16
	opInt32
	opInt64
	opFloat32
	opFloat64
	opBoolean
	opString
	opBytes
	opArray
	opMap
	opStruct
	opDecimal
	opDate
	opTime
	opTimestamp
)

var opsByType = [...]op{
	data.Int8: opInt8, data.Int16: opInt16, data.Int32: opInt32, data.Int64: opInt64,
	data.Float32: opFloat32, data.Float64: opFloat64, data.Boolean: opBoolean,
	data.String: opString, data.Bytes: opBytes,
	data.Array: opArray, data.MapType: opMap, data.StructType: opStruct,
}

// String names the logical types of time, for messages.
func (o op) String() string {
	switch o {
	case opDate:
		return "Date"
	case opTime:
		return "Time"
	case opTimestamp:
		return "Timestamp"
	}
	return "op " + strconv.Itoa(int(o))
}

func opOf(schema *data.Schema) op {
	switch schema.Name() {
	case "":
	case data.DecimalName:
		return opDecimal
	case data.DateName:
		return opDate
	case data.TimeName:
		return opTime
	case data.TimestampName:
		return opTimestamp
	}
	return opsByType[schema.Type()]
}

// plan is a schema made ready for writing its values. A nil plan writes values without schema.
type plan struct {
	schema    *data.Schema
	op        op
	key, elem *plan
	fields    []fieldPlan
	scale     int32 // of a decimal, if scaled
	scaled    bool
}

type fieldPlan struct {
	lead []byte // what stands before the value: comma, name, colon
	plan *plan
}

// envelope is what is kept for the schema of a record.
type envelope struct {
	prefix []byte // {"schema":…,"payload":
	plan   *plan
}

// compile makes the plan of a schema. A schema that occurs several times within another is
// compiled once, which done holds.
func compile(schema *data.Schema, done map[*data.Schema]*plan) *plan {
	if schema == nil {
		return nil
	}
	if p := done[schema]; p != nil {
		return p
	}
	p := &plan{schema: schema, op: opOf(schema)}
	done[schema] = p
	if p.op == opDecimal {
		scale, err := data.DecimalScale(schema)
		p.scale, p.scaled = scale, err == nil
	}
	switch schema.Type() {
	case data.Array:
		p.elem = compile(schema.ValueSchema(), done)
	case data.MapType:
		p.key, p.elem = compile(schema.KeySchema(), done), compile(schema.ValueSchema(), done)
	case data.StructType:
		p.fields = make([]fieldPlan, len(schema.Fields()))
		for i, f := range schema.Fields() {
			var lead []byte
			if i > 0 {
				lead = append(lead, ',')
			}
			lead = append(java.AppendJSONString(lead, f.Name), ':')
			p.fields[i] = fieldPlan{lead: lead, plan: compile(f.Schema, done)}
		}
	}
	return p
}

// typeNames are the names of types in JSON schemas.
var typeNames = [...]string{
	data.Int8: "int8", data.Int16: "int16", data.Int32: "int32", data.Int64: "int64",
	data.Float32: "float", data.Float64: "double", data.Boolean: "boolean",
	data.String: "string", data.Bytes: "bytes",
	data.Array: "array", data.MapType: "map", data.StructType: "struct",
}

// appendSchema appends the JSON of a schema. field is the name of the struct's field that it
// is the schema of, else nil; depth is the number of objects and arrays around it.
func (e *encoder) appendSchema(b []byte, schema *data.Schema, field *string, depth int) (_ []byte, err error) {
	if schema == nil {
		return append(b, "null"...), nil
	}
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	b = append(b, `{"type":"`...)
	b = append(b, typeNames[schema.Type()]...)
	b = append(b, '"')
	if b, err = e.appendInner(b, schema, depth); err != nil {
		return b, err
	}
	b = append(b, `,"optional":`...)
	b = appendBool(b, schema.Optional())
	if schema.Name() != "" {
		b = java.AppendJSONString(append(b, `,"name":`...), schema.Name())
	}
	if v, ok := schema.Version(); ok {
		b = appendInt(append(b, `,"version":`...), int64(v))
	}
	if schema.Doc() != "" {
		b = java.AppendJSONString(append(b, `,"doc":`...), schema.Doc())
	}
	b = appendParameters(b, schema.Parameters())
	if def := schema.Default(); def != nil {
		b = append(b, `,"default":`...)
		if b, err = e.append(b, compile(schema, map[*data.Schema]*plan{}), def, depth); err != nil {
			return b, err
		}
	}
	if field != nil {
		b = java.AppendJSONString(append(b, `,"field":`...), *field)
	}
	return append(b, '}'), nil
}

// appendInner appends the schemas within a schema.
func (e *encoder) appendInner(b []byte, schema *data.Schema, depth int) (_ []byte, err error) {
	switch schema.Type() {
	case data.Array:
		return e.appendSchema(append(b, `,"items":`...), schema.ValueSchema(), nil, depth)
	case data.MapType:
		if b, err = e.appendSchema(append(b, `,"keys":`...), schema.KeySchema(), nil, depth); err != nil {
			return b, err
		}
		return e.appendSchema(append(b, `,"values":`...), schema.ValueSchema(), nil, depth)
	case data.StructType:
		if depth++; depth > jackson.MaxDepth {
			return b, tooDeep()
		}
		b = append(b, `,"fields":[`...)
		for i, f := range schema.Fields() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = e.appendSchema(b, f.Schema, &f.Name, depth); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	return b, nil
}

func appendParameters(b []byte, params []data.Parameter) []byte {
	if len(params) == 0 {
		return b
	}
	b = append(b, `,"parameters":{`...)
	for i, p := range params {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(java.AppendJSONString(b, p.Name), ':')
		b = java.AppendJSONString(b, p.Value)
	}
	return append(b, '}')
}

func tooDeep() error {
	return errs.Data.Wrap(errs.Serialization.New("arrays and objects would be nested deeper than %d", jackson.MaxDepth), writeFailed)
}
