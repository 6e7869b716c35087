package data_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

func ExampleParseString() {
	for _, s := range []string{"12", "1.5", "2023-11-14", `{"a": [1, 2000], "b": []}`, "plain text"} {
		sv := data.ParseString(s)
		fmt.Println(sv)
	}
	// Output:
	// SchemaAndValue{schema=Schema{INT8}, value=12}
	// SchemaAndValue{schema=Schema{FLOAT32}, value=1.5}
	// SchemaAndValue{schema=Schema{org.apache.kafka.connect.data.Date:INT32}, value=Tue Nov 14 00:00:00 UTC 2023}
	// SchemaAndValue{schema=Schema{MAP}, value={a=[1, 2000], b=[]}}
	// SchemaAndValue{schema=Schema{STRING}, value=plain text}
}

// Beyond what is recorded, found by comparing with the Java class on random texts.
func TestParseStringBlanksBeforeBracket(t *testing.T) {
	for in, want := range map[string]string{" [": " ", " {1:": " ", "[": "[", "  [1]x": "[1]", ` ["a" "b"]`: " "} {
		if got := data.Text(data.ParseString(in).Value); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Texts made to cost much: each must be read in a time that is about linear.
func TestParseStringBounded(t *testing.T) {
	const n = 20000
	for name, s := range map[string]string{
		"brackets":        strings.Repeat("[", n),
		"blanked":         strings.Repeat(" [", n),
		"braces":          strings.Repeat("{1: ", n),
		"brackets closed": strings.Repeat("[", n) + strings.Repeat("]", n),
		"maps in maps":    strings.Repeat("{1: {2: ", n),
		"quotes":          `["` + strings.Repeat(":", n),
		"numbers":         "[" + strings.Repeat("1:", n),
		"backslashes":     "[" + strings.Repeat(`\`, n),
		"digits":          strings.Repeat("9", n),
		"exponent":        "[1e999999999,1e-999999999]",
	} {
		done := make(chan data.SchemaAndValue, 1)
		go func() { done <- data.ParseString(s) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: still reading", name)
		}
	}
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	if sv := data.ParseString(deep); sv.Schema.Type() != data.Array {
		t.Errorf("1000 arrays in each other are %v", sv.Schema)
	}
}

func FuzzParseString(f *testing.F) {
	for _, s := range []string{
		"", " ", "null", "true ", "1", "-1.5e3", "[1, 2.5, \"a\"]", `{"a":1,b:2}`, `{"a": [null, {}], 1: "\""}`, "2023-11-14",
		"12:34:56.789Z", "2023-11-14T12:34:56.789Z", `"12\:34\:56.789Z"`, " [", "[1E3-01-01]", "٣", "\xff[", "{ 1: { 2: [", "1e2147483647",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sv := data.ParseString(s)
		if sv.Schema == nil && sv.Value != nil {
			t.Fatalf("%q: value %v without a schema", s, sv.Value)
		}
		if again := data.ParseString(s); !data.SchemaEqual(sv.Schema, again.Schema) || !data.Equal(sv.Value, again.Value) {
			t.Fatalf("%q: %v and then %v", s, sv, again)
		}
		if _, _, err := data.ConvertToString(sv.Schema, sv.Value); err != nil {
			t.Fatalf("%q: %v can't be printed: %v", s, sv, err)
		}
		_ = sv.String()
		for _, to := range []*data.Schema{
			data.Int8Schema, data.Float64Schema, data.BooleanSchema, data.StringSchema, data.BytesSchema, data.DateSchema,
			data.TimeSchema, data.TimestampSchema, data.DecimalSchema(2), data.ArrayOf(data.Int8Schema).MustBuild(),
		} {
			_, _ = data.ConvertTo(to, sv.Schema, sv.Value)
			_, _ = data.ConvertTo(to, nil, s)
		}
		_, _ = data.InferSchema(sv.Value)
	})
}

// FuzzValidate checks values against schemas that need not be theirs: what is accepted by the
// one schema must be projectable to itself, and nothing may panic.
func FuzzValidate(f *testing.F) {
	texts := []string{"1", "[1,2]", `{"a":1}`, "[[1],[2,3]]", `{1:{2:[3]}}`, "null", "[null]", "{}", "2023-11-14", "x", "1.5", "[[],[null]]"}
	for _, a := range texts {
		for _, b := range texts {
			f.Add(a, b)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := data.ParseString(a), data.ParseString(b)
		field := func(s *data.Schema) *data.Schema {
			if s == nil {
				return data.OptionalStringSchema
			}
			return s
		}
		schema := data.StructOf("a", field(x.Schema), "b", field(y.Schema))
		st := data.NewStruct(schema).With("a", y.Value).With("b", x.Value)
		errA, errB := data.ValidateField("a", field(x.Schema), y.Value), data.ValidateField("b", field(y.Schema), x.Value)
		if err := st.Validate(); (err == nil) != (errA == nil && errB == nil) {
			t.Fatalf("struct: %v; fields: %v, %v", err, errA, errB)
		} else if err == nil {
			got, err := data.Project(schema, st, schema)
			if err != nil || !data.Equal(got, st) {
				t.Fatalf("%v projected to its own schema is %v, %v", st, got, err)
			}
		}
		_, _ = data.Project(field(x.Schema), y.Value, field(y.Schema))
	})
}

func BenchmarkParseString(b *testing.B) {
	for name, s := range map[string]string{
		"text": "some header text", "int": "1234567", "float": "1234.5", "date": "2023-11-14", "timestamp": "2023-11-14T12:34:56.789Z",
		"array": "[1, 2, 3000]", "map": `{"a": 1, "b": "x"}`, "uuid": "b7f0b3a4-9b1d-4c57-8f0e-000000000001",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data.ParseString(s)
			}
		})
	}
}

func BenchmarkStruct(b *testing.B) {
	schema := data.NewBuilder(data.StructType)
	for i := range 20 {
		schema.Field(fmt.Sprint("field", i), data.OptionalInt64Schema)
	}
	st := data.NewStruct(schema.MustBuild())
	var v any = int64(1 << 40)
	var sink any
	for name, f := range map[string]func(){
		"At":       func() { sink = st.At(7) },
		"SetAt":    func() { st.SetAt(7, v) },
		"Get":      func() { sink, _ = st.Get("field7") },
		"Put":      func() { _ = st.Put("field7", v) },
		"Validate": func() { _ = st.Validate() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	_ = sink
}

func BenchmarkMapGet(b *testing.B) {
	for _, n := range []int{8, 50} {
		m := data.NewMap(n)
		keys := make([]string, n)
		for i := range n {
			keys[i] = fmt.Sprint("key", i)
			m.Put(keys[i], i)
		}
		b.Run(fmt.Sprint("string of ", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.GetString(keys[i%n])
			}
		})
		b.Run(fmt.Sprint("any of ", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Get(keys[i%n])
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	buf := make([]byte, 0, 64)
	for name, v := range map[string]any{"float64": 1234.5678, "float32": float32(1e10), "decimal": data.NewDecimal(123456, 2), "date": someTime} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = data.AppendText(buf[:0], v)
			}
		})
	}
}
