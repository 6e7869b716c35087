package storage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

func TestHashOrder(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(read(t, golden+"hashorder.txt"))), "\n")
	for _, line := range lines {
		m := map[string]any{}
		for name := range strings.SplitSeq(line, " ") {
			m[name] = 1
		}
		if got := strings.Join(java.MapOrder(m), " "); got != line {
			t.Errorf("order %s\nwant  %s", got, line)
		}
	}
	if len(lines) < 60 {
		t.Errorf("only %d sets", len(lines))
	}
}

func TestFloats(t *testing.T) {
	sc := bufio.NewScanner(bytes.NewReader(read(t, golden+"floats.txt")))
	n := 0
	for ; sc.Scan(); n++ {
		f := strings.Fields(sc.Text())
		bits, err := strconv.ParseUint(f[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		var v any = math.Float64frombits(bits)
		if f[0] == "f" {
			v = math.Float32frombits(uint32(bits))
		}
		if got, _ := appendValue(nil, v); string(got) != f[2] {
			t.Errorf("%s %v: %s, want %s", f[0], v, got, f[2])
		}
	}
	if n != 36 {
		t.Errorf("%d numbers", n)
	}
}

func TestEncodeOffsetKey(t *testing.T) {
	for _, tt := range []struct {
		connector string
		partition map[string]any
		want      string
	}{
		{"fs", map[string]any{"filename": "test.txt"}, `["fs",{"filename":"test.txt"}]`},
		{"src-1", map[string]any{"zz": "0", "aa": 5}, `["src-1",{"aa":5,"zz":"0"}]`},
		{"a\"\\/\b\f\n\r\t\x1b\x00", nil, `["a\"\\/\b\f\n\r\t\u001B\u0000",null]`},
		{"<&>\u2028\u007f é", map[string]any{}, "[\"<&>\u2028\u007f é\",{}]"},
		{"😀", map[string]any{"b\xff": []byte{1, 2, 3}}, `["\uD83D\uDE00",{"b` + "\uFFFD" + `":"AQID"}]`},
		{
			"n",
			map[string]any{"a": int8(1), "b": int64(-5), "c": uint16(7), "d": json.Number("12"), "e": json.Number("1e3"), "f": nil, "g": true},
			`["n",{"a":1,"b":-5,"c":7,"d":12,"e":1000.0,"f":null,"g":true}]`,
		},
		{"n", map[string]any{"a": math.NaN(), "b": math.Inf(1), "c": math.Inf(-1)}, `["n",{"a":"NaN","b":"Infinity","c":"-Infinity"}]`},
		{
			"n",
			map[string]any{"a": json.Number("9223372036854775808"), "b": json.Number("18446744073709551617"), "c": json.Number("-9223372036854775809")},
			`["n",{"a":-9223372036854775808,"b":1,"c":9223372036854775807}]`,
		},
	} {
		got, err := EncodeOffsetKey(tt.connector, tt.partition)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
		}
		connector, partition, err := DecodeOffsetKey(got)
		if err != nil || connector != tt.connector || len(partition) != len(tt.partition) {
			t.Errorf("decoded %q %v, %v", connector, partition, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, v := range []any{[]any{1}, map[string]any{}, struct{}{}, complex(1, 1), json.Number("x")} {
		_, err := EncodeOffset(map[string]any{"fine": 1, "field": v})
		if !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), "field field contains") {
			t.Errorf("%T: %v", v, err)
		}
		if _, err := EncodeOffsetKey("c", map[string]any{"field": v}); !errors.Is(err, errs.Data) {
			t.Errorf("%T in a key: %v", v, err)
		}
	}
	if b, err := EncodeOffset(nil); b != nil || err != nil {
		t.Errorf("nil offset: %q, %v", b, err)
	}
}

func TestDecodeOffset(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want map[string]any
		err  string
	}{
		{
			`{"n":1,"dbl":1.5,"nul":null,"b":true,"big":1.0E21,"by":"AQID"}`,
			map[string]any{"n": int64(1), "dbl": 1.5, "nul": nil, "b": true, "big": 1e21, "by": "AQID"},
			"",
		},
		{`{"n":9223372036854775808,"e":1e400}`, map[string]any{"n": int64(math.MinInt64), "e": math.Inf(1)}, ""},
		{` {"n":1} trailing`, map[string]any{"n": int64(1)}, ""},
		{"", nil, ""},
		{"null", nil, ""},
		{"[]", nil, "must be specified as a Map"},
		{"{", nil, "is not JSON"},
		{`{"a":{}}`, nil, "field a contains MAP"},
		{`{"a":[1]}`, nil, "field a contains ARRAY"},
	} {
		got, err := DecodeOffset([]byte(tt.in))
		if tt.err != "" {
			if !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %q", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, %v", tt.in, got, err)
		}
	}
}

func TestDecodeOffsetKeyRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "is not JSON",
		"{}":                     "is not an array",
		`["a"]`:                  "is not an array",
		`["a",{},1]`:             "is not an array",
		`[1,{}]`:                 "connector's name",
		`["a",[]]`:               "not an object",
		`["a",{"b":{}}]`:         "contains MAP",
		`["a",{"b":1}`:           "is not JSON",
		strings.Repeat("x", 500): "…",
	} {
		if _, _, err := DecodeOffsetKey([]byte(in)); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	got, err := Normalize(map[string]any{"i": json.Number("7"), "f": json.Number("3.0"), "n": int16(2), "b": []byte("x")})
	want := map[string]any{"i": int64(7), "f": 3.0, "n": int64(2), "b": "eA=="}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

// A partition written by another worker, in another order, is the same partition.
func TestOffsetTable(t *testing.T) {
	tab := NewOffsetTable()
	theirs, ours := `["c",{"topic":"t","partition":1}]`, `["c",{"partition":1,"topic":"t"}]`
	if !tab.Apply(Pair{[]byte(theirs), []byte("1")}) {
		t.Error("key not understood")
	}
	if got := tab.Get([]byte(ours)); string(got) != "1" {
		t.Errorf("Get = %q", got)
	}
	if got := tab.KeyFor([]byte(ours)); string(got) != theirs {
		t.Errorf("KeyFor = %s", got)
	}
	for _, other := range []string{`["c",{"topic":"t","partition":1.0}]`, `["c",{"topic":"t","partition":"1"}]`, `["d",{"topic":"t","partition":1}]`, `["c",{"topic":"t"}]`} {
		if got := tab.Get([]byte(other)); got != nil {
			t.Errorf("%s found %q", other, got)
		}
		if got := tab.KeyFor([]byte(other)); string(got) != other {
			t.Errorf("KeyFor(%s) = %s", other, got)
		}
	}
	for _, odd := range []string{"", "x", "[]", `[1,{}]`, `["a",[]]`} {
		if tab.Apply(Pair{[]byte(odd), []byte("odd")}) {
			t.Errorf("%q understood", odd)
		}
		if got := tab.Get([]byte(odd)); string(got) != "odd" {
			t.Errorf("Get(%q) = %q", odd, got)
		}
	}
	tab.Apply(Pair{[]byte(`["c",null]`), []byte("{}")})
	tab.Apply(Pair{[]byte(`["c",{"gone":1}]`), nil})
	if got := tab.Connector("c"); len(got) != 1 || string(got[0].Key) != theirs {
		t.Errorf("Connector = %q", got)
	}
	if tab.Len() != 8 || len(tab.Pairs()) != 8 {
		t.Errorf("Len = %d", tab.Len())
	}
}

func FuzzDecodeOffsetKey(f *testing.F) {
	f.Add([]byte(`["a",{"b":1,"c":"\ud83d\ude00","d":1.5e3}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab := NewOffsetTable()
		tab.Apply(Pair{b, b})
		connector, partition, err := DecodeOffsetKey(b)
		if err != nil {
			return
		}
		key, err := EncodeOffsetKey(connector, partition)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		c2, p2, err := DecodeOffsetKey(key)
		if err != nil || c2 != connector || !reflect.DeepEqual(p2, partition) {
			t.Fatalf("%q -> %q: %v %v, %v", b, key, c2, p2, err)
		}
	})
}

// FuzzDecodeOffset: what can be read of a stored offset is read the same after it was written again.
func FuzzDecodeOffset(f *testing.F) {
	for _, s := range []string{
		`{"position":12345,"x":1.5e3,"t":true,"n":null,"s":"\\ud83d\\ude00"}`, `null`, ``, `{}`, `[]`, `{"a":{}}`, `{"a":1e999}`,
		`{"a":99999999999999999999}`, `{"a":-0.0,"b":5e-324}`, `{"a":"\\ud800"}`, `{"a":1}trailing`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeOffset(b)
		if err != nil {
			if !errors.Is(err, errs.Data) {
				t.Errorf("%q: %v", b, err)
			}
			return
		}
		if m == nil {
			return
		}
		again, err := EncodeOffset(m)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		got, err := DecodeOffset(again)
		if err != nil {
			t.Fatalf("%q -> %q: %v", b, again, err)
		}
		for k, v := range m { // what JSON has no number for is text when it is read
			if n, ok := v.(float64); ok && (math.IsInf(n, 0) || math.IsNaN(n)) {
				m[k] = java.Float64Text(n)
			}
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("%q -> %q: %v, want %v", b, again, got, m)
		}
	})
}

func BenchmarkEncodeOffsetKey(b *testing.B) {
	p := map[string]any{"filename": "/var/log/app/server.log"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeOffsetKey("file-source", p); err != nil {
			b.Fatal(err)
		}
	}
}
