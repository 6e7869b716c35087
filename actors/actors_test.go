package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors/filestream"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt/transforms"
)

// The front door with real plugins: lines of a file go through Kafka into another file; a second
// worker with the offsets of the first goes on where that stopped.
func TestFileToFile(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.txt"), filepath.Join(dir, "out.txt")
	write := func(t *testing.T, from, to int) {
		t.Helper()
		f, err := os.OpenFile(in, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i := from; i <= to; i++ {
			if _, err := fmt.Fprintln(f, "line", i); err != nil {
				t.Fatal(err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		cluster := kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(1, "lines-x"))
		for round := range 2 {
			store, err := storage.OpenFileOffsetStore(filepath.Join(dir, "offsets"))
			if err != nil {
				t.Fatal(err)
			}
			w := startWorker(t, cluster, store)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			for name, conf := range map[string]map[string]string{
				"source": {
					"connector.class": "FileStreamSource", "file": in, "topic": "lines", "transforms": "route",
					"transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.route.regex": "(.*)", "transforms.route.replacement": "$1-x",
				},
				"sink": {"connector.class": "FileStreamSink", "file": out, "topics": "lines-x"},
			} {
				conf["name"], conf["tasks.max"] = name, "1"
				if _, err := w.Create(ctx, name, conf, state.TargetStarted); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			write(t, 1000*round+1, 1000*round+1000)
			time.Sleep(20 * time.Second)
			if err := w.Stop(ctx); err != nil {
				t.Errorf("stop: %v", err)
			}
			<-w.Done()
			cancel()
		}
		time.Sleep(15 * time.Second)
	})
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(got)), "\n")
	if len(lines) != 2000 {
		t.Fatalf("%d lines arrived", len(lines))
	}
	for i, line := range lines {
		if line != fmt.Sprint("line ", i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
}

func startWorker(t *testing.T, cluster *kafkatest.Cluster, store storage.OffsetStore) *actors.Worker {
	t.Helper()
	all := []plugin.Plugin{filestream.Source(), filestream.Sink(), simpleheader.Plugin()}
	for _, p := range primitive.Plugins() {
		all = append(all, p)
	}
	for _, p := range transforms.Plugins() {
		all = append(all, p)
	}
	reg, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	props := map[string]string{
		"offset.storage.file.filename": "given", "key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
	maps.Copy(props, cluster.Props())
	w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, props, nil)
	if err != nil {
		t.Fatal(err)
	}
	running, err := actors.Start(actors.Config{
		Settings: &w, Registry: reg, Offsets: store, WorkerID: "w:8083", ClusterID: "k", Log: slog.New(slog.DiscardHandler),
		KafkaOptions: []kafka.Option{cluster.Option()},
		Resolve:      func(_ context.Context, p map[string]string) (map[string]string, error) { return maps.Clone(p), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return running
}
