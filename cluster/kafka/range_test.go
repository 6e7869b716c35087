package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func ranged(t *testing.T, c *kafkatest.Cluster, from kafka.Range) ([]string, error) {
	t.Helper()
	ctx := soon(t)
	props := with(c.Props(), kafka.Props{"isolation.level": "read_committed", "fetch.max.wait.ms": "50"})
	r, err := kafka.OpenRange(ctx, props, from, quiet(), c.Option())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if len(r.TopicID()) != 32 {
		t.Errorf("topic id %q", r.TopicID())
	}
	var got []string
	err = r.Each(ctx, func(r *kafka.Record) error {
		got = append(got, fmt.Sprintf("%d@%d=%s", r.Partition, r.Offset, r.Value))
		return nil
	})
	slices.Sort(got)
	return got, err
}

func TestRange(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t", "empty"), kafkatest.NoAutoCreate())
	for i := range 6 {
		c.Produce(&kafka.Record{Topic: "t", Partition: int32(i % 2), Value: fmt.Append(nil, i)})
	}
	for _, tt := range []struct {
		name string
		from kafka.Range
		want []string
	}{
		{"all", kafka.Range{Topic: "t"}, []string{"0@0=0", "0@1=2", "0@2=4", "1@0=1", "1@1=3", "1@2=5"}},
		{"one partition", kafka.Range{Topic: "t", Partitions: []int32{1}}, []string{"1@0=1", "1@1=3", "1@2=5"}},
		{"from", kafka.Range{Topic: "t", From: map[int32]int64{0: 2, 1: 3}}, []string{"0@2=4"}},
		{"bounds", kafka.Range{Topic: "t", First: 1, End: 2}, []string{"0@1=2", "1@1=3"}},
		{"last", kafka.Range{Topic: "t", Last: 1}, []string{"0@2=4", "1@2=5"}},
		{"nothing", kafka.Range{Topic: "empty"}, nil},
	} {
		got, err := ranged(t, c, tt.from)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	if _, err := ranged(t, c, kafka.Range{Topic: "none"}); !errors.Is(err, errs.NotFound) {
		t.Errorf("topic that isn't there: %v", err)
	}
	if _, err := ranged(t, c, kafka.Range{Topic: "t", Partitions: []int32{7}}); !errors.Is(err, errs.NotFound) {
		t.Errorf("partition that isn't there: %v", err)
	}
}

func TestRangeSkip(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	for i := range 6 {
		c.Produce(&kafka.Record{Topic: "t", Partition: int32(i % 2), Value: fmt.Append(nil, i)})
	}
	r, err := kafka.OpenRange(soon(t), c.Props(), kafka.Range{Topic: "t", First: 1}, quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Skip(map[int32]int64{0: 5, 1: 2, 9: 1})
	r.Skip(map[int32]int64{1: 0}) // never back
	var got []string
	err = r.Each(soon(t), func(r *kafka.Record) error {
		got = append(got, string(r.Value))
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"5"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestRangeTransactions: a log that ends in aborted records and marks is read to its end.
func TestRangeTransactions(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	client := c.Client(kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("t"))
	defer client.Close()
	ctx := soon(t)
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ranged(t, c, kafka.Range{Topic: "t"}); err != nil || !slices.Equal(got, []string{"0@0=0"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestRangeGap: a log that ends in what compaction took away is read to its end.
func TestRangeGap(t *testing.T) {
	c := kafkatest.New(t)
	c.CreateTopic("t", 1, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.bytes": "100"})
	for _, v := range []string{"a", "b", "c", "d", "e", "f"} {
		c.Produce(&kafka.Record{Topic: "t", Key: []byte("k"), Value: []byte(v)})
	}
	c.Compact()
	got, err := ranged(t, c, kafka.Range{Topic: "t"})
	if err != nil || len(got) == 0 || len(got) >= 6 || got[len(got)-1] != "0@5=f" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRangeEnds(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "a", "b")
	r, err := kafka.OpenRange(soon(t), c.Props(), kafka.Range{Topic: "t"}, quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stop := errors.New("enough")
	if err := r.Each(soon(t), func(*kafka.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of the caller: %v", err)
	}
	c.Hang()
	defer c.Start()
	props := with(c.Props(), kafka.Props{"default.api.timeout.ms": "200"})
	if _, err := kafka.OpenRange(soon(t), props, kafka.Range{Topic: "t"}, quiet(), c.Option()); err == nil || !strings.Contains(err.Error(), "default.api.timeout.ms") {
		t.Errorf("hanging cluster: %v", err)
	}
}
