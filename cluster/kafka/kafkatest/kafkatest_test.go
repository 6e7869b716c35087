package kafkatest_test

import (
	"log/slog"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

func TestHelpers(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Brokers(3), kafkatest.Topics(2, "t"), kafkatest.NoAutoCreate())
	c.Produce(&kafka.Record{Topic: "t", Partition: 1, Value: []byte("a")})
	c.Values("t", "b", "c")
	if n := len(c.WaitRecords("t", 3)); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
	if n := len(c.Records("none")); n != 0 {
		t.Errorf("%d records of a topic that isn't there", n)
	}
	c.CreateTopic("u", 4, map[string]string{"cleanup.policy": "compact"})
	if n, ok := c.TopicExists("u"); n != 4 || !ok {
		t.Errorf("%d partitions, %v", n, ok)
	}
	c.DeleteTopic("u")
	if _, ok := c.TopicExists("u"); ok {
		t.Error("a deleted topic is there")
	}
	if n, offsets := c.Members("g"), c.Committed("g"); n != 0 || len(offsets) != 0 {
		t.Errorf("group that isn't there: %d members, %v", n, offsets)
	}
}

func TestFaultsCountAndEnd(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	end := c.Fail(kafkatest.Fault{Request: "Produce", Topic: "t", Error: "INVALID_RECORD", Times: -1})
	p, err := kafka.NewProducer(c.Props(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	one := func() error {
		answer := make(chan error, 1)
		if err := p.Produce(t.Context(), &kafka.Record{Topic: "t"}, func(_ *kafka.Record, err error) { answer <- err }); err != nil {
			return err
		}
		return <-answer
	}
	for range 3 {
		if err := one(); kafka.Classify(err) != kafka.Fatal {
			t.Errorf("with the fault: %v", err)
		}
	}
	if hits := end(); hits != 3 {
		t.Errorf("the fault met %d requests, want 3", hits)
	}
	if err := one(); err != nil {
		t.Errorf("without the fault: %v", err)
	}
}
