package transforms_test

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
)

var orderSchema = data.NewBuilder(data.StructType).Name("order").Version(1).
	Field("id", data.Int64Schema).Field("name", data.OptionalStringSchema).Field("price", data.Float64Schema).
	Field("at", data.TimestampSchema).Field("text", data.OptionalStringSchema).
	Field("address", data.StructOf("street", data.StringSchema, "zip", data.OptionalInt32Schema)).
	MustBuild()

func orderStruct() data.Record {
	address := data.NewStruct(orderSchema.Fields()[5].Schema).With("street", "Elm").With("zip", int32(12345))
	at := time.UnixMilli(1700000000123).UTC()
	return data.Record{
		Topic: "orders", Partition: data.PartitionOf(3), Timestamp: at, KeySchema: data.StringSchema, Key: "k",
		Headers:     data.Headers{{Key: "h", Schema: data.StringSchema, Value: "x"}},
		ValueSchema: orderSchema,
		Value: data.NewStruct(orderSchema).With("id", int64(123456789)).With("name", "a name").With("price", 12.5).
			With("at", at).With("text", "2023-11-14 22:13:20").With("address", address),
	}
}

func orderMap() data.Record {
	r := orderStruct()
	r.KeySchema, r.ValueSchema = nil, nil
	r.Value = data.MapFrom("id", int64(123456789), "name", "a name", "price", 12.5, "at", int64(1700000000123), "text", "2023-11-14 22:13:20",
		"address", data.MapFrom("street", "Elm", "zip", int32(12345)))
	return r
}

func line() data.Record {
	return data.Record{Topic: "lines", ValueSchema: data.StringSchema, Value: "a line of a file, some forty characters"}
}

// benchSteps are one configuration for each transform.
var benchSteps = []struct {
	class string
	props map[string]string
}{
	{"Cast$Value", map[string]string{"spec": "id:string,price:int32"}},
	{"DropHeaders", map[string]string{"headers": "h"}},
	{"ExtractField$Value", map[string]string{"field": "name"}},
	{"Flatten$Value", nil},
	{"HeaderFrom$Value", map[string]string{"fields": "name", "headers": "name", "operation": "move"}},
	{"HoistField$Value", map[string]string{"field": "f"}},
	{"InsertField$Value", map[string]string{"topic.field": "topic", "static.field": "s", "static.value": "x"}},
	{"InsertHeader", map[string]string{"header": "i", "value.literal": "1"}},
	{"MaskField$Value", map[string]string{"fields": "name,price"}},
	{"RegexRouter", map[string]string{"regex": "(.*)", "replacement": "to-$1"}},
	{"ReplaceField$Value", map[string]string{"renames": "name:title", "exclude": "text"}},
	{"SetSchemaMetadata$Value", map[string]string{"schema.name": "n"}},
	{"TimestampConverter$Value", map[string]string{"field": "text", "target.type": "Timestamp", "format": "yyyy-MM-dd HH:mm:ss"}},
	{"TimestampRouter", nil},
	{"ValueToKey", map[string]string{"fields": "id,name"}},
}

func build(t testing.TB, steps ...smt.StepConfig) *smt.Chain {
	t.Helper()
	for i := range steps {
		steps[i].Alias = steps[i].Class
		steps[i].Class = "org.apache.kafka.connect.transforms." + steps[i].Class
	}
	chain, err := smt.Build(registry(t), steps, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	return chain
}

func benchmark(b *testing.B, chain *smt.Chain, in data.Record) {
	b.ReportAllocs()
	var r data.Record
	for b.Loop() {
		r = in
		if out, err := chain.Apply(&r); err != nil || out == nil {
			b.Fatal(out, err)
		}
	}
}

func BenchmarkTransforms(b *testing.B) {
	for _, step := range benchSteps {
		for _, form := range []struct {
			name string
			in   data.Record
		}{{"schema", orderStruct()}, {"map", orderMap()}} {
			if step.class == "SetSchemaMetadata$Value" && form.name == "map" {
				continue // needs a schema
			}
			b.Run(step.class+"/"+form.name, func(b *testing.B) {
				benchmark(b, build(b, smt.StepConfig{Class: step.class, Props: step.props}), form.in)
			})
		}
	}
}

// The chain of the side-by-side benchmark, on the lines of a file.
func BenchmarkSideBySideChain(b *testing.B) {
	in := line()
	for _, form := range []string{"schema", "map"} {
		b.Run(form, func(b *testing.B) {
			if form == "map" {
				in.ValueSchema = nil
			}
			benchmark(b, sideBySide(b), in)
		})
	}
}

func sideBySide(t testing.TB) *smt.Chain {
	return build(t,
		smt.StepConfig{Class: "HoistField$Value", Props: map[string]string{"field": "line"}},
		smt.StepConfig{Class: "InsertField$Value", Props: map[string]string{"topic.field": "topic"}},
		smt.StepConfig{Class: "InsertField$Value", Props: map[string]string{"static.field": "source", "static.value": "bench"}},
		smt.StepConfig{Class: "MaskField$Value", Props: map[string]string{"fields": "source"}},
		smt.StepConfig{Class: "ReplaceField$Value", Props: map[string]string{"renames": "line:text"}},
		smt.StepConfig{Class: "RegexRouter", Props: map[string]string{"regex": "(.*)", "replacement": "out-$1"}},
	)
}
