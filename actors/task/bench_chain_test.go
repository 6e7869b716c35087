package task_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// suffix is a transform that does next to nothing, so that what is measured is the way and not the work.
type suffix struct{}

func (suffix) Configure(map[string]string) error { return nil }

func (suffix) Apply(r *data.Record) (*data.Record, error) {
	r.Key = r.Value
	return r, nil
}

func (suffix) Close() error { return nil }

// BenchmarkChain is BenchmarkSource with six transforms.
func BenchmarkChain(b *testing.B) {
	conf := map[string]string{"transforms": "a,b,c,d,e,f"}
	for alias := range strings.SplitSeq(conf["transforms"], ",") {
		conf["transforms."+alias+".type"] = "test.Suffix"
	}
	step := smt.Plugin{Descriptor: plugin.Descriptor{Class: "test.Suffix"}, New: func() smt.Transform { return suffix{} }}
	f := &fountain{
		offsets: make([]seq, b.N), batch: make([]data.SourceRecord, 0, 500), value: strings.Repeat("x", 100), dry: make(chan struct{}),
	}
	cluster := kafkatest.New(b, kafkatest.Blackhole(), kafkatest.Topics(1, "t"))
	log := slog.New(slog.DiscardHandler)
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	runIn(b, func(p plugin.Plugin) *task.Env { return newEnv(b, cluster, log, p, step) },
		sourcePlugin(func() connectors.SourceTask { return f }), conf, f.dry)
}
