package verifiable

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// recordSchema is the schema of a version; the second has a field more.
func recordSchema(version int32) *data.Schema {
	b := data.NewBuilder(data.StructType).Version(version).Name("record").
		Field("boolean", data.BooleanSchema).
		Field("int", data.Int32Schema).
		Field("long", data.Int64Schema).
		Field("float", data.Float32Schema).
		Field("double", data.Float64Schema).
		Field("partitioning", data.Int32Schema)
	if version == 2 {
		b.Field("string", data.NewBuilder(data.String).Default("abc").MustBuild())
	}
	return b.Field("id", data.Int32Schema).Field("seqno", data.Int64Schema).MustBuild()
}

var recordSchema1, recordSchema2 = recordSchema(1), recordSchema(2)

// SchemaSource is the SchemaSource connector: num.messages records with a struct for value, to
// the Kafka partition that has the task's number; with multiple.schema=true every other one has
// the second version of the schema. The field partitioning counts up to partition.count.
func SchemaSource() connectors.Source {
	return connectors.Source{
		Descriptor: described("SchemaSource"),
		Connector:  func() connectors.SourceConnector { return &numberedSource{} },
		Task:       func() connectors.SourceTask { return &schemaTask{out: os.Stdout} },
		TaskClass:  tools + "SchemaSourceTask",
	}
}

type schemaTask struct {
	out        io.Writer
	id         int32
	topic      string
	messages   int64 // to be sent in all
	multiple   bool
	partitions int64
	count      int64
	numbering  *numbering
	records    []data.SourceRecord
}

func (t *schemaTask) Start(ctx context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	s := settings{props: props}
	t.id = int32(s.number(idKey, 32, ""))
	t.topic = s.topic()
	t.messages = s.number("num.messages", 64, "")
	t.multiple = strings.EqualFold(props["multiple.schema"], "true")
	t.partitions = s.number("partition.count", 32, "1")
	throughput := s.number(throughputKey, 64, "")
	if s.err != nil {
		return s.err
	}
	if t.partitions < 1 {
		return errs.Config.New("Invalid value %d for configuration partition.count: it must be 1 or more", t.partitions)
	}
	var err error
	t.numbering, err = newNumbering(ctx, tc, t.id, throughput)
	return err
}

func (t *schemaTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	t.records = t.records[:0]
	if t.count >= t.messages {
		pause(ctx, pollWait)
		return nil, nil
	}
	for range min(int64(t.numbering.take(ctx)), t.messages-t.count) {
		seqno := t.numbering.next
		if _, err := fmt.Fprintf(t.out, "{\"task\": %d, \"seqno\": %d}\n", t.id, seqno); err != nil {
			return nil, err
		}
		t.records = append(t.records, t.record(seqno))
		t.numbering.next++
		t.count++
	}
	return t.records, nil
}

func (t *schemaTask) record(seqno int64) data.SourceRecord {
	schema := recordSchema1
	if t.multiple && t.count%2 == 1 {
		schema = recordSchema2
	}
	value := data.NewStruct(schema).With("boolean", true).With("int", int32(12)).With("long", int64(12)).
		With("float", float32(12.2)).With("double", 12.2).With("partitioning", int32(seqno%t.partitions)).
		With("id", t.id).With("seqno", seqno)
	if schema == recordSchema2 {
		value.With("string", "def")
	}
	return data.SourceRecord{
		Record: data.Record{
			Topic: t.topic, Partition: data.PartitionOf(t.id),
			KeySchema: data.StringSchema, Key: "key", ValueSchema: schema, Value: value,
		},
		SourcePartition: t.numbering.partition,
		SourceOffset:    data.OffsetMap{seqnoField: seqno},
	}
}

func (t *schemaTask) Stop(context.Context) error { return nil }
