package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
)

// number is a number of the worker: an attribute of a group, of whom the labels' values name.
func (d *world) number(group, attribute, of string) float64 {
	d.t.Helper()
	s := d.numbers.Snapshot()
	for _, g := range metrics.Groups() {
		for i := range g.Attributes {
			if g.Name != group || g.Attributes[i].Name != attribute {
				continue
			}
			for _, m := range g.Members(s) {
				var values []string
				for _, l := range m.Labels {
					values = append(values, l.Value)
				}
				if strings.Join(values, "/") == of {
					return m.Number(&g.Attributes[i], time.Now().UnixMilli())
				}
			}
		}
	}
	d.t.Errorf("no %s of %s %q", attribute, group, of)
	return 0
}

// own is a number of ours, found by its name and the values of its labels.
func (d *world) own(name, of string) (v float64, there bool) {
	for _, f := range metrics.Families() {
		if f.Name != name || f.Histogram {
			continue
		}
		f.Collect(d.numbers.Snapshot(), time.Now().UnixMilli(), func(x float64, labels ...metrics.Label) {
			var values []string
			for _, l := range labels {
				values = append(values, l.Value)
			}
			if strings.Join(values, "/") == of {
				v, there = x, true
			}
		})
	}
	return v, there
}

func (d *world) counts(want map[[3]string]float64) {
	d.t.Helper()
	for k, v := range want {
		if got := d.number(k[0], k[1], k[2]); got != v {
			d.t.Errorf("%s of %s %q is %v, want %v", k[1], k[0], k[2], got, v)
		}
	}
}

// The numbers are those of what happened: 100 records through a source and a sink, a pause of 10 s, a
// stop that takes the series along.
func TestNumbersOfWork(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		d.create(conf("in", "tasks.max", "1", "lines", "100", "topic", "t", "rate", "100ms"))
		d.create(sinkConf("out"))
		d.after(20 * time.Second)
		d.counts(map[[3]string]float64{
			{"connect-worker-metrics", "connector-count", ""}:                                        2,
			{"connect-worker-metrics", "task-count", ""}:                                             2,
			{"connect-worker-metrics", "connector-startup-success-total", ""}:                        2,
			{"connect-worker-metrics", "task-startup-success-total", ""}:                             2,
			{"connect-worker-metrics", "task-startup-failure-total", ""}:                             0,
			{"source-task-metrics", "source-record-poll-total", "in/0"}:                              100,
			{"source-task-metrics", "source-record-write-total", "in/0"}:                             100,
			{"source-task-metrics", "source-record-active-count", "in/0"}:                            0,
			{"sink-task-metrics", "sink-record-read-total", "out/0"}:                                 100,
			{"sink-task-metrics", "sink-record-send-total", "out/0"}:                                 100,
			{"sink-task-metrics", "sink-record-active-count", "out/0"}:                               0,
			{"sink-task-metrics", "partition-count", "out/0"}:                                        1,
			{"sink-task-metrics", "sink-record-lag-max", "out/0"}:                                    0,
			{"connector-task-metrics", "batch-size-max", "in/0"}:                                     10,
			{"connector-task-metrics", "running-ratio", "in/0"}:                                      1,
			{"connector-task-metrics", "offset-commit-success-percentage", "in/0"}:                   1,
			{"connector-task-metrics", "offset-commit-success-percentage", "out/0"}:                  1,
			{"connect-worker-metrics", "connector-running-task-count", "in"}:                         1,
			{"producer-metrics", "record-send-total", "connector-producer-in-0"}:                     100,
			{"consumer-fetch-manager-metrics", "records-consumed-total", "connector-consumer-out-0"}: 100,
		})
		if n := d.number("sink-task-metrics", "offset-commit-completion-total", "out/0"); n < 1 {
			t.Errorf("%v commits", n)
		}
		d.target("in", state.TargetPaused)
		d.after(10 * time.Second)
		if r := d.number("connector-task-metrics", "pause-ratio", "in/0"); r < .3 || r > .36 {
			t.Errorf("paused for %v of its life, want a third", r)
		}
		d.counts(map[[3]string]float64{{"connect-worker-metrics", "connector-paused-task-count", "in"}: 1})
		d.target("in", state.TargetStopped)
		d.after(10 * time.Second)
		for _, task := range d.numbers.Tasks() {
			if task.Connector == "in" {
				t.Errorf("the numbers of a stopped task stayed")
			}
		}
	})
}

// A task that fails keeps its numbers, with the time and class of its error, and says how it is
// restarted.
func TestNumbersOfFailures(t *testing.T) {
	more := map[string]string{"supervisor.task.restart.max": "2", "supervisor.task.restart.backoff.initial.ms": "1000"}
	inWorld(t, true, more, func(t *testing.T, d *world) {
		d.create(conf("in", "tasks.max", "2", "lines", "100", "topic", "t", "rate", "100ms", "fail", "poll", "only", "1"))
		d.after(time.Minute)
		d.want("in", "RUNNING RUNNING FAILED")
		d.counts(map[[3]string]float64{
			{"connect-worker-metrics", "connector-failed-task-count", "in"}:  1,
			{"connect-worker-metrics", "connector-running-task-count", "in"}: 1,
			{"connect-worker-metrics", "connector-total-task-count", "in"}:   2,
			{"source-task-metrics", "source-record-poll-total", "in/0"}:      100,
			{"source-task-metrics", "source-record-poll-total", "in/1"}:      0,
		})
		if n, _ := d.own("troupe_task_restarts_total", "in/1/unknown"); n != 2 {
			t.Errorf("%v restarts, want 2", n)
		}
		if left, _ := d.own("troupe_task_restart_budget", "in/1"); left != 0 {
			t.Errorf("%v restarts are left, want 0", left)
		}
		if at, there := d.own("troupe_task_last_failure_timestamp_seconds", "in/1/org.apache.kafka.connect.errors.ConnectException"); !there || at < 1 {
			t.Errorf("the last failure was at %v", at)
		}
		if _, there := d.own("troupe_task_last_failure_timestamp_seconds", "in/0/org.apache.kafka.connect.errors.ConnectException"); there {
			t.Errorf("a task that has not failed has a last failure")
		}
	})
}
