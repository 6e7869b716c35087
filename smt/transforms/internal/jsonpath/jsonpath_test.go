package jsonpath_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/transforms/internal/jsonpath"
)

var itemSchema = data.StructOf("name", data.StringSchema, "price", data.Float64Schema)

// doc is a document of maps, lists and a struct.
func doc() any {
	item := func(name string, price float64) any {
		return data.NewStruct(itemSchema).With("name", name).With("price", price)
	}
	return data.MapFrom(
		"status", "ok", "n", int32(7), "text7", "7", "none", nil, "flag", true,
		"key", data.MapFrom("nestedKey", "value1", "deep", data.MapFrom("x", int64(1))),
		"items", []any{item("pen", 1.5), item("ink", 12.0), item("cap", 0.0)},
		"tags", []any{"a", "b"}, "dotted.name", "d",
	)
}

func TestFind(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"$", "1"},
		{"$.status", "ok"},
		{"$['status']", "ok"},
		{`$["key"]["nestedKey"]`, "value1"},
		{"$['dotted.name']", "d"},
		{"$.none", "null"},
		{"$.nope", "not found"},
		{"$.nope.x", "not found"},
		{"$.status.x", "not found"},
		{"$.items[1].name", "ink"},
		{"$.items[-1].name", "cap"},
		{"$.items[9].name", "not found"},
		{"$.items[0,2].name", "pen cap"},
		{"$.items[1:].name", "ink cap"},
		{"$.items[:-1].name", "pen ink"},
		{"$.items[*].name", "pen ink cap"},
		{"$.items.length()", "3"},
		{"$..name", "pen ink cap"},
		{"$..x", "1"},
		{"$.items[?(@.price > 1)].name", "pen ink"},
		{"$.items[?(@.price >= 1.5 && @.name != 'ink')].name", "pen"},
		{"$.items[?(!(@.price > 1) || @.name == \"pen\")].name", "pen cap"},
		{"$.items[?(@.name =~ /P.*/i)].name", "pen"},
		{"$.items[?(@.name =~ /p/)].name", ""},
		{"$.items[?(@.name in ['cap', 'ink'])].name", "ink cap"},
		{"$.items[?(@.name nin ['cap', 'ink'])].name", "pen"},
		{"$.items[?(@.nope)].name", ""},
		{"$.items[?(@.nope == 'x')].name", ""},
		{"$.items[?(@.price < $.n)].name", "pen cap"},
		// A filter on a map asks about the map itself.
		{"$.key[?(@.nestedKey == 'value1' || @.nestedKey == 'value2')].nestedKey", "value1"},
		{"$[?(@.status == 'ok')].status", "ok"},
		{"$.[?(@.n)].n", "7"},
		{"$[?(@.status == 'bad')].status", ""},
		{"$[?(@.none == null)].n", "7"},
		{"$[?(@.text7 == 7)].n", "7"},
		{"$[?(@.n == '7')].n", "7"},
		{"$[?(@.flag == true)].n", "7"},
		{"$[?(@.tags contains 'a')].n", "7"},
		{"$[?(@.tags size 2)].n", "7"},
		{"$[?(@.tags empty false)].n", "7"},
		{"$[?(@.tags subsetof ['a','b','c'])].n", "7"},
		{"$[?(@.tags anyof ['z','b'])].n", "7"},
		{"$[?(@.tags noneof ['z'])].n", "7"},
		{"$[?(@.key.deep.x == 1)].n", "7"},
		{"$.status[?(@.x)]", "primitive"},
		{"$['status','n']", "{status=ok, n=7}"},
		{"$['status','nope'].x", ""},
	} {
		p, err := jsonpath.Compile(tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		found, err := p.Find(doc())
		var texts []string
		for _, v := range found {
			texts = append(texts, data.Text(v))
		}
		got := strings.Join(texts, " ")
		switch {
		case errors.Is(err, jsonpath.ErrNotFound):
			got = "not found"
		case errors.Is(err, jsonpath.ErrPrimitive):
			got = "primitive"
		case err != nil:
			t.Errorf("%s: %v", tt.path, err)
		case tt.path == "$":
			got = "1"
		}
		if got != tt.want {
			t.Errorf("%s finds %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, path := range []string{
		"", "status", "$.", "$..", "$[", "$[1", "$['a", "$[?(@.a", "$[?(@.a ==)]", "$[?('x')]", "$.a.min()", "$[?(@.a =~ /x)]",
		"$[?(@.a =~ /(/)]", "$.a b", "$[?(@.a == word)]", "$[x]", "$[?(" + strings.Repeat("(", 200), "$[99999999999999999999]",
	} {
		if p, err := jsonpath.Compile(path); err == nil {
			t.Errorf("%q is read as %v", path, p)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, path := range []string{"$..x", "$[?(@.a =~ /x/i && !(@.b in ['c',1]))]", "$['a',\"b\"][1:2][-1,0].*", "$.items.length()"} {
		f.Add(path)
	}
	f.Fuzz(func(_ *testing.T, path string) {
		p, err := jsonpath.Compile(path)
		if err != nil {
			return
		}
		_, _ = p.Find(doc()) // that it answers is what counts
	})
}
