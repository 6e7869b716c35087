package plain

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

func TestValue(t *testing.T) {
	schema := data.StructOf("z", data.OptionalInt64Schema, "a", data.OptionalStringSchema)
	for want, v := range map[string]any{
		`null`:                     nil,
		`9007199254740993`:         int64(9007199254740993),
		`1.5`:                      float32(1.5),
		`"NaN"`:                    math.NaN(),
		`"-Infinity"`:              float32(math.Inf(-1)),
		`"AP8="`:                   []byte{0, 255},
		`"1.20"`:                   data.NewDecimal(120, 2),
		`"36893488147419103232"`:   new(big.Int).Lsh(big.NewInt(1), 65),
		`"2023-11-14T22:13:20.1Z"`: time.UnixMilli(1700000000100),
		`[1,["a",null]]`:           []any{int8(1), []any{"a", nil}},
		`{"z":1,"a":{}}`:           data.MapFrom("z", int32(1), "a", data.NewMap(0)),
		`[[1,"a"],[null,true]]`:    data.MapFrom(int64(1), "a", nil, true),
		`{"z":null,"a":"x\"y"}`:    data.NewStruct(schema).With("a", `x"y`),
	} {
		got, err := json.Marshal(Value(v))
		if err != nil || string(got) != want {
			t.Errorf("%#v: %s %v, want %s", v, got, err, want)
		}
	}
}

func TestDeepValueEnds(t *testing.T) {
	v := any("bottom")
	for range 100_000 {
		v = []any{v}
	}
	if _, err := json.Marshal(Object{{"deep", Value(v)}}); err != nil {
		t.Fatal(err)
	}
}

func TestSchema(t *testing.T) {
	s := data.NewBuilder(data.StructType).Name("n").Version(1).Doc("d").Optional().
		Field("m", data.MapOf(data.StringSchema, data.ArrayOf(data.Int64Schema).MustBuild()).MustBuild()).
		Field("d", data.NewBuilder(data.Int32).Default(int32(3)).Parameter("p", "q").MustBuild()).MustBuild()
	got, err := json.Marshal(Schema(s))
	const want = `{"type":"STRUCT","optional":true,"name":"n","version":1,"doc":"d","fields":[` +
		`{"name":"m","schema":{"type":"MAP","optional":false,"keySchema":{"type":"STRING","optional":false},` +
		`"valueSchema":{"type":"ARRAY","optional":false,"valueSchema":{"type":"INT64","optional":false}}}},` +
		`{"name":"d","schema":{"type":"INT32","optional":false,"default":3,"parameters":{"p":"q"}}}]}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s %v\nwant %s", got, err, want)
	}
	if got, err := json.Marshal(map[string]any{"s": Schema(nil)}); err != nil || string(got) != `{"s":null}` {
		t.Errorf("%s %v", got, err)
	}
}
