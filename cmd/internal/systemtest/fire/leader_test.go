//go:build integration

package fire_test

import (
	"net/http"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestFencedLeader is Kafka's testFencedLeaderRecovery: another producer takes the transactional id with
// which the leader writes. The first create after that may fail with a server's error, the next must not,
// through leader or follower, and records come once.
func TestFencedLeader(t *testing.T) {
	const topic, tasks, count = "numbers", 2, 1000
	for _, through := range []string{"leader", "follower"} {
		t.Run(through, func(t *testing.T) {
			a := newArena(t, "enabled")
			defer a.sane()
			a.start(service.TroupeWorker, service.TroupeWorker)
			a.topic(topic, tasks)
			first, _ := a.parts(a.settle(), through == "leader")
			producer, err := kafka.NewProducer(kafka.Props{
				"bootstrap.servers": a.Kafka.Addr, "transactional.id": "connect-cluster-" + group,
			}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer producer.Abort()
			if err := producer.InitTransactions(t.Context()); err != nil {
				t.Fatal(err)
			}
			body := map[string]any{"name": "numbers", "config": map[string]string{
				"connector.class": "NumbersSource", "tasks.max": "2", "topic": topic, "first": "0", "count": "1000", "batch": "20", "rate": "500",
			}}
			created := 0
			for try := 1; created == 0; try++ {
				status, answer, err := first.Do(t.Context(), http.MethodPost, "/connectors", body)
				t.Logf("create %d through the %s: %d %s %v", try, through, status, answer, err)
				switch {
				case err == nil && status == http.StatusCreated:
					created = try
				case err != nil || status != http.StatusInternalServerError || try > 1:
					t.Fatalf("create %d: %d %s %v", try, status, answer, err)
				}
			}
			a.want["numbers"] = tasks
			a.settle()
			a.finished("numbers", tasks, count)
			if _, err := a.read(topic, "read_committed", nil).faults(tasks, count); err != nil {
				t.Error(err)
			}
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := producer.Produce(t.Context(), &kafka.Record{Topic: a.Topic("configs"), Key: []byte("intruder")}, func(*kafka.Record, error) {}); err != nil {
				t.Fatal(err)
			}
			if err := producer.CommitTransaction(t.Context()); kafka.Classify(err) != kafka.Fenced {
				t.Errorf("the producer that took the leader's place must be fenced by it: %v", err)
			}
		})
	}
}
