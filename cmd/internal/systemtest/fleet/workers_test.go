//go:build integration

package fleet_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestThreeWorkers takes twelve connectors with 36 tasks through the life of a cluster: it grows from
// one worker to three, loses a follower and the leader to kill -9 and gets them back, has one frozen for
// longer than its session, and restarts one after the other. After each step everything runs exactly
// once and evenly spread, at the end nothing is lost. With -report it writes what each step took.
func TestThreeWorkers(t *testing.T) {
	f := newFleet(t)
	k := kind(t)
	m := &measure{f: f}
	f.start(k, 1)
	m.step("create 12 connectors, 36 tasks", func() {
		for i := range 4 {
			f.feed(fmt.Sprintf("numbers-%d", i), 3, 2)
		}
	})
	f.flow()
	m.step("second worker joins", func() { f.add(k).Launch(t) })
	m.step("third worker joins", func() { f.add(k).Launch(t) })
	f.sameAnswers()
	r := f.settle()

	lost := f.follower(r)
	m.step("kill -9 of a follower", func() { lost.Kill(t) })
	m.step("the follower is back", func() { lost.Launch(t) })
	lost = f.leader(f.settle())
	m.step("kill -9 of the leader", func() { lost.Kill(t) })
	m.step("the former leader is back", func() { lost.Launch(t) })
	f.flow()

	f.freeze(m)
	for _, n := range slices.Clone(f.Nodes) {
		m.step("clean restart of a worker", func() {
			n.Stop(t)
			n.Launch(t)
		})
	}
	f.flow()
	f.sameAnswers()
	f.drain()
	f.check(true, 50)
	m.report(k)
}

// freeze stops a follower in the middle of its work until the others have taken it over.
func (f *fleet) freeze(m *measure) {
	f.t.Helper()
	n := f.follower(f.settle())
	began := time.Now()
	n.Freeze(f.t)
	service.Until(f.t, settleLimit(), "the group goes on without the frozen worker", func() error {
		r, err := f.Roster(f.t.Context())
		if _, in := r.Members[n.ID]; in && err == nil {
			err = fmt.Errorf("%s is a member", n.ID)
		}
		return err
	})
	m.steps = append(m.steps, step{"a worker freezes until it is out of the group", began, time.Now()})
	m.step("a frozen worker thaws", func() { n.Thaw(f.t) })
}

// flow waits until each task of each source has sent more than it has now.
func (f *fleet) flow() {
	f.t.Helper()
	before := map[string]ledger{}
	for _, d := range f.feeds {
		before[d.topic] = f.sent(d.topic)
	}
	service.Until(f.t, settleLimit(), "all sources send", func() error {
		for _, d := range f.feeds {
			now := f.sent(d.topic)
			for task := range d.tasks {
				if lastOf(now[task]) <= lastOf(before[d.topic][task]) {
					return fmt.Errorf("%s, task %d: nothing new after %d", d.source, task, lastOf(now[task]))
				}
			}
		}
		return nil
	})
}

// measure is the times that steps of a test took.
type measure struct {
	f     *fleet
	steps []step
	notes []string // more lines for the report
}

type step struct {
	name       string
	began, end time.Time
}

// step does something to the cluster and waits until all is at rest.
func (m *measure) step(name string, do func()) {
	m.f.t.Helper()
	s := step{name: name, began: time.Now()}
	do()
	m.f.settle()
	s.end = time.Now()
	m.steps = append(m.steps, s)
	m.f.t.Logf("%s: %s until all runs and the group is at rest", name, s.end.Sub(s.began).Round(10*time.Millisecond))
}

// report logs the steps with the downtime of tasks in each, and adds it to the file of -report: for each
// step a line of tab separated kind, step, seconds until all was at rest, seconds without a record, the mean
// over all source tasks and the longest, and the same for sink tasks.
func (m *measure) report(k service.Kind) {
	m.f.t.Helper()
	sources, sinks := m.f.clocks()
	var out []byte
	for i, s := range m.steps {
		from, to := s.began.Add(-leeway), s.end
		if i+1 < len(m.steps) {
			to = m.steps[i+1].began.Add(-leeway)
		}
		mean, longest := gaps(sources, from, to)
		sinkMean, sinkLongest := gaps(sinks, from, to)
		line := fmt.Sprintf("%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\n", k, s.name, s.end.Sub(s.began).Seconds(),
			mean.Seconds(), longest.Seconds(), sinkMean.Seconds(), sinkLongest.Seconds())
		m.f.t.Log(line)
		out = append(out, line...)
	}
	for _, note := range m.notes {
		m.f.t.Log(note)
		out = append(out, note+"\n"...)
	}
	if *reportFlag == "" {
		return
	}
	file, err := os.OpenFile(*reportFlag, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.f.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(out); err != nil {
		m.f.t.Fatal(err)
	}
}

// clocks is when each source task sent and when each sink task got records, in order of time.
func (f *fleet) clocks() (sources, sinks [][]time.Time) {
	f.t.Helper()
	for _, d := range f.feeds {
		for _, numbers := range f.sent(d.topic) {
			var at []time.Time
			for _, n := range numbers {
				at = append(at, n.at)
			}
			sources = append(sources, at)
		}
	}
	for name, lines := range f.printed() {
		tasks := map[string][]time.Time{}
		for _, p := range lines {
			if p.SinkTask != nil && !p.Flushed {
				// By the task whose records it gets: partitions move between sink tasks.
				key := fmt.Sprint(name, p.Task)
				tasks[key] = append(tasks[key], time.UnixMilli(p.Time))
			}
		}
		for _, at := range tasks {
			sinks = append(sinks, at)
		}
	}
	for _, at := range slices.Concat(sources, sinks) {
		slices.SortFunc(at, time.Time.Compare)
	}
	return sources, sinks
}

// leeway is the time that may lie between the last record and the event that ends the flow.
const leeway = 300 * time.Millisecond

// gaps is for how long nothing came, at most, of each clock: the mean and the most. What began in the span
// counts, to its end, also beyond the span.
func gaps(clocks [][]time.Time, from, to time.Time) (mean, most time.Duration) {
	var sum time.Duration
	for _, at := range clocks {
		var longest time.Duration
		for i := 1; i < len(at); i++ {
			if at[i-1].After(from) && at[i-1].Before(to) {
				longest = max(longest, at[i].Sub(at[i-1]))
			}
		}
		sum, most = sum+longest, max(most, longest)
	}
	if len(clocks) > 0 {
		mean = sum / time.Duration(len(clocks))
	}
	return mean, most
}
