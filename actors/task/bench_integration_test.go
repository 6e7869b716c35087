//go:build integration

package task_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// What a task adds to the bare client, on a real broker and in CPU time of this process, which is the same
// on a machine with other things to do. Records are 100 bytes of text.
//
//	go test -tags integration -run xxx -bench RealTask -benchtime 2000000x ./actors/task

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured runs f and reports its CPU time for each of b.N records.
func measured(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuTime(b)
	f()
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/record")
	b.ReportMetric(0, "ns/op")
}

func realTopic(b *testing.B, address string) string {
	b.Helper()
	a, err := kafka.NewAdmin(kafka.Props{"bootstrap.servers": address}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // it returns none
	topic := fmt.Sprintf("bench-%d", time.Now().UnixNano())
	if _, err := a.CreateTopic(context.Background(), kafka.NewTopic{Name: topic, Partitions: 1, ReplicationFactor: 1}); err != nil {
		b.Fatal(err)
	}
	return topic
}

func realEnv(b *testing.B, address string) func(plugin.Plugin) *task.Env {
	return func(p plugin.Plugin) *task.Env {
		w, _, err := settings.LoadWorker(context.Background(), settings.Standalone, map[string]string{
			"bootstrap.servers": address, "offset.storage.file.filename": "unused", "offset.flush.interval.ms": "10000",
			"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
			"value.converter": "org.apache.kafka.connect.storage.StringConverter",
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
		return envOf(b, slog.New(slog.DiscardHandler), p, &w, nil)
	}
}

func BenchmarkRealTask(b *testing.B) {
	address := realBroker(b)
	b.Run("source/bare", func(b *testing.B) {
		topic := realTopic(b, address)
		measured(b, func() { kafkatest.BareProduce(b, address, topic, b.N) })
	})
	b.Run("source/task", func(b *testing.B) {
		topic := realTopic(b, address)
		f := &renamed{topic: topic, fountain: fountain{
			offsets: make([]seq, b.N), batch: make([]data.SourceRecord, 0, 500), value: strings.Repeat("x", 100), dry: make(chan struct{}),
		}}
		measured(b, func() {
			runIn(b, realEnv(b, address), sourcePlugin(func() connectors.SourceTask { return f }), map[string]string{}, f.dry)
		})
	})
	b.Run("sink/bare", func(b *testing.B) {
		topic := realTopic(b, address)
		kafkatest.BareProduce(b, address, topic, b.N)
		measured(b, func() { kafkatest.BareConsume(b, address, topic, b.N) })
	})
	b.Run("sink/task", func(b *testing.B) {
		topic := realTopic(b, address)
		kafkatest.BareProduce(b, address, topic, b.N)
		k := &bucket{left: b.N, full: make(chan struct{})}
		measured(b, func() {
			runIn(b, realEnv(b, address), sinkPlugin(func() connectors.SinkTask { return k }), map[string]string{"topics": topic}, k.full)
		})
	})
}

// renamed is a fountain into a topic.
type renamed struct {
	fountain
	topic string
}

func (f *renamed) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	batch, err := f.fountain.Poll(ctx)
	for i := range batch {
		batch[i].Topic = f.topic
	}
	return batch, err
}
