package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []byte
		out  string // "" as in
	}{
		{`{"text":"a<b"}`, []byte("a<b"), ""},
		{`{"text":""}`, []byte{}, ""},
		{`{"base64":"/wA="}`, []byte{0xff, 0}, ""},
		{`"abc"`, []byte("abc"), `{"text":"abc"}`},
		{`{"json": {"b": 1.50, "a": [ ]}}`, []byte(`{"b":1.50,"a":[]}`), `{"text":"{\"b\":1.50,\"a\":[]}"}`},
		{`{"json": null}`, []byte("null"), `{"text":"null"}`},
		{`{"base64":"YQ=="}`, []byte("a"), `{"text":"a"}`},
	} {
		var b Bytes
		if err := json.Unmarshal([]byte(tt.in), &b); err != nil || !bytes.Equal(b, tt.want) {
			t.Errorf("%s: %q, %v", tt.in, b, err)
		}
		if tt.out == "" {
			tt.out = tt.in
		}
		if got, err := marshal(&b); err != nil || string(got) != tt.out {
			t.Errorf("%s is written as %s, %v, want %s", tt.in, got, err, tt.out)
		}
	}
	for _, in := range []string{`{}`, `{"text":"a","base64":"YQ=="}`, `{"base64":"!"}`, `{"txt":"a"}`, `17`, `["a"]`, `{"text":1}`} {
		var b Bytes
		if err := json.Unmarshal([]byte(in), &b); err == nil {
			t.Errorf("%s is taken as %q", in, b)
		}
	}
}

const whole = `{"topic":"t","partition":null,"timestamp":null,"key":null,"value":{"text":"v"},"headers":[]}`

func TestParseEdit(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     *kafka.Record
		bad      string
	}{
		{name: "whole", in: whole, want: &kafka.Record{Topic: "t", Partition: -1, Value: []byte("v")}},
		{name: "all of it", in: `{"topic":"t","partition":2,"timestamp":5,"key":"k","value":null,"headers":[{"key":"h","value":null},{"key":"h","value":"x"}],"letter":{"topic":"dead","partition":0,"offset":1,"error":null}}`, want: &kafka.Record{
			Topic: "t", Partition: 2, Timestamp: time.UnixMilli(5), Key: []byte("k"),
			Headers: []kafka.RecordHeader{{Key: "h"}, header("h", "x")},
		}},
		{name: "nothing", in: " \n"},
		{name: "null", in: "null\n"},
		{name: "missing", in: `{"topic":"t","partition":null,"timestamp":null,"key":null,"headers":[]}`, bad: "value is missing"},
		{name: "two", in: whole + whole, bad: "after top-level value"},
		{name: "unknown", in: strings.Replace(whole, `"headers"`, `"x":1,"headers"`, 1), bad: `unknown field "x"`},
		{name: "no topic", in: strings.Replace(whole, `"t"`, `""`, 1), bad: "topic is empty"},
		{name: "partition", in: strings.Replace(whole, `"partition":null`, `"partition":-1`, 1), bad: "partition is -1"},
		{name: "timestamp", in: strings.Replace(whole, `"timestamp":null`, `"timestamp":-1`, 1), bad: "timestamp is -1"},
		{name: "no object", in: "17", bad: "number"},
	} {
		got, err := parseEdit([]byte(tt.in))
		switch {
		case tt.bad != "":
			if err == nil || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.bad)
			}
		case err != nil || !reflect.DeepEqual(got, tt.want):
			t.Errorf("%s: %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestCommand(t *testing.T) {
	l := Read(&kafka.Record{Topic: "dead", Offset: 3, Value: []byte("bad"), Headers: failure("orders", "0", "17", "strict", "VALUE_CONVERTER", "a.E")})
	out := &kafka.Record{Topic: "orders", Partition: -1, Key: []byte{0xff}, Value: []byte("bad"), Timestamp: time.UnixMilli(9), Headers: []kafka.RecordHeader{header("a", "b")}}
	same := *out
	mended := same
	mended.Value = []byte("good")
	for _, tt := range []struct {
		name, line string
		want       *kafka.Record
		bad        string
	}{
		{"filter that changes nothing", "cat", &same, ""},
		{"filter", "sed 's/bad/good/'", &mended, ""},
		{"editor that changes nothing", "true {}", &same, ""},
		{"editor", "sed 's/bad/good/' {} >{}.new && mv {}.new {}", &mended, ""},
		{"leaves out", "cat >/dev/null", nil, ""},
		{"editor leaves out", ": >{}", nil, ""},
		{"fails", "exit 3", nil, "exit status 3"},
		{"editor fails", "false {}", nil, "exit status 1"},
		{"answers nonsense", "echo nonsense", nil, "answered what is no record"},
		{"the letter says why", `grep -q '"letter":{"topic":"dead","partition":0,"offset":3,"error":{"topic":"orders","partition":0,"offset":17,"connector":"strict"'`, nil, ""},
	} {
		c := Command{Line: tt.line, Err: &bytes.Buffer{}}
		got, err := c.Edit(t.Context(), &l, out)
		switch {
		case tt.bad != "":
			if err == nil || !strings.Contains(err.Error(), tt.bad) || !strings.Contains(err.Error(), "dead-0@3") {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.bad)
			}
		case err != nil || !reflect.DeepEqual(got, tt.want):
			t.Errorf("%s: %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := (&Command{Line: "exec sleep 60", Err: &bytes.Buffer{}}).Edit(ctx, &l, out); err == nil || time.Since(start) > 30*time.Second {
		t.Errorf("a command that hangs is not ended with the context: %v after %s", err, time.Since(start))
	}
}
