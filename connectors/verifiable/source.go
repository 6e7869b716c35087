package verifiable

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

var completeSchema = data.StructOf(
	"name", data.StringSchema,
	"task", data.Int32Schema,
	"topic", data.StringSchema,
	"time_ms", data.Int64Schema,
	"seqno", data.Int64Schema,
)

// Source is the VerifiableSource connector.
func Source() connectors.Source {
	return connectors.Source{
		Descriptor: described("VerifiableSource"),
		Connector:  func() connectors.SourceConnector { return &numberedSource{} },
		Task:       func() connectors.SourceTask { return &sourceTask{out: os.Stdout} },
		TaskClass:  tools + "VerifiableSourceTask",
	}
}

type sourceTask struct {
	out       io.Writer
	name      string
	id        int32
	topic     string
	complete  bool
	numbering *numbering
	records   []data.SourceRecord
}

// printed is the line for a record.
type printed struct {
	Name      string `json:"name"`
	Task      int32  `json:"task"`
	Topic     string `json:"topic"`
	TimeMs    int64  `json:"time_ms"`
	Seqno     any    `json:"seqno"`
	Committed bool   `json:"committed,omitempty"`
}

func (t *sourceTask) Start(ctx context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	s := settings{props: props}
	t.name = props[nameKey]
	t.id = int32(s.number(idKey, 32, ""))
	t.topic = s.topic()
	throughput := s.number(throughputKey, 64, "")
	t.complete = strings.EqualFold(props["complete.record.data"], "true")
	if s.err != nil {
		return s.err
	}
	var err error
	t.numbering, err = newNumbering(ctx, tc, t.id, throughput)
	return err
}

func (t *sourceTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	t.records = t.records[:0]
	for range t.numbering.take(ctx) {
		seqno, now := t.numbering.next, time.Now().UnixMilli()
		if err := printJSON(t.out, printed{Name: t.name, Task: t.id, Topic: t.topic, TimeMs: now, Seqno: seqno}); err != nil {
			return nil, err
		}
		r := data.SourceRecord{
			Record: data.Record{
				Topic: t.topic, KeySchema: data.Int32Schema, Key: t.id, ValueSchema: data.Int64Schema, Value: seqno,
			},
			SourcePartition: t.numbering.partition,
			SourceOffset:    data.OffsetMap{seqnoField: seqno},
		}
		if t.complete {
			r.ValueSchema = completeSchema
			r.Value = data.NewStruct(completeSchema).With("name", t.name).With("task", t.id).With("topic", t.topic).
				With("time_ms", now).With("seqno", seqno)
		}
		t.records = append(t.records, r)
		t.numbering.next++
	}
	return t.records, nil
}

// CommitRecord implements connectors.RecordCommitter.
func (t *sourceTask) CommitRecord(_ context.Context, r *data.SourceRecord, _ *connectors.RecordMetadata) error {
	seqno := r.Value
	if s, ok := seqno.(*data.Struct); ok {
		seqno, _ = s.Get(seqnoField)
	}
	return printJSON(t.out, printed{
		Name: t.name, Task: t.id, Topic: t.topic, TimeMs: time.Now().UnixMilli(), Seqno: plain(seqno), Committed: true,
	})
}

func (t *sourceTask) Stop(context.Context) error { return nil }
