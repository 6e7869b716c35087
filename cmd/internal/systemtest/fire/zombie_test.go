//go:build integration

package fire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestZombie freezes a worker in the middle of transactions, lets the other take its tasks over and write,
// and wakes the first one up, which knows nothing of that: leader and follower in turn. It must not be able to
// write, say so, and take part again by itself. Without exactly once support its records come twice.
func TestZombie(t *testing.T) {
	for _, support := range []string{"enabled", "disabled"} {
		t.Run(support, func(t *testing.T) { zombie(t, support) })
	}
}

func zombie(t *testing.T, support string) {
	const topic, tasks, count, rate = "numbers", 4, 6000, 300
	a := newArena(t, support)
	defer a.sane()
	a.start(service.TroupeWorker, service.TroupeWorker)
	a.topic(topic, tasks)
	// A transaction is open for nearly all of the time.
	a.numbers("numbers", topic, 0, tasks, count, rate, map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "1500"})
	for round := range 2 {
		r := a.settle()
		a.grows(topic, 400)
		frozen, other := a.parts(r, round == 0)
		work := r.Members[frozen.ID].Tasks
		if len(work) == 0 {
			t.Fatalf("%s has no tasks: %+v", frozen.ID, r)
		}
		frozen.Freeze(t)
		open := a.read(topic, "read_uncommitted", nil).records() - a.read(topic, "read_committed", nil).records()
		a.alone(other, tasks)
		a.grows(topic, 1000)
		// At whatever level: the task may be on its way out already, or about to be restarted.
		before := len(logged(t, frozen, "transactional id fire-numbers-"))
		frozen.Thaw(t)
		r = a.settle()
		a.grows(topic, 400)
		said := logged(t, frozen, "transactional id fire-numbers-")[before:]
		t.Logf("support %s, leader frozen: %t, tasks %v; %d records of open transactions then; woken it says:\n%s",
			support, round == 0, work, open, strings.Join(said, "\n"))
		if support != "enabled" {
			continue
		}
		if open == 0 {
			t.Error("no transaction was open")
		}
		if len(said) == 0 {
			t.Errorf("%s does not say that another producer has its transactional ids", frozen.ID)
		}
		if len(r.Members[frozen.ID].Tasks) == 0 {
			t.Errorf("%s has no tasks again: %+v", frozen.ID, r)
		}
	}
	a.finished("numbers", tasks, count)
	a.settle()
	for _, n := range a.Nodes {
		n.Stop(t)
	}
	committed := a.read(topic, "read_committed", nil)
	sum, err := committed.faults(tasks, count)
	t.Logf("exactly.once.source.support=%s: %d records of %d: %+v", support, committed.records(), tasks*count, sum)
	switch {
	case support == "enabled" && err != nil:
		t.Error(err)
	case support == "disabled" && (sum.missing > 0 || sum.repeated == 0):
		t.Errorf("nothing may be missing and something must have come twice: %v", err)
	}
}

// parts is the leader and the other one of two workers, or the other way round.
func (a *arena) parts(r service.Roster, leader bool) (first, second *service.Node) {
	a.t.Helper()
	first, second = a.Nodes[0], a.Nodes[1]
	if (first.ID == r.Leader) != leader {
		first, second = second, first
	}
	return first, second
}

// alone waits until one worker of the group has all the tasks and runs them.
func (a *arena) alone(n *service.Node, tasks int) {
	a.t.Helper()
	service.Until(a.t, restLimit, n.ID+" has all tasks", func() error {
		r, err := a.Roster(a.t.Context())
		if err != nil {
			return err
		}
		if len(r.Members) != 1 || len(r.Members[n.ID].Tasks) != tasks {
			return fmt.Errorf("%+v", r)
		}
		states, err := n.States(a.t.Context())
		if err != nil {
			return err
		}
		return r.Agrees(states)
	})
}
