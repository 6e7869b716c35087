package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func peeked(t *testing.T, c *kafkatest.Cluster, peek kafka.Peek, more kafka.Props) ([]string, error) {
	t.Helper()
	var got []string
	err := kafka.PeekTopic(soon(t), with(c.Props(), more), peek, func(r *kafka.Record) error {
		got = append(got, fmt.Sprintf("%d@%d=%s", r.Partition, r.Offset, r.Value))
		return nil
	}, quiet(), c.Option())
	return got, err
}

func TestPeekTopic(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t", "empty"), kafkatest.NoAutoCreate())
	at := time.UnixMilli(1_700_000_000_000)
	for i := range 6 {
		c.Produce(&kafka.Record{Topic: "t", Partition: int32(i % 2), Timestamp: at.Add(time.Duration(i) * time.Second), Value: fmt.Append(nil, i)})
	}
	for _, tt := range []struct {
		name string
		peek kafka.Peek
		want []string // sorted unless FromEnd, since partitions come in any order
	}{
		{"all", kafka.Peek{Topic: "t", Count: 100}, []string{"0@0=0", "0@1=2", "0@2=4", "1@0=1", "1@1=3", "1@2=5"}},
		{"all from the end", kafka.Peek{Topic: "t", Count: 100, FromEnd: true}, []string{"0@0=0", "1@0=1", "0@1=2", "1@1=3", "0@2=4", "1@2=5"}},
		{"last three", kafka.Peek{Topic: "t", Count: 3, FromEnd: true}, []string{"1@1=3", "0@2=4", "1@2=5"}},
		{"none there", kafka.Peek{Topic: "empty", Count: 3}, nil},
		{"none there at the end", kafka.Peek{Topic: "empty", Count: 3, FromEnd: true}, nil},
	} {
		got, err := peeked(t, c, tt.peek, nil)
		if !tt.peek.FromEnd {
			slices.Sort(got)
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	if got, err := peeked(t, c, kafka.Peek{Topic: "t", Count: 2}, nil); err != nil || len(got) != 2 {
		t.Errorf("first two: %v, %v", got, err)
	}
	if n := c.Members("troupe"); n != 0 {
		t.Errorf("a group has %d members", n)
	}
}

func TestPeekRefusals(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "a", "b")
	if _, err := peeked(t, c, kafka.Peek{Topic: "missing", Count: 1}, nil); !errors.Is(err, errs.NotFound) {
		t.Errorf("missing topic: %v", err)
	}
	if _, ok := c.TopicExists("missing"); ok {
		t.Error("looking at a topic made it")
	}
	if _, err := peeked(t, c, kafka.Peek{Topic: "t"}, nil); !errors.Is(err, errs.Config) {
		t.Errorf("no count: %v", err)
	}
	if _, err := peeked(t, c, kafka.Peek{Topic: "t", Count: 1}, kafka.Props{"isolation.level": "maybe"}); !errors.Is(err, errs.Config) {
		t.Errorf("wrong setting: %v", err)
	}
	stop := errors.New("enough")
	calls := 0
	err := kafka.PeekTopic(soon(t), c.Props(), kafka.Peek{Topic: "t", Count: 5}, func(*kafka.Record) error { calls++; return stop }, quiet(), c.Option())
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("error of the caller: %v after %d calls", err, calls)
	}
}

// TestPeekEnds: looking at a cluster that doesn't answer ends with the context.
func TestPeekEnds(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "a")
	c.Hang()
	defer c.Start() // so that it can be closed
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := kafka.PeekTopic(ctx, c.Props(), kafka.Peek{Topic: "t", Count: 1}, func(*kafka.Record) error { return nil }, quiet(), c.Option())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging cluster: %v", err)
	}
}

// TestPeekTransactions: the mark that ends a transaction is the end of the partition and no
// record; what was aborted isn't shown to who reads committed records.
func TestPeekTransactions(t *testing.T) {
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
	for level, want := range map[string][]string{
		"read_committed":   {"0@0=0"},
		"read_uncommitted": {"0@0=0", "0@2=1"},
	} {
		got, err := peeked(t, c, kafka.Peek{Topic: "t", Count: 10}, kafka.Props{"isolation.level": level})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", level, got, err, want)
		}
	}
}
