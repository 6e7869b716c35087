//go:build integration

package fire_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

const verifiable = "org.apache.kafka.connect.tools.VerifiableSourceConnector"

// TestUpgrade takes a running cluster of two workers from disabled over preparing to enabled, one worker after
// the other, while a source runs: both workers Troupe's, and one of them a JVM worker that leads or follows. From
// the moment that all are enabled each number comes once, whichever worker is then killed and whatever is
// reconfigured; before that none is lost.
func TestUpgrade(t *testing.T) {
	jvm, troupe := service.JVMWorker, service.TroupeWorker
	for _, kinds := range [][]service.Kind{{troupe, troupe}, {jvm, troupe}, {troupe, jvm}} {
		t.Run(fmt.Sprintf("%s leads %s", kinds[0], kinds[1]), func(t *testing.T) { upgrade(t, kinds) })
	}
}

func upgrade(t *testing.T, kinds []service.Kind) {
	const topic, tasks = "numbers", 4
	a := newArena(t, "disabled")
	defer a.sane()
	a.start(kinds...)
	a.topic(topic, tasks)
	a.create("verifiable", tasks, map[string]string{"connector.class": verifiable, "topic": topic, "throughput": "50"})
	a.settle()
	a.grows(topic, 200)
	for _, support := range []string{"preparing", "enabled"} {
		a.Config = workerConfig(support)
		for i, old := range slices.Clone(a.Nodes) {
			// One that takes the other's place; the second goes only when the first is at rest.
			old.Stop(t)
			a.Nodes = slices.DeleteFunc(a.Nodes, func(n *service.Node) bool { return n == old })
			a.start(kinds[i])
			a.settle()
		}
		a.grows(topic, 200)
	}
	r := a.settle()
	from := a.ends(topic)
	a.grows(topic, 200)

	// Each of them leads, runs tasks of new generations, and is killed.
	var led []string
	for round, count := range []int{3, 4} {
		leader, _ := a.parts(r, true)
		led = append(led, leader.ID)
		t.Logf("round %d: %s worker %s leads", round, leader.Kind, leader.ID)
		a.create("verifiable", count, map[string]string{"connector.class": verifiable, "topic": topic, "throughput": "50"})
		a.settle()
		a.grows(topic, 100)
		leader.Kill(t)
		leader.Start(t)
		r = a.settle()
		a.grows(topic, 200)
	}
	for _, n := range a.Nodes {
		// The first worker leads at first: a JVM worker logs what the other asks of it. Troupe's logs
		// whom it shuts out as the leader, for tasks of both.
		words := []string{"producers of earlier tasks fenced"}
		if n.Kind == service.JVMWorker {
			words = []string{"PUT /connectors/verifiable/fence", " 204 "}
		}
		fences := logged(t, n, words...)
		t.Logf("%s worker %s, %q: %d", n.Kind, n.ID, words, len(fences))
		if len(fences) == 0 && slices.Contains(led, n.ID) {
			t.Errorf("%s worker %s has led and not fenced out tasks of the generation before", n.Kind, n.ID)
		}
	}
	a.halt("verifiable")
	for _, n := range a.Nodes {
		n.Stop(t)
	}
	whole, exact := a.read(topic, "read_committed", nil), a.read(topic, "read_committed", from)
	for key, numbers := range whole {
		if f := look(numbers, 0, slices.Max(numbers)+1); f.missing > 0 {
			t.Errorf("task %s, of all its %d records: %+v", key, len(numbers), f)
		}
	}
	for key, numbers := range exact {
		f := look(numbers, numbers[0], slices.Max(numbers)+1)
		t.Logf("task %s: %d records since all are enabled, from %d on: %+v", key, len(numbers), numbers[0], f)
		if f.any() {
			t.Errorf("task %s, since all are enabled: %+v", key, f)
		}
	}
	if len(exact) != tasks {
		t.Errorf("%d tasks wrote since all are enabled, want %d", len(exact), tasks)
	}
}

// ends is where the partitions of a topic end now.
func (a *arena) ends(topic string) kafka.Offsets {
	a.t.Helper()
	var ends kafka.Offsets
	service.Until(a.t, restLimit, "the ends of "+topic, func() (err error) {
		ends, err = a.Admin.EndOffsets(a.t.Context(), topic)
		return err
	})
	return ends
}
