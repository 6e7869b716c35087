//go:build integration

package kafka_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// outagePort is of a broker that is stopped while others use theirs.
const outagePort = 18570

// A broker that is restarted costs a consumer nothing: it keeps its partitions, and goes on where it was
// though it had committed nothing.
func TestRealOutage(t *testing.T) {
	data := filepath.Join(t.TempDir(), "kafka")
	do := func(action string) {
		t.Helper()
		cmd := service(action)
		cmd.Env = append(cmd.Env, fmt.Sprint("KAFKA_PORT=", outagePort), "KAFKA_DATA="+data, "KAFKA_SECURE=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", action, err, out)
		}
	}
	do("start")
	t.Cleanup(func() { do("stop") })
	props := kafka.Props{"bootstrap.servers": fmt.Sprint("127.0.0.1:", outagePort)}
	a := realAdmin(t, props)
	if _, err := a.CreateTopic(soon(t), kafka.NewTopic{Name: "t", Partitions: 3, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
	p := realProducer(t, props)
	write := func() {
		t.Helper()
		for i := range int32(30) {
			if err := outcome(t, p, &kafka.Record{Topic: "t", Partition: i % 3, Value: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	m := runMember(t, realConsumer(t, props, "g", "t"))
	kafkatest.Eventually(t, "it has all", func() bool { return owns(m.c) == 3 })
	write()
	kafkatest.Eventually(t, "it has read", func() bool { return len(m.seen) == 30 })
	do("stop")
	if n := owns(m.c); n != 3 {
		t.Errorf("without a broker it has %d partitions", n)
	}
	do("start")
	write()
	kafkatest.Eventually(t, "it goes on", func() bool { return len(m.seen) >= 60 })
	m.stop()
	if err := <-m.done; err != nil {
		t.Fatal(err)
	}
	if n := len(m.seen); n != 60 {
		t.Errorf("it read %d records of 60", n)
	}
	if len(m.events) != 1 {
		t.Errorf("it was told of %d rebalances: %+v", len(m.events), <-m.events)
	}
}
