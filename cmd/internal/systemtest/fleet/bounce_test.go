//go:build integration

package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestBounce is Kafka's test_bounce: while a source and a sink of three tasks work at 100 records a second
// each, every one of three workers is stopped and started, in order or by kill -9, in three rounds that
// begin with another worker. Nothing may be missing, at source or sink, and after ends in order nothing may
// come twice. Where Kafka's test waits 15 seconds, this waits until the group is at rest and records flow.
func TestBounce(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(map[bool]string{true: "clean", false: "kill -9"}[clean], func(t *testing.T) { bounce(t, clean) })
	}
}

func bounce(t *testing.T, clean bool) {
	f := newFleet(t)
	f.rate = 100
	k := kind(t)
	m := &measure{f: f}
	f.start(k, 3)
	f.feed("bounce", 3, 1)
	f.settle()
	rounds := *roundsFlag
	if rounds == 0 {
		rounds = map[bool]int{true: 3, false: 1}[clean] // each session lost takes long to time out
	}
	ended := 0
	for round := range rounds {
		for _, n := range slices.Concat(f.Nodes[round%3:], f.Nodes[:round%3]) {
			how := "kill -9"
			if clean {
				how = "clean"
			}
			m.step(fmt.Sprintf("bounce, %s", how), func() {
				if clean {
					n.Stop(t)
				} else {
					n.Kill(t)
				}
				n.Launch(t)
			})
			f.flow()
			ended++
			f.reach(int64(1100 * ended / (rounds * len(f.Nodes)))) // as much work between all ends
		}
	}
	f.drain()
	f.check(!clean, 1000)
	f.committed(!clean)
	m.report(k)
}

// reach waits until each source task has sent up to a number.
func (f *fleet) reach(seqno int64) {
	f.t.Helper()
	service.Until(f.t, settleLimit(), fmt.Sprintf("all sources send up to %d", seqno), func() error {
		for _, d := range f.feeds {
			now := f.sent(d.topic)
			for task := range d.tasks {
				if last := lastOf(now[task]); last < seqno {
					return fmt.Errorf("%s, task %d is at %d", d.source, task, last)
				}
			}
		}
		return nil
	})
}

// committed holds what the sources' tasks were told to be written against what the topics have: that is
// what Kafka's test looks at.
func (f *fleet) committed(repeats bool) {
	f.t.Helper()
	lines := f.printed()
	for _, d := range f.feeds {
		sent := f.sent(d.topic)
		for task := range d.tasks {
			var told []number
			for _, p := range lines[d.source] {
				if p.Task == task && p.Committed {
					told = append(told, number{seqno: p.Seqno})
				}
			}
			// After kill -9 the last ones may be written with nobody left to be told.
			if _, err := complete(told, false, repeats); err != nil && (!repeats || !strings.Contains(err.Error(), "are missing")) {
				f.t.Errorf("%s, task %d: committed: %v", d.source, task, err)
			}
			if lastOf(told) > lastOf(sent[task]) {
				f.t.Errorf("%s, task %d: committed up to %d, in the topic is up to %d", d.source, task, lastOf(told), lastOf(sent[task]))
			}
		}
	}
}
