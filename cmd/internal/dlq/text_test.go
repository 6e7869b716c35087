package dlq

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

func TestText(t *testing.T) {
	l := Read(&kafka.Record{
		Topic: "dead", Partition: 1, Offset: 7, Timestamp: base, Key: []byte{0, 0, 0, 0, 7, 0xfe}, Value: []byte("{\"a\":\n\x1b[31m1}"),
		Headers: append([]kafka.RecordHeader{header("own", "x"), {Key: "none"}}, failure("orders", "3", "17", "strict", "VALUE_CONVERTER", "a.DataException")...),
	})
	l.Record.Value = []byte("{\"a\":\n1}")
	const want = `dead-1@7  2023-11-14T22:13:20.000Z
  from      orders-3@17
  connector strict, task 2
  stage     VALUE_CONVERTER by a.Converter
  exception a.DataException
  message   no good
  stack     a.DataException: no good
                at a.B.c(B.java:1)
  key       (6 bytes, perhaps of schema id 7 of a registry)
            00000000  00 00 00 00 07 fe                                 |......|
  value     {"a":\n1}
  header    own = x
  header    none = null

`
	if got := l.Text(false); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	plain := Read(&kafka.Record{Topic: "dead", Value: []byte{}})
	if got := plain.Text(false); !strings.Contains(got, "the letter has no context headers") || !strings.Contains(got, "value     (empty)") {
		t.Error(got)
	}
}

// TestTextSteers: nothing of a record steers a terminal, and long things are cut, or not.
func TestTextSteers(t *testing.T) {
	evil := "\x1b[2J\r\x07\u202e"
	headers := failure(evil, "3", "17", evil, evil, evil)
	headers = append(headers, header("__connect.errors.more", evil))
	r := &kafka.Record{Topic: "dead", Key: []byte(evil), Value: []byte("x\u202ey"), Headers: append([]kafka.RecordHeader{header(evil, evil)}, headers...)}
	l := Read(r)
	for _, full := range []bool{false, true} {
		if got := l.Text(full); strings.ContainsAny(got, "\x1b\r\x07\u202e") {
			t.Errorf("%q", got)
		}
	}
	long := Read(&kafka.Record{Topic: "dead", Key: make([]byte, 5000), Value: []byte(strings.Repeat("ä", 5000)), Headers: []kafka.RecordHeader{
		header("__connect.errors.topic", "t"), header("__connect.errors.exception.stacktrace", strings.Repeat("at x\n", 50)),
	}})
	short, full := long.Text(false), long.Text(true)
	if len(short) > 3000 || !strings.Contains(short, "44 more lines") || !strings.Contains(short, "(10000 bytes; --full shows all)") || !strings.Contains(short, "(5000 bytes, perhaps of schema id 0") {
		t.Error(short)
	}
	if strings.Count(full, "at x") != 50 || strings.Count(full, "ä") != 5000 || strings.Contains(full, "--full") {
		t.Errorf("%d characters of --full", len(full))
	}
}

func TestLetterJSON(t *testing.T) {
	l := Read(&kafka.Record{
		Topic: "dead", Partition: 1, Offset: 7, Timestamp: base, Key: []byte{0xff}, Value: []byte("<v>"),
		Headers: append([]kafka.RecordHeader{header("own", "x")}, failure("orders", "0", "17", "strict", "VALUE_CONVERTER", "a.E")...),
	})
	const want = `{"topic":"dead","partition":1,"offset":7,"timestamp":1700000000000,"error":{"topic":"orders","partition":0,"offset":17,"connector":"strict","task":2,"stage":"VALUE_CONVERTER","class":"a.Converter","exception":"a.E","message":"no good","stack":"a.E: no good\n\tat a.B.c(B.java:1)\n"},"key":{"base64":"/w=="},"value":{"text":"<v>"},"headers":[{"key":"own","value":{"text":"x"}}]}`
	if got, err := l.JSON(); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	plain := Read(&kafka.Record{Topic: "dead"})
	if got, err := plain.JSON(); err != nil || string(got) != `{"topic":"dead","partition":0,"offset":0,"timestamp":null,"error":null,"key":null,"value":null,"headers":[]}` {
		t.Errorf("%s, %v", got, err)
	}
}
