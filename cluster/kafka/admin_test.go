package kafka_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func newAdmin(t *testing.T, c *kafkatest.Cluster, more kafka.Props) *kafka.Admin {
	t.Helper()
	a, err := kafka.NewAdmin(with(c.Props(), more), quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func tp(topic string, n int32) data.TopicPartition {
	return data.TopicPartition{Topic: topic, Partition: n}
}

func TestAdminTopics(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(3, "three"), kafkatest.Brokers(3))
	a := newAdmin(t, c, nil)
	ctx := soon(t)
	if id, err := a.ClusterID(ctx); err != nil || id == "" {
		t.Errorf("cluster id %q, %v", id, err)
	}
	if made, err := a.CreateTopic(ctx, kafka.NewTopic{Name: "new", Partitions: 2, ReplicationFactor: 1, Configs: map[string]string{"cleanup.policy": "compact"}}); err != nil || !made {
		t.Fatalf("create: %v, %v", made, err)
	}
	if made, err := a.CreateTopic(ctx, kafka.NewTopic{Name: "new", Partitions: 2, ReplicationFactor: 1}); err != nil || made {
		t.Errorf("create again: %v, %v", made, err)
	}
	if made, err := a.CreateTopic(ctx, kafka.NewTopic{Name: "defaults", Partitions: -1, ReplicationFactor: -1}); err != nil || !made {
		t.Errorf("create with the broker's defaults: %v, %v", made, err)
	}
	found, err := a.DescribeTopics(ctx, "three", "new", "defaults", "missing")
	if err != nil || len(found) != 3 || found["three"].Partitions != 3 || found["new"].Partitions != 2 || found["new"].ReplicationFactor < 1 {
		t.Errorf("describe: %+v, %v", found, err)
	}
	if _, ok := c.TopicExists("missing"); ok {
		t.Error("describing a topic made it")
	}
	if all, err := a.DescribeTopics(ctx); err != nil || len(all) != 3 {
		t.Errorf("all topics: %v, %v", all, err)
	}
	configs, err := a.DescribeTopicConfigs(ctx, "new")
	if err != nil || configs["cleanup.policy"] != "compact" {
		t.Errorf("settings: %v, %v", configs, err)
	}
	retention := "1000"
	if err := a.AlterTopicConfigs(ctx, "new", map[string]*string{"retention.ms": &retention}); err != nil {
		t.Error(err)
	}
	if configs, err := a.DescribeTopicConfigs(ctx, "new"); err != nil || configs["retention.ms"] != "1000" || configs["cleanup.policy"] != "compact" {
		t.Errorf("settings: %v, %v", configs, err)
	}
	if err := a.CreatePartitions(ctx, "new", 4); err != nil {
		t.Error(err)
	}
	if n, _ := c.TopicExists("new"); n != 4 {
		t.Errorf("%d partitions, want 4", n)
	}
	for range 2 {
		if err := a.DeleteTopic(ctx, "new"); err != nil {
			t.Error(err)
		}
	}
	c.Fail(kafkatest.Fault{Request: "CreateTopics", Error: "INVALID_TOPIC_EXCEPTION"}) // kfake takes any name
	_, err = a.CreateTopic(ctx, kafka.NewTopic{Name: "bad name", Partitions: 1, ReplicationFactor: 1})
	if kafka.Classify(err) != kafka.Fatal || !strings.Contains(err.Error(), "create topic bad name") || !strings.HasSuffix(kafka.ClassName(err), ".InvalidTopicException") {
		t.Errorf("bad name: %v (%s)", err, kafka.ClassName(err))
	}
}

func TestAdminOffsetsAndRecords(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	a := newAdmin(t, c, nil)
	ctx := soon(t)
	c.Values("t", "a", "b", "c")
	if got, err := a.EndOffsets(ctx, "t"); err != nil || !maps.Equal(got, kafka.Offsets{tp("t", 0): 3, tp("t", 1): 0}) {
		t.Errorf("end offsets: %v, %v", got, err)
	}
	if err := a.DeleteRecords(ctx, kafka.Offsets{tp("t", 0): 2}); err != nil {
		t.Error(err)
	}
	if got, err := a.StartOffsets(ctx, "t"); err != nil || got[tp("t", 0)] != 2 {
		t.Errorf("start offsets: %v, %v", got, err)
	}
	if _, err := a.EndOffsets(soonIn(t, 300*time.Millisecond), "nope"); kafka.Classify(err) == 0 || !strings.Contains(err.Error(), "nope") {
		t.Errorf("end offsets of a missing topic: %v", err)
	}
}

func TestAdminGroupOffsets(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	a := newAdmin(t, c, nil)
	ctx := soon(t)
	if info, err := a.DescribeGroup(ctx, "g"); err != nil || info.State != "Dead" {
		t.Errorf("a group that isn't there: %+v, %v", info, err)
	}
	want := kafka.Offsets{tp("t", 0): 5, tp("t", 1): 7}
	if err := a.AlterGroupOffsets(ctx, "g", want); err != nil {
		t.Fatal(err)
	}
	if got, err := a.ListGroupOffsets(ctx, "g"); err != nil || !maps.Equal(got, want) {
		t.Errorf("offsets %v, %v; want %v", got, err, want)
	}
	if err := a.DeleteGroupOffsets(ctx, "g", tp("t", 1), tp("gone", 0)); err != nil {
		t.Error(err)
	}
	if got := c.Committed("g"); !maps.Equal(got, kafka.Offsets{tp("t", 0): 5}) {
		t.Errorf("offsets after deletion: %v", got)
	}
	if info, err := a.DescribeGroup(ctx, "g"); err != nil || info.State != "Empty" || info.Members != 0 {
		t.Errorf("group: %+v, %v", info, err)
	}
	for range 2 {
		if err := a.DeleteGroup(ctx, "g"); err != nil {
			t.Error(err)
		}
	}
	if got, err := a.ListGroupOffsets(ctx, "g"); err != nil || len(got) != 0 {
		t.Errorf("offsets of a deleted group: %v, %v", got, err)
	}
}

func TestAdminOfAGroupWithMembers(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	a := newAdmin(t, c, nil)
	ctx := soon(t)
	con := newConsumer(t, c, "g", nil, "t")
	await(t, con, kafka.Assigned)
	if info, err := a.DescribeGroup(ctx, "g"); err != nil || info.State != "Stable" || info.Members != 1 {
		t.Errorf("group: %+v, %v", info, err)
	}
	if err := a.AlterGroupOffsets(ctx, "g", kafka.Offsets{tp("t", 0): 1}); kafka.Classify(err) != kafka.Fenced {
		t.Errorf("alter: %v", err)
	}
	if err := a.DeleteGroup(ctx, "g"); !strings.HasSuffix(kafka.ClassName(err), ".GroupNotEmptyException") {
		t.Errorf("delete: %v (%s)", err, kafka.ClassName(err))
	}
	if err := a.DeleteGroupOffsets(ctx, "g", tp("t", 0)); !strings.HasSuffix(kafka.ClassName(err), ".GroupSubscribedToTopicException") {
		t.Errorf("delete an offset: %v (%s)", err, kafka.ClassName(err))
	}
}

func TestAdminConnectsAgainAndObeysContext(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	a := newAdmin(t, c, nil)
	if _, err := a.ClusterID(soon(t)); err != nil {
		t.Fatal(err)
	}
	c.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := a.ClusterID(ctx); kafka.Classify(err) != kafka.Retriable || !errors.Is(err, errs.Retriable) {
		t.Errorf("with the broker away: %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("a call of 300 ms took %v", took)
	}
	go func() {
		time.Sleep(200 * time.Millisecond) // so that the call begins before
		c.Start()
	}()
	if _, err := a.DescribeTopics(soon(t), "t"); err != nil {
		t.Errorf("with the broker back: %v", err)
	}
	c.Hang()
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := a.ClusterID(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a silent broker: %v", err)
	}
	c.Start()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := a.ClusterID(t.Context()); kafka.Classify(err) != kafka.Aborted {
		t.Errorf("after close: %v", err)
	}
}

func TestAPITimeout(t *testing.T) {
	c := kafkatest.New(t)
	c.Stop()
	a := newAdmin(t, c, kafka.Props{"default.api.timeout.ms": "200"})
	if _, err := a.ClusterID(t.Context()); kafka.Classify(err) != kafka.Retriable {
		t.Errorf("%v is %s", err, kafka.Classify(err))
	}
}

func TestAdminFaults(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	a := newAdmin(t, c, nil)
	c.Fail(kafkatest.Fault{Request: "CreateTopics", Error: "NOT_CONTROLLER", Times: 3})
	if made, err := a.CreateTopic(soon(t), kafka.NewTopic{Name: "n", Partitions: 1, ReplicationFactor: 1}); err != nil || !made {
		t.Errorf("after NOT_CONTROLLER: %v, %v", made, err)
	}
	c.Fail(kafkatest.Fault{Request: "OffsetFetch", Error: "COORDINATOR_LOAD_IN_PROGRESS", Times: 2, TopLevel: true})
	if _, err := a.ListGroupOffsets(soon(t), "g"); err != nil {
		t.Errorf("after COORDINATOR_LOAD_IN_PROGRESS: %v", err)
	}
	c.Fail(kafkatest.Fault{Request: "CreateTopics", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1})
	if _, err := a.CreateTopic(soon(t), kafka.NewTopic{Name: "m", Partitions: 1, ReplicationFactor: 1}); kafka.Classify(err) != kafka.Authorization || !errors.Is(err, errs.Authorization) {
		t.Errorf("refused: %v", err)
	}
}

func TestFenceProducers(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	a := newAdmin(t, c, nil)
	p := newProducer(t, c, kafka.Props{"transactional.id": "x"})
	if err := p.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := outcome(t, p, &kafka.Record{Topic: "t"}); err != nil {
		t.Fatal(err)
	}
	if err := a.FenceProducers(soon(t), "x", "never-seen"); err != nil {
		t.Fatal(err)
	}
	if err := p.CommitTransaction(soon(t)); kafka.Classify(err) != kafka.Fenced {
		t.Errorf("commit after fencing: %v", err)
	}
	if n := len(c.Records("t")); n != 0 {
		t.Errorf("%d records of a fenced transaction", n)
	}
}

// Calls that find connections being made to a broker that doesn't answer give up with their contexts;
// none stays behind to wait for the others. Not in a bubble, since sarama holds a mutex while it dials.
func TestAdminCallsDoNotQueueBehindAConnection(t *testing.T) {
	c := kafkatest.New(t)
	a := newAdmin(t, c, nil)
	c.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	answers := make(chan error, 3)
	for range cap(answers) {
		go func() {
			_, err := a.ClusterID(ctx)
			answers <- err
		}()
	}
	for range cap(answers) {
		select {
		case err := <-answers:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		case <-time.After(20 * time.Second): // a third of default.api.timeout.ms
			t.Fatal("a call outlived its context")
		}
	}
	c.Start()
	if _, err := a.ClusterID(soon(t)); err != nil {
		t.Errorf("with the broker back: %v", err)
	}
}

// A call that is given up returns nothing of what its try still finds out, and shares no memory with it
// (the race detector looks at this).
func TestAdminGivenUp(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(3, "t"))
	a := newAdmin(t, c, nil)
	if _, err := a.EndOffsets(soon(t), "t"); err != nil {
		t.Fatal(err)
	}
	coordinator, err := kafka.NewCoordinator(c.Props(), "g", quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { coordinator.Close() })
	calls := map[string]func(context.Context) (any, error){
		"EndOffsets":           func(ctx context.Context) (any, error) { return a.EndOffsets(ctx, "t") },
		"ListGroupOffsets":     func(ctx context.Context) (any, error) { return a.ListGroupOffsets(ctx, "g") },
		"DescribeTopics":       func(ctx context.Context) (any, error) { return a.DescribeTopics(ctx, "t") },
		"DescribeTopicConfigs": func(ctx context.Context) (any, error) { return a.DescribeTopicConfigs(ctx, "t") },
		"DescribeGroup":        func(ctx context.Context) (any, error) { return a.DescribeGroup(ctx, "g") },
		"DescribeMembers":      func(ctx context.Context) (any, error) { return a.DescribeMembers(ctx, "g") },
		"ClusterID":            func(ctx context.Context) (any, error) { return a.ClusterID(ctx) },
		"CreateTopic": func(ctx context.Context) (any, error) {
			return a.CreateTopic(ctx, kafka.NewTopic{Name: "t", Partitions: 1, ReplicationFactor: 1})
		},
		"FindCoordinator": func(ctx context.Context) (any, error) { return coordinator.FindCoordinator(ctx) },
	}
	for name, call := range calls {
		givenUp := 0
		for i := range 60 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*20*time.Microsecond)
			answer, err := call(ctx)
			cancel()
			if err == nil {
				continue
			}
			givenUp++
			if v := reflect.ValueOf(answer); !v.IsZero() {
				t.Errorf("%s: an answer beside the error %v: %v", name, err, answer)
			}
		}
		if givenUp == 0 {
			t.Errorf("%s was never given up", name)
		}
	}
}
