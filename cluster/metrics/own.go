package metrics

import (
	"math"
	"slices"
	"strconv"
)

// Family is a metric that Kafka Connect doesn't have, under the name it is shown by.
type Family struct {
	Name      string // troupe_…, units in the name: _seconds, _bytes, _total
	Kind      Kind   // Gauge or Counter
	Help      string
	Histogram bool // Buckets instead of a number
	collect   func(s *Snapshot, now int64, emit emit)
	buckets   func(s *Snapshot, emit emitBuckets)
}

type (
	emit        func(v float64, labels ...Label)
	emitBuckets func(b Buckets, labels ...Label)
)

// Collect hands over each value of f, which is no histogram, with its labels.
func (f *Family) Collect(s *Snapshot, now int64, emit func(v float64, labels ...Label)) {
	f.collect(s, now, emit)
}

// CollectBuckets hands over each histogram of f with its labels.
func (f *Family) CollectBuckets(s *Snapshot, emit func(b Buckets, labels ...Label)) {
	f.buckets(s, emit)
}

// Families are Troupe's own metrics.
func Families() []*Family { return families }

var families = slices.Concat(workerFamilies(), schemaFamilies(), taskFamilies(), sourceFamilies(), sinkFamilies(), histogramFamilies())

func workerFamilies() []*Family {
	live := func(name, help string, f func(l Live) int64) *Family {
		return &Family{Name: name, Help: help, collect: func(s *Snapshot, _ int64, emit emit) {
			emit(float64(f(s.worker.Live())))
		}}
	}
	return []*Family{
		live("troupe_zombies", "Plugin calls that were given up after their deadline and have not returned yet.",
			func(l Live) int64 { return int64(l.Zombies) }),
		{
			Name: "troupe_stalled_calls", Help: "Tasks whose plugin has not returned from a call for supervisor.task.stall.warn.ms.",
			collect: func(s *Snapshot, _ int64, emit emit) {
				n := 0
				for _, t := range s.tasks {
					t.mu.Lock()
					if t.stalled {
						n++
					}
					t.mu.Unlock()
				}
				emit(float64(n))
			},
		},
		{
			Name: "troupe_rebalance_moved_total", Kind: Counter,
			Help: "Connectors and tasks that rebalances started or stopped on this worker.",
			collect: func(s *Snapshot, _ int64, emit emit) {
				s.worker.mu.Lock()
				defer s.worker.mu.Unlock()
				emit(float64(s.worker.moved))
			},
		},
		{
			Name: "troupe_connector_status", Help: "1 for the state that the connector is in on this worker.",
			collect: func(s *Snapshot, _ int64, emit emit) {
				for _, c := range s.connectors {
					emit(1, Label{"connector", c.Name}, Label{"status", c.Status()})
				}
			},
		},
	}
}

// schemaFamilies are there only on a worker whose converters can ask schema registries.
func schemaFamilies() []*Family {
	of := func(name string, kind Kind, help string, f func(n Schemas) int64) *Family {
		return &Family{Name: "troupe_schema_registry_" + name, Kind: kind, Help: help, collect: func(s *Snapshot, _ int64, emit emit) {
			if n, ok := s.worker.Schemas(); ok {
				emit(float64(f(n)))
			}
		}}
	}
	return []*Family{
		of("requests_total", Counter, "Requests that were sent to schema registries, retries included.",
			func(n Schemas) int64 { return n.Requests }),
		of("failures_total", Counter, "Requests to schema registries that had no success.",
			func(n Schemas) int64 { return n.Failures }),
		of("retries_total", Counter, "Requests that were sent to schema registries again.",
			func(n Schemas) int64 { return n.Retries }),
		of("failovers_total", Counter, "Requests that went to another URL of a schema registry.",
			func(n Schemas) int64 { return n.Failovers }),
		of("shared_total", Counter, "Questions to schema registries that were answered by what another task had asked.",
			func(n Schemas) int64 { return n.Shared }),
		of("waiting", Gauge, "Converters that wait for the end of a schema registry's outage.",
			func(n Schemas) int64 { return n.Waiting }),
	}
}

// perTask makes a family with a value for each task for which f says that it has one.
func perTask(name string, kind Kind, help string, f func(t *Task, now int64) (float64, bool)) *Family {
	return &Family{Name: name, Kind: kind, Help: help, collect: func(s *Snapshot, now int64, emit emit) {
		for _, t := range s.tasks {
			t.mu.Lock()
			v, ok := f(t, now)
			t.mu.Unlock()
			if ok {
				emit(v, t.labels()...)
			}
		}
	}}
}

func taskFamilies() []*Family {
	return []*Family{
		{
			Name: "troupe_task_restarts_total", Kind: Counter,
			Help: "Automatic restarts of the task by this worker, by the reason of the failure.",
			collect: func(s *Snapshot, _ int64, emit emit) {
				for _, t := range s.tasks {
					t.mu.Lock()
					for reason, n := range t.restarts {
						emit(float64(n), append(t.labels(), Label{"reason", reason})...)
					}
					t.mu.Unlock()
				}
			},
		},
		perTask("troupe_task_backoff_seconds", Gauge, "Time until a failed task is started again, 0 if it isn't waiting for that.",
			func(t *Task, now int64) (float64, bool) { return float64(max(t.restartAt-now, 0)) / 1000, true }),
		perTask("troupe_task_restart_budget", Gauge, "Automatic restarts that the task has left in its window, -1 if they are not limited or none was needed.",
			func(t *Task, _ int64) (float64, bool) { return float64(t.budget), true }),
		{
			Name: "troupe_task_last_failure_timestamp_seconds", Kind: Gauge,
			Help: "When the task failed last, with the class of the error. Absent for a task that has not failed.",
			collect: func(s *Snapshot, _ int64, emit emit) {
				for _, t := range s.tasks {
					t.mu.Lock()
					at, class := t.failedAt, t.lastError
					t.mu.Unlock()
					if at > 0 {
						emit(float64(at)/1000, append(t.labels(), Label{"class", class})...)
					}
				}
			},
		},
		perTask("troupe_task_bytes_in_total", Counter, "Bytes of keys and values that the task read from Kafka.",
			func(t *Task, _ int64) (float64, bool) { return t.bytesIn, t.Sink != nil }),
	}
}

func sourceFamilies() []*Family {
	since := func(name, help string, at func(s *Source) int64) *Family {
		return perTask(name, Gauge, help, func(t *Task, now int64) (float64, bool) {
			if t.Source == nil {
				return 0, false
			}
			t.Source.mu.Lock()
			defer t.Source.mu.Unlock()
			ms := at(t.Source)
			return float64(now-ms) / 1000, ms > 0
		})
	}
	return []*Family{
		since("troupe_source_last_record_age_seconds", "Time since the task polled its last record. Absent before the first.",
			func(s *Source) int64 { return s.seen }),
		since("troupe_source_last_commit_age_seconds", "Time since the task's source offsets were committed last. Absent before the first.",
			func(s *Source) int64 { return s.committed }),
	}
}

func sinkFamilies() []*Family {
	ofSinks := func(name, help string, f func(s *Sink, now int64) float64) *Family {
		return perTask(name, Gauge, help, func(t *Task, now int64) (float64, bool) {
			if t.Sink == nil {
				return 0, false
			}
			t.Sink.mu.Lock()
			defer t.Sink.mu.Unlock()
			return f(t.Sink, now), true
		})
	}
	return []*Family{
		ofSinks("troupe_sink_lag_records", "Records between what the task has taken and the end of its partitions.",
			func(s *Sink, _ int64) float64 { return s.lagSum() }),
		ofSinks("troupe_sink_lag_seconds", "Age of the oldest record that the task knows of and has not put, 0 if there is none.",
			func(s *Sink, now int64) float64 { return s.lagSeconds(now) }),
		ofSinks("troupe_sink_idle_seconds", "Time for which a running task has had no partitions, 0 while it has some.",
			func(s *Sink, now int64) float64 {
				if s.idleSince == 0 {
					return 0
				}
				return float64(now-s.idleSince) / 1000
			}),
		{
			Name: "troupe_connector_lag_records", Help: "Lag of all tasks of a sink connector on this worker, in records.",
			collect: perSinkConnector(func(sum float64, s *Sink, _ int64) float64 { return sum + s.lagSum() }),
		},
		{
			Name: "troupe_connector_lag_seconds", Help: "The largest lag of a sink connector's tasks on this worker, in seconds.",
			collect: perSinkConnector(func(most float64, s *Sink, now int64) float64 { return math.Max(most, s.lagSeconds(now)) }),
		},
		{
			Name: "troupe_sink_partition_lag_records",
			Help: "Records between what the task has taken and the end of a partition; for at most metrics.partitions.max partitions.",
			collect: func(s *Snapshot, _ int64, emit emit) {
				for _, t := range s.tasks {
					if t.Sink == nil {
						continue
					}
					for _, l := range s.limited(t.Sink.Lag()) {
						emit(float64(l.Records), append(t.labels(),
							Label{"topic", l.Topic}, Label{"partition", strconv.Itoa(int(l.Partition))})...)
					}
				}
			},
		},
	}
}

// perSinkConnector folds the sink tasks of each connector into one number.
func perSinkConnector(f func(acc float64, s *Sink, now int64) float64) func(*Snapshot, int64, emit) {
	return func(s *Snapshot, now int64, emit emit) {
		for i := 0; i < len(s.tasks); {
			name, acc, any := s.tasks[i].Connector, 0.0, false
			for ; i < len(s.tasks) && s.tasks[i].Connector == name; i++ {
				if sink := s.tasks[i].Sink; sink != nil {
					sink.mu.Lock()
					acc, any = f(acc, sink, now), true
					sink.mu.Unlock()
				}
			}
			if any {
				emit(acc, Label{"connector", name})
			}
		}
	}
}

func histogramFamilies() []*Family {
	return []*Family{
		{
			Name: "troupe_stage_seconds", Histogram: true,
			Help: "Time that a batch spent in a stage of its way.",
			buckets: func(s *Snapshot, emit emitBuckets) {
				for _, t := range s.tasks {
					t.mu.Lock()
					for i, h := range t.stages {
						if h != nil {
							emit(h.copy(), append(t.labels(), Label{"stage", Stage(i).String()})...)
						}
					}
					t.mu.Unlock()
				}
			},
		},
		{
			Name: "troupe_record_age_seconds", Histogram: true,
			Help: "Age of records by their timestamps when they were acknowledged by Kafka (sources) or put (sinks).",
			buckets: func(s *Snapshot, emit emitBuckets) {
				for _, t := range s.tasks {
					t.mu.Lock()
					b := t.latency.copy()
					t.mu.Unlock()
					if b.Count > 0 {
						emit(b, t.labels()...)
					}
				}
			},
		},
	}
}
