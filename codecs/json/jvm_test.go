package json_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TestAsJVM compares with what the JVM's converter was recorded to make of random and odd
// payloads. Errors are compared with their message, except those of the java.* classes.
func TestAsJVM(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "codecs", "json_jvm.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var c [4]codecs.Converter
	for i := range c {
		props := map[string]string{"schemas.enable": strconv.FormatBool(i&1 == 1)}
		if i&2 == 2 {
			props["decimal.format"], props["replace.null.with.default"] = "NUMERIC", "false"
		}
		c[i] = newConverter(t, props)
	}
	cases := 0
	for line := range strings.Lines(string(raw)) {
		if line[0] == '#' {
			continue
		}
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		payload, err := base64.StdEncoding.DecodeString(columns[0])
		if err != nil || len(columns) != 1+len(c) {
			t.Fatalf("bad line %q: %v", line, err)
		}
		for i := range c {
			cases++
			if got := outcome(c[i], c, payload); got != columns[1+i] {
				t.Errorf("settings %d, payload %q:\n got %s\nwant %s", i, payload, got, columns[1+i])
			}
		}
	}
	if cases < 1000 {
		t.Fatalf("only %d cases", cases)
	}
}

// outcome is a case's outcome in the form of the file.
func outcome(reader codecs.Converter, writers [4]codecs.Converter, payload []byte) string {
	sv, err := reader.ToConnect("t", payload)
	if err != nil {
		return failure(err)
	}
	out := sch(sv.Schema) + " " + val(sv.Value)
	if !ordered(sv.Value) || !orderedSchema(sv.Schema) {
		return out
	}
	for _, w := range writers {
		switch b, err := w.FromConnect("t", sv.Schema, sv.Value); {
		case err != nil:
			out += " | " + failure(err)
		case b == nil:
			out += " | null"
		default:
			out += " | " + base64.StdEncoding.EncodeToString(b)
		}
	}
	return out
}

func failure(err error) string {
	cat := "other"
	for _, k := range []*errs.Kind{errs.SchemaBuilder, errs.SchemaProjector, errs.Data, errs.Connect, errs.Config, errs.Serialization} {
		if errors.Is(err, k) {
			cat = k.Class()[strings.LastIndexByte(k.Class(), '.')+1:]
			break
		}
	}
	return "E " + cat + " " + strings.ReplaceAll(strings.ReplaceAll(errs.Message(err), "\n", " "), "\r", " ")
}

// val is a value with its type.
func val(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return esc(v)
	case []byte:
		return "b:" + base64.StdEncoding.EncodeToString(v)
	case float32:
		if v != v {
			return "f32:7fc00000"
		}
		return "f32:" + strconv.FormatUint(uint64(math.Float32bits(v)), 16)
	case float64:
		return "f64:" + strconv.FormatUint(math.Float64bits(v), 16)
	case time.Time:
		return "date:" + strconv.FormatInt(v.UnixMilli(), 10)
	case data.Decimal:
		return "dec:" + v.Unscaled.String() + "/" + strconv.Itoa(int(v.Scale))
	case []any:
		s := "["
		for _, e := range v {
			s += val(e) + ","
		}
		return s + "]"
	case *data.Map:
		var l []string
		for _, e := range v.Entries() {
			l = append(l, val(e.Key)+"="+val(e.Value))
		}
		slices.Sort(l)
		return "{" + strings.Join(l, ",") + "}"
	case *data.Struct:
		s := "S("
		for i, f := range v.Schema().Fields() {
			s += esc(f.Name) + "=" + val(v.At(i)) + ","
		}
		return s + ")"
	}
	n := data.JavaClass(v)
	return n[strings.LastIndexByte(n, '.')+1:] + ":" + fmt.Sprint(v)
}

// esc is a string in quotes and ASCII, a Java character at a time.
func esc(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 && i+3 <= len(s) && s[i] == 0xed {
			r = 0xd000 | rune(s[i+1]&0x3f)<<6 | rune(s[i+2]&0x3f)
			n = 3
		}
		i += n
		switch {
		case r >= 0x20 && r < 0x7f && r != '"' && r != '\\':
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, "\\u%04x\\u%04x", 0xd800|r>>10, 0xdc00|r&0x3ff)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String() + `"`
}

// sch is a schema with everything in it.
func sch(s *data.Schema) string {
	if s == nil {
		return "null"
	}
	b := "<" + s.Type().String()
	if s.Optional() {
		b += "?"
	}
	if s.Name() != "" {
		b += " n=" + esc(s.Name())
	}
	if v, ok := s.Version(); ok {
		b += " v=" + strconv.Itoa(int(v))
	}
	if s.Doc() != "" {
		b += " d=" + esc(s.Doc())
	}
	for _, p := range s.Parameters() {
		b += " p=" + esc(p.Name) + ":" + esc(p.Value)
	}
	if s.Default() != nil {
		b += " def=" + val(s.Default())
	}
	for _, f := range s.Fields() {
		b += " " + esc(f.Name) + sch(f.Schema)
	}
	if s.Type() == data.Array {
		b += " e=" + sch(s.ValueSchema())
	}
	if s.Type() == data.MapType {
		b += " k=" + sch(s.KeySchema()) + " e=" + sch(s.ValueSchema())
	}
	return b + ">"
}

// ordered reports whether a value has no map of several entries, whose order is Java's secret.
func ordered(v any) bool {
	switch v := v.(type) {
	case *data.Map:
		if v.Len() > 1 {
			return false
		}
		for _, e := range v.Entries() {
			if !ordered(e.Key) || !ordered(e.Value) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if !ordered(e) {
				return false
			}
		}
	case *data.Struct:
		for i := range v.Schema().Fields() {
			if !ordered(v.At(i)) {
				return false
			}
		}
	}
	return true
}

func orderedSchema(s *data.Schema) bool {
	if s == nil {
		return true
	}
	for _, f := range s.Fields() {
		if !orderedSchema(f.Schema) {
			return false
		}
	}
	return ordered(s.Default()) && orderedSchema(s.KeySchema()) && orderedSchema(s.ValueSchema())
}
