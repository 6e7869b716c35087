package kafkalog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// table notes what a log applied.
type table struct {
	mu      sync.Mutex
	records []string
	values  map[string]string
}

func (tb *table) apply(r *kafka.Record) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.values == nil {
		tb.values = map[string]string{}
	}
	tb.records = append(tb.records, string(r.Key)+"="+string(r.Value))
	tb.values[string(r.Key)] = string(r.Value)
	if r.Value == nil {
		delete(tb.values, string(r.Key))
	}
}

func (tb *table) all() string {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return strings.Join(tb.records, " ")
}

func (tb *table) get(key string) string {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return tb.values[key]
}

var configs = kafkalog.Topic{
	Name: "configs", Partitions: 1, ReplicationFactor: 1, Single: true,
	Setting: "config.storage.topic", Purpose: "connector configurations",
}

func newAdmin(t *testing.T, c *kafkatest.Cluster) *kafka.Admin {
	t.Helper()
	props := c.Props()
	props["default.api.timeout.ms"] = "5000"
	a, err := kafka.NewAdmin(props, quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() }) //nolint:errcheck // it returns none
	return a
}

func newLog(t *testing.T, c *kafkatest.Cluster, cfg kafkalog.Config) (*kafkalog.Log, *table) {
	t.Helper()
	if cfg.Topic.Name == "" {
		cfg.Topic = configs
	}
	if cfg.Props == nil {
		cfg.Props = c.Props()
	}
	cfg.ClientID = "g-configs"
	tb := &table{}
	l := kafkalog.New(cfg, newAdmin(t, c), tb.apply, quiet(), c.Option())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.Stop(ctx) //nolint:errcheck // tests that care stop it themselves
	})
	return l, tb
}

func startLog(t *testing.T, c *kafkatest.Cluster, cfg kafkalog.Config) (*kafkalog.Log, *table) {
	t.Helper()
	l, tb := newLog(t, c, cfg)
	if err := l.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	return l, tb
}

func send(t *testing.T, l *kafkalog.Log, key, value string) {
	t.Helper()
	var v []byte
	if value != "" {
		v = []byte(value)
	}
	if err := l.Send(soon(t), []byte(key), v); err != nil {
		t.Fatal(err)
	}
}

func TestMakesTheTopicAndFollows(t *testing.T) {
	c := kafkatest.New(t, kafkatest.NoAutoCreate())
	one, seenByOne := startLog(t, c, kafkalog.Config{})
	if n, ok := c.TopicExists("configs"); !ok || n != 1 || one.Partitions() != 1 {
		t.Fatalf("%d partitions, exists: %t", n, ok)
	}
	settings, err := newAdmin(t, c).DescribeTopicConfigs(soon(t), "configs")
	if err != nil || settings["cleanup.policy"] != "compact" {
		t.Errorf("cleanup.policy is %s, %v", settings["cleanup.policy"], err)
	}
	send(t, one, "a", "1")
	send(t, one, "b", "1")
	send(t, one, "a", "")
	if err := one.ReadToEnd(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := seenByOne.all(); got != "a=1 b=1 a=" {
		t.Errorf("applied %s", got)
	}
	two, seenByTwo := startLog(t, c, kafkalog.Config{})
	if got := seenByTwo.all(); got != "a=1 b=1 a=" {
		t.Errorf("a second log applied %s at its start", got)
	}
	send(t, two, "c", "2")
	kafkatest.Eventually(t, "the first sees it without asking", func() bool { return seenByOne.get("c") == "2" })
}

func TestReadToEndSeesWhatOthersWrote(t *testing.T) {
	c := kafkatest.New(t)
	topic := kafkalog.Topic{Name: "offsets", Partitions: 5, ReplicationFactor: 1, Setting: "offset.storage.topic", Purpose: "offsets"}
	one, _ := startLog(t, c, kafkalog.Config{Topic: topic})
	two, seen := startLog(t, c, kafkalog.Config{Topic: topic})
	for i := range 50 {
		key, value := fmt.Sprint("k", i%7), fmt.Sprint(i)
		send(t, one, key, value)
		if err := two.ReadToEnd(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := seen.get(key); got != value {
			t.Fatalf("%s is %s, want %s", key, got, value)
		}
	}
}

// Keys go where Java's partitioner puts them: the table is in /spec, measured with the JVM.
func TestPartitionsAreJavas(t *testing.T) {
	c := kafkatest.New(t)
	l, _ := startLog(t, c, kafkalog.Config{Topic: kafkalog.Topic{Name: "five", Partitions: 5, ReplicationFactor: 1}})
	want := map[string]int32{
		"status-connector-sink a": 2, "status-task-src-1-0": 4, "status-connector-src-1": 3,
		"status-topic-spec-src:connector-src-1": 1, `["fs",{"filename":"test.txt"}]`: 2,
	}
	for key := range want {
		send(t, l, key, "v")
	}
	for _, r := range c.Records("five") {
		if want[string(r.Key)] != r.Partition {
			t.Errorf("%s is in partition %d, want %d", r.Key, r.Partition, want[string(r.Key)])
		}
		if len(r.Headers) > 0 {
			t.Errorf("%s has headers", r.Key)
		}
		delete(want, string(r.Key))
	}
	if len(want) > 0 {
		t.Errorf("not written: %v", want)
	}
}

func TestRefusesTopics(t *testing.T) {
	for name, tt := range map[string]struct {
		partitions int32
		policy     string
		wrong      string // "": it will do
	}{
		"not compacted":        {1, "delete", "required to have 'cleanup.policy=compact'"},
		"also deleted":         {1, "compact,delete", "currently has 'cleanup.policy=compact,delete'"},
		"several partitions":   {3, "compact", "required to have a single partition"},
		"made by someone else": {1, "compact", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := kafkatest.New(t)
			c.CreateTopic("configs", tt.partitions, map[string]string{"cleanup.policy": tt.policy})
			l, _ := newLog(t, c, kafkalog.Config{})
			err := l.Start(soon(t))
			if tt.wrong == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), tt.wrong) || !strings.Contains(err.Error(), "config.storage.topic") {
				t.Errorf("%v", err)
			}
			if err := l.Stop(soon(t)); err != nil {
				t.Errorf("stop after a start that failed: %v", err)
			}
		})
	}
}

func TestNotAllowedToCreateIsAssumedToExist(t *testing.T) {
	c := kafkatest.New(t)
	c.CreateTopic("configs", 1, map[string]string{"cleanup.policy": "compact"})
	c.Fail(kafkatest.Fault{Request: "CreateTopics", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1})
	c.Fail(kafkatest.Fault{Request: "DescribeConfigs", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1})
	l, seen := startLog(t, c, kafkalog.Config{})
	send(t, l, "a", "1")
	kafkatest.Eventually(t, "it is followed", func() bool { return seen.get("a") == "1" })
}

// Only what is committed is seen, the markers count, and an open transaction holds up who asks for the end.
func TestTransactions(t *testing.T) {
	c := kafkatest.New(t)
	committed, seen := startLog(t, c, kafkalog.Config{ReadCommitted: true})
	_, seenAll := startLog(t, c, kafkalog.Config{})
	props := c.Props()
	props["transactional.id"] = "leader"
	producer, err := kafka.NewProducer(props, quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Abort()
	begin := func(key string) {
		t.Helper()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kafka.Record{Topic: "configs", Partition: kafka.NoPartition, Key: []byte(key), Value: []byte("v")}
		written := make(chan error, 1)
		if err := producer.Produce(soon(t), r, func(_ *kafka.Record, err error) { written <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
	end := func(how func(context.Context) error) {
		t.Helper()
		if err := how(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	begin("kept")
	end(producer.CommitTransaction)
	begin("dropped")
	end(producer.AbortTransaction)
	if err := committed.ReadToEnd(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := seen.all(); got != "kept=v" {
		t.Errorf("committed: %s", got)
	}
	kafkatest.Eventually(t, "without isolation all is seen", func() bool { return seenAll.all() == "kept=v dropped=v" })

	begin("late")
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := committed.ReadToEnd(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read to end with an open transaction: %v", err)
	}
	stable, seenStable := startLog(t, c, kafkalog.Config{ReadCommitted: true, StartStable: true})
	if got := seenStable.all(); got != "kept=v" {
		t.Errorf("started beside an open transaction: %s", got)
	}
	again, cancelAgain := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancelAgain()
	if err := stable.ReadToEnd(again); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read to end after a start beside an open transaction: %v", err)
	}
	end(producer.CommitTransaction)
	if err := committed.ReadToEnd(soon(t)); err != nil || seen.get("late") != "v" {
		t.Errorf("after the commit: %v, %s", err, seen.all())
	}
}

func TestLivesThroughOutages(t *testing.T) {
	c := kafkatest.New(t)
	l, seen := startLog(t, c, kafkalog.Config{})
	send(t, l, "a", "1")
	c.Stop()
	sent := make(chan error, 1)
	if err := l.SendAsync(soon(t), []byte("b"), []byte("2"), func(err error) { sent <- err }); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := l.ReadToEnd(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read to end without brokers: %v", err)
	}
	c.Start()
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-soon(t).Done():
		t.Fatal("not sent after the outage")
	}
	if err := l.ReadToEnd(soon(t)); err != nil || seen.all() != "a=1 b=2" {
		t.Errorf("%v, %s", err, seen.all())
	}
}

func TestNoRetriesTellsOfAnOutage(t *testing.T) {
	c := kafkatest.New(t)
	l, _ := startLog(t, c, kafkalog.Config{NoRetries: true})
	send(t, l, "a", "1")
	c.Fail(kafkatest.Fault{Request: "Produce", Topic: "configs", Error: "NOT_LEADER_FOR_PARTITION", Times: -1})
	err := l.Send(soon(t), []byte("b"), []byte("2"))
	if kafka.Classify(err) != kafka.Retriable || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// A log whose end was compacted away ends nevertheless.
func TestCompacted(t *testing.T) {
	c := kafkatest.New(t)
	c.CreateTopic("configs", 1, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0", "segment.bytes": "1", "segment.ms": "1",
	})
	for i := range 10 {
		c.Produce(&kafka.Record{Topic: "configs", Key: []byte{byte('a' + i%2)}, Value: fmt.Append(nil, i)})
	}
	c.Produce(&kafka.Record{Topic: "configs", Key: []byte("b")})
	c.Compact()
	l, seen := startLog(t, c, kafkalog.Config{})
	if seen.get("a") != "8" || seen.get("b") != "" {
		t.Errorf("read %s", seen.all())
	}
	send(t, l, "c", "1")
	if err := l.ReadToEnd(soon(t)); err != nil || seen.get("c") != "1" {
		t.Errorf("%v, %s", err, seen.all())
	}
}

// So does one whose records were all deleted, where no record ever comes to say how far it goes.
func TestEmptied(t *testing.T) {
	c := kafkatest.New(t)
	c.CreateTopic("configs", 1, map[string]string{"cleanup.policy": "compact"})
	for range 5 {
		c.Produce(&kafka.Record{Topic: "configs", Key: []byte("a"), Value: []byte("1")})
	}
	last := data.TopicPartition{Topic: "configs"}
	if err := newAdmin(t, c).DeleteRecords(soon(t), kafka.Offsets{last: 5}); err != nil {
		t.Fatal(err)
	}
	l, seen := startLog(t, c, kafkalog.Config{})
	if got := seen.all(); got != "" {
		t.Errorf("read %s", got)
	}
	send(t, l, "c", "1")
	if err := l.ReadToEnd(soon(t)); err != nil || seen.all() != "c=1" {
		t.Errorf("%v, %s", err, seen.all())
	}
}

func TestStopEndsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory())
		admin, err := kafka.NewAdmin(c.Props(), quiet(), c.Option())
		if err != nil {
			t.Fatal(err)
		}
		tb := &table{}
		l := kafkalog.New(kafkalog.Config{Topic: configs, Props: c.Props()}, admin, tb.apply, quiet(), c.Option())
		if err := l.ReadToEnd(t.Context()); !errors.Is(err, errs.IllegalState) {
			t.Errorf("before start: %v", err)
		}
		if err := l.Send(t.Context(), []byte("a"), nil); !errors.Is(err, errs.IllegalState) {
			t.Errorf("before start: %v", err)
		}
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Hang()
		waiting := make(chan error, 1)
		go func() { waiting <- l.ReadToEnd(context.Background()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := l.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-waiting; !errors.Is(err, errs.IllegalState) {
			t.Errorf("who waited got %v", err)
		}
		if err := l.Stop(ctx); err != nil {
			t.Errorf("stop again: %v", err)
		}
		if err := l.ReadToEnd(ctx); !errors.Is(err, errs.IllegalState) {
			t.Errorf("after stop: %v", err)
		}
		c.Start()
		admin.Close()           //nolint:errcheck // it returns none
		time.Sleep(time.Minute) // for what sarama leaves behind to end, in fake time
	})
}

func TestReadOnly(t *testing.T) {
	c := kafkatest.New(t)
	l, _ := startLog(t, c, kafkalog.Config{ReadOnly: true})
	if err := l.Send(soon(t), []byte("a"), nil); !errors.Is(err, errs.IllegalState) {
		t.Errorf("%v", err)
	}
	if err := l.ReadToEnd(soon(t)); err != nil {
		t.Error(err)
	}
}

func TestStartWithoutBrokers(t *testing.T) {
	c := kafkatest.New(t)
	c.Stop()
	l, _ := newLog(t, c, kafkalog.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.Start(ctx); err == nil || !strings.Contains(err.Error(), "configs") {
		t.Errorf("%v", err)
	}
}

func TestProducerProps(t *testing.T) {
	got := kafkalog.ProducerProps(kafka.Props{
		"bootstrap.servers": "b:1", "group.id": "g", "key.converter": "x", "ssl.protocol": "p", "batch.size": "5",
		"transactional.id": "t", "compression.type": "lz4", "producer.acks": "1",
	})
	var keys []string
	for k := range got {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if want := "batch.size bootstrap.servers compression.type ssl.protocol"; strings.Join(keys, " ") != want {
		t.Errorf("got %v, want %s", keys, want)
	}
}
