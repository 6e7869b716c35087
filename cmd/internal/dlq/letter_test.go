package dlq

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

func header(key, value string) kafka.RecordHeader {
	return kafka.RecordHeader{Key: key, Value: []byte(value)}
}

// failure are the context headers of a sink's dead letter.
func failure(topic, partition, offset, connector, stage, exception string) []kafka.RecordHeader {
	var out []kafka.RecordHeader
	for _, h := range [][2]string{
		{"topic", topic},
		{"partition", partition},
		{"offset", offset},
		{"connector.name", connector},
		{"task.id", "2"},
		{"stage", stage},
		{"class.name", "a.Converter"},
		{"exception.class.name", exception},
		{"exception.message", "no good"},
		{"exception.stacktrace", exception + ": no good\n\tat a.B.c(B.java:1)\n"},
	} {
		out = append(out, header(deadletters.HeaderPrefix+h[0], h[1]))
	}
	return out
}

func TestRead(t *testing.T) {
	own := []kafka.RecordHeader{header("a", "1"), header("b", "2")}
	first := failure("orders", "3", "17", "strict", "VALUE_CONVERTER", "a.DataException")
	second := failure("dead", "0", "4", "again", "TASK_PUT", "a.Other")
	want := &Context{
		Topic: "orders", Partition: 3, Offset: 17, Connector: "strict", Task: 2, Stage: "VALUE_CONVERTER", Class: "a.Converter",
		Exception: "a.DataException", Message: "no good", Stack: "a.DataException: no good\n\tat a.B.c(B.java:1)\n",
	}
	twice := *want
	twice.Topic, twice.Partition, twice.Offset, twice.Connector, twice.Stage, twice.Exception = "dead", 0, 4, "again", "TASK_PUT", "a.Other"
	twice.Stack = strings.ReplaceAll(want.Stack, "a.DataException", "a.Other")
	source := &Context{Topic: "out", Partition: -1, Offset: -1, Task: -1, Other: []Other{{"source.partition", `{"f":1}`}, {"source.value.format", "json"}}}
	join := func(lists ...[]kafka.RecordHeader) (out []kafka.RecordHeader) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	prefixed := func(name, value string) kafka.RecordHeader { return header(deadletters.HeaderPrefix+name, value) }
	for _, tt := range []struct {
		name    string
		in      []kafka.RecordHeader
		context *Context
		headers []kafka.RecordHeader
	}{
		{"plain", own, nil, own},
		{"none", nil, nil, nil},
		{"sink", join(own, first), want, own},
		{"sink without headers of its own", first, want, nil},
		{"failed twice", join(own, first, second), &twice, join(own, first)},
		{"headers added behind", join(first, own), want, own},
		{"source", join(own, []kafka.RecordHeader{prefixed("topic", "out"), prefixed("source.partition", `{"f":1}`), prefixed("source.value.format", "json")}), source, own},
		{"no numbers", []kafka.RecordHeader{prefixed("topic", "t"), prefixed("partition", "x"), prefixed("offset", "-7")}, &Context{Topic: "t", Partition: -1, Offset: -1, Task: -1}, nil},
	} {
		l := Read(&kafka.Record{Headers: tt.in})
		if !reflect.DeepEqual(l.Context, tt.context) || !reflect.DeepEqual(l.Headers, tt.headers) {
			t.Errorf("%s: %+v, %v, want %+v, %v", tt.name, l.Context, l.Headers, tt.context, tt.headers)
		}
	}
	if got := want.Origin(); got != "orders-3@17" {
		t.Errorf("origin %q", got)
	}
}

func TestAltered(t *testing.T) {
	for _, tt := range []struct {
		other []Other
		want  string
	}{
		{nil, ""},
		{[]Other{{"source.key.format", "converted"}, {"source.value.format", "converted"}}, ""},
		{[]Other{{"source.key.format", "converted"}, {"source.value.format", "json"}}, "value was converted, which is there as json"},
		{[]Other{{"source.key.format", "text"}}, "key was converted, which is there as text"},
		{[]Other{{"source.value.format", "converted"}, {"source.value.size", "2000000"}}, "was cut (its value had 2000000 bytes)"},
	} {
		got := (&Context{Other: tt.other}).altered()
		if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%v: %q, want %q", tt.other, got, tt.want)
		}
	}
}

func TestFilter(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	with := Read(&kafka.Record{
		Topic: "dead", Partition: 1, Offset: 7, Key: []byte("k"), Timestamp: at,
		Headers: failure("orders", "3", "17", "strict", "VALUE_CONVERTER", "a.DataException"),
	})
	without := Read(&kafka.Record{Topic: "dead", Partition: 1, Offset: 7, Key: []byte("k"), Timestamp: at})
	ms := func(d time.Duration) *int64 { n := at.Add(d).UnixMilli(); return &n }
	key := func(s string) *string {
		k, err := ParseKey(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, tt := range []struct {
		filter    Filter
		with, not bool // what is said of the letters with and without context
	}{
		{Filter{}, true, true},
		{Filter{Connectors: []string{"x", "strict"}}, true, false},
		{Filter{Connectors: []string{"x"}}, false, false},
		{Filter{Stages: []string{"value_converter"}}, true, false},
		{Filter{Stages: []string{"TASK_PUT"}}, false, false},
		{Filter{Origins: []string{"orders"}}, true, false},
		{Filter{Origins: []string{"dead"}}, false, false},
		{Filter{Exception: `^a\.Data.*: no good$`}, true, false},
		{Filter{Exception: `java`}, false, false},
		{Filter{Exception: `\.[A-Z&&[^E]]ata(?=Ex)`}, true, false}, // Java's syntax
		{Filter{From: ms(0)}, true, true},
		{Filter{From: ms(1)}, true, true}, // a nanosecond is none
		{Filter{From: ms(time.Millisecond)}, false, false},
		{Filter{To: ms(time.Millisecond)}, true, true},
		{Filter{To: ms(0)}, false, false},
		{Filter{Partitions: []int32{2, 1}}, true, true},
		{Filter{Partitions: []int32{0}}, false, false},
		{Filter{Offsets: &Span{7, 7}}, true, true},
		{Filter{Offsets: &Span{8, 9}}, false, false},
		{Filter{Offsets: &Span{0, 6}}, false, false},
		{Filter{Key: key("k")}, true, true},
		{Filter{Key: key("base64:aw==")}, true, true},
		{Filter{Key: key("")}, false, false},
		{Filter{Connectors: []string{"strict"}, Partitions: []int32{0}}, false, false},
	} {
		if err := tt.filter.Prepare(); err != nil {
			t.Fatal(err)
		}
		a, err1 := tt.filter.Match(&with)
		b, err2 := tt.filter.Match(&without)
		if err1 != nil || err2 != nil || a != tt.with || b != tt.not {
			t.Errorf("%s: %v and %v, want %v and %v", tt.filter.String(), a, b, tt.with, tt.not)
		}
	}
	slow := Filter{Exception: `(a|aa)+$b`}
	if err := slow.Prepare(); err != nil {
		t.Fatal(err)
	}
	stuck := with
	where := *with.Context
	where.Message = strings.Repeat("a", 1_000)
	stuck.Context = &where
	if _, err := slow.Match(&stuck); !errors.Is(err, regex.ErrTooComplex) || !strings.Contains(err.Error(), "--exception") {
		t.Errorf("an expression without end: %v", err)
	}
	bad := Filter{Exception: "("}
	if bad.Prepare() == nil {
		t.Error("an expression that is none is taken")
	}
}

// TestFilterString: filters that mean the same are the same, others are not; an empty key is not any.
func TestFilterString(t *testing.T) {
	empty := ""
	for _, tt := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "{}"},
		{Filter{Connectors: []string{"b", "a", "b"}, Stages: []string{"task_put"}}, `{"connectors":["a","b"],"stages":["TASK_PUT"]}`},
		{Filter{Partitions: []int32{2, 1, 2}, Offsets: &Span{1, 2}}, `{"partitions":[1,2],"offsets":{"first":1,"last":2}}`},
		{Filter{Key: &empty}, `{"key":""}`},
	} {
		if err := tt.filter.Prepare(); err != nil || tt.filter.String() != tt.want {
			t.Errorf("%s, %v, want %s", tt.filter.String(), err, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	for text, want := range map[string]int64{
		"1600000000000": 1_600_000_000_000, "90s": 1_699_999_910_000, "2023-11-14T22:13:20Z": 1_700_000_000_000, "x": -1, "-5m": -1, "": -1,
	} {
		if got, err := ParseTime(text, now); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("time %q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]*Span{
		"17": {17, 17}, "17-20": {17, 20}, "17-": {17, 1<<63 - 1}, "-3": nil, "20-17": nil, "a": nil, "": nil,
	} {
		if got, err := ParseSpan(text); (err != nil) != (want == nil) || err == nil && *got != *want {
			t.Errorf("span %q: %v, %v", text, got, err)
		}
	}
	if _, err := ParseKey("base64:!"); err == nil {
		t.Error("base64 that is none is taken")
	}
}
