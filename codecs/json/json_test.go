package json_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func newConverter(tb testing.TB, props map[string]string) codecs.Converter {
	tb.Helper()
	c := json.Plugin().New()
	if err := c.Configure(props, false); err != nil {
		tb.Fatal(err)
	}
	return c
}

var plain = map[string]string{"schemas.enable": "false"}

// TestReadsAsJackson is what was observed of JsonConverter 4.1.1 with Jackson 2.19 beyond the
// recorded vectors. want is how the value is written again, "" where it is refused.
func TestReadsAsJackson(t *testing.T) {
	for in, want := range map[string]string{
		"true,":                        "true",
		"true0":                        "",
		"true\u00a0":                   "",
		"null]":                        "null",
		"1,":                           "",
		"1\n":                          "1",
		`"a"b`:                         `"a"`,
		"-007":                         "-7",
		"00":                           "0",
		"-00.50e1":                     "-5.0",
		"1e2147483648":                 "",
		"1.5e-2147483647":              "",
		"1e0000000000000000000005":     "100000.0",
		"1e99999999999":                "",
		"99999999999999999999":         "7766279631452241919",
		`"\ud83d"`:                     `"\uD83D"`,
		"\"\\ud83d\xed\xb8\x80\"":      `"\uD83D\uDE00"`,
		"\"\xed\xa0\xbd\xed\xb8\x80\"": `"\uD83D\uDE00"`,
		"\"\xc0\x80\"":                 `"\u0000"`,
		"\"\xff\"":                     "",
		"\"\xe2\x82\"":                 "",
		"\xef\xbb\xbf1":                "1",
		"\xef\xbb\xbf":                 "", // three bytes are too few for Jackson to look for a mark
		"1\x00":                        "1",
		"\x00\"\xd8\x00\x00\"":         "", // the high surrogate takes the quote with it
		"\x00\x00\x00[\x00\x00\x00]":   "[]",
		"\xff\xfe{\x00}\x00":           "{}",
		`{"a":1,"b":2,"a":[3]}`:        `{"a":[3],"b":2}`,
	} {
		c := newConverter(t, plain)
		sv, err := c.ToConnect("t", []byte(in))
		if err != nil {
			if want != "" || !errors.Is(err, errs.Data) {
				t.Errorf("%q: %v", in, err)
			}
			continue
		}
		got, err := c.FromConnect("t", sv.Schema, sv.Value)
		if got == nil {
			got = []byte("null")
		}
		if string(got) != want || err != nil {
			t.Errorf("%q is read as %s, %v, want %s", in, got, err, want)
		}
	}
}

// Names are kept from record to record, by their place too.
func TestNames(t *testing.T) {
	c := newConverter(t, plain)
	for _, in := range []string{
		`{"":1}`, `{"a":1,"":2}`, `{"":1,"a":2}`, `{"a":{"":[{"b":1},{"b":2,"a":3}]}}`, `{"\u0061":1,"b":2}`,
		`{"` + strings.Repeat("long", 30) + `":1}`, "{" + strings.Repeat(`"x":{`, 99) + strings.Repeat("}", 100),
	} {
		want := strings.ReplaceAll(in, `\u0061`, "a")
		for range 2 {
			sv, err := c.ToConnect("t", []byte(in))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.FromConnect("t", nil, sv.Value); string(got) != want || err != nil {
				t.Errorf("%s became %s, %v", in, got, err)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	c := newConverter(t, plain)
	for what, tt := range map[string]struct {
		at func(n int) string
		n  int // the last that is read
	}{
		"arrays":          {func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }, 1000},
		"objects":         {func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }, 1000},
		"digits":          {func(n int) string { return strings.Repeat("7", n) }, 1000},
		"fraction":        {func(n int) string { return "0." + strings.Repeat("7", n-1) }, 1000},
		"name":            {func(n int) string { return `{"` + strings.Repeat("k", n) + `":1}` }, 50_000},
		"name of escapes": {func(n int) string { return `{"` + strings.Repeat(`\n`, n) + `":1}` }, 50_000},
		"text":            {func(n int) string { return `"` + strings.Repeat("x", n) + `"` }, 20_000_000},
	} {
		if _, err := c.ToConnect("t", []byte(tt.at(tt.n))); err != nil {
			t.Errorf("%s: %d: %v", what, tt.n, err)
		}
		if _, err := c.ToConnect("t", []byte(tt.at(tt.n+1))); !errors.Is(err, errs.Data) {
			t.Errorf("%s: %d must be refused, is: %v", what, tt.n+1, err)
		}
	}
}

func TestWritesNoDeeperThanItReads(t *testing.T) {
	deep := func(n int) any {
		var v any = []any{}
		for range n - 1 {
			v = []any{v}
		}
		return v
	}
	for _, tt := range []struct {
		props map[string]string
		last  int
	}{{plain, 1000}, {nil, 999}} {
		c := newConverter(t, tt.props)
		if _, err := c.FromConnect("t", nil, deep(tt.last)); err != nil {
			t.Errorf("%v: %d: %v", tt.props, tt.last, err)
		}
		if _, err := c.FromConnect("t", nil, deep(tt.last+1)); !errors.Is(err, errs.Data) {
			t.Errorf("%v: %d must be refused, is: %v", tt.props, tt.last+1, err)
		}
	}
}

// A topic that mixes more schemas than are kept by their start, each text twice in two spellings.
func TestMixedSchemas(t *testing.T) {
	c := newConverter(t, map[string]string{"schemas.cache.size": "3"})
	seen := map[string]*data.Schema{}
	for round := range 3 {
		for i := range 10 {
			text := fmt.Sprintf(`{"schema":{"type":"struct","name":"s%d","fields":[{"field":"f","type":"int32"}]},"payload":{"f":%d}}`, i, round)
			sv, err := c.ToConnect("t", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			st := sv.Value.(*data.Struct)
			if v, _ := st.Get("f"); v != int32(round) || sv.Schema.Name() != fmt.Sprintf("s%d", i) || st.Schema() != sv.Schema {
				t.Fatalf("round %d, schema %d: %s %s", round, i, sv.Schema, st)
			}
			if old := seen[text]; old != nil && !data.SchemaEqual(old, sv.Schema) {
				t.Fatalf("schema %d changed", i)
			}
			seen[text] = sv.Schema
		}
	}
}

func TestSameTextSameSchema(t *testing.T) {
	c := newConverter(t, nil)
	var last *data.Schema
	for i := range 5 {
		// The payload comes first, so that only the cache of texts can know the schema.
		sv, err := c.ToConnect("t", fmt.Appendf(nil, `{"payload":%d,"schema":{"type":"int64","doc":"d"}}`, i))
		if err != nil {
			t.Fatal(err)
		}
		if last != nil && sv.Schema != last {
			t.Fatal("the same text gave another schema")
		}
		last = sv.Schema
	}
}

// A payload that starts as one before it, but goes on otherwise, must be judged as a whole.
func TestKnownStartIsNoShortCut(t *testing.T) {
	c := newConverter(t, nil)
	const start = `{"schema":{"type":"int32"},"payload":`
	for in, ok := range map[string]bool{
		start + "1}": true, start + "2 } x": true, start + `1,"x":2}`: false, start + `1,"payload":3}`: true,
		start + "1": false, start: false, start + "[}": false, start + `1,"schema":{"type":"string","optional":true}}`: true,
	} {
		for range 2 {
			if _, err := c.ToConnect("t", []byte(start+"0}")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.ToConnect("t", []byte(in)); (err == nil) != ok {
				t.Errorf("%s: %v", in, err)
			}
		}
	}
}

// Equal schemas that are not one pointer are as good as one.
func TestEqualSchemaOfStruct(t *testing.T) {
	c := newConverter(t, plain)
	st := data.NewStruct(data.StructOf("a", data.StringSchema)).With("a", "x")
	for range 2 {
		b, err := c.FromConnect("t", data.StructOf("a", data.StringSchema), st)
		if string(b) != `{"a":"x"}` || err != nil {
			t.Fatalf("%s, %v", b, err)
		}
	}
	if _, err := c.FromConnect("t", data.StructOf("a", data.OptionalStringSchema), st); !errors.Is(err, errs.Data) {
		t.Fatalf("another schema: %v", err)
	}
}

// Records are cut from chunks: also large ones, and small ones behind them, keep their bytes.
func TestChunks(t *testing.T) {
	c := newConverter(t, plain)
	var got [][]byte
	var want []string
	for i := range 2000 {
		text := strings.Repeat(string(rune('a'+i%26)), i*i%90_000)
		b, err := c.FromConnect("t", data.StringSchema, text)
		if err != nil {
			t.Fatal(err)
		}
		got, want = append(got, b), append(want, `"`+text+`"`)
		if cap(b) != len(b) {
			t.Fatal("a record has room behind it")
		}
	}
	for i := range got {
		if string(got[i]) != want[i] {
			t.Fatalf("record %d changed", i)
		}
	}
}

func TestFromConnectAllocates(t *testing.T) {
	c := newConverter(t, nil)
	schema := data.StructOf("a", data.StringSchema, "b", data.Int64Schema, "c", data.Float64Schema)
	st := data.NewStruct(schema).With("a", "x").With("b", int64(1)<<40).With("c", 0.5)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.FromConnect("t", schema, st); err != nil {
			t.Fatal(err)
		}
	}); n > 0.1 {
		t.Errorf("%v allocations per record", n)
	}
}
