//go:build integration

package fire_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// load is lines of a file that go to a topic.
type load struct{ lines, size int }

// guarantee is how they get there.
type guarantee struct {
	name, support string
	config        map[string]string
}

var guarantees = []guarantee{
	{"at least once", "disabled", nil},
	{"exactly once, poll", "enabled", nil},
	{"exactly once, poll, joined", "enabled", map[string]string{"transaction.boundary.join.ms": "20"}},
	{"exactly once, interval of 1 s", "enabled", map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "1000"}},
}

// TestThroughput measures a file source with and without transactions, on both kinds of worker in turn, and
// writes a table of the best of TROUPE_FIRE_THROUGHPUT rounds. What was written is held against the file. Without
// that setting it is one round of Troupe's, with fewer lines.
func TestThroughput(t *testing.T) {
	rounds, kinds, loads := 1, []service.Kind{service.TroupeWorker}, []load{{100_000, 100}}
	if text := os.Getenv("TROUPE_FIRE_THROUGHPUT"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("TROUPE_FIRE_THROUGHPUT=%q: %v", text, err)
		}
		rounds, kinds, loads = n, append(kinds, service.JVMWorker), []load{{1_000_000, 100}, {100_000, 1000}}
	}
	b := &bench{t: t, kafka: service.StartKafka(t)}
	for _, l := range loads {
		file := b.file(l)
		best := map[string]result{}
		for range rounds {
			for _, g := range guarantees {
				for _, kind := range kinds {
					got := b.run(kind, g, l, file)
					key := string(kind) + g.name
					t.Logf("%d lines of %d B, %s, %s: %s", l.lines, l.size, g.name, kind, got)
					if best[key].rate < got.rate {
						best[key] = got
					}
				}
			}
		}
		for _, g := range guarantees {
			row := fmt.Sprintf("| %d lines of %d B | %s |", l.lines, l.size, g.name)
			for _, kind := range kinds {
				row += fmt.Sprintf(" %s: %s |", kind, best[string(kind)+g.name])
			}
			t.Log(row)
		}
	}
}

type bench struct {
	t     *testing.T
	kafka *service.Kafka
	runs  int
}

func (b *bench) file(l load) string {
	b.t.Helper()
	var text strings.Builder
	pad := strings.Repeat("x", l.size-11)
	for i := range l.lines {
		fmt.Fprintf(&text, "%010d %s\n", i, pad)
	}
	path := filepath.Join(b.t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// result is of one run: records per second, and CPU seconds of the worker per million records.
type result struct{ rate, cpu float64 }

func (r result) String() string {
	return fmt.Sprintf("%.0f records/s, %.2f CPU s per million", r.rate, r.cpu)
}

// run is one run with a fresh worker and fresh topics.
func (b *bench) run(kind service.Kind, g guarantee, l load, file string) result {
	b.t.Helper()
	b.runs++
	topic := fmt.Sprintf("lines-%d", b.runs)
	a := &arena{t: b.t, want: map[string]int{}, Cluster: service.NewCluster(b.t, service.ClusterConfig{
		Kafka: b.kafka, Group: fmt.Sprintf("bench-%d", b.runs), Binary: binary(b.t, "./cmd/troupe"), Java: "-Xms256M -Xmx2G",
		Config: append(workerConfig(g.support),
			"key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.storage.StringConverter"),
	})}
	a.topic(topic, 1)
	a.start(kind)
	a.settle()
	config := map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "file": file, "topic": topic, "batch.size": "2000",
	}
	maps.Copy(config, g.config)
	n := a.Nodes[0]
	began, cpu := time.Now(), n.CPU(b.t)
	a.create("lines", 1, config)
	a.reaches(topic, int64(l.lines)) // marks of transactions count too: one in 2000 and less
	took := time.Since(began).Seconds()
	cpu = n.CPU(b.t) - cpu
	a.halt("lines")
	b.whole(topic, l)
	n.Kill(b.t) // a JVM worker may hang in Jetty when it ends in order
	if err := a.Admin.DeleteTopic(b.t.Context(), topic); err != nil {
		b.t.Error(err)
	}
	return result{rate: float64(l.lines) / took, cpu: cpu.Seconds() * 1e6 / float64(l.lines)}
}

// whole fails the test unless each line is in the topic once and in order.
func (b *bench) whole(topic string, l load) {
	b.t.Helper()
	next := 0
	props := kafka.Props{"bootstrap.servers": b.kafka.Addr, "isolation.level": "read_committed"}
	err := kafka.PeekTopic(b.t.Context(), props, kafka.Peek{Topic: topic, Count: math.MaxInt}, func(r *kafka.Record) error {
		if n, err := strconv.Atoi(string(r.Value[:10])); err != nil || n != next || len(r.Value) != l.size {
			return fmt.Errorf("record %d at %d is %.20q", next, r.Offset, r.Value)
		}
		next++
		return nil
	}, quiet)
	if err != nil || next != l.lines {
		b.t.Errorf("%d lines of %d in %s: %v", next, l.lines, topic, err)
	}
}
