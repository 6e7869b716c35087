package kafka_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/metrics"
)

// numberOf finds one number of the clients by its group, attribute and the client's id.
func numberOf(t *testing.T, r *metrics.Registry, group, attribute, client string) (float64, bool) {
	t.Helper()
	s := r.Snapshot()
	for _, g := range metrics.Groups() {
		for i := range g.Attributes {
			if g.Name != group || g.Attributes[i].Name != attribute {
				continue
			}
			for _, m := range g.Members(s) {
				if m.Labels[0].Value == client {
					return m.Number(&g.Attributes[i], time.Now().UnixMilli()), true
				}
			}
		}
	}
	return 0, false
}

// The numbers of producer and consumer are what was sent and read, the lag is true for a consumer
// that isn't polled too, and nothing is left of clients that were closed.
func TestNumbersOfClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(1, "t"))
		r := metrics.NewRegistry(metrics.DefaultWindows(), 1)
		p, err := kafka.NewProducer(with(c.Props(), kafka.Props{"client.id": "p"}), quiet(), c.Option(), kafka.WithMetrics(r))
		if err != nil {
			t.Fatal(err)
		}
		var lag []metrics.PartitionLag
		con, err := kafka.NewConsumer(with(c.Props(), kafka.Props{"client.id": "c"}), "g", []string{"t"}, "", quiet(),
			c.Option(), kafka.WithMetrics(r), kafka.WithLag(func(l []metrics.PartitionLag) { lag = l }))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := outcome(t, p, &kafka.Record{Topic: "t", Value: []byte("v")}); err != nil {
				t.Fatal(err)
			}
		}
		collect(t, con, 3)
		for _, want := range []struct {
			group, attribute, client string
			value                    float64
		}{
			{"producer-metrics", "record-send-total", "p", 3},
			{"producer-metrics", "record-error-total", "p", 0},
			{"consumer-fetch-manager-metrics", "records-consumed-total", "c", 3},
			{"consumer-fetch-manager-metrics", "records-lag-max", "c", 0},
		} {
			if got, there := numberOf(t, r, want.group, want.attribute, want.client); !there || got != want.value {
				t.Errorf("%s is %v (there: %t), want %v", want.attribute, got, there, want.value)
			}
		}
		if got, _ := numberOf(t, r, "producer-metrics", "connection-count", "p"); got < 1 {
			t.Errorf("the producer has %v connections", got)
		}
		for range 5 {
			if err := outcome(t, p, &kafka.Record{Topic: "t", Value: []byte("v")}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Second) // in which nobody polls
		synctest.Wait()
		if len(lag) != 1 || lag[0].Records != 5 || lag[0].Since == 0 {
			t.Errorf("the lag of a consumer that is not polled is %v, want 5 records", lag)
		}
		if err := con.Close(context.Background()); err != nil {
			t.Error(err)
		}
		p.Abort()
		if n := len(r.Clients()); n != 0 {
			t.Errorf("%d clients are left after they were closed", n)
		}
	})
}
