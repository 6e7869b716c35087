package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if !errors.Is(err, errs.Config) || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

func TestDefineErrors(t *testing.T) {
	_, err := Define(Key{Name: "a", Type: Int, Required: true}, Key{Name: "a", Type: String, Required: true})
	wantError(t, err, "Configuration a is defined twice.")
	_, err = Define(Key{Name: "a", Type: Int, Default: "x"})
	wantError(t, err, "Invalid value x for configuration a: Not a number of type INT")
	_, err = Define(Key{Name: "a", Type: Int, Default: 1 << 40})
	wantError(t, err, "Invalid value 1099511627776 for configuration a: Expected value to be a 32-bit integer")
	_, err = Define(Key{Name: "a", Type: String, Default: 5})
	wantError(t, err, "Invalid value 5 for configuration a: Expected value to be a string")
	_, err = Define(Key{Name: "a", Type: List, Default: struct{}{}})
	wantError(t, err, "Invalid value {} for configuration a: Expected a comma separated list.")
	known := new(Def).WithClasses(func(name string) (string, bool) { return "full." + name, name == "Known" })
	_, err = known.With(Key{Name: "k", Type: Class, Default: "no.such.Class"})
	wantError(t, err, "Invalid value no.such.Class for configuration k: Class no.such.Class could not be found.")
	if _, err = known.With(Key{Name: "k", Type: Class, Default: "Known"}, Key{Name: "none", Type: Class}); err != nil {
		t.Error(err)
	}
	defer func() {
		if p := recover(); p != "config: Configuration a is defined twice." {
			t.Errorf("NewDef panics with %v", p)
		}
	}()
	NewDef(Key{Name: "a", Type: Int, Required: true}, Key{Name: "a", Type: Int, Required: true})
}

func TestDefaultsHaveTheTypeOfTheKey(t *testing.T) {
	for _, tt := range []struct {
		t         Type
		def, want any
	}{
		{Int, 5, int32(5)},
		{Int, int64(5), int32(5)},
		{Short, 5, int16(5)},
		{Long, int32(5), int64(5)},
		{Double, 5, 5.0},
		{Double, 0.5, 0.5},
		{Boolean, "TRUE", true},
		{List, []string(nil), []string{}},
		{List, "a, b", []string{"a", "b"}},
		{Password, "p", NewSecret("p")},
		{Password, NewSecret("p"), NewSecret("p")},
		{Class, "x.Y", "x.Y"},
		{String, nil, nil},
	} {
		v, err := NewDef(Key{Name: "k", Type: tt.t, Default: tt.def}).Parse(nil)
		if err != nil || !reflect.DeepEqual(v["k"], tt.want) {
			t.Errorf("%s %v: got %#v, %v; want %#v", tt.t, tt.def, v["k"], err, tt.want)
		}
	}
}

func TestKeyIsCompleted(t *testing.T) {
	d := NewDef(Key{Name: "a", Type: Int, Required: true, Default: "dropped"}, Key{Name: "b", Type: Int, Required: true, Group: "g", Order: 3, DisplayName: "B"})
	a, _ := d.Key("a")
	b, ok := d.Key("b")
	if a.Order != -1 || a.DisplayName != "a" || a.Default != nil || !ok || b.Order != 3 || b.DisplayName != "B" {
		t.Errorf("got %+v and %+v", a, b)
	}
	if _, ok := d.Key("c"); ok || d.Has("c") {
		t.Error("c is defined")
	}
}

func TestGetters(t *testing.T) {
	v := Values{
		"s": "x", "b": true, "i": int32(5), "h": int16(6), "l": int64(7), "d": 0.5, "list": []string{"a"},
		"p": NewSecret("geheim"), "null": nil, "ever": int64(math.MaxInt64), "never": int64(math.MinInt64),
	}
	if v.String("s") != "x" || !v.Bool("b") || v.Int("i") != 5 || v.Int("h") != 6 || v.Long("l") != 7 || v.Double("d") != 0.5 ||
		v.List("list")[0] != "a" || v.Password("p").Reveal() != "geheim" {
		t.Error("a getter is wrong")
	}
	if v.Millis("i") != 5*time.Millisecond || v.Millis("l") != 7*time.Millisecond || v.Millis("ever") != math.MaxInt64 || v.Millis("never") != math.MinInt64 {
		t.Error("Millis is wrong")
	}
	if v.String("null") != "" || v.Bool("null") || v.Int("null") != 0 || v.Long("null") != 0 || v.Double("null") != 0 ||
		v.List("null") != nil || v.Password("null").Reveal() != "" || v.Millis("null") != 0 || !v.IsNull("null") || v.IsNull("s") {
		t.Error("null isn't zero")
	}
	for name, f := range map[string]func(){
		"config: no setting x is defined":            func() { v.String("x") },
		"config: setting i is a int32, not a string": func() { v.String("i") },
		"config: setting s is a string, not a int64": func() { v.Millis("s") },
		"config: setting l is a int64, not a int32":  func() { v.Int("l") },
	} {
		func() {
			defer func() {
				if p := recover(); p != name {
					t.Errorf("panics with %v, want %s", p, name)
				}
			}()
			f()
		}()
	}
}

func TestSecretsStayHidden(t *testing.T) {
	s := NewSecret("geheim")
	j, err := json.Marshal(map[string]any{"p": s})
	if err != nil {
		t.Fatal(err)
	}
	refuse := LambdaValidator("", func(name string, v any) error { return Invalid(name, v, "no") })
	_, invalid := NewDef(Key{Name: "p", Type: Password, Required: true, Validator: refuse}).Parse(map[string]string{"p": "geheim"})
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q %d %x", s, s, s, s, s, s, s), string(j), invalid.Error(), *Text(s, Password),
		fmt.Sprintf("%v %+v %#v", Values{"p": s}, []Secret{s}, Key{Default: s}),
	} {
		if strings.Contains(text, "geheim") || strings.Contains(text, "676568") {
			t.Errorf("shown: %s", text)
		}
	}
	wantError(t, invalid, "Invalid value [hidden] for configuration p: no")
}

func TestDependents(t *testing.T) {
	never := RecommenderFuncs{
		Values:  func(string, map[string]any) []any { return []any{"x", "y"} },
		Applies: func(_ string, parsed map[string]any) bool { return parsed["parent"] == "on" },
	}
	twice := NewDef(
		Key{Name: "child", Type: Int, Required: true, Validator: AtLeast(1), Recommender: never},
		Key{Name: "parent", Type: String, Required: true, Dependents: []string{"child"}},
		Key{Name: "other", Type: String, Default: "", Dependents: []string{"child"}},
	)
	answer := twice.Validate(map[string]string{"parent": "off", "child": "0"})
	child, _ := answer.Get("child")
	wrong := "Invalid value 0 for configuration child: Value must be at least 1"
	if !slices.Equal(child.Errors, []string{wrong, wrong}) { // once for each parent, as in Java
		t.Errorf("errors %q", child.Errors)
	}
	if child.Visible || len(child.Recommended) != 2 {
		t.Errorf("got %+v", child)
	}
	if child, _ := twice.Validate(map[string]string{"parent": "on"}).Get("child"); !child.Visible {
		t.Errorf("got %+v", child)
	}
}

func TestUndefinedDependents(t *testing.T) {
	d := NewDef(Key{Name: "a", Type: String, Default: "", Dependents: []string{"b", "c", "b"}})
	_, err := d.Parse(nil)
	wantError(t, err, "Some configurations in are referred in the dependents, but not defined: b,c")
	got := d.Validate(nil)
	want := Validation{
		{Name: "a", Value: "", Visible: true},
		{Name: "b", Errors: []string{"b is referred in the dependents, but not defined."}},
		{Name: "c", Errors: []string{"c is referred in the dependents, but not defined."}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCircleOfDependents(t *testing.T) {
	d := NewDef(
		Key{Name: "root", Type: String, Default: "", Dependents: []string{"a"}},
		Key{Name: "a", Type: Int, Required: true, Dependents: []string{"b"}},
		Key{Name: "b", Type: Int, Required: true, Dependents: []string{"a"}},
		Key{Name: "own", Type: Int, Required: true, Dependents: []string{"own"}},
	)
	answer := d.Validate(nil)
	if n := answer.ErrorCount(); n != 2 { // of a and b; own is reached from nowhere
		t.Errorf("%d errors: %+v", n, answer)
	}
}

func TestWithConcatOverlay(t *testing.T) {
	a := NewDef(Key{Name: "a", Type: Int, Default: 1, Group: "g1"}, Key{Name: "b", Type: Int, Default: 2, Group: "g2"})
	b := NewDef(Key{Name: "b", Type: Int, Default: 3, Group: "g3"}, Key{Name: "c", Type: Int, Default: 4, Group: "g1"})
	if _, err := Concat(a, b); err == nil {
		t.Error("b can be defined twice")
	}
	more, err := a.With(Key{Name: "z", Type: Int, Default: 0})
	if err != nil || a.Has("z") || !more.Has("z") {
		t.Errorf("With changes the definition itself: %v", err)
	}
	o := a.Overlay(b)
	v, err := o.Parse(nil)
	if err != nil || v.Int("b") != 3 || !slices.Equal(o.Names(), []string{"a", "b", "c"}) || !slices.Equal(o.Groups(), []string{"g1", "g2", "g3"}) {
		t.Errorf("overlay: %v %v %v %v", v, err, o.Names(), o.Groups())
	}
	if v, err := a.Parse(nil); err != nil || v.Int("b") != 2 {
		t.Errorf("Overlay changes the definition itself: %v, %v", v, err)
	}
	if got := a.Undefined(map[string]string{"a": "", "y": "", "x": ""}); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("undefined: %v", got)
	}
}

func TestEmbed(t *testing.T) {
	seen := map[string]any{}
	child := NewDef(
		Key{Name: "low", Type: Int, Default: 1, Importance: Low, Validator: AtLeast(0)},
		Key{Name: "must", Type: String, Required: true, Group: "Own", Dependents: []string{"low"}, Recommender: RecommenderFuncs{
			Values: func(name string, parsed map[string]any) []any {
				seen[name] = parsed
				return nil
			},
		}},
		Key{Name: "high", Type: String, Default: "", Importance: High},
	)
	d, err := NewDef(Key{Name: "type", Type: String, Default: ""}).Embed("transforms.x.", "Transforms: x", 2, child)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range d.Keys() {
		got = append(got, fmt.Sprintf("%s/%s/%d", k.Name, k.Group, k.Order))
	}
	want := []string{"type//-1", "transforms.x.high/Transforms: x/2", "transforms.x.low/Transforms: x/3", "transforms.x.must/Transforms: x: Own/4"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	answer := d.Validate(map[string]string{"transforms.x.low": "-1", "transforms.x.must": "m"})
	low, _ := answer.Get("transforms.x.low")
	if !slices.Equal(low.Errors, []string{"Invalid value -1 for configuration low: Value must be at least 0"}) {
		t.Errorf("errors %q", low.Errors) // Java's validators see the short name too
	}
	if want := map[string]any{"must": map[string]any{"low": int32(-1), "must": "m", "high": ""}}; !reflect.DeepEqual(seen, want) {
		t.Errorf("recommender sees %v, want %v", seen, want)
	}
	if must, _ := d.Key("transforms.x.must"); !slices.Equal(must.Dependents, []string{"transforms.x.low"}) {
		t.Errorf("dependents %v", must.Dependents)
	}
}

func TestHashOrder(t *testing.T) { // the texts are those of Kafka 4.1.1's definitions
	for want, values := range map[string][]string{
		"(case insensitive) [DISABLED, ENABLED, PREPARING]":                      {"disabled", "preparing", "enabled"},
		"(case insensitive) [INTERVAL, POLL, CONNECTOR]":                         {"poll", "interval", "connector"},
		"(case insensitive) [ONLY_SCAN, SERVICE_LOAD, HYBRID_WARN, HYBRID_FAIL]": {"only_scan", "hybrid_warn", "hybrid_fail", "service_load"},
		"(case insensitive) [SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT]":          {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL", "ssl"},
		"(case insensitive) [REBOOTSTRAP, NONE]":                                 {"none", "rebootstrap"},
	} {
		if got := CaseInsensitiveValidString(values...).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestInfos(t *testing.T) {
	d := NewDef(
		Key{Name: "a", Type: List, Default: "x,y", Group: "g", Recommender: Recommend("x", 1.0)},
		Key{Name: "p", Type: Password, Required: true},
		Key{Name: "unsaid", Type: Int, Default: 7},
	)
	answer := Validation{
		{Name: "a", Value: []string{"old"}, Errors: []string{"doesn't count"}},
		{Name: "nobody", Value: []string{"1", "2"}, Errors: []string{"e1", "e2"}, Visible: true},
		{Name: "p", Value: NewSecret("geheim"), Errors: []string{"e3"}},
		{Name: "a", Value: []string{"x", "y"}, Recommended: []any{"x", 1.0}, Visible: true},
	}
	infos := d.Infos("x.Y", answer)
	if infos.Name != "x.Y" || infos.ErrorCount != 3 || !slices.Equal(infos.Groups, []string{"g"}) || len(infos.Configs) != 4 {
		t.Fatalf("got %+v", infos)
	}
	text := func(s string) *string { return &s }
	want := []InfoValue{
		{Name: "nobody", Value: text("[1, 2]"), Recommended: []string{}, Errors: []string{"e1", "e2"}, Visible: true},
		{Name: "a", Value: text("x,y"), Recommended: []string{"x", "1.0"}, Errors: []string{}, Visible: true},
		{Name: "p", Value: text("[hidden]"), Recommended: []string{}, Errors: []string{"e3"}},
		{},
	}
	for i, w := range want {
		if got := infos.Configs[i]; !reflect.DeepEqual(got.Value, w) || (got.Key == nil) != (i == 0) {
			t.Errorf("%d: got %+v, want %+v", i, got.Value, w)
		}
	}
	for i, w := range []*string{text("x,y"), nil, text("7")} {
		if got := infos.Configs[i+1].Key.DefaultText(); !reflect.DeepEqual(got, w) {
			t.Errorf("default %d: got %v, want %v", i, got, w)
		}
	}
}

func TestNames(t *testing.T) {
	got := fmt.Sprint(Boolean, String, Int, Short, Long, Double, List, Class, Password, Type(0), High, Medium, Low, WidthNone, WidthShort, WidthMedium, WidthLong)
	want := "BOOLEAN STRING INT SHORT LONG DOUBLE LIST CLASS PASSWORD Type(0) HIGH MEDIUM LOW NONE SHORT MEDIUM LONG"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAddError(t *testing.T) {
	v := Validation{{Name: "a", Visible: true}}
	v.AddError("a", "e1")
	v.AddError("b", "e2")
	want := Validation{{Name: "a", Errors: []string{"e1"}, Visible: true}, {Name: "b", Errors: []string{"e2"}, Visible: true}}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v", v)
	}
}

var benchDef = NewDef(
	Key{Name: "topic", Type: String, Required: true, Validator: NonEmptyString()},
	Key{Name: "batch.size", Type: Int, Default: 2000, Validator: AtLeast(1)},
	Key{Name: "fields", Type: List, Default: ""},
	Key{Name: "mode", Type: String, Default: "a", Validator: ValidString("a", "b")},
)

func BenchmarkParse(b *testing.B) {
	props := map[string]string{"topic": "t", "batch.size": " 50 ", "fields": "a, b,c", "unknown": "x"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := benchDef.Parse(props); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse: no text makes a panic, errors are errs.Config, Parse and Validate agree, and what a
// value prints parses to the same value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", " a , b ", "0x1p3", "-1", "１２", "٣", "NaN", "1e999", "tRuE", "+-1", "1_0", "\x00"} {
		f.Add(s)
	}
	var keys []Key
	for t := Boolean; t <= Password; t++ {
		keys = append(keys, Key{Name: t.String(), Type: t, Required: true})
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range keys {
			d := NewDef(k)
			props := map[string]string{k.Name: text}
			v, err := d.Parse(props)
			answer := d.Validate(props)
			if err != nil {
				if !errors.Is(err, errs.Config) || answer.ErrorCount() != 1 || answer[0].Errors[0] != err.Error() {
					t.Fatalf("%s: %v, but %+v", k.Type, err, answer)
				}
				continue
			}
			value := v[k.Name]
			if answer.ErrorCount() != 0 || !reflect.DeepEqual(answer[0].Value, value) && value == value {
				t.Fatalf("%s: parse %v, validate %+v", k.Type, value, answer)
			}
			if k.Type == Password {
				continue
			}
			again, err := ParseType("k", *Text(value, k.Type), k.Type)
			if err != nil || !reflect.DeepEqual(again, value) && value == value {
				t.Fatalf("%s: %#v prints %q, which is %#v, %v", k.Type, value, *Text(value, k.Type), again, err)
			}
		}
	})
}
