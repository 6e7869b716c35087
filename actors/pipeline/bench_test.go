package pipeline_test

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
)

// BenchmarkConvert is the pipeline's own cost per record: converters that do nothing, error handling on
// and off.
func BenchmarkConvert(b *testing.B) {
	conv := pipeline.Converters{
		Key:   pipeline.Codec[codecs.Converter]{Conv: noop{}},
		Value: pipeline.Codec[codecs.Converter]{Conv: noop{}},
	}
	on := &pipeline.Policy{TolerateAll: true, RetryTimeout: time.Minute, RetryDelayMax: time.Minute, Reporters: []pipeline.Reporter{&reports{}}}
	for _, tt := range []struct {
		name   string
		policy *pipeline.Policy
	}{{"off", &pipeline.Policy{}}, {"on", on}} {
		b.Run("source/"+tt.name, func(b *testing.B) {
			s, rec, ctx := pipeline.Source{Converters: conv, Policy: tt.policy}, sourceRecord(), b.Context()
			rec.Headers = nil
			var out kafka.Record
			b.ReportAllocs()
			for b.Loop() {
				if kept, err := s.Convert(ctx, rec, &out); !kept || err != nil {
					b.Fatal(kept, err)
				}
			}
		})
		b.Run("sink/"+tt.name, func(b *testing.B) {
			s, in, ctx := pipeline.Sink{Converters: conv, Policy: tt.policy}, sinkRecord(), b.Context()
			in.Headers = nil
			var out data.SinkRecord
			b.ReportAllocs()
			for b.Loop() {
				if kept, err := s.Convert(ctx, in, &out); !kept || err != nil {
					b.Fatal(kept, err)
				}
			}
		})
	}
}
