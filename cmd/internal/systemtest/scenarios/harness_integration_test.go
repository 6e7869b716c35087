//go:build integration

package scenarios_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/monitorable"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

const (
	stringConverter = "org.apache.kafka.connect.storage.StringConverter"
	// soon is how long a condition may take; generous because machines are slow and shared.
	soon = time.Minute
)

// site is what all scenarios share: two brokers. The first has a listener with login and access
// control beside the plain one, and makes no topics by itself; the second is another cluster, which
// does.
type site struct {
	main, other *broker
}

// broker is a Kafka with clients of the test.
type broker struct {
	*service.Kafka
	admin    *kafka.Admin
	producer *kafka.Producer
}

func startBroker(t *testing.T, opts ...service.KafkaOption) *broker {
	t.Helper()
	b := &broker{Kafka: service.StartKafka(t, opts...)}
	props, log := kafka.Props{"bootstrap.servers": b.Addr}, slog.New(slog.DiscardHandler)
	var err error
	if b.admin, err = kafka.NewAdmin(props, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.admin.Close() })
	b.renew(t)
	return b
}

// renew makes the producer of the test another one: one that wrote to a topic does not write to its
// successor of the same name.
func (b *broker) renew(t *testing.T) {
	t.Helper()
	p, err := kafka.NewProducer(kafka.Props{"bootstrap.servers": b.Addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Abort)
	b.producer = p
}

// create makes a topic.
func (b *broker) create(t *testing.T, topic string, partitions int) {
	t.Helper()
	if _, err := b.admin.CreateTopic(t.Context(), kafka.NewTopic{Name: topic, Partitions: partitions, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
}

// text is a record of texts for the partition given, or any with kafka.NoPartition.
func text(topic string, partition int32, key, value string) *kafka.Record {
	return &kafka.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
}

// produce sends records and waits until the broker has them.
func (b *broker) produce(t *testing.T, records ...*kafka.Record) {
	t.Helper()
	var failed error // promises come one at a time, all before Flush returns
	for _, r := range records {
		if err := b.producer.Produce(t.Context(), r, func(_ *kafka.Record, err error) { failed = errors.Join(failed, err) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.producer.Flush(t.Context()); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// records are what consumers see in a topic now, in order per partition; isolation is
// read_committed or read_uncommitted. No topic is no records.
func (b *broker) records(t *testing.T, isolation, topic string) []*kafka.Record {
	t.Helper()
	var all []*kafka.Record
	err := kafka.PeekTopic(t.Context(), kafka.Props{"bootstrap.servers": b.Addr, "isolation.level": isolation},
		kafka.Peek{Topic: topic, Count: 1 << 30}, func(r *kafka.Record) error {
			all = append(all, r)
			return nil
		}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// spec says what a cluster of workers is made of.
type spec struct {
	standalone bool // one worker without a group
	workers    int
	on         *broker           // with the internal topics; the main one if nil
	hangs      bool              // tasks hang: a worker may say at its end that it left some behind
	props      map[string]string // of the workers, over those of all scenarios
}

// cluster is workers in this process, with the monitorable connectors. The request methods ask its
// first worker.
type cluster struct {
	service.REST
	t     *testing.T
	kafka *broker
	book  *monitorable.Book
	group string
	spec  spec
	nodes []*node
	log   *log
}

var clusters struct { // names for groups, unlike each other
	sync.Mutex
	n int
}

// start starts a cluster, and ends it with the test.
func (s *site) start(t *testing.T, want spec) *cluster {
	t.Helper()
	clusters.Lock()
	clusters.n++
	group := fmt.Sprintf("scenarios-%d", clusters.n)
	clusters.Unlock()
	c := &cluster{t: t, kafka: want.on, book: monitorable.NewBook(), group: group, spec: want, log: &log{}}
	if c.kafka == nil {
		c.kafka = s.main
	}
	t.Cleanup(func() {
		c.book.Release()
		c.stop()
		if t.Failed() {
			t.Logf("the workers' log:\n%s", c.log.tail(150))
		}
	})
	c.grow(max(want.workers, 1))
	return c
}

// grow adds workers and waits until all are there.
func (c *cluster) grow(n int) {
	c.t.Helper()
	var added []*node
	for range n {
		added = append(added, c.add())
	}
	for _, n := range added {
		select {
		case n.url = <-n.up:
		case err := <-n.done:
			n.done <- err
			c.t.Fatalf("a worker ended: %v", err)
		case <-time.After(soon):
			c.t.Fatal("a worker does not start")
		}
	}
	c.REST = service.REST{URL: strings.TrimSuffix(c.nodes[0].url, "/")}
	if !c.spec.standalone {
		c.members(len(c.nodes))
	}
}

// members waits until the group has settled with so many members.
func (c *cluster) members(n int) {
	c.t.Helper()
	service.Until(c.t, soon, fmt.Sprintf("%d workers in group %s", n, c.group), func() error {
		info, err := c.kafka.admin.DescribeGroup(c.t.Context(), c.group)
		if err == nil && (info.Members != n || info.State != "Stable") {
			err = fmt.Errorf("%+v", info)
		}
		return err
	})
}

// topic is an internal topic: configs, offsets or status.
func (c *cluster) topic(which string) string { return c.group + "-" + which }

func (c *cluster) properties(port int) map[string]string {
	props := map[string]string{
		"bootstrap.servers": c.kafka.Addr, "listeners": "http://127.0.0.1:" + strconv.Itoa(port),
		"key.converter":   "org.apache.kafka.connect.json.JsonConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "offset.flush.interval.ms": "1000",
		// Kafka's tests have the default, half a minute: how long a request waits that must fail.
		"task.shutdown.graceful.timeout.ms": "1000",
	}
	if c.spec.standalone {
		props["offset.storage.file.filename"] = c.t.TempDir() + "/offsets"
	} else {
		for _, which := range []string{"configs", "offsets", "status"} {
			key := map[string]string{"configs": "config", "offsets": "offset", "status": "status"}[which]
			props[key+".storage.topic"] = c.topic(which)
			props[key+".storage.replication.factor"] = "1"
		}
		props["offset.storage.partitions"], props["status.storage.partitions"] = "3", "3"
		props["group.id"] = c.group
		props["scheduled.rebalance.max.delay.ms"] = "2000"
	}
	maps.Copy(props, c.spec.props)
	return props
}

// node is one worker.
type node struct {
	url  string
	up   chan string
	done chan error
	end  context.CancelFunc
}

func (c *cluster) add() *node {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	n := &node{up: make(chan string, 1), done: make(chan error, 1), end: cancel}
	opts := boot.Options{
		Props: c.properties(service.FreePorts(c.t, 1)), Log: c.log, Plugins: c.book.Plugins(),
		Started: func(url string) { n.up <- url },
	}
	run := boot.Distributed
	if c.spec.standalone {
		run = boot.Standalone
	}
	go func() { n.done <- run(ctx, opts) }() // ends with stop
	c.nodes = append(c.nodes, n)
	return n
}

// stop ends all workers in order.
func (c *cluster) stop() {
	c.t.Helper()
	for _, n := range c.nodes {
		n.end()
	}
	for _, n := range c.nodes {
		select {
		case err := <-n.done:
			if err != nil && (!c.spec.hangs || !strings.Contains(err.Error(), "were left behind")) {
				c.t.Errorf("worker %s: %v", n.url, err)
			}
		case <-time.After(2 * soon):
			c.t.Errorf("worker %s does not end", n.url)
		}
	}
	c.nodes = nil
}

// log collects what workers say.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// tail is the last n lines.
func (l *log) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimRight(l.Buffer.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// ask sends a request and fails the test unless the answer has that status; it returns the body.
func (c *cluster) ask(t *testing.T, want int, method, path string, body any) string {
	t.Helper()
	status, answer, err := c.Do(t.Context(), method, path, body)
	if err != nil || status != want {
		t.Fatalf("%s %s: %d %s %v, want %d", method, path, status, answer, err, want)
	}
	return string(answer)
}

// refused sends a request whose answer must have the status and hold the words.
func (c *cluster) refused(t *testing.T, status int, words, method, path string, body any) {
	t.Helper()
	if answer := c.ask(t, status, method, path, body); !strings.Contains(answer, words) {
		t.Errorf("%s %s: the answer is %s, want %q in it", method, path, answer, words)
	}
}

// raw is a body sent as it is.
func raw(body string) any { return json.RawMessage(body) }

// configure puts a connector's configuration, and has the connector deleted at the end of the test.
// It tries again while the cluster rebalances.
func (c *cluster) configure(t *testing.T, name string, props map[string]string) {
	t.Helper()
	var known map[string]any
	if c.Get(t.Context(), "/connectors/"+name, &known) != nil {
		t.Cleanup(func() { c.drop(t, name) })
	}
	c.eventually(t, http.MethodPut, "/connectors/"+name+"/config", props)
}

// eventually sends a request until no rebalance is in its way.
func (c *cluster) eventually(t *testing.T, method, path string, body any) string {
	t.Helper()
	var said string
	service.Until(t, soon, method+" "+path, func() error {
		status, answer, err := c.Do(context.WithoutCancel(t.Context()), method, path, body)
		said = string(answer)
		if status == http.StatusConflict {
			return errors.New(said)
		}
		if err != nil || status >= 300 {
			t.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
		}
		return nil
	})
	return said
}

// drop deletes a connector unless it is gone already.
func (c *cluster) drop(t *testing.T, name string) {
	t.Helper()
	if len(c.nodes) == 0 {
		return
	}
	for range 100 {
		status, answer, err := c.Do(context.WithoutCancel(t.Context()), http.MethodDelete, "/connectors/"+name, nil)
		switch {
		case err != nil:
			t.Errorf("deleting %s: %v", name, err)
			return
		case status == http.StatusNoContent || status == http.StatusNotFound:
			return
		case status != http.StatusConflict:
			t.Errorf("deleting %s: %d %s", name, status, answer)
			return
		}
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // a rebalance goes by; the test's context has ended
	}
	t.Errorf("deleting %s: conflicts without end", name)
}

// delete deletes a connector and waits until it is gone.
func (c *cluster) delete(t *testing.T, name string) {
	t.Helper()
	c.eventually(t, http.MethodDelete, "/connectors/"+name, nil)
	service.Until(t, soon, name+" gone", func() error {
		status, answer, err := c.Do(t.Context(), http.MethodGet, "/connectors/"+name, nil)
		if err == nil && status != http.StatusNotFound {
			err = fmt.Errorf("%d %s", status, answer)
		}
		return err
	})
}

// states waits until the connector and exactly n tasks are in the states given.
func (c *cluster) states(t *testing.T, name, connector string, n int, task string) service.Status {
	t.Helper()
	var s service.Status
	service.Until(t, soon, fmt.Sprintf("%s %s with %d tasks %s", name, connector, n, task), func() error {
		s = service.Status{}
		if err := c.Get(t.Context(), "/connectors/"+name+"/status", &s); err != nil {
			return err
		}
		if s.Connector.State != connector || len(s.Tasks) != n {
			return fmt.Errorf("%+v", s)
		}
		for _, one := range s.Tasks {
			if one.State != task {
				return fmt.Errorf("%+v", s)
			}
		}
		return nil
	})
	return s
}

func (c *cluster) running(t *testing.T, name string, tasks int) {
	t.Helper()
	c.states(t, name, "RUNNING", tasks, "RUNNING")
}

// stopped stops a connector and waits for it.
func (c *cluster) stopped(t *testing.T, name string) {
	t.Helper()
	c.eventually(t, http.MethodPut, "/connectors/"+name+"/stop", nil)
	c.states(t, name, "STOPPED", 0, "")
}

// reaches waits until the counts of the book are what ok wants of them.
func reaches(t *testing.T, what string, counts func() monitorable.Counts, ok func(monitorable.Counts) bool) {
	t.Helper()
	service.Until(t, soon, what, func() error {
		if n := counts(); !ok(n) {
			return fmt.Errorf("%+v", n)
		}
		return nil
	})
}

// validates asks how many errors a configuration has, and which settings have them.
func (c *cluster) validates(t *testing.T, props map[string]string, errors int, keys ...string) {
	t.Helper()
	var answer struct {
		Errors  int `json:"error_count"`
		Configs []struct {
			Value struct {
				Name   string   `json:"name"`
				Errors []string `json:"errors"`
			} `json:"value"`
		} `json:"configs"`
	}
	class := props["connector.class"]
	body := c.ask(t, http.StatusOK, http.MethodPut, "/connector-plugins/"+class[strings.LastIndex(class, ".")+1:]+"/config/validate", props)
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]bool{}
	for _, cfg := range answer.Configs {
		if len(cfg.Value.Errors) > 0 {
			wrong[cfg.Value.Name] = true
		}
	}
	if answer.Errors != errors || len(wrong) != len(keys) {
		t.Errorf("%d errors at %v, want %d at %v", answer.Errors, wrong, errors, keys)
	}
	for _, key := range keys {
		if !wrong[key] {
			t.Errorf("no error at %s, but at %v", key, wrong)
		}
	}
}

// with is props with more.
func with(props map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(props)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// source are the settings of a monitorable source.
func source(name, topic string, tasks int, pairs ...string) map[string]string {
	return with(map[string]string{
		"name": name, "connector.class": monitorable.SourceClass, "tasks.max": strconv.Itoa(tasks), "topic": topic,
		"key.converter": stringConverter, "value.converter": stringConverter,
	}, pairs...)
}

// sink are the settings of a monitorable sink.
func sink(name, topics string, tasks int, pairs ...string) map[string]string {
	return with(map[string]string{
		"name": name, "connector.class": monitorable.SinkClass, "tasks.max": strconv.Itoa(tasks), "topics": topics,
		"key.converter": stringConverter, "value.converter": stringConverter,
	}, pairs...)
}
