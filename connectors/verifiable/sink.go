package verifiable

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Sink is the VerifiableSink connector.
func Sink() connectors.Sink {
	return connectors.Sink{
		Descriptor: described("VerifiableSink"),
		Connector:  func() connectors.SinkConnector { return &numberedSink{} },
		Task:       func() connectors.SinkTask { return &sinkTask{out: os.Stdout} },
		TaskClass:  tools + "VerifiableSinkTask",
	}
}

type sinkTask struct {
	out       io.Writer
	name      string
	id        int32
	unflushed map[data.TopicPartition][]consumed
}

// consumed is the line for a record that the sink got.
type consumed struct {
	Name     string `json:"name"`
	Task     any    `json:"task"` // the source's task: the record's key
	SinkTask int32  `json:"sinkTask"`
	Topic    string `json:"topic"`
	TimeMs   int64  `json:"time_ms"`
	Seqno    any    `json:"seqno"`
	Offset   int64  `json:"offset"`
	Flushed  bool   `json:"flushed,omitempty"`
}

func (t *sinkTask) Start(_ context.Context, _ connectors.SinkTaskContext, props map[string]string) error {
	s := settings{props: props}
	t.name = props[nameKey]
	t.id = int32(s.number(idKey, 32, ""))
	t.unflushed = map[data.TopicPartition][]consumed{}
	return s.err
}

func (t *sinkTask) Put(_ context.Context, records []data.SinkRecord) error {
	now := time.Now().UnixMilli()
	for i := range records {
		r := &records[i]
		line := consumed{
			Name: t.name, Task: plain(r.Key), SinkTask: t.id, Topic: r.Topic, TimeMs: now, Seqno: plain(r.Value), Offset: r.Offset,
		}
		if err := printJSON(t.out, line); err != nil {
			return err
		}
		tp := data.TopicPartition{Topic: r.OriginalTopic, Partition: r.OriginalPartition}
		t.unflushed[tp] = append(t.unflushed[tp], line)
	}
	return nil
}

// Flush implements connectors.Flusher.
func (t *sinkTask) Flush(_ context.Context, offsets connectors.Offsets) error {
	now := time.Now().UnixMilli()
	for tp := range offsets {
		for _, line := range t.unflushed[tp] {
			line.TimeMs, line.Flushed = now, true
			if err := printJSON(t.out, line); err != nil {
				return err
			}
		}
		delete(t.unflushed, tp)
	}
	return nil
}

// Close implements connectors.PartitionCloser: records of lost partitions come again elsewhere.
func (t *sinkTask) Close(_ context.Context, partitions []data.TopicPartition) error {
	for _, tp := range partitions {
		delete(t.unflushed, tp)
	}
	return nil
}

func (t *sinkTask) Stop(context.Context) error { return nil }
