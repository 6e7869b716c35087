package transforms

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
)

// sometimes is a predicate that holds for records with a topic of an even length.
type sometimes struct{}

func (sometimes) Configure(map[string]string) error { return nil }
func (sometimes) Test(r *data.Record) (bool, error) { return len(r.Topic)%2 == 0, nil }
func (sometimes) Close() error                      { return nil }

// randomSteps are transforms of which some make structs that the next copies, twice over: the second
// time each in a chain of its own, where nothing is used again.
func randomSteps(t *testing.T, g *rand.Rand) (chain *smt.Chain, alone []*smt.Chain) {
	t.Helper()
	var steps []smt.Step
	for i := range 2 + g.IntN(5) {
		kind, side, predicate := g.IntN(5), smt.Side(g.IntN(4)/3), g.IntN(4) == 0
		step := func() smt.Step {
			var x smt.Transform
			props := map[string]string{}
			switch kind {
			case 0:
				x, props["field"] = &hoistField{side: side}, "inner"
			case 1:
				x, props["topic.field"] = &insertField{side: side}, fmt.Sprint("topic", i)
			case 2:
				x, props["static.field"], props["static.value"] = &insertField{side: side}, fmt.Sprint("static", i), "x"
			case 3:
				x, props["fields"] = &maskField{side: side}, "a"
			case 4:
				x, props["renames"] = &replaceField{side: side}, fmt.Sprintf("a:a%d,b:a,a%d:b", i, i-1)
			}
			if err := x.Configure(props); err != nil {
				t.Fatal(err)
			}
			s := smt.Step{Alias: "s", Class: fmt.Sprintf("%T", x), Transform: x}
			if predicate {
				s.Predicate = sometimes{}
			}
			return s
		}
		steps = append(steps, step())
		alone = append(alone, smt.NewChain(step()))
	}
	return smt.NewChain(steps...), alone
}

// A chain that makes structs again in the same memory gives what its transforms give one by one, and
// records that came out before stay as they are.
func TestStructsAreUsedAgainUnseen(t *testing.T) {
	g := rand.New(rand.NewPCG(7, 8))
	one := data.StructOf("a", data.OptionalStringSchema, "b", data.OptionalInt64Schema)
	two := data.StructOf("b", data.OptionalStringSchema, "c", data.OptionalStringSchema, "a", data.OptionalInt64Schema)
	failed, kept := 0, 0
	for range 400 {
		chain, alone := randomSteps(t, g)
		var got, want []string
		var records []*data.Record
		for n := range 12 {
			in := data.Record{Topic: "topics"[:5+g.IntN(2)], KeySchema: one, Key: data.NewStruct(one).With("a", fmt.Sprint(n))}
			in.ValueSchema = one
			value := data.NewStruct(one).With("a", fmt.Sprint(n)).With("b", int64(n))
			if g.IntN(3) == 0 {
				in.ValueSchema, value = two, data.NewStruct(two).With("c", fmt.Sprint(n))
			}
			in.Value = value
			r := in
			out, err := chain.Apply(&r)
			got = append(got, fmt.Sprint(err))
			records = append(records, out)
			expect := in
			for _, c := range alone {
				if _, err = c.Apply(&expect); err != nil {
					break
				}
			}
			want = append(want, fmt.Sprint(err))
			if err != nil {
				failed++
				records[n] = nil
				want = append(want, "")
				continue
			}
			kept++
			want = append(want, data.Text(expect.Key)+data.Text(expect.Value))
		}
		for n, r := range records { // only now: they must not have changed since
			text := ""
			if r != nil {
				text = data.Text(r.Key) + data.Text(r.Value)
			}
			if got[n] != want[2*n] || text != want[2*n+1] {
				t.Fatalf("record %d of %v: %s %s, want %s %s", n, chain.Steps(), got[n], text, want[2*n], want[2*n+1])
			}
		}
	}
	if failed > kept || kept < 2000 {
		t.Errorf("%d records failed, %d came through", failed, kept)
	}
}

// Where the next transform keeps the struct or may not run, a new one is made each time.
func TestStructsThatAreNotUsedAgain(t *testing.T) {
	insert := func() *insertField {
		x := &insertField{side: smt.Value}
		if err := x.Configure(map[string]string{"static.field": "s", "static.value": "v"}); err != nil {
			t.Fatal(err)
		}
		return x
	}
	in := data.NewStruct(data.StructOf("a", data.StringSchema)).With("a", "x")
	for name, tt := range map[string]struct {
		next  smt.Step
		again bool
	}{
		"copied":      {smt.Step{Transform: insert()}, true},
		"kept inside": {smt.Step{Transform: &hoistField{side: smt.Value}}, false},
		"conditional": {smt.Step{Transform: insert(), Predicate: sometimes{}}, false},
		"other side":  {smt.Step{Transform: &insertField{side: smt.Key}}, false},
		"unknown":     {smt.Step{Transform: &valueToKey{}}, false},
	} {
		first := insert()
		smt.NewChain(smt.Step{Transform: first}, tt.next)
		var seen [2]any
		for i := range seen {
			r, err := first.Apply(&data.Record{ValueSchema: in.Schema(), Value: in})
			if err != nil {
				t.Fatal(err)
			}
			seen[i] = r.Value
		}
		if got := seen[0] == seen[1]; got != tt.again {
			t.Errorf("%s: used again: %t", name, got)
		}
	}
}
