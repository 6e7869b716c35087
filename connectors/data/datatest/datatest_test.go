package datatest_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Every schema and value of the recorded cases can be read, and is the same as itself read again.
func TestDecodesValuesFile(t *testing.T) {
	n := 0
	for _, c := range datatest.Vectors(t, "values.jsonl") {
		var a, b struct{ Input json.RawMessage }
		c.Decode(&a)
		c.Decode(&b)
		if len(a.Input) == 0 || a.Input[0] != '{' || !strings.Contains(string(a.Input), `"value"`) {
			continue
		}
		var x, y datatest.SchemaAndValue
		if err := json.Unmarshal(a.Input, &x); err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		if err := json.Unmarshal(b.Input, &y); err != nil {
			t.Fatal(err)
		}
		if d := datatest.Diff(x, y); d != "" {
			t.Errorf("%s: %s", c.ID, d)
		}
		n++
	}
	if n < 500 {
		t.Errorf("only %d cases had a schema and value", n)
	}
}

func TestDiff(t *testing.T) {
	schema := data.StructOf("a", data.Int32Schema)
	same := [][2]any{
		{nil, nil},
		{math.NaN(), math.Float64frombits(math.Float64bits(math.NaN()) ^ 1)},
		{[]byte{1}, []byte{1}},
		{data.MapFrom("a", int8(1), "b", int8(2)), data.MapFrom("b", int8(2), "a", int8(1))},
		{data.NewStruct(schema).With("a", int32(1)), data.NewStruct(data.StructOf("a", data.Int32Schema)).With("a", int32(1))},
		{data.DecimalSchema(2), data.DecimalSchema(2)},
		{
			data.NewBuilder(data.Int8).Parameter("a", "1").Parameter("b", "2").MustBuild(),
			data.NewBuilder(data.Int8).Parameter("b", "2").Parameter("a", "1").MustBuild(),
		},
		{(*data.Schema)(nil), nil},
		{data.Record{Topic: "t"}, &data.Record{Topic: "t"}},
	}
	for _, p := range same {
		if d := datatest.Diff(p[0], p[1]); d != "" {
			t.Errorf("%v and %v differ: %s", p[0], p[1], d)
		}
	}
	differ := [][2]any{
		{nil, ""},
		{int32(1), int64(1)},
		{math.Copysign(0, -1), 0.0},
		{float32(1), float32(2)},
		{data.NewDecimal(10, 1), data.NewDecimal(100, 2)},
		{big.NewInt(1), int64(1)},
		{[]any{int8(1)}, []any{int8(2)}},
		{[]any{int8(1)}, []any{int8(1), nil}},
		{data.MapFrom("a", int8(1)), data.MapFrom("a", int8(2))},
		{data.MapFrom("a", int8(1)), data.MapFrom("b", int8(1))},
		{data.NewStruct(schema).With("a", int32(1)), data.NewStruct(data.StructOf("a", data.OptionalInt32Schema)).With("a", int32(1))},
		{data.Int8Schema, data.OptionalInt8Schema},
		{data.Int8Schema, nil},
		{nil, data.Int8Schema},
		{data.DecimalSchema(2), data.DecimalSchema(3)},
		{data.NewBuilder(data.Int8).Version(1).MustBuild(), data.Int8Schema},
		{data.NewBuilder(data.Int8).Default(int8(1)).MustBuild(), data.Int8Schema},
		{data.Record{Topic: "t"}, data.Record{}},
		{data.Record{Partition: data.PartitionOf(0)}, data.Record{}},
		{data.Record{}, data.Record{Headers: data.Headers{{Key: "a"}}}},
		{data.Record{Value: "a"}, data.Record{Value: "b"}},
		{data.Headers{{Key: "a"}}, data.Headers{{Key: "b"}}},
	}
	for _, p := range differ {
		if d := datatest.Diff(p[0], p[1]); d == "" {
			t.Errorf("%v and %v are said to be the same", p[0], p[1])
		}
	}
}

func TestJudge(t *testing.T) {
	text := "no such field x@HASH"
	wantData := datatest.Case{Error: &datatest.Error{ExceptionClass: errs.Data.Class(), Message: &text}}
	wantOther := datatest.Case{Error: &datatest.Error{ExceptionClass: "java.lang.NullPointerException"}}
	for _, tt := range []struct {
		name          string
		c             datatest.Case
		err           error
		diff          string
		diffs, counts bool
	}{
		{name: "output", c: datatest.Case{}},
		{name: "wrong output", c: datatest.Case{}, diff: "x", diffs: true},
		{name: "error instead of output", c: datatest.Case{}, err: errs.Data.New("x"), diffs: true},
		{name: "no error", c: wantData, diffs: true},
		{name: "right error", c: wantData, err: errs.Data.New("no such field x@1a2b")},
		{name: "another text", c: wantData, err: errs.Data.New("no field"), counts: true},
		{name: "kind above", c: wantData, err: errs.Connect.New("x"), diffs: true},
		{name: "kind below", c: wantData, err: errs.SchemaBuilder.New("x"), diffs: true},
		{name: "any error will do", c: wantOther, err: errs.Data.New("x")},
	} {
		got := tt.c.Judge(tt.err, func() string { return tt.diff })
		if (got.Diff != "") != tt.diffs || (got.Message != "") != tt.counts {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestDecodeRecord(t *testing.T) {
	var r datatest.Record
	err := json.Unmarshal([]byte(`{"kind":"sink","topic":"t","partition":3,"timestamp":17,"timestampType":"CREATE_TIME","offset":5,
		"key":{"schema":null,"value":{"t":"int64","v":"1"}},
		"value":{"schema":{"type":"STRUCT","optional":false,"fields":[{"name":"a","schema":{"type":"BYTES","optional":true}}]},"value":{"t":"struct","v":[["a",{"t":"bytes","v":"AQI="}]]}},
		"headers":[{"key":"h","schema":{"type":"STRING","optional":false},"value":{"t":"string","v":"x"}}]}`), &r)
	if err != nil {
		t.Fatal(err)
	}
	schema := data.StructOf("a", data.OptionalBytesSchema)
	want := data.Record{
		Topic: "t", Partition: data.PartitionOf(3), Key: int64(1), Timestamp: r.Timestamp,
		ValueSchema: schema, Value: data.NewStruct(schema).With("a", []byte{1, 2}),
		Headers: data.Headers{{Key: "h", Schema: data.StringSchema, Value: "x"}},
	}
	if d := datatest.Diff(want, r); d != "" {
		t.Error(d)
	}
	if r.Timestamp.UnixMilli() != 17 || r.Offset != 5 || r.Kind != "sink" || r.TimestampType != data.CreateTime {
		t.Errorf("%+v", r)
	}
	if err := json.Unmarshal([]byte("null"), &r); err != nil || !r.Null {
		t.Errorf("null record: %+v, %v", r, err)
	}
}

// A schema within itself is known by the struct it stands for and its own optionality.
func TestSchemaWithinItself(t *testing.T) {
	read := func(ref string) *data.Schema {
		s, err := datatest.DecodeSchema([]byte(`{"type":"STRUCT","optional":false,"name":"Outer","fields":[{"name":"in","schema":
			{"type":"STRUCT","optional":true,"fields":[{"name":"list","schema":{"type":"ARRAY","optional":false,"valueSchema":` + ref + `}}]}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	outer, inner := `{"ref":2,"optional":true}`, `{"ref":1,"optional":true}`
	if d := datatest.Diff(read(outer), read(outer)); d != "" {
		t.Error(d)
	}
	for _, other := range []string{inner, `{"ref":2,"optional":false}`, `{"type":"STRUCT","optional":true,"name":"Outer","fields":[]}`} {
		if d := datatest.Diff(read(outer), read(other)); d == "" {
			t.Errorf("%s is taken for %s", other, outer)
		}
	}
	if _, err := datatest.DecodeSchema([]byte(`{"type":"STRUCT","optional":false,"fields":[{"name":"x","schema":{"ref":2}}]}`)); err == nil {
		t.Error("a ref beyond the outermost struct was read")
	}
}
