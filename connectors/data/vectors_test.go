package data_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
)

// valuesCase is all that a case of values.jsonl may have.
type valuesCase struct {
	Input, A, B, Output json.RawMessage
	Target, Schema      datatest.Schema
	Put                 datatest.Value
	Name                *string
	Field, Getter, Kind string
	Index               int
	Scale               int32
	Steps               [][]json.RawMessage
	c                   datatest.Case
	inputSchema         *data.Schema
	inputValue          any
}

// TestVectorsValues holds everything of this package to what Java's classes answered.
func TestVectorsValues(t *testing.T) {
	datatest.Run(t, "values.jsonl", func(c datatest.Case) datatest.Outcome {
		v := valuesCase{c: c}
		c.Decode(&v)
		v.readInput(t)
		switch {
		case strings.HasPrefix(c.Op, "convertTo"):
			return v.convert(t)
		case strings.HasPrefix(c.Op, "struct"):
			return v.structOp(t)
		}
		switch c.Op {
		case "parseString":
			return v.parse(t)
		case "inferSchema":
			got, err := data.InferSchema(v.inputValue)
			return c.Judge(err, func() string { return datatest.Diff(v.schema(t, c.Output), got) })
		case "validateValue":
			return v.validate()
		case "project":
			got, err := data.Project(v.inputSchema, v.inputValue, v.Target.Schema)
			return v.judgeValue(t, v.Target.Schema, got, err)
		case "schemaToString":
			return v.judgeText(t, v.schema(t, v.Input).String())
		case "schemaAndValueToString":
			return v.judgeText(t, data.SchemaAndValue{Schema: v.inputSchema, Value: v.inputValue}.String())
		case "fieldToString":
			return v.judgeText(t, data.Field{Name: *v.Name, Index: v.Index, Schema: v.schema(t, v.Input)}.String())
		case "schemaEquals":
			return v.judgeBool(t, data.SchemaEqual(v.schema(t, v.A), v.schema(t, v.B)))
		case "schemaBuilder":
			return v.build(t)
		case "fromLogical":
			return v.fromLogical(t)
		case "headers":
			return v.headers(t)
		}
		t.Fatalf("%s: unknown op %s", c.ID, c.Op)
		return datatest.Outcome{}
	})
}

func unmarshal(t *testing.T, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

func (v *valuesCase) readInput(t *testing.T) {
	var in map[string]json.RawMessage
	if json.Unmarshal(v.Input, &in) != nil || in["value"] == nil {
		return
	}
	var sv datatest.SchemaAndValue
	unmarshal(t, v.Input, &sv)
	v.inputSchema, v.inputValue = sv.Schema, sv.Value
}

func (v *valuesCase) schema(t *testing.T, raw []byte) *data.Schema {
	var s datatest.Schema
	unmarshal(t, raw, &s)
	return s.Schema
}

// judgeValue compares with an output {"value": …}; the schema is that of structs in it.
func (v *valuesCase) judgeValue(t *testing.T, schema *data.Schema, got any, err error) datatest.Outcome {
	return v.c.Judge(err, func() string {
		var out struct{ Value json.RawMessage }
		unmarshal(t, v.Output, &out)
		want, err := datatest.DecodeValue(out.Value, schema)
		if err != nil {
			t.Fatal(err)
		}
		return datatest.Diff(want, got)
	})
}

func (v *valuesCase) judgeText(t *testing.T, got string) datatest.Outcome {
	return v.c.Judge(nil, func() string {
		var want string
		unmarshal(t, v.Output, &want)
		if strings.Contains(want, "@HASH") {
			want, got = want[:strings.Index(want, "@HASH")], got[:min(len(got), strings.Index(want, "@HASH"))]
		}
		return datatest.Diff(want, got)
	})
}

func (v *valuesCase) judgeBool(t *testing.T, got bool) datatest.Outcome {
	return v.c.Judge(nil, func() string {
		var want bool
		unmarshal(t, v.Output, &want)
		return datatest.Diff(want, got)
	})
}

func ok() string { return "" }

func (v *valuesCase) parse(t *testing.T) datatest.Outcome {
	var in *string
	unmarshal(t, v.Input, &in)
	var got data.SchemaAndValue
	if in != nil { // a null text is a null value without asking
		got = data.ParseString(*in)
	}
	return v.c.Judge(nil, func() string {
		var want datatest.SchemaAndValue
		unmarshal(t, v.Output, &want)
		return datatest.Diff(want, got)
	})
}

func (v *valuesCase) validate() datatest.Outcome {
	if v.Name == nil {
		return v.c.Judge(data.ValidateValue(v.inputSchema, v.inputValue), ok)
	}
	return v.c.Judge(data.ValidateField(*v.Name, v.inputSchema, v.inputValue), ok)
}

func (v *valuesCase) convert(t *testing.T) datatest.Outcome {
	got, err := v.converted(t)
	return v.judgeValue(t, v.inputSchema, got, err)
}

// nullable is Java's null for a conversion that says so.
func nullable[T any](v T, ok bool, err error) (any, error) {
	if !ok {
		return nil, err
	}
	return v, err
}

func (v *valuesCase) converted(t *testing.T) (any, error) {
	s, in := v.inputSchema, v.inputValue
	switch v.c.Op {
	case "convertToBoolean":
		return nullable(data.ConvertToBoolean(s, in))
	case "convertToByte":
		return nullable(data.ConvertToInt8(s, in))
	case "convertToShort":
		return nullable(data.ConvertToInt16(s, in))
	case "convertToInteger":
		return nullable(data.ConvertToInt32(s, in))
	case "convertToLong":
		return nullable(data.ConvertToInt64(s, in))
	case "convertToFloat":
		return nullable(data.ConvertToFloat32(s, in))
	case "convertToDouble":
		return nullable(data.ConvertToFloat64(s, in))
	case "convertToString":
		return nullable(data.ConvertToString(s, in))
	case "convertToList":
		return data.ConvertToList(s, in)
	case "convertToMap":
		return data.ConvertToMap(s, in)
	case "convertToStruct":
		return data.ConvertToStruct(s, in)
	case "convertToDate":
		return data.ConvertToDate(s, in)
	case "convertToTime":
		return data.ConvertToTime(s, in)
	case "convertToTimestamp":
		return data.ConvertToTimestamp(s, in)
	case "convertToDecimal":
		return data.ConvertToDecimal(s, in, v.Scale)
	}
	t.Fatalf("%s: unknown op %s", v.c.ID, v.c.Op)
	return nil, nil
}

var getters = map[string]data.Type{
	"getInt8": data.Int8, "getInt16": data.Int16, "getInt32": data.Int32, "getInt64": data.Int64,
	"getFloat32": data.Float32, "getFloat64": data.Float64, "getBoolean": data.Boolean, "getString": data.String,
	"getBytes": data.Bytes, "getArray": data.Array, "getMap": data.MapType, "getStruct": data.StructType,
}

func (v *valuesCase) structOp(t *testing.T) datatest.Outcome {
	st, _ := v.inputValue.(*data.Struct)
	switch v.c.Op {
	case "structToString":
		return v.judgeText(t, st.String())
	case "structEquals":
		var a, b datatest.Value
		unmarshal(t, v.A, &a)
		unmarshal(t, v.B, &b)
		return v.judgeBool(t, data.Equal(a.V, b.V))
	case "structPut":
		return v.c.Judge(data.NewStruct(v.Schema.Schema).Put(v.Field, v.Put.V), ok)
	case "structValidate":
		return v.c.Judge(st.Validate(), ok)
	case "structNew":
		return v.c.Judge(data.NewStruct(v.Schema.Schema).Validate(), ok)
	case "structGet":
		return v.get(t, st)
	}
	t.Fatalf("%s: unknown op %s", v.c.ID, v.c.Op)
	return datatest.Outcome{}
}

func (v *valuesCase) get(t *testing.T, st *data.Struct) datatest.Outcome {
	var fieldSchema *data.Schema
	if f, ok := st.Schema().Field(v.Field); ok {
		fieldSchema = f.Schema
	}
	if typ, ok := getters[v.Getter]; ok {
		got, err := st.GetTyped(v.Field, typ)
		return v.judgeValue(t, fieldSchema, got, err)
	}
	got, found := st.Get(v.Field)
	if v.Getter == "getWithoutDefault" {
		got, found = st.GetWithoutDefault(v.Field)
	} else if v.Getter != "get" {
		t.Fatalf("%s: unknown getter %s", v.c.ID, v.Getter)
	}
	if want := v.c.Error == nil; found != want {
		return datatest.Outcome{Diff: fmt.Sprintf("field %s found: want %v, got %v", v.Field, want, found)}
	} else if !found {
		return datatest.Outcome{}
	}
	return v.judgeValue(t, fieldSchema, got, nil)
}

func (v *valuesCase) build(t *testing.T) datatest.Outcome {
	text := func(raw []byte) string {
		var s string
		unmarshal(t, raw, &s)
		return s
	}
	var b *data.Builder
	for _, step := range v.Steps {
		switch method, args := text(step[0]), step[1:]; method {
		case "type":
			typ, _ := data.TypeByName(text(args[0]))
			b = data.NewBuilder(typ)
		case "optional":
			b.Optional()
		case "required":
			b.Required()
		case "name":
			b.Name(text(args[0]))
		case "doc":
			b.Doc(text(args[0]))
		case "version":
			var version *int32
			if unmarshal(t, args[0], &version); version != nil {
				b.Version(*version)
			}
		case "parameter":
			b.Parameter(text(args[0]), text(args[1]))
		case "field":
			b.Field(text(args[0]), data.StringSchema)
		case "default":
			var def datatest.Value
			unmarshal(t, args[0], &def)
			b.Default(def.V)
		default:
			t.Fatalf("%s: unknown step %s", v.c.ID, method)
		}
	}
	got, err := b.Build()
	return v.c.Judge(err, func() string { return datatest.Diff(v.schema(t, v.Output), got) })
}

func (v *valuesCase) fromLogical(t *testing.T) datatest.Outcome {
	var got any
	var err error
	when, _ := v.inputValue.(time.Time)
	switch v.Kind {
	case "Date":
		got, err = data.DateFromLogical(v.inputSchema, when)
	case "Time":
		got, err = data.TimeFromLogical(v.inputSchema, when)
	case "Timestamp":
		got, err = data.TimestampFromLogical(v.inputSchema, when)
	case "Decimal":
		got, err = data.DecimalFromLogical(v.inputSchema, v.inputValue.(data.Decimal))
	default:
		t.Fatalf("%s: unknown kind %s", v.c.ID, v.Kind)
	}
	return v.judgeValue(t, nil, got, err)
}

func (v *valuesCase) headers(t *testing.T) datatest.Outcome {
	var h data.Headers
	for _, raw := range v.Steps {
		step := make([]string, len(raw))
		for i := range raw {
			unmarshal(t, raw[i], &step[i])
		}
		switch {
		case step[0] == "add":
			h = h.AddString(step[1], step[2])
		case step[0] == "remove":
			h = h.Remove(step[1])
		case step[0] == "retainLatest" && len(step) == 1:
			h = h.RetainLatest()
		case step[0] == "retainLatest":
			h = h.RetainLatestOf(step[1])
		case step[0] == "clear":
			h = nil
		default:
			t.Fatalf("%s: unknown step %s", v.c.ID, step[0])
		}
	}
	return v.c.Judge(nil, func() string {
		var want datatest.Headers
		unmarshal(t, v.Output, &want)
		return datatest.Diff(want.Headers, h)
	})
}
