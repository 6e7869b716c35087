package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// hostile are schemas whose payloads can ask for much.
var hostile = []string{
	`"int"`, `"string"`, `"bytes"`, `["null","string"]`, `{"type":"array","items":"long"}`, `{"type":"array","items":"null"}`,
	`{"type":"map","values":{"type":"array","items":"boolean"}}`,
	`{"type":"array","items":{"type":"record","name":"Empty","fields":[]}}`,
	`{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"]}]}`,
	`{"type":"record","name":"Deep","fields":[{"name":"in","type":{"type":"array","items":"Deep"}}]}`,
	`{"type":"array","items":{"type":"array","items":{"type":"array","items":"null"}}}`,
	`{"type":"fixed","name":"F","size":1000000000}`,
	`{"type":"enum","name":"E","symbols":["A","B"]}`,
	`{"type":"record","name":"R","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal","scale":2}},{"name":"t","type":{"type":"int","logicalType":"time-millis"}},{"name":"u","type":["int","string",{"type":"map","values":"double"}]}]}`,
	`{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"bytes"},{"name":"value","type":"null"}]}}`,
	anythingText,
}

func hostileConverter(t testing.TB) *converter {
	fake := registrytest.NewFake()
	for i, text := range hostile {
		fake.Put(registry.Registered{Subject: "t-value", Version: i + 1, ID: int32(i + 1), Schema: registry.Schema{Format: registry.Avro, Text: text}})
	}
	c := newConverter(fake)
	if err := c.Configure(map[string]string{"schema.registry.url": "http://127.0.0.1:1"}, false); err != nil {
		t.Fatal(err)
	}
	return c
}

func payload(id int, rest ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), rest...)
}

func long(n int64) []byte { return binary.AppendVarint(nil, n) }

// FuzzDecode reads anything: an error is errs.Data, memory stays in proportion.
func FuzzDecode(f *testing.F) {
	for id := range hostile {
		f.Add(payload(id+1, 2, 2, 2, 0))
		f.Add(payload(id+1, append(long(1<<40), 0xff, 0xff)...))
		f.Add(payload(id+1, append(long(-1<<40), long(8)...)...))
	}
	c := hostileConverter(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		if _, err := c.ToConnect("t", b); err != nil && !errors.Is(err, errs.Data) {
			t.Errorf("%x: %v", b, err)
		}
		if !bytes.Equal(before, b) {
			t.Error("the payload was changed")
		}
	})
}

// FuzzSchema reads any text as a schema and what that prints again.
func FuzzSchema(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add(strings.Repeat(`{"type":`, 3000))
	f.Add(strings.Repeat(`[`, 100_000))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSchema(text)
		if err != nil {
			return
		}
		printed := s.text()
		again, err := parseSchema(printed)
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, printed, err)
		}
		if twice := again.text(); twice != printed {
			t.Errorf("%q prints as %q, then as %q", text, printed, twice)
		}
		if c, err := (&reader{}).toSchema(s, 0); err == nil {
			(&reader{}).resolve(s, s, c)
		}
	})
}

func TestHostilePayloads(t *testing.T) {
	c := hostileConverter(t)
	huge := append(long(1<<62), bytes.Repeat([]byte{1}, 64)...)
	deep := bytes.Repeat([]byte{2, 2}, 100_000)
	for id := range hostile {
		for name, b := range map[string][]byte{
			"a length beyond the end":       payload(id+1, huge...),
			"a negative length":             payload(id+1, long(-5)...),
			"the least length":              payload(id+1, long(-1<<63)...),
			"the least length and a size":   payload(id+1, append(long(-1<<63), 2)...),
			"a number without end":          payload(id+1, bytes.Repeat([]byte{0xff}, 100)...),
			"depth":                         payload(id+1, deep...),
			"many elements of no size":      payload(id+1, bytes.Repeat(long(60_000), 1000)...),
			"blocks of elements of no size": payload(id+1, bytes.Repeat([]byte{0x80, 0x80, 0x04}, 10_000)...),
			"nothing":                       payload(id + 1),
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := c.ToConnect("t", b)
			runtime.ReadMemStats(&after)
			if err != nil && !errors.Is(err, errs.Data) {
				t.Errorf("%s of %s: %v", name, hostile[id], err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("%s of %s: %d MiB for %d bytes", name, hostile[id], used>>20, len(b))
			}
		}
	}
}

// doubling is a record of two fields of a record of two fields, and so on: 2^depth in all.
func doubling(depth int) string {
	text := `"int"`
	for i := range depth {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":"%s"}]}`,
			i, text, map[bool]string{true: "int", false: fmt.Sprint("R", i-1)}[i == 0])
	}
	return text
}

func TestSchemaThatDoubles(t *testing.T) {
	for depth, ok := range map[int]bool{10: true, 60: false} {
		s, err := parseSchema(doubling(depth))
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err = (&reader{}).toSchema(s, 0)
		if (err == nil) != ok || time.Since(begun) > 10*time.Second {
			t.Errorf("depth %d after %v: %v", depth, time.Since(begun), err)
		}
		if !compatible(s, s) {
			t.Errorf("depth %d: not compatible with itself", depth)
		}
	}
}
