//go:build integration

package fire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
	"github.com/troupe-connect/troupe/connectors/data"
)

const (
	group = "fire"
	// restLimit is how long a change of the group may take on a busy machine, far beyond what it does.
	restLimit = 2 * time.Minute
)

var quiet = slog.New(slog.DiscardHandler)

// binaries is where workers are built, once for all tests.
var binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "fire") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func binary(t *testing.T, pkg string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, filepath.Base(pkg))
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	var flags []string
	if os.Getenv("TROUPE_FIRE_RACE") != "" {
		flags = []string{"-race"}
	}
	if err := os.Rename(service.BuildCommand(t, pkg, flags...), bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// arena is a cluster with a broker of its own and connectors that number their records.
type arena struct {
	*service.Cluster
	t    *testing.T
	want map[string]int // connectors with the number of their tasks
}

// newArena starts a broker and prepares a cluster without workers; support is
// exactly.once.source.support.
func newArena(t *testing.T, support string, config ...string) *arena {
	t.Helper()
	return &arena{
		Cluster: service.NewCluster(t, service.ClusterConfig{
			Kafka: service.StartKafka(t), Group: group, Binary: binary(t, "./cmd/internal/systemtest/fire/fireworker"),
			Config: append(workerConfig(support), config...), Java: "-XX:TieredStopAtLevel=1 -Xshare:auto",
		}),
		t: t, want: map[string]int{},
	}
}

func workerConfig(support string) []string {
	return []string{
		"exactly.once.source.support=" + support,
		"scheduled.rebalance.max.delay.ms=500",
		"offset.flush.interval.ms=1000",
		"session.timeout.ms=4000", "heartbeat.interval.ms=1000",
	}
}

// sane fails the test if a worker of Troupe has panicked or, built with -race, seen a data race. It is to be
// deferred: the logs go with the test.
func (a *arena) sane() {
	a.t.Helper()
	for _, n := range a.Nodes {
		if n.Kind != service.TroupeWorker {
			continue
		}
		for _, sign := range []string{"WARNING: DATA RACE", "panic", "fatal error:"} {
			if lines := logged(a.t, n, sign); len(lines) > 0 {
				a.t.Errorf("%s: %s", n.ID, lines[0])
			}
		}
	}
}

// start starts workers one after the other, so that the first leads.
func (a *arena) start(kinds ...service.Kind) {
	a.t.Helper()
	for _, k := range kinds {
		a.Add(a.t, k).Start(a.t)
	}
}

func (a *arena) settle() service.Roster {
	a.t.Helper()
	return a.Settle(a.t, restLimit, a.want)
}

func (a *arena) topic(name string, partitions int) {
	a.t.Helper()
	if _, err := a.Admin.CreateTopic(a.t.Context(), kafka.NewTopic{Name: name, Partitions: partitions, ReplicationFactor: 1}); err != nil {
		a.t.Fatal(err)
	}
}

// create makes or changes a connector.
func (a *arena) create(name string, tasks int, config map[string]string) {
	a.t.Helper()
	config = maps.Clone(config)
	config["tasks.max"] = strconv.Itoa(tasks)
	a.Any(a.t).Ask(a.t, "PUT", "/connectors/"+name+"/config", config)
	a.want[name] = tasks
}

// numbers makes a connector of the worker's own source, whose tasks begin at the partition given.
func (a *arena) numbers(name, topic string, first, tasks, count, rate int, more map[string]string) {
	a.t.Helper()
	config := map[string]string{
		"connector.class": "NumbersSource", "topic": topic, "first": strconv.Itoa(first),
		"count": strconv.Itoa(count), "batch": "20", "rate": strconv.Itoa(rate),
	}
	maps.Copy(config, more)
	a.create(name, tasks, config)
}

// written is how far the topic has got: records, of aborted transactions too, and marks of transactions.
func (a *arena) written(topic string) (total int64, err error) {
	ends, err := a.Admin.EndOffsets(a.t.Context(), topic)
	for _, end := range ends {
		total += end
	}
	return total, err
}

// reaches waits until the topic has got that far.
func (a *arena) reaches(topic string, total int64) {
	a.t.Helper()
	service.Until(a.t, restLimit, fmt.Sprintf("%d records in %s", total, topic), func() error {
		got, err := a.written(topic)
		if err == nil && got < total {
			err = fmt.Errorf("%d so far", got)
		}
		return err
	})
}

// grows waits until that much more is in the topic.
func (a *arena) grows(topic string, more int64) {
	a.t.Helper()
	var now int64
	service.Until(a.t, restLimit, "the end of "+topic, func() (err error) {
		now, err = a.written(topic)
		return err
	})
	a.reaches(topic, now+more)
}

// finished waits until the offsets of all tasks say that everything was written.
func (a *arena) finished(name string, tasks, count int) {
	a.t.Helper()
	service.Until(a.t, 5*time.Minute, name+" at its end", func() error {
		var got struct {
			Offsets []struct {
				Offset map[string]int64 `json:"offset"`
			} `json:"offsets"`
		}
		if err := a.Any(a.t).Get(a.t.Context(), "/connectors/"+name+"/offsets", &got); err != nil {
			return err
		}
		done := 0
		for _, o := range got.Offsets {
			if o.Offset["next"] == int64(count) {
				done++
			}
		}
		if done != tasks {
			return fmt.Errorf("%d of %d tasks are at %d: %+v", done, tasks, count, got.Offsets)
		}
		return nil
	})
}

// halt stops a connector and waits until it has no tasks.
func (a *arena) halt(name string) {
	a.t.Helper()
	n := a.Any(a.t)
	n.Ask(a.t, "PUT", "/connectors/"+name+"/stop", nil)
	service.Until(a.t, restLimit, name+" stopped", func() error {
		var s service.Status
		if err := n.Get(a.t.Context(), "/connectors/"+name+"/status", &s); err != nil {
			return err
		}
		if s.Connector.State != "STOPPED" || len(s.Tasks) > 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	a.want[name] = 0
}

// numbered is what is in a topic: the numbers of each task, by its key, in the order of their offsets.
type numbered map[string][]int64

func (n numbered) records() (total int) {
	for _, numbers := range n {
		total += len(numbers)
	}
	return total
}

// read reads all that is in the topic now behind the offsets given; nil is from the beginning.
func (a *arena) read(topic, isolation string, behind kafka.Offsets) numbered {
	a.t.Helper()
	out, places := numbered{}, map[string]int32{}
	props := kafka.Props{"bootstrap.servers": a.Kafka.Addr, "isolation.level": isolation}
	err := kafka.PeekTopic(a.t.Context(), props, kafka.Peek{Topic: topic, Count: math.MaxInt}, func(r *kafka.Record) error {
		if behind != nil && r.Offset < behind[data.TopicPartition{Topic: topic, Partition: r.Partition}] {
			return nil
		}
		var n int64
		if err := json.Unmarshal(r.Value, &n); err != nil {
			return fmt.Errorf("value of %s-%d@%d: %w", topic, r.Partition, r.Offset, err)
		}
		key := string(r.Key)
		if place, ok := places[key]; ok && place != r.Partition {
			return fmt.Errorf("key %s is in partitions %d and %d of %s", key, place, r.Partition, topic)
		}
		places[key] = r.Partition
		out[key] = append(out[key], n)
		return nil
	}, quiet)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// faults is what is wrong with numbers that should each be there once and in order.
type faults struct{ missing, repeated, disordered int }

func (f faults) any() bool { return f != faults{} }

// look holds the numbers against from, from+1 and so on before to.
func look(numbers []int64, from, to int64) (f faults) {
	seen := make(map[int64]bool, len(numbers))
	next := from
	for _, n := range numbers {
		switch {
		case seen[n] || n < from || n >= to:
			f.repeated++
		case n != next:
			f.disordered++
		}
		seen[n] = true
		next = n + 1
	}
	for n := from; n < to; n++ {
		if !seen[n] {
			f.missing++
		}
	}
	return f
}

// faults adds up what is wrong with keys tasks that should have written count numbers each.
func (n numbered) faults(tasks int, count int64) (sum faults, err error) {
	var wrong []error
	if len(n) != tasks {
		wrong = append(wrong, fmt.Errorf("there are records of %d tasks, not of %d", len(n), tasks))
	}
	for _, key := range slices.Sorted(maps.Keys(n)) {
		f := look(n[key], 0, count)
		if f.any() {
			wrong = append(wrong, fmt.Errorf("task with key %s: %d records of %d: %+v", key, len(n[key]), count, f))
		}
		sum.missing, sum.repeated, sum.disordered = sum.missing+f.missing, sum.repeated+f.repeated, sum.disordered+f.disordered
	}
	return sum, errors.Join(wrong...)
}

// logged is the lines of the worker's log, of all its runs, that have all the words.
func logged(t *testing.T, n *service.Node, words ...string) []string {
	t.Helper()
	raw, err := os.ReadFile(n.Log)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(raw)) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}
