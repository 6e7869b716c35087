package smt_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// script is a transform that does what a function says and counts what happens to it.
type script struct {
	apply  func(r *data.Record) (*data.Record, error)
	sink   func(r *data.SinkRecord) (bool, error)
	closed int
}

func (s *script) Configure(props map[string]string) error {
	if bad, ok := props["bad"]; ok {
		return errs.Config.New("Invalid value %s for configuration bad", bad)
	}
	return nil
}
func (s *script) Apply(r *data.Record) (*data.Record, error) { return s.apply(r) }
func (s *script) Close() error                               { s.closed++; return nil }

// sinkScript is a script that also sees sink records.
type sinkScript struct{ script }

func (s *sinkScript) ApplySink(r *data.SinkRecord) (bool, error) { return s.sink(r) }

type yesNo struct {
	answer func(r *data.Record) (bool, error)
	closed int
}

func (p *yesNo) Configure(map[string]string) error { return nil }
func (p *yesNo) Test(r *data.Record) (bool, error) { return p.answer(r) }
func (p *yesNo) Close() error                      { p.closed++; return nil }
func is(answer bool) smt.Predicate {
	return &yesNo{answer: func(*data.Record) (bool, error) { return answer, nil }}
}

func fails(err error) func(r *data.Record) (bool, error) {
	return func(*data.Record) (bool, error) { return false, err }
}

func topic(suffix string) *script {
	return &script{apply: func(r *data.Record) (*data.Record, error) {
		r.Topic += suffix
		return r, nil
	}}
}

func TestChainOrderAndPredicates(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []smt.Step
		want  string // "-" for dropped
	}{
		{"no steps", nil, "t"},
		{"in order", []smt.Step{{Transform: topic("1")}, {Transform: topic("2")}}, "t12"},
		{"predicate", []smt.Step{{Transform: topic("1"), Predicate: is(true)}, {Transform: topic("2"), Predicate: is(false)}}, "t1"},
		{"negated", []smt.Step{{Transform: topic("1"), Predicate: is(true), Negate: true}, {Transform: topic("2"), Predicate: is(false), Negate: true}}, "t2"},
		{"dropped", []smt.Step{{Transform: topic("1")}, {Transform: drops()}, {Transform: topic("2")}}, "-"},
		{"not dropped", []smt.Step{{Transform: drops(), Predicate: is(false)}, {Transform: topic("2")}}, "t2"},
		{"another record", []smt.Step{{Transform: replaces("u")}, {Transform: topic("2")}}, "u2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &data.Record{Topic: "t"}
			out, err := smt.NewChain(tt.steps...).Apply(r)
			check(t, tt.want, out, r, err)

			sink := &data.SinkRecord{Record: data.Record{Topic: "t"}, Offset: 7}
			sinkOut, err := smt.NewChain(tt.steps...).ApplySink(sink)
			if sinkOut == nil {
				check(t, tt.want, nil, nil, err)
				return
			}
			if sinkOut != sink || sinkOut.Offset != 7 {
				t.Errorf("not the sink record that went in: %+v", sinkOut)
			}
			check(t, tt.want, &sinkOut.Record, &sink.Record, err)
		})
	}
}

func check(t *testing.T, want string, out, in *data.Record, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case out == nil && want == "-":
	case out == nil || out.Topic != want:
		t.Errorf("got %+v, want topic %s", out, want)
	case out != in:
		t.Error("the record isn't changed in place")
	}
}

func drops() *script {
	return &script{apply: func(*data.Record) (*data.Record, error) { return nil, nil }}
}

func replaces(topic string) *script {
	return &script{apply: func(*data.Record) (*data.Record, error) { return &data.Record{Topic: topic}, nil }}
}

func TestChainErrorNamesTheStepAndRestoresTheRecord(t *testing.T) {
	cause := errs.Retriable.New("not now")
	failing := &script{apply: func(r *data.Record) (*data.Record, error) { return nil, cause }}
	for _, tt := range []struct {
		name, want, predicate string
		last                  smt.Step
	}{
		{"transform", `transform "b" (B): not now`, "", smt.Step{Alias: "b", Class: "B", Transform: failing}},
		{
			"predicate", `transform "b" (B), predicate "p": not now`, "p",
			smt.Step{Alias: "b", Class: "B", Transform: topic("x"), Predicate: &yesNo{answer: fails(cause)}, PredicateAlias: "p"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chain := smt.NewChain(smt.Step{Alias: "a", Class: "A", Transform: topic("1")}, tt.last)
			r := &data.Record{Topic: "t"}
			out, err := chain.Apply(r)
			sink := &data.SinkRecord{Record: data.Record{Topic: "t"}}
			sinkOut, sinkErr := chain.ApplySink(sink)
			for _, err := range []error{err, sinkErr} {
				var step *smt.StepError
				if !errors.As(err, &step) || step.Index != 1 || step.Class != "B" || step.Predicate != tt.predicate {
					t.Fatalf("got %v", err)
				}
				if err.Error() != tt.want || !errors.Is(err, errs.Retriable) || errs.Message(err) != "not now" {
					t.Errorf("got %v, want %s", err, tt.want)
				}
			}
			if out != nil || r.Topic != "t" || sinkOut != nil || sink.Topic != "t" {
				t.Errorf("the record is %+v and %+v, not as it came in", r, sink)
			}
		})
	}
}

func TestSinkTransformSeesTheOffsetInSinkTasksOnly(t *testing.T) {
	s := &sinkScript{script{
		apply: func(r *data.Record) (*data.Record, error) { r.Topic = "source"; return r, nil },
		sink:  func(r *data.SinkRecord) (bool, error) { r.Value = r.Offset; return r.Offset != 9, nil },
	}}
	chain := smt.NewChain(smt.Step{Transform: s})
	if out, err := chain.Apply(&data.Record{}); err != nil || out.Topic != "source" {
		t.Errorf("source: %+v %v", out, err)
	}
	if out, err := chain.ApplySink(&data.SinkRecord{Offset: 5}); err != nil || out.Value != int64(5) {
		t.Errorf("sink: %+v %v", out, err)
	}
	if out, err := chain.ApplySink(&data.SinkRecord{Offset: 9}); err != nil || out != nil {
		t.Errorf("dropped: %+v %v", out, err)
	}
}

func TestBuild(t *testing.T) {
	var made []*script
	var predicates []*yesNo
	reg, err := plugin.NewRegistry(
		smt.Plugin{Descriptor: plugin.Descriptor{Class: "x.Topic", Version: "1"}, New: func() smt.Transform {
			made = append(made, topic("1"))
			return made[len(made)-1]
		}},
		smt.PredicatePlugin{Descriptor: plugin.Descriptor{Class: "x.Yes", Version: "1"}, New: func() smt.Predicate {
			p := &yesNo{answer: func(*data.Record) (bool, error) { return true, nil }}
			predicates = append(predicates, p)
			return p
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := smt.Build(reg, []smt.StepConfig{
		{Alias: "a", Class: "Topic"}, {Alias: "b", Class: "x.Topic", Predicate: "p"}, {Alias: "c", Class: "x.Topic", Predicate: "p", Negate: true},
	}, []smt.PredicateConfig{{Alias: "p", Class: "Yes"}})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := chain.Apply(&data.Record{Topic: "t"}); err != nil || out.Topic != "t11" || chain.Len() != 3 {
		t.Errorf("%+v %v", out, err)
	}
	if err := errors.Join(chain.Close(), chain.Close()); err != nil {
		t.Error(err)
	}
	if len(predicates) != 2 {
		t.Errorf("%d predicate objects, want one for each step", len(predicates))
	}
	wantClosedOnce(t, made, predicates)

	for want, steps := range map[string][]smt.StepConfig{
		`transform "a"`:        {{Alias: "a", Class: "x.Nope"}},
		"configuration bad":    {{Alias: "z", Class: "x.Topic"}, {Alias: "a", Class: "x.Topic", Props: map[string]string{"bad": "v"}}},
		`predicate "q" is not`: {{Alias: "a", Class: "x.Topic", Predicate: "q"}},
		`predicate "r": `:      {{Alias: "a", Class: "x.Topic", Predicate: "r"}},
		`transform "a": `:      {{Alias: "a", Class: "x.Topic", Version: "9"}},
	} {
		made, predicates = nil, nil
		_, err := smt.Build(reg, steps, []smt.PredicateConfig{{Alias: "p", Class: "Yes"}, {Alias: "r", Class: "x.Nope"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		wantClosedOnce(t, made, predicates)
	}
}

func wantClosedOnce(t *testing.T, made []*script, predicates []*yesNo) {
	t.Helper()
	for _, s := range made {
		if s.closed != 1 {
			t.Errorf("a transform was closed %d times", s.closed)
		}
	}
	for _, p := range predicates {
		if p.closed != 1 {
			t.Errorf("a predicate was closed %d times", p.closed)
		}
	}
}

func TestTrace(t *testing.T) {
	chain := smt.NewChain(
		smt.Step{Alias: "a", Class: "A", Transform: topic("1")},
		smt.Step{Alias: "b", Class: "B", Transform: topic("2"), Predicate: is(false), PredicateAlias: "p"},
		smt.Step{Alias: "c", Class: "C", Transform: drops()},
		smt.Step{Alias: "d", Class: "D", Transform: topic("3")},
	)
	value := data.MapFrom("b", []byte{1}, "a", data.NewDecimal(125, 2))
	steps, out, err := chain.TraceSink(&data.SinkRecord{Record: data.Record{Topic: "t", Value: value}, Offset: 4})
	if err != nil || out != nil || len(steps) != 3 {
		t.Fatal(steps, out, err)
	}
	value.Put("b", "changed later")
	got, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	record := func(topic string) string {
		return `{"topic":"` + topic + `","partition":null,"offset":4,"timestamp":null,"keySchema":null,"key":null,` +
			`"valueSchema":null,"value":{"b":"AQ==","a":"1.25"},"headers":[]}`
	}
	want := `[{"alias":"a","class":"A","applied":true,"before":` + record("t") + `,"after":` + record("t1") + `},` +
		`{"alias":"b","class":"B","predicate":"p","applied":false,"before":` + record("t1") + `,"after":` + record("t1") + `},` +
		`{"alias":"c","class":"C","applied":true,"before":` + record("t1") + `,"dropped":true}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	failing := &script{apply: func(*data.Record) (*data.Record, error) { return nil, errs.Data.New("no") }}
	r := &data.Record{Topic: "t"}
	steps, out2, err := smt.NewChain(smt.Step{Alias: "a", Transform: topic("1")}, smt.Step{Alias: "f", Class: "F", Transform: failing}).Trace(r)
	if !errors.Is(err, errs.Data) || out2 != nil || len(steps) != 2 || steps[1].Error != err.Error() || r.Topic != "t" {
		t.Errorf("%+v %v %v", steps, err, r)
	}
}

func TestSchemaCache(t *testing.T) {
	var c smt.SchemaCache[int]
	build := func(name string) *data.Schema {
		return data.NewBuilder(data.StructType).Name(name).Field("a", data.StringSchema).MustBuild()
	}
	first := build("s")
	if _, ok := c.Get(first); ok {
		t.Error("an empty cache has an answer")
	}
	c.Put(first, 1)
	for range 3 * 1024 { // more schemas, all equal, than it keeps
		if v, ok := c.Get(build("s")); !ok || v != 1 {
			t.Fatalf("equal schema: %d %v", v, ok)
		}
	}
	other := build("t")
	if _, ok := c.Get(other); ok {
		t.Error("another schema has an answer")
	}
	c.Put(other, 2)
	for range 2 {
		if v, ok := c.Get(first); !ok || v != 1 {
			t.Errorf("first: %d %v", v, ok)
		}
		if v, ok := c.Get(other); !ok || v != 2 {
			t.Errorf("other: %d %v", v, ok)
		}
	}
	if n := testing.AllocsPerRun(100, func() { c.Get(first); c.Get(other) }); n != 0 {
		t.Errorf("%v allocations for known schemas", n)
	}
}
