package task_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// everything is all of error handling, for a connector that has no errors.
var everything = map[string]string{
	"errors.tolerance": "all", "errors.retry.timeout": "60000", "errors.log.enable": "true", "errors.log.include.messages": "true",
	"errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.topic.replication.factor": "1",
	"errors.deadletterqueue.context.headers.enable": "true",
}

// BenchmarkErrorHandling is what error handling costs where nothing fails: all of it switched on must
// take hardly longer than none.
func BenchmarkErrorHandling(b *testing.B) {
	for _, on := range []bool{false, true} {
		name, conf := "off", map[string]string{}
		if on {
			name, conf = "on", everything
		}
		b.Run("source/"+name, func(b *testing.B) { benchSource(b, maps.Clone(conf)) })
	}
	for _, on := range []bool{false, true} {
		name, conf := "off", map[string]string{}
		if on {
			name, conf = "on", maps.Clone(everything)
			conf["errors.deadletterqueue.put.enable"] = "true"
		}
		b.Run("sink/"+name, func(b *testing.B) { benchSink(b, maps.Clone(conf)) })
	}
}

func benchSource(b *testing.B, conf map[string]string) {
	b.Helper()
	f := &fountain{
		offsets: make([]seq, b.N), batch: make([]data.SourceRecord, 0, 500), value: strings.Repeat("x", 100), dry: make(chan struct{}),
	}
	cluster := kafkatest.New(b, kafkatest.Blackhole(), kafkatest.Topics(1, "t", "dlq"))
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	run(b, cluster, sourcePlugin(func() connectors.SourceTask { return f }), conf, f.dry)
}

func benchSink(b *testing.B, conf map[string]string) {
	b.Helper()
	cluster := kafkatest.New(b, kafkatest.Topics(1, "t", "dlq"))
	value := []byte(strings.Repeat("x", 100))
	for left := b.N; left > 0; left -= 10_000 {
		records := make([]*kafka.Record, min(left, 10_000))
		for i := range records {
			records[i] = &kafka.Record{Topic: "t", Value: value}
		}
		cluster.Produce(records...)
	}
	k := &bucket{left: b.N, full: make(chan struct{})}
	conf["topics"] = "t"
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	run(b, cluster, sinkPlugin(func() connectors.SinkTask { return k }), conf, k.full)
}
