package kafka_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// All clients work in a bubble, where five minutes without a poll take no time, and leave no goroutine.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(1, "t"))
		p := newProducer(t, c, nil)
		if err := outcome(t, p, &kafka.Record{Topic: "t", Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		a, err := kafka.NewAdmin(c.Props(), quiet(), c.Option())
		if err != nil {
			t.Fatal(err)
		}
		if ends, err := a.EndOffsets(soon(t), "t"); err != nil || ends[tp("t", 0)] != 1 {
			t.Errorf("%v, %v", ends, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		con, err := kafka.NewConsumer(c.Props(), "g", []string{"t"}, "", quiet(), c.Option())
		if err != nil {
			t.Fatal(err)
		}
		if got := values(collect(t, con, 1)); got != "v" {
			t.Errorf("got %s", got)
		}
		time.Sleep(con.MaxPollInterval() + time.Second)
		synctest.Wait()
		polled, err := con.Poll(t.Context(), 0)
		if err != nil || polled.Rebalance == nil || polled.Rebalance.Kind != kafka.Lost {
			t.Errorf("after five minutes without a poll: %+v, %v", polled, err)
		}
		polled.Rebalance.Done(nil)
		if err := con.Close(context.Background()); err != nil {
			t.Error(err)
		}
		p.Abort()
	})
}
