package deadletters_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
)

// codec is a converter of either kind that takes strings as they are, unless it has to fail.
type codec struct{ fail error }

func (c *codec) FromConnect(_ string, _ *data.Schema, v any) ([]byte, error) {
	if c.fail != nil || v == nil {
		return nil, c.fail
	}
	return []byte(v.(string)), nil
}

func (c *codec) ToConnect(_ string, b []byte) (data.SchemaAndValue, error) {
	return data.SchemaAndValue{Schema: data.StringSchema, Value: string(b)}, c.fail
}

func (c *codec) FromConnectHeader(_, _ string, s *data.Schema, v any) ([]byte, error) {
	return c.FromConnect("", s, v)
}

func (c *codec) ToConnectHeader(_, _ string, b []byte) (data.SchemaAndValue, error) {
	return c.ToConnect("", b)
}

func (c *codec) Configure(map[string]string) error { return nil }

// keyed is the codec as a converter of keys and values.
type keyed struct{ *codec }

func (keyed) Configure(map[string]string, bool) error { return nil }

// change is a chain that changes topic and value, unless it has to fail.
type change struct{ fail error }

func (c change) Apply(r *data.Record) (*data.Record, error) {
	if c.fail != nil {
		return nil, c.fail
	}
	r.Topic, r.Value = r.Topic+"-2", r.Value.(string)+"!"
	return r, nil
}

func (c change) ApplySink(r *data.SinkRecord) (*data.SinkRecord, error) {
	_, err := c.Apply(&r.Record)
	return r, err
}

// notes is a reporter that keeps the problems.
type notes struct{ got []pipeline.Problem }

func (n *notes) Report(_ context.Context, p pipeline.Problem) (pipeline.Wait, error) {
	n.got = append(n.got, p)
	return nil, nil
}

// failsAt is the problem of a source record that fails at the stage.
func failsAt(t *testing.T, stage pipeline.Stage, err error) pipeline.Problem {
	t.Helper()
	at := func(s pipeline.Stage) error {
		if s == stage {
			return err
		}
		return nil
	}
	n := &notes{}
	s := pipeline.Source{
		Chain: change{at(pipeline.Transformation)},
		Converters: pipeline.Converters{
			Key:    pipeline.Codec[codecs.Converter]{Class: "test.Key", Conv: keyed{&codec{at(pipeline.KeyConverter)}}},
			Value:  pipeline.Codec[codecs.Converter]{Class: "test.Value", Conv: keyed{&codec{at(pipeline.ValueConverter)}}},
			Header: pipeline.Codec[codecs.HeaderConverter]{Class: "test.Header", Conv: &codec{at(pipeline.HeaderConverter)}},
		},
		Policy: &pipeline.Policy{TolerateAll: true, Reporters: []pipeline.Reporter{n}},
	}
	if kept, err := s.Convert(t.Context(), sourceRecord(), &kafka.Record{}); kept || err != nil || len(n.got) != 1 {
		t.Fatal(kept, err, n.got)
	}
	return n.got[0]
}

func sourceRecord() *data.SourceRecord {
	return &data.SourceRecord{
		Record: data.Record{
			Topic: "t", Key: "k", Value: "v", Timestamp: time.UnixMilli(1234),
			Headers: data.Headers{{Key: "h", Value: "1"}},
		},
		SourcePartition: map[string]any{"file": "f"}, SourceOffset: data.OffsetMap{"line": int64(3)},
	}
}
