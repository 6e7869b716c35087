package dlq

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// FuzzLetter: whatever headers a record of a dead letter topic has, each is either the record's own or
// of its context, and those of the record keep their order.
func FuzzLetter(f *testing.F) {
	const p = deadletters.HeaderPrefix
	f.Add(p + "topic=a\n" + p + "partition=0\n" + p + "offset=12\n" + p + "task.id=x\nown=1")
	f.Add("own=1\n" + p + "topic=a\n" + p + "offset=99999999999999999999\n" + p + "topic=b\n" + p + "partition=-7")
	f.Add(p + "other=\xff\n" + p + "=x\n=\n" + p + "exception.message")
	f.Fuzz(func(t *testing.T, text string) {
		r := &kafka.Record{Topic: "d", Partition: 1, Offset: 2}
		for line := range strings.SplitSeq(text, "\n") {
			key, value, _ := strings.Cut(line, "=")
			r.Headers = append(r.Headers, kafka.RecordHeader{Key: key, Value: []byte(value)})
		}
		l := Read(r)
		prefixed, rest := 0, r.Headers
		for _, h := range l.Headers {
			i := slices.IndexFunc(rest, func(x kafka.RecordHeader) bool { return x.Key == h.Key && string(x.Value) == string(h.Value) })
			if i < 0 {
				t.Fatalf("%q: the header %q is out of order or not the record's", text, h.Key)
			}
			rest = rest[i+1:]
		}
		for _, h := range r.Headers {
			if strings.HasPrefix(h.Key, p) {
				prefixed++
			}
		}
		taken := len(r.Headers) - len(l.Headers)
		if taken > prefixed || (l.Context == nil) != (taken == 0) || (prefixed > 0) != (taken > 0) {
			t.Errorf("%q: %d of %d headers with the prefix are context %+v", text, taken, prefixed, l.Context)
		}
	})
}

// FuzzProgress: no record of the topic of progress makes a panic, and what was done is only known of
// letters of the topic, its id and round.
func FuzzProgress(f *testing.F) {
	own := &Filter{}
	if err := own.Prepare(); err != nil {
		f.Fatal(err)
	}
	r, err := (&Progress{topic: "d", id: "1"}).record("p", own, map[int32]int64{0: 5})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(r.Key), string(r.Value))
	f.Add(`{"version":1,"topic":"d","id":"1","filter":{"exception":"("}}`, "")
	f.Add(`{"version":1,"topic":"d","id":"1","filter":{"offsets":{"first":9,"last":1},"key":"AA=="}}`, `{"offsets":{"0":-1,"-3":9223372036854775807}}`)
	f.Add(`{"version":2,"topic":"d","id":"1","filter":{}}`, `{}`)
	f.Add(`{"topic":"e"}`, `x`)
	f.Add(`null`, `null`)
	f.Fuzz(func(t *testing.T, key, value string) {
		p := &Progress{topic: "d", id: "1"}
		err := p.apply(&kafka.Record{Topic: "p", Key: []byte(key), Value: []byte(value)}, own)
		p.prune()
		if err != nil && len(p.entries) > 0 {
			t.Errorf("%q %q: an error and progress", key, value)
		}
		if len(p.entries) > 0 && (!strings.Contains(key, "d") || !strings.Contains(key, "1")) {
			t.Errorf("%q is progress of d", key)
		}
		for partition := range p.from() {
			l := Read(&kafka.Record{Topic: "d", Partition: partition, Offset: 0})
			if _, err := p.Done(&l); err != nil && !errors.Is(err, regex.ErrTooComplex) {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}
