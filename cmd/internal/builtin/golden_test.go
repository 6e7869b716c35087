package builtin_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// stream is what Debezium's PostgreSQL connector 3.6.1.Final wrote on the JVM worker, step by step
// (testdata/smt/debezium-postgres.json.gz).
type stream struct {
	Steps []struct {
		Step    string
		SQL     []string
		Records []struct {
			Topic      string
			Key, Value json.RawMessage
		}
	}
	Schemas []json.RawMessage
}

// placeholder stands in the recording for a number that is another one each time.
var placeholder = regexp.MustCompile(`"(?:TIME|LSN\d+|TX\d+)"`)

func readStream(t *testing.T) *stream {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "smt", "debezium-postgres.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{}
	if err := json.Unmarshal(raw, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// envelope is a recorded key or value as the JSON converter reads it: with its schema in it.
func (s *stream) envelope(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var in struct {
		Schema  int
		Payload json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	payload := placeholder.ReplaceAll(in.Payload, []byte("1700000000000"))
	return slices.Concat([]byte(`{"schema":`), s.Schemas[in.Schema], []byte(`,"payload":`), payload, []byte("}"))
}

func jsonConverter(t *testing.T, reg *plugin.Registry) codecs.Converter {
	t.Helper()
	p, err := reg.Find(plugin.Converter, "JsonConverter")
	if err != nil {
		t.Fatal(err)
	}
	c := p.(codecs.Plugin).New()
	if err := c.Configure(map[string]string{"schemas.enable": "true"}, false); err != nil {
		t.Fatal(err)
	}
	return c
}

// rows are the rows of a table by primary key, as a sink that knows upsert and delete has them.
type rows map[int32]string

// Debezium's stream, recorded on the JVM, through ExtractNewRecordState makes the tables that the SQL
// made, step by step.
func TestDebeziumStreamMakesTheTables(t *testing.T) {
	// The tables after each step that changes them: the id, and some of the columns.
	want := map[string]map[string]rows{
		"snapshot":                    {"customers": {1: "Ann ann@example.com 12.34 ", 2: "Bob   "}, "orders": {1: "1 first"}},
		"insert":                      {"customers": {1: "Ann ann@example.com 12.34 ", 2: "Bob   ", 3: "Cid cid@example.com  "}},
		"update":                      {"customers": {1: "Ann ann@example.org 99.90 ", 2: "Bob   ", 3: "Cid cid@example.com  "}},
		"delete":                      {"customers": {1: "Ann ann@example.org 99.90 ", 3: "Cid cid@example.com  "}},
		"primary key changed":         {"customers": {1: "Ann ann@example.org 99.90 ", 30: "Cid cid@example.com  "}},
		"transaction over two tables": {"orders": {1: "1 changed", 2: "30 second"}},
		"column added":                {"customers": {1: "Ann ann@example.org 99.90 ", 30: "Cid cid@example.com  ", 4: "Dan   ", 5: "Eve   7"}},
		"truncate":                    {"orders": {}},
		"after restart of connector and task": {
			"customers": {
				1: "Ann ann@example.org 99.90 ", 30: "Cid cid@example.com  ", 4: "Dan   ", 5: "Eve   7", 6: "Fay   8", 7: "Gus   9",
			},
			"orders": {3: "30 third"},
		},
	}
	reg, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"tombstone", "rewrite", "delete-to-tombstone"} {
		t.Run(mode, func(t *testing.T) {
			chain, err := smt.Build(reg, []smt.StepConfig{{
				Alias: "unwrap", Class: "io.debezium.transforms.ExtractNewRecordState", Props: map[string]string{"delete.tombstone.handling.mode": mode},
			}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer chain.Close()
			s, converter := readStream(t), jsonConverter(t, reg)
			tables := map[string]rows{"customers": {}, "orders": {}}
			checked := 0
			for _, step := range s.Steps {
				for _, rec := range step.Records {
					table, ok := tables[strings.TrimPrefix(rec.Topic, "gold.inv.")]
					if !ok {
						continue // a topic of transactions, messages or signals
					}
					r := &data.Record{Topic: rec.Topic}
					r.KeySchema, r.Key = decode(t, converter, rec.Topic, s.envelope(t, rec.Key))
					r.ValueSchema, r.Value = decode(t, converter, rec.Topic, s.envelope(t, rec.Value))
					truncates := bytes.Contains(rec.Value, []byte(`"op": "t"`)) || bytes.Contains(rec.Value, []byte(`"op":"t"`))
					out, err := chain.Apply(r)
					switch {
					case err != nil:
						t.Fatalf("%s: %v", step.Step, err)
					case truncates && out != nil:
						t.Errorf("%s: a record came of a truncation", step.Step)
					case truncates:
						clear(table) // no record says so, in Java neither
					case out != nil:
						table.put(t, out)
					}
				}
				for name, rows := range want[step.Step] {
					if checked++; !maps.Equal(tables[name], rows) {
						t.Errorf("after %q %s has\n%v, want\n%v", step.Step, name, tables[name], rows)
					}
				}
			}
			if checked != 11 {
				t.Errorf("%d tables were compared, want 11", checked)
			}
		})
	}
}

func decode(t *testing.T, c codecs.Converter, topic string, raw []byte) (*data.Schema, any) {
	t.Helper()
	if raw == nil {
		return nil, nil
	}
	v, err := c.ToConnect(topic, raw)
	if err != nil {
		t.Fatal(err)
	}
	return v.Schema, v.Value
}

// put upserts a flat record, or deletes.
func (rs rows) put(t *testing.T, r *data.Record) {
	t.Helper()
	v, _ := r.Key.(*data.Struct).Get("id")
	id := v.(int32)
	row, ok := r.Value.(*data.Struct)
	if !ok {
		delete(rs, id)
		return
	}
	if deleted, _ := row.Get("__deleted"); deleted == "true" {
		delete(rs, id)
		return
	}
	var texts []string
	for _, name := range []string{"name", "email", "balance", "level", "customer", "note"} {
		v, ok := row.GetWithoutDefault(name)
		switch {
		case ok && v != nil:
			texts = append(texts, data.Text(v))
		case ok || name == "level" && strings.HasSuffix(r.Topic, "customers"):
			texts = append(texts, "")
		}
	}
	rs[id] = strings.Join(texts, " ")
}
