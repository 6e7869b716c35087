package trace

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

const transforms = "org.apache.kafka.connect.transforms."

// chain are the settings of a chain that uses fields, headers, time and a predicate.
func chain() map[string]string {
	return map[string]string{
		"transforms": "cast,copy,hoist,drop", "predicates": "tomb",
		"transforms.cast.type": transforms + "Cast$Value", "transforms.cast.spec": "n:int32",
		"transforms.copy.type": transforms + "InsertField$Value", "transforms.copy.topic.field": "topic",
		"transforms.hoist.type": transforms + "HoistField$Value", "transforms.hoist.field": "line",
		"transforms.drop.type": "Filter", "transforms.drop.predicate": "tomb",
		"predicates.tomb.type": "RecordIsTombstone",
		"value.converter":      "org.apache.kafka.connect.json.JsonConverter",
	}
}

func load(t testing.TB, c PlanConfig) *Plan {
	t.Helper()
	c.Path = "test"
	p, err := Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestDiff(t *testing.T) {
	order := data.NewBuilder(data.StructType).Name("Order").Field("n", data.Int64Schema).MustBuild()
	doc := data.NewBuilder(data.StructType).Name("Order").Doc("d").Field("n", data.Int64Schema).MustBuild()
	small := data.NewBuilder(data.StructType).Name("Order").Version(2).Field("n", data.OptionalInt32Schema).MustBuild()
	value := func(v any) data.Record { return data.Record{Value: v} }
	of := func(s *data.Schema, v any) data.Record { return data.Record{ValueSchema: s, Value: v} }
	m := data.MapFrom
	for _, tt := range []struct {
		name string
		a, b data.Record
		want []string
	}{
		{"nothing", value(m("a", int64(1))), value(m("a", int64(1))), nil},
		{
			"meta",
			data.Record{Topic: "a", Partition: data.PartitionOf(1), Timestamp: time.UnixMilli(0)},
			data.Record{Topic: "b"},
			[]string{"~ topic a → b ", "~ partition 1 → null ", "~ timestamp 1970-01-01T00:00:00Z → null "},
		},
		{
			"fields", value(m("a", int64(1), "b", "x", "c", nil)), value(m("b", "y", "c", nil, "d", true)),
			[]string{"- value.a 1 →  ", `~ value.b "x" → "y" `, "+ value.d  → true "},
		},
		{"types without schema", value(m("a", int64(1))), value(m("a", int8(1))), []string{"~ value.a 1 → 1 int64 → int8"}},
		{"nested", value(m("a", m("b", m("c", int64(1))))), value(m("a", m("b", m("c", int64(2))))), []string{"~ value.a.b.c 1 → 2 "}},
		{"list", value([]any{int64(1), "x", true}), value([]any{int64(1), "y"}), []string{`~ value[1] "x" → "y" `, "- value[2] true →  "}},
		{"list grows", value([]any{}), value([]any{"x"}), []string{`+ value[0]  → "x" `}},
		{"null", value(nil), value(m("a", "x")), []string{`~ value null → {"a": "x"} `}},
		{
			"schema only", of(order, data.NewStruct(order).With("n", int64(1))), of(doc, data.NewStruct(doc).With("n", int64(1))),
			[]string{"~ value  →  the schema's default, doc or parameters; -o json shows them"},
		},
		{
			"schema and fields", of(order, data.NewStruct(order).With("n", int64(1))), of(small, data.NewStruct(small).With("n", int32(1))),
			[]string{"~ value  →  struct Order → struct Order v2", "~ value.n 1 → 1 int64 → optional int32"},
		},
		{"schema lost", of(order, data.NewStruct(order).With("n", int64(1))), value(m("n", int64(1))), []string{"~ value  →  struct Order → map"}},
		{"odd names", value(m("a.b", "", "\x1b[2J", "")), value(m()), []string{`- value."a.b" "" →  `, `- value."\x1b[2J" "" →  `}},
		{"map of numbers", value(data.MapFrom(int64(1), "a")), value(data.MapFrom(int64(1), "b")), []string{`~ value {1: "a"} → {1: "b"} `}},
		{"bytes", value([]byte{0, 255}), value("x"), []string{`~ value b64"AP8=" → "x" bytes → string`}},
		{
			"headers",
			data.Record{Headers: data.Headers{}.AddString("a", "1").AddString("a", "2").AddString("b", "3")},
			data.Record{Headers: data.Headers{}.AddString("a", "1").Add("c", data.Int64Schema, int64(4))},
			[]string{`- headers.a#2 "2" →  `, `- headers.b "3" →  `, "+ headers.c  → 4 "},
		},
	} {
		var got []string
		for _, c := range diff(&tt.a, &tt.b) {
			got = append(got, fmt.Sprintf("%c %s %s → %s %s", c.op, c.path, c.old, c.new, c.types))
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s:\n%q\nwant\n%q", tt.name, got, tt.want)
		}
		if same := sameRecord(&tt.a, &tt.b); same != (len(tt.want) == 0) {
			t.Errorf("%s: same %v", tt.name, same)
		}
	}
}

// TestStepsAreTheChain holds the steps run one by one to a whole smt.Chain.
func TestStepsAreTheChain(t *testing.T) {
	p := load(t, PlanConfig{Connector: chain(), As: plugin.Sink})
	var steps []smt.StepConfig
	for _, s := range p.conf.Transforms {
		steps = append(steps, smt.StepConfig{Alias: s.Alias, Class: s.Class, Props: s.Props, Predicate: s.Predicate})
	}
	whole, err := smt.Build(p.registry, steps, []smt.PredicateConfig{{Alias: "tomb", Class: "RecordIsTombstone"}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDecoder(Auto, Defaults{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`{"n": "5"}`, `{"n": "x"}`, `null`, `"text"`, `{"key": 1, "value": {"m": []}}`} {
		s := d.decode([]byte(line))
		r := p.Run(t.Context(), &s, nil)
		sink := data.SinkRecord{Record: r.in, Offset: s.raw.Offset}
		want, wantErr := whole.ApplySink(&sink)
		switch {
		case wantErr != nil:
			if r.Problem == nil || r.Problem.Err.Error() != wantErr.Error() || r.Problem.Class != transforms+"Cast$Value" {
				t.Errorf("%s: %+v, want error %v", line, r.Problem, wantErr)
			}
		case want == nil:
			if r.Outcome != Dropped {
				t.Errorf("%s: %s, want it dropped", line, r.Outcome)
			}
		case r.Outcome != Kept || !sameRecord(&r.out, &want.Record):
			t.Errorf("%s: %s %v, want %v", line, r.Outcome, r.out, want.Record)
		}
	}
}

// broken is a transform that breaks its contract, or asks to be tried again.
type broken struct{ apply func() error }

func (broken) Configure(map[string]string) error { return nil }

func (b broken) Apply(*data.Record) (*data.Record, error) { return nil, b.apply() }

func (broken) Close() error { return nil }

func brokenPlugin(class string, apply func() error) plugin.Plugin {
	return smt.Plugin{Descriptor: plugin.Descriptor{Class: class}, New: func() smt.Transform { return broken{apply} }}
}

func TestPluginsThatBreak(t *testing.T) {
	for class, want := range map[string]string{
		"x.Panics": `worker    the task fails: Tolerance exceeded in error handler: TRANSFORMATION by x.Panics of source record {topic='t', sourcePartition=null, sourceOffset=null}: panic: broken plugin`,
		"x.Busy":   "tries it again for up to errors.retry.timeout, then the task fails: Tolerance exceeded",
	} {
		p := load(t, PlanConfig{
			Connector: map[string]string{"transforms": "a", "transforms.a.type": class, "errors.retry.timeout": "-1"},
			As:        plugin.Source, Plugins: []plugin.Plugin{
				brokenPlugin("x.Panics", func() error { panic("broken plugin") }),
				brokenPlugin("x.Busy", func() error { return errs.Retriable.New("busy\n\x1b[2J") }),
			},
		})
		var out bytes.Buffer
		printer := &Text{Out: &out, Plan: p}
		err := Lines(t.Context(), "", strings.NewReader("1\n2\n"), Auto, Defaults{Topic: "t"}, func(s *Sample) error {
			r := p.Run(t.Context(), s, nil)
			if r.Outcome != Failed {
				t.Errorf("%s: %s", class, r.Outcome)
			}
			return printer.Print(&r)
		})
		if err != nil || strings.Count(out.String(), want) != 2 || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: %v\n%s", class, err, out.String())
		}
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	var got []string
	scanLines(strings.NewReader("\xef\xbb\xbfa\r\n\n"+long+"\nb\n"+long[:70_000]), 80_000, func(l line) bool {
		got = append(got, fmt.Sprintf("%d:%d:%v", l.number, len(l.text), l.err != nil))
		return true
	})
	if want := "1:1:false 3:0:true 4:1:false 5:70000:false"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// TestInputFails: an input that breaks off is an error, and what came before it counts.
func TestInputFails(t *testing.T) {
	broken := errors.New("disk gone")
	in := io.MultiReader(strings.NewReader("1\n2\n"), failing{broken})
	n := 0
	err := Lines(t.Context(), "f", in, Auto, Defaults{}, func(*Sample) error { n++; return nil })
	if !errors.Is(err, broken) || n != 2 || !strings.Contains(err.Error(), "reading f") {
		t.Errorf("%d records, %v", n, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// stream is lines without end, up to a number of them.
type stream struct {
	left int
	rest []byte
}

func (s *stream) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.left == 0 {
			return 0, io.EOF
		}
		s.left--
		s.rest = fmt.Appendf(nil, "{\"n\": %d, \"text\": \"%0100d\"}\n", s.left, s.left)
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// TestStreamInBoundedMemory runs a stream of records and looks at the heap on the way: it must not
// grow with the number of records.
func TestStreamInBoundedMemory(t *testing.T) {
	p := load(t, PlanConfig{Connector: chain(), As: plugin.Source})
	printer := &JSON{Out: io.Discard}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var first uint64
	totals := Totals{}
	err := Lines(t.Context(), "", &stream{left: 20_000}, Auto, Defaults{Topic: "t"}, func(s *Sample) error {
		r := p.Run(t.Context(), s, nil)
		totals.Add(&r)
		if totals.Records == 2_000 {
			first = heap()
		}
		return printer.Print(&r)
	})
	if err != nil || totals.Kept != 20_000 {
		t.Fatalf("%v, %s", err, &totals)
	}
	if last := heap(); last > first+2<<20 {
		t.Errorf("the heap grew from %d to %d bytes within 18,000 records", first, last)
	}
}

// FuzzLine: whatever a line holds, in any form, it ends as a result that prints on a terminal
// without steering it, and as one line of JSON.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`{"n": 1}`, `{"key": {"a": 1}, "value": {"schema": {"type": "string"}, "payload": "x"}, "headers": {"h": [1, "a"]}}`,
		`{"value": null, "partition": 3, "timestamp": "2024-05-01T12:00:00Z", "topic": "a\u001b"}`, "plain \x1b[2J", "\xff\xfe", `[[[[{"a":`,
		`{"headers": [{"key": "k", "value": {}}], "value": 1e999}`, `"` + strings.Repeat("[", 300),
	} {
		for form := range Forms() {
			f.Add(seed, form, seed != "")
		}
	}
	plans := map[bool]*Plan{true: load(f, PlanConfig{Connector: chain(), As: plugin.Sink}), false: load(f, PlanConfig{Connector: chain(), As: plugin.Source})}
	f.Fuzz(func(t *testing.T, line string, form int, sink bool) {
		d, err := newDecoder(Forms()[uint(form)%4], Defaults{Topic: "t"})
		if err != nil {
			t.Fatal(err)
		}
		s := d.decode([]byte(line))
		r := plans[sink].Run(context.Background(), &s, nil)
		if r.Err != nil && (strings.Contains(r.Err.Error(), "panicked") || strings.Contains(r.Err.Error(), "panic: ")) {
			t.Fatal(r.Err)
		}
		var text, object bytes.Buffer
		if err := (&Text{Out: &text, Plan: plans[sink]}).Print(&r); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(text.String(), func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f }) {
			t.Errorf("a control character gets to the terminal: %q", text.String())
		}
		if err := (&JSON{Out: &object}).Print(&r); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(object.Bytes(), []byte("\n")); n != 1 || !json.Valid(object.Bytes()) {
			t.Errorf("%d lines, not one of JSON: %s", n, object.Bytes())
		}
	})
}

// FuzzConnector: any file is read or refused.
func FuzzConnector(f *testing.F) {
	for _, seed := range []string{`{"config": {"transforms": "a"}}`, `{"name": null}`, "transforms=a\n", `{`, "\xef\xbb\xbf{}", `{"config": 3, "name": {}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		props, err := ReadConnector("-", func() ([]byte, error) { return []byte(content), nil })
		if err == nil && props["name"] == "" {
			t.Errorf("no name: %v", props)
		}
		if err != nil && !errors.Is(err, errs.Config) {
			t.Errorf("%v is no error of the configuration", err)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	p := load(b, PlanConfig{Connector: chain(), As: plugin.Source})
	d, err := newDecoder(Auto, Defaults{Topic: "t"})
	if err != nil {
		b.Fatal(err)
	}
	line := []byte(`{"n": 1, "customer": {"name": "Ann", "city": "Bern"}, "items": [1, 2, 3]}`)
	for _, bb := range []struct {
		name    string
		printer Printer
	}{
		{"text", &Text{Out: bufio.NewWriter(io.Discard), Plan: p, Width: 160}},
		{"json", &JSON{Out: io.Discard}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := d.decode(line)
				r := p.Run(b.Context(), &s, nil)
				if err := bb.printer.Print(&r); err != nil || r.Outcome != Kept {
					b.Fatal(err, r.Outcome)
				}
			}
		})
	}
}
