//go:build integration

package numbers_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

const soon = time.Minute

// run is one worker, of either kind, and the work it was given.
type run struct {
	t    *testing.T
	node *service.Node
	name string // of the group, and what its topics begin with
	dir  string
}

// start starts a worker in a group of its own.
func start(t *testing.T, broker *service.Kafka, kind service.Kind) *run {
	t.Helper()
	c := service.ClusterConfig{
		Kafka: broker, Group: "numbers-" + string(kind), Jolokia: true,
		Config: []string{"offset.flush.interval.ms=1000", "producer.linger.ms=0"},
	}
	if kind == service.TroupeWorker {
		c.Binary = service.Build(t)
	}
	r := &run{t: t, node: service.NewCluster(t, c).Add(t, kind), name: c.Group, dir: t.TempDir()}
	r.node.Launch(t)
	service.Until(t, 3*soon, "the worker's start", func() error { // a JVM on a busy machine
		var names []string
		return r.node.Get(t.Context(), "/connectors", &names)
	})
	return r
}

// mbeans is what Jolokia says of the beans that match the pattern.
func (r *run) mbeans(pattern string) (map[string]map[string]any, error) {
	var answer struct {
		Value  map[string]map[string]any
		Status int
		Error  string
	}
	get := r.node.MBeans
	get.URL = strings.TrimSuffix(get.URL, "/")
	if err := get.Get(r.t.Context(), "/read/"+pattern, &answer); err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("%s: %d %s", pattern, answer.Status, answer.Error)
	}
	return answer.Value, nil
}

// until waits until an attribute of the one bean that matches the pattern has a value that will do.
func (r *run) until(pattern, attribute string, will func(v any) bool) {
	r.t.Helper()
	service.Until(r.t, soon, pattern+" "+attribute, func() error {
		beans, err := r.mbeans("kafka.connect:" + pattern + ",*")
		if err != nil {
			return err
		}
		for _, bean := range beans {
			if will(bean[attribute]) {
				return nil
			}
			return fmt.Errorf("it is %v", bean[attribute])
		}
		return errors.New("no such bean")
	})
}

func is(want any) func(any) bool {
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	return func(v any) bool { return v == want }
}

// some is a number of at least 1.
func some(v any) bool {
	n, ok := v.(float64)
	return ok && n >= 1
}

// produce writes values to a topic; an empty one is a tombstone.
func (r *run) produce(broker *service.Kafka, topic string, values []string) {
	r.t.Helper()
	p, err := kafka.NewProducer(kafka.Props{"bootstrap.servers": broker.Addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range values {
		record := &kafka.Record{Topic: topic, Partition: 0}
		if v != "" {
			record.Value = []byte(v)
		}
		if err := p.Produce(r.t.Context(), record, func(_ *kafka.Record, err error) {
			if err != nil {
				r.t.Errorf("record for %s: %v", topic, err)
			}
		}); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := errors.Join(p.Flush(r.t.Context()), p.Close(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

// create creates a connector of a file.
func (r *run) create(name, class string, pairs ...string) {
	r.t.Helper()
	config := map[string]string{
		"connector.class": "org.apache.kafka.connect.file." + class, "tasks.max": "1",
		"file": filepath.Join(r.dir, name+".txt"),
	}
	for i := 0; i < len(pairs); i += 2 {
		config[pairs[i]] = pairs[i+1]
	}
	r.node.Ask(r.t, http.MethodPut, "/connectors/"+name+"/config", config)
}

// lines writes the file of a source connector.
func (r *run) lines(name string, n int) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name+".txt"), []byte(strings.Repeat("a line\n", n)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// The work: 100 lines through a source, 40 through one whose filter drops all, 100 records through a
// sink whose filter drops the 40 tombstones, 25 with 5 that can't be read through a sink with a dead
// letter queue and through one that fails of them, and a pause.
func (r *run) work(broker *service.Kafka) {
	r.t.Helper()
	mixed, bad := r.name+"-mixed", r.name+"-bad"
	for _, topic := range []string{mixed, bad, r.name + "-lines", r.name + "-none"} {
		broker.CreateTopic(r.t, topic, 1)
	}
	var values []string
	for i := range 100 {
		value := strconv.Itoa(i)
		if i%5 < 2 {
			value = ""
		}
		values = append(values, value)
	}
	r.produce(broker, mixed, values)
	r.produce(broker, bad, append(strings.Split(strings.Repeat("{bad ", 5), " ")[:5], values[2:5]...))
	r.lines("in", 100)
	r.lines("none", 40)

	filter := func(predicate string, more ...string) []string {
		return append([]string{
			"transforms", "drop", "transforms.drop.type", "org.apache.kafka.connect.transforms.Filter",
			"transforms.drop.predicate", "which", "predicates", "which",
			"predicates.which.type", "org.apache.kafka.connect.transforms.predicates." + predicate,
		}, more...)
	}
	r.create("in", "FileStreamSourceConnector", "topic", r.name+"-lines")
	r.create("none", "FileStreamSourceConnector",
		append(filter("TopicNameMatches", "predicates.which.pattern", ".*"), "topic", r.name+"-none")...)
	r.create("out", "FileStreamSinkConnector", append(filter("RecordIsTombstone"), "topics", mixed)...)
	r.create("letters", "FileStreamSinkConnector", "topics", bad, "errors.tolerance", "all", "errors.log.enable", "true",
		"errors.deadletterqueue.topic.name", r.name+"-dead", "errors.deadletterqueue.topic.replication.factor", "1")
	r.create("fails", "FileStreamSinkConnector", "topics", bad)

	r.until("type=source-task-metrics,connector=in", "source-record-write-total", is(100))
	r.until("type=source-task-metrics,connector=none", "source-record-poll-total", is(40))
	r.until("type=sink-task-metrics,connector=out", "sink-record-send-total", is(60))
	r.until("type=sink-task-metrics,connector=out", "offset-commit-completion-total", some)
	r.until("type=sink-task-metrics,connector=out", "sink-record-active-count", is(0))
	r.until("type=sink-task-metrics,connector=letters", "sink-record-active-count", is(0))
	r.until("type=task-error-metrics,connector=letters", "deadletterqueue-produce-requests", is(5))
	r.until("type=connector-task-metrics,connector=fails", "status", is("failed"))
	r.node.Ask(r.t, http.MethodPut, "/connectors/in/pause", nil)
	r.until("type=connector-task-metrics,connector=in", "status", is("paused"))
	r.until("type=connector-task-metrics,connector=in", "pause-ratio", func(v any) bool {
		n, ok := v.(float64)
		return ok && n > 0.05
	})
}
