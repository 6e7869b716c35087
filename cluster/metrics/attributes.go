package metrics

import (
	"math"
	"strconv"
	"strings"
)

// number makes an attribute of a number; f is called without a lock.
func number[T any](name string, kind Kind, help string, f func(of T, now int64) float64) Attribute {
	return Attribute{Name: name, Kind: kind, Help: help, num: func(of any, now int64) float64 { return f(of.(T), now) }}
}

func text[T any](name, help string, f func(of T) string) Attribute {
	return Attribute{Name: name, Kind: Text, Help: help, text: func(of any) string { return f(of.(T)) }}
}

// ofWorker locks the worker's numbers while f reads them.
func ofWorker(name string, kind Kind, help string, f func(w *Worker, now int64) float64) Attribute {
	return number(name, kind, help, func(s *Snapshot, now int64) float64 {
		s.worker.mu.Lock()
		defer s.worker.mu.Unlock()
		return f(s.worker, now)
	})
}

func workerAttributes() []Attribute {
	attrs := []Attribute{
		number("connector-count", Gauge, "The number of connectors run in this worker.",
			func(s *Snapshot, _ int64) float64 { return float64(len(s.connectors)) }),
		number("task-count", Gauge, "The number of tasks run in this worker.",
			func(s *Snapshot, _ int64) float64 { return float64(len(s.tasks)) }),
	}
	attrs = append(attrs, startAttributes("connector", func(w *Worker) *odds { return &w.connectors })...)
	return append(attrs, startAttributes("task", func(w *Worker) *odds { return &w.tasks })...)
}

func startAttributes(what string, of func(*Worker) *odds) []Attribute {
	return []Attribute{
		ofWorker(what+"-startup-attempts-total", Counter, "The total number of "+what+" startups that this worker has attempted.",
			func(w *Worker, _ int64) float64 { return float64(of(w).good + of(w).bad) }),
		ofWorker(what+"-startup-success-total", Counter, "The total number of "+what+" starts that succeeded.",
			func(w *Worker, _ int64) float64 { return float64(of(w).good) }),
		ofWorker(what+"-startup-success-percentage", Gauge, "The fraction (0 to 1) of this worker's "+what+" starts that succeeded.",
			func(w *Worker, now int64) float64 { return of(w).recent.fraction(true, now) }),
		ofWorker(what+"-startup-failure-total", Counter, "The total number of "+what+" starts that failed.",
			func(w *Worker, _ int64) float64 { return float64(of(w).bad) }),
		ofWorker(what+"-startup-failure-percentage", Gauge, "The fraction (0 to 1) of this worker's "+what+" starts that failed.",
			func(w *Worker, now int64) float64 { return of(w).recent.fraction(false, now) }),
	}
}

func taskCountAttributes() []Attribute {
	attrs := []Attribute{number("connector-total-task-count", Gauge, "The number of tasks of the connector on the worker.",
		func(c *taskCounts, _ int64) float64 { return float64(c.total) })}
	for _, s := range []string{"running", "paused", "failed", "unassigned", "destroyed", "restarting"} {
		attrs = append(attrs, number("connector-"+s+"-task-count", Gauge, "The number of "+s+" tasks of the connector on the worker.",
			func(c *taskCounts, _ int64) float64 { return float64(c.in[s]) }))
	}
	return attrs
}

func rebalanceAttributes() []Attribute {
	locked := func(f func(w *Worker) string) func(*Snapshot) string {
		return func(s *Snapshot) string {
			s.worker.mu.Lock()
			defer s.worker.mu.Unlock()
			return f(s.worker)
		}
	}
	return []Attribute{
		text("leader-name", "The name of the group leader.", locked(func(w *Worker) string { return w.leader })),
		text("connect-protocol", "The Connect protocol used by this cluster.", locked(func(w *Worker) string { return w.protocol })),
		ofWorker("epoch", Gauge, "The epoch or generation number of this worker.",
			func(w *Worker, _ int64) float64 { return float64(w.epoch) }),
		ofWorker("completed-rebalances-total", Counter, "The total number of rebalances completed by this worker.",
			func(w *Worker, _ int64) float64 { return float64(w.rebalances) }),
		ofWorker("rebalancing", Gauge, "Whether this worker is currently rebalancing: 1 or 0.",
			func(w *Worker, _ int64) float64 {
				if w.ongoing {
					return 1
				}
				return 0
			}),
		ofWorker("rebalance-max-time-ms", Gauge, "The maximum time in milliseconds spent by this worker to rebalance.",
			func(w *Worker, now int64) float64 { return w.rebalance.max(now) }),
		ofWorker("rebalance-avg-time-ms", Gauge, "The average time in milliseconds spent by this worker to rebalance.",
			func(w *Worker, now int64) float64 { return w.rebalance.avg(now) }),
		ofWorker("time-since-last-rebalance-ms", Gauge, "The time in milliseconds since this worker completed the most recent rebalance.",
			func(w *Worker, now int64) float64 { return w.sinceRebalance(now) }),
	}
}

func kindOf(source bool) string {
	if source {
		return "source"
	}
	return "sink"
}

func connectorAttributes() []Attribute {
	return []Attribute{
		text("status", "The status of the connector.", func(c *Connector) string { return c.Status() }),
		text("connector-type", "The type of the connector: source or sink.", func(c *Connector) string { return kindOf(c.Source) }),
		text("connector-class", "The name of the connector class.", func(c *Connector) string { return c.Class }),
		text("connector-version", "The version of the connector class, as reported by the connector.", func(c *Connector) string { return c.Version }),
	}
}

// ofTask locks the task's numbers while f reads them.
func ofTask(name string, kind Kind, help string, f func(t *Task, now int64) float64) Attribute {
	return number(name, kind, help, func(t *Task, now int64) float64 {
		t.mu.Lock()
		defer t.mu.Unlock()
		return f(t, now)
	})
}

func taskAttributes() []Attribute {
	info := func(name, help string, f func(i *TaskInfo) string) Attribute {
		return text(name, help, func(t *Task) string {
			i := t.Info()
			return f(&i)
		})
	}
	return []Attribute{
		text("status", "The status of the connector task.", func(t *Task) string { return t.Status() }),
		ofTask("running-ratio", Gauge, "The fraction of time this task has spent in the running state.",
			func(t *Task, now int64) float64 { return t.clock.ratio("running", now) }),
		ofTask("pause-ratio", Gauge, "The fraction of time this task has spent in the pause state.",
			func(t *Task, now int64) float64 { return t.clock.ratio("paused", now) }),
		ofTask("offset-commit-max-time-ms", Gauge, "The maximum time in milliseconds taken by this task to commit offsets.",
			func(t *Task, now int64) float64 { return t.commitMS.max(now) }),
		ofTask("offset-commit-avg-time-ms", Gauge, "The average time in milliseconds taken by this task to commit offsets.",
			func(t *Task, now int64) float64 { return t.commitMS.avg(now) }),
		ofTask("offset-commit-success-percentage", Gauge, "The fraction (0 to 1) of this task's offset commit attempts that succeeded.",
			func(t *Task, now int64) float64 { return t.commits.recent.fraction(true, now) }),
		ofTask("offset-commit-failure-percentage", Gauge, "The fraction (0 to 1) of this task's offset commit attempts that failed.",
			func(t *Task, now int64) float64 { return t.commits.recent.fraction(false, now) }),
		ofTask("offset-commit-failure-total", Counter, "The total number of this task's offset commit attempts that failed. Troupe's own: the JVM worker has only the percentage.",
			func(t *Task, _ int64) float64 { return float64(t.commits.bad) }),
		ofTask("batch-size-max", Gauge, "The number of records in the largest batch the task has processed so far.",
			func(t *Task, now int64) float64 { return t.batch.max(now) }),
		ofTask("batch-size-avg", Gauge, "The average number of records in the batches the task has processed so far.",
			func(t *Task, now int64) float64 { return t.batch.avg(now) }),
		info("connector-class", "The name of the connector class.", func(i *TaskInfo) string { return i.ConnectorClass }),
		text("connector-type", "The type of the connector: SOURCE or SINK, as tasks have it.", func(t *Task) string { return strings.ToUpper(kindOf(t.Source != nil)) }),
		info("connector-version", "The version of the connector class.", func(i *TaskInfo) string { return i.ConnectorVersion }),
		info("task-class", "The name of the task class.", func(i *TaskInfo) string { return i.TaskClass }),
		info("task-version", "The version of the task class.", func(i *TaskInfo) string { return i.TaskVersion }),
		info("key-converter-class", "The name of the key converter class.", func(i *TaskInfo) string { return i.KeyConverterClass }),
		info("key-converter-version", "The version of the key converter class.", func(i *TaskInfo) string { return i.KeyConverterVersion }),
		info("value-converter-class", "The name of the value converter class.", func(i *TaskInfo) string { return i.ValueConverterClass }),
		info("value-converter-version", "The version of the value converter class.", func(i *TaskInfo) string { return i.ValueConverterVersion }),
		info("header-converter-class", "The name of the header converter class.", func(i *TaskInfo) string { return i.HeaderConverterClass }),
		info("header-converter-version", "The version of the header converter class.", func(i *TaskInfo) string { return i.HeaderConverterVersion }),
	}
}

func pluginAttributes(what string) []Attribute {
	return []Attribute{
		text(what+"-class", "The class name of the "+what+".", func(p PluginInfo) string { return p.Class }),
		text(what+"-version", "The version of the "+what+" class.", func(p PluginInfo) string { return p.Version }),
	}
}

// ofSource locks the source task's numbers while f reads them.
func ofSource(name string, kind Kind, help string, f func(s *Source, now int64) float64) Attribute {
	return number(name, kind, help, func(s *Source, now int64) float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.settle(now)
		return f(s, now)
	})
}

func sourceAttributes() []Attribute {
	return []Attribute{
		ofSource("source-record-poll-rate", Gauge, "The average per-second number of records polled, before transforms.",
			func(s *Source, now int64) float64 { return s.polled.recent.rate(now) }),
		ofSource("source-record-poll-total", Counter, "The total number of records polled, before transforms.",
			func(s *Source, _ int64) float64 { return s.polled.total }),
		ofSource("source-record-write-rate", Gauge, "The average per-second number of records written to Kafka, after transforms, without those filtered out.",
			func(s *Source, now int64) float64 { return s.written.recent.rate(now) }),
		ofSource("source-record-write-total", Counter, "The total number of records written to Kafka, after transforms, without those filtered out.",
			func(s *Source, _ int64) float64 { return s.written.total }),
		ofSource("poll-batch-max-time-ms", Gauge, "The maximum time in milliseconds taken by this task to poll for a batch of source records.",
			func(s *Source, now int64) float64 { return s.pollMS.max(now) }),
		ofSource("poll-batch-avg-time-ms", Gauge, "The average time in milliseconds taken by this task to poll for a batch of source records.",
			func(s *Source, now int64) float64 { return s.pollMS.avg(now) }),
		ofSource("source-record-active-count", Gauge, "The number of records polled and not yet completely written to Kafka.",
			func(s *Source, _ int64) float64 { return s.active.now }),
		ofSource("source-record-active-count-max", Gauge, "The maximum number of records polled and not yet completely written to Kafka.",
			func(s *Source, now int64) float64 { return s.active.recent.max(now) }),
		ofSource("source-record-active-count-avg", Gauge, "The average number of records polled and not yet completely written to Kafka.",
			func(s *Source, now int64) float64 { return s.active.recent.avg(now) }),
		ofSource("transaction-size-min", Gauge, "The number of records in the smallest transaction the task has committed so far.",
			func(s *Source, now int64) float64 { return s.transaction.min(now) }),
		ofSource("transaction-size-max", Gauge, "The number of records in the largest transaction the task has committed so far.",
			func(s *Source, now int64) float64 { return s.transaction.max(now) }),
		ofSource("transaction-size-avg", Gauge, "The average number of records in the transactions the task has committed so far.",
			func(s *Source, now int64) float64 { return s.transaction.avg(now) }),
	}
}

// ofSink locks the sink task's numbers while f reads them.
func ofSink(name string, kind Kind, help string, f func(s *Sink, now int64) float64) Attribute {
	return number(name, kind, help, func(s *Sink, now int64) float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return f(s, now)
	})
}

func sinkAttributes() []Attribute {
	return []Attribute{
		ofSink("sink-record-read-rate", Gauge, "The average per-second number of records read from Kafka, before transforms.",
			func(s *Sink, now int64) float64 { return s.read.recent.rate(now) }),
		ofSink("sink-record-read-total", Counter, "The total number of records read from Kafka, before transforms.",
			func(s *Sink, _ int64) float64 { return s.read.total }),
		ofSink("sink-record-send-rate", Gauge, "The average per-second number of records put to the task, after transforms.",
			func(s *Sink, now int64) float64 { return s.sent.recent.rate(now) }),
		ofSink("sink-record-send-total", Counter, "The total number of records put to the task, after transforms.",
			func(s *Sink, _ int64) float64 { return s.sent.total }),
		ofSink("sink-record-lag-max", Gauge, "The maximum number of records that the task is behind the end of any of its partitions. Documented for the JVM worker, but never there.",
			func(s *Sink, _ int64) float64 { return s.lagMax() }),
		ofSink("partition-count", Gauge, "The number of topic partitions assigned to this task.",
			func(s *Sink, _ int64) float64 { return float64(s.partitions) }),
		ofSink("offset-commit-seq-no", Gauge, "The current sequence number for offset commits.",
			func(s *Sink, _ int64) float64 { return float64(s.seq) }),
		ofSink("offset-commit-completion-rate", Gauge, "The average per-second number of offset commits that were completed successfully.",
			func(s *Sink, now int64) float64 { return s.completed.recent.rate(now) }),
		ofSink("offset-commit-completion-total", Counter, "The total number of offset commits that were completed successfully.",
			func(s *Sink, _ int64) float64 { return s.completed.total }),
		ofSink("offset-commit-skip-rate", Gauge, "The average per-second number of offset commit completions that were received too late and ignored.",
			func(s *Sink, now int64) float64 { return s.skipped.recent.rate(now) }),
		ofSink("offset-commit-skip-total", Counter, "The total number of offset commit completions that were received too late and ignored.",
			func(s *Sink, _ int64) float64 { return s.skipped.total }),
		ofSink("put-batch-max-time-ms", Gauge, "The maximum time in milliseconds taken by this task to put a batch of sink records.",
			func(s *Sink, now int64) float64 { return s.putMS.max(now) }),
		ofSink("put-batch-avg-time-ms", Gauge, "The average time in milliseconds taken by this task to put a batch of sink records.",
			func(s *Sink, now int64) float64 { return s.putMS.avg(now) }),
		ofSink("sink-record-active-count", Gauge, "The number of records read from Kafka and not yet committed by the sink task.",
			func(s *Sink, _ int64) float64 { return s.active.now }),
		ofSink("sink-record-active-count-max", Gauge, "The maximum number of records read from Kafka and not yet committed by the sink task.",
			func(s *Sink, now int64) float64 { return s.active.recent.max(now) }),
		ofSink("sink-record-active-count-avg", Gauge, "The average number of records read from Kafka and not yet committed by the sink task.",
			func(s *Sink, now int64) float64 { return s.active.recent.avg(now) }),
	}
}

func errorAttributes() []Attribute {
	count := func(name, help string, f func(e *ErrorCounts) int64) Attribute {
		return number(name, Counter, help, func(e *ErrorCounts, _ int64) float64 { return float64(f(e)) })
	}
	return []Attribute{
		count("total-record-failures", "The number of record processing failures in this task.", func(e *ErrorCounts) int64 { return e.failures.Load() }),
		count("total-record-errors", "The number of record processing errors in this task.", func(e *ErrorCounts) int64 { return e.errors.Load() }),
		count("total-records-skipped", "The number of records skipped due to errors.", func(e *ErrorCounts) int64 { return e.skipped.Load() }),
		count("total-retries", "The number of operations retried.", func(e *ErrorCounts) int64 { return e.retries.Load() }),
		count("total-errors-logged", "The number of errors that were logged.", func(e *ErrorCounts) int64 { return e.logged.Load() }),
		count("deadletterqueue-produce-requests", "The number of attempted writes to the dead letter queue.", func(e *ErrorCounts) int64 { return e.letters.Load() }),
		count("deadletterqueue-produce-total", "The number of attempted writes to the dead letter queue, by another name.", func(e *ErrorCounts) int64 { return e.letters.Load() }),
		count("deadletterqueue-produce-failures", "The number of failed writes to the dead letter queue.", func(e *ErrorCounts) int64 { return e.lettersFailed.Load() }),
		number("last-error-timestamp", Gauge, "The epoch timestamp in milliseconds when this task last encountered an error.",
			func(e *ErrorCounts, _ int64) float64 { return float64(e.last.Load()) }),
	}
}

// ofClient locks the client's numbers while f reads them.
func ofClient(name string, kind Kind, help string, f func(c *Client, now int64) float64) Attribute {
	return number(name, kind, help, func(c *Client, now int64) float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return f(c, now)
	})
}

func meterAttributes(name, what string, of func(*Client) *meter) []Attribute {
	return []Attribute{
		ofClient(name+"-rate", Gauge, "The number of "+what+" per second.",
			func(c *Client, now int64) float64 { return of(c).recent.rate(now) }),
		ofClient(name+"-total", Counter, "The total number of "+what+".",
			func(c *Client, _ int64) float64 { return of(c).total }),
	}
}

func spreadAttributes(name, what string, of func(*Client) *sampled) []Attribute {
	return []Attribute{
		ofClient(name+"-avg", Gauge, "The average "+what+".", func(c *Client, now int64) float64 { return of(c).avg(now) }),
		ofClient(name+"-max", Gauge, "The maximum "+what+".", func(c *Client, now int64) float64 { return of(c).max(now) }),
	}
}

func networkAttributes() []Attribute {
	attrs := meterAttributes("request", "requests sent", func(c *Client) *meter { return &c.requests })
	attrs = append(attrs, meterAttributes("incoming-byte", "bytes read off all sockets", func(c *Client) *meter { return &c.in })...)
	attrs = append(attrs, meterAttributes("outgoing-byte", "bytes sent to all servers", func(c *Client) *meter { return &c.out })...)
	return append(attrs, ofClient("connection-count", Gauge, "The current number of active connections.",
		func(c *Client, _ int64) float64 { return c.sockets }))
}

func producerAttributes() []Attribute {
	attrs := networkAttributes()
	attrs = append(attrs, meterAttributes("record-send", "records sent", func(c *Client) *meter { return &c.records })...)
	attrs = append(attrs, meterAttributes("record-error", "records that Kafka did not take", func(c *Client) *meter { return &c.errors })...)
	attrs = append(attrs, spreadAttributes("request-latency", "request latency in milliseconds", func(c *Client) *sampled { return &c.latency })...)
	attrs = append(attrs, spreadAttributes("batch-size", "number of bytes sent per partition per request", func(c *Client) *sampled { return &c.batch })...)
	return append(attrs, ofClient("records-per-request-avg", Gauge, "The average number of records per batch.",
		func(c *Client, now int64) float64 { return c.perBatch.avg(now) }))
}

func fetchAttributes() []Attribute {
	attrs := meterAttributes("records-consumed", "records consumed", func(c *Client) *meter { return &c.records })
	attrs = append(attrs, meterAttributes("bytes-consumed", "bytes consumed", func(c *Client) *meter { return &c.bytes })...)
	attrs = append(attrs, spreadAttributes("fetch-size", "number of bytes fetched per batch", func(c *Client) *sampled { return &c.batch })...)
	attrs = append(attrs, spreadAttributes("fetch-latency", "time in milliseconds taken for a request", func(c *Client) *sampled { return &c.latency })...)
	return append(attrs,
		ofClient("records-per-request-avg", Gauge, "The average number of records in each batch.",
			func(c *Client, now int64) float64 { return c.perBatch.avg(now) }),
		ofClient("records-lag-max", Gauge, "The maximum lag in terms of number of records for any partition.",
			func(c *Client, _ int64) float64 {
				if len(c.lag) == 0 {
					return math.NaN()
				}
				return c.lagMax()
			}))
}

func partitionAttributes() []Attribute {
	return []Attribute{number("records-lag", Gauge, "The latest lag of the partition in records.",
		func(l PartitionLag, _ int64) float64 { return float64(l.Records) })}
}

func everyPartition(s *Snapshot) []Member {
	var all []Member
	for _, c := range s.clients {
		c.mu.Lock()
		lag := c.lag
		c.mu.Unlock()
		for _, l := range s.limited(lag) {
			all = append(all, Member{Labels: []Label{
				{"client-id", c.ID}, {"topic", l.Topic}, {"partition", strconv.Itoa(int(l.Partition))},
			}, of: l})
		}
	}
	return all
}

func coordinatorAttributes() []Attribute {
	attrs := meterAttributes("commit", "commit calls", func(c *Client) *meter { return &c.commits })
	return append(attrs,
		ofClient("assigned-partitions", Gauge, "The number of partitions currently assigned to this consumer.",
			func(c *Client, _ int64) float64 { return float64(c.assigned) }),
		ofClient("rebalance-total", Counter, "The total number of rebalances that gave this consumer partitions.",
			func(c *Client, _ int64) float64 { return c.joins.total }),
		ofClient("rebalance-rate-per-hour", Gauge, "The number of successful group rebalances per hour.",
			func(c *Client, now int64) float64 { return c.joins.recent.rate(now) * 3600 }))
}
