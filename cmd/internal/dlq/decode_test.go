package dlq_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/dlq"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// A letter whose schema is in a registry is shown as what it means, any other as it is.
func TestDecodesByRegistry(t *testing.T) {
	for _, class := range []string{
		"io.confluent.connect.avro.AvroConverter", "io.confluent.connect.json.JsonSchemaConverter", "io.confluent.connect.protobuf.ProtobufConverter",
	} {
		t.Run(class, func(t *testing.T) { decodes(t, class) })
	}
}

func decodes(t *testing.T, class string) {
	t.Helper()
	r, err := embedded.Open(t.Context(), embedded.Memory{}, builtin.SchemaFormats())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	plugins, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	found, err := plugins.Find(plugin.Converter, class)
	if err != nil {
		t.Fatal(err)
	}
	conv := found.(codecs.Plugin).New()
	if err := conv.Configure(map[string]string{"schema.registry.url": server.URL}, false); err != nil {
		t.Fatal(err)
	}
	schema := data.StructOf("id", data.Int64Schema, "name", data.StringSchema)
	value, err := conv.FromConnect("orders", schema, data.NewStruct(schema).With("id", int64(7)).With("name", "Ada"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := dlq.NewDecoder(plugins, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	letter := func(raw []byte) *dlq.Letter {
		l := dlq.Read(&kafka.Record{Topic: "dead", Key: []byte("plain"), Value: raw, Headers: []kafka.RecordHeader{
			{Key: "__connect.errors.topic", Value: []byte("orders")},
		}})
		d.Decode(&l)
		return &l
	}
	known := letter(value)
	if text := known.Text(false); !strings.Contains(text, "Struct{id=7,name=Ada}") || !strings.Contains(text, "schema id 1") || !strings.Contains(text, "plain") {
		t.Errorf("text is\n%s", text)
	}
	raw, err := known.JSON()
	if err != nil || !strings.Contains(string(raw), `"decoded":{"value":"Struct{id=7,name=Ada}"}`) {
		t.Errorf("JSON is %s, %v", raw, err)
	}
	for _, other := range [][]byte{nil, []byte("text"), {0, 0, 0, 0, 99, 1}, append(value[:5:5], 255)} {
		if l := letter(other); l.ValueText != "" || l.KeyText != "" {
			t.Errorf("%x became %q", other, l.ValueText)
		}
	}
}
