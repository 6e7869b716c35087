package config_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// vector is a line of config-parse.jsonl, recorded from Kafka Connect 4.1.1.
type vector struct {
	ID   string
	Keys []struct {
		Name      string
		Type      string
		Required  bool
		Default   *value
		Validator *struct {
			Kind, Text string
			Args       []value
		}
	}
	Props    map[string]*string
	Output   map[string]*value
	Error    *failure
	Validate []struct {
		Name   string
		Value  *value
		Errors []string
	}
	ValidateError *failure
}

type failure struct {
	When, ExceptionClass string
	Message              *string
}

type value struct {
	T string
	V json.RawMessage
}

// decode is the Go value that stands for a recorded one.
func (v *value) decode(t *testing.T) any {
	t.Helper()
	if v == nil {
		return nil
	}
	into := func(p any) {
		if err := json.Unmarshal(v.V, p); err != nil {
			t.Fatalf("vector value %s: %v", v.V, err)
		}
	}
	switch v.T {
	case "boolean":
		var b bool
		into(&b)
		return b
	case "array":
		var items []value
		into(&items)
		list := make([]string, len(items))
		for i := range items {
			list[i] = items[i].decode(t).(string)
		}
		return list
	}
	var s string
	into(&s)
	bits := map[string]int{"int16": 16, "int32": 32, "int64": 64}[v.T]
	n, err := strconv.ParseInt(s, 10, max(bits, 1))
	if bits > 0 && err != nil {
		t.Fatal(err)
	}
	switch v.T {
	case "string", "class":
		return s
	case "password":
		return config.NewSecret(s)
	case "int16":
		return int16(n)
	case "int32":
		return int32(n)
	case "int64":
		return n
	case "float64":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Fatalf("vector value of unknown type %q", v.T)
	return nil
}

func same(a, b any) bool {
	x, ok1 := a.(float64)
	y, ok2 := b.(float64)
	if ok1 && ok2 {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	return reflect.DeepEqual(a, b)
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	dir := os.Getenv("VECTORS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "testdata", "vectors")
	}
	f, err := os.Open(filepath.Join(dir, "config-parse.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("line %d: %v", len(all)+1, err)
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

var types = map[string]config.Type{
	"BOOLEAN": config.Boolean, "STRING": config.String, "INT": config.Int, "SHORT": config.Short,
	"LONG": config.Long, "DOUBLE": config.Double, "LIST": config.List, "CLASS": config.Class,
	"PASSWORD": config.Password,
}

func validator(t *testing.T, kind string, args []any) config.Validator {
	t.Helper()
	var texts []string
	for _, a := range args {
		if s, ok := a.(string); ok {
			texts = append(texts, s)
		}
	}
	switch kind {
	case "atLeast":
		switch least := args[0].(type) {
		case int32:
			return config.AtLeast(least)
		case int64:
			return config.AtLeast(least)
		}
	case "between":
		switch least := args[0].(type) {
		case int16:
			return config.Between(least, args[1].(int16))
		case int32:
			return config.Between(least, args[1].(int32))
		case float64:
			return config.Between(least, args[1].(float64))
		}
	case "nonNull+atLeast":
		return config.Composite(config.NonNull(), config.AtLeast(args[0].(int32)))
	case "validString":
		return config.ValidString(texts...)
	case "caseInsensitiveValidString":
		return config.CaseInsensitiveValidString(texts...)
	case "validList":
		return config.ValidList(texts...)
	case "listSize":
		return config.ListSize(int(args[0].(int32)))
	case "nonNull":
		return config.NonNull()
	case "nonEmptyString":
		return config.NonEmptyString()
	case "nonEmptyStringWithoutControlChars":
		return config.NonEmptyStringWithoutControlChars()
	}
	t.Fatalf("validator %s of %T is not known here", kind, args)
	return nil
}

// classes are those that the recording JVM could load, of those that the cases name.
func classes(name string) (string, bool) {
	return name, slices.Contains([]string{
		"java.lang.String",
		"org.apache.kafka.connect.json.JsonConverter",
		"org.apache.kafka.connect.transforms.InsertField$Value",
	}, name)
}

func TestVectorsConfigParse(t *testing.T) {
	all := readVectors(t)
	if len(all) != 628 && os.Getenv("VECTORS_DIR") == "" {
		t.Errorf("%d cases, want 628", len(all))
	}
	for _, v := range all {
		t.Run(v.ID, func(t *testing.T) { v.run(t) })
	}
}

func (v vector) run(t *testing.T) {
	var keys []config.Key
	for _, k := range v.Keys {
		key := config.Key{Name: k.Name, Type: types[k.Type], Required: k.Required, Default: k.Default.decode(t)}
		if k.Validator != nil {
			args := make([]any, len(k.Validator.Args))
			for i := range args {
				args[i] = k.Validator.Args[i].decode(t)
			}
			key.Validator = validator(t, k.Validator.Kind, args)
			if got := key.Validator.String(); got != k.Validator.Text {
				t.Errorf("validator prints %q, want %q", got, k.Validator.Text)
			}
		}
		keys = append(keys, key)
	}
	def, err := new(config.Def).WithClasses(classes).With(keys...)
	if v.Error != nil && v.Error.When == "define" {
		v.Error.check(t, err)
		return
	}
	if err != nil {
		t.Fatalf("define: %v", err)
	}
	got, err := def.ParseNullable(v.Props)
	if v.Error != nil {
		v.Error.check(t, err)
	} else {
		v.checkOutput(t, got, err)
	}
	v.checkValidation(t, def.ValidateNullable(v.Props))
}

func (v vector) checkOutput(t *testing.T, got config.Values, err error) {
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if len(got) != len(v.Output) {
		t.Errorf("got %d settings, want %d", len(got), len(v.Output))
	}
	for name, want := range v.Output {
		if w := want.decode(t); !same(got[name], w) {
			t.Errorf("%s: got %T %v, want %T %v", name, got[name], got[name], w, w)
		}
	}
}

func (v vector) checkValidation(t *testing.T, got config.Validation) {
	if v.ValidateError != nil {
		// Java's call fails with a NullPointerException; ours says which setting is at fault.
		if got.ErrorCount() == 0 {
			t.Errorf("validate finds no error, want one in place of %s", v.ValidateError.ExceptionClass)
		}
		return
	}
	if len(got) != len(v.Validate) {
		t.Errorf("validate tells of %d settings, want %d", len(got), len(v.Validate))
	}
	for _, want := range v.Validate {
		g, ok := got.Get(want.Name)
		if !ok {
			t.Errorf("validate tells nothing of %s", want.Name)
			continue
		}
		if w := want.Value.decode(t); !same(g.Value, w) {
			t.Errorf("validate: %s: got %v, want %v", want.Name, g.Value, w)
		}
		if !slices.Equal(g.Errors, want.Errors) {
			t.Errorf("validate: %s: got errors %q, want %q", want.Name, g.Errors, want.Errors)
		}
	}
}

// check compares an error's category and, because here they all agree, its text.
func (f failure) check(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s %s", f.ExceptionClass, show(f.Message))
	}
	wantConfig := f.ExceptionClass == errs.Config.Class()
	if isConfig := errs.KindOf(err) == errs.Config; isConfig != wantConfig {
		t.Errorf("error of kind %s, want %s", errs.ClassOf(err), f.ExceptionClass)
	}
	if f.Message != nil && errs.Message(err) != *f.Message {
		t.Errorf("error %q, want %q", errs.Message(err), *f.Message)
	}
}

func show(s *string) string {
	if s == nil {
		return "(any text)"
	}
	return fmt.Sprintf("%q", *s)
}
