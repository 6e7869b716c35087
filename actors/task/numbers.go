package task

import (
	"time"

	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Meter is how the door to plugins counts into the numbers of tasks: what polls, puts and commits
// there were, and how long they took. It is nil without a registry. A task has to be in the registry
// before its door is made.
func Meter(reg *metrics.Registry) func(host.Who) host.Meter {
	if reg == nil {
		return nil
	}
	return func(w host.Who) host.Meter {
		if t := reg.Task(w.Connector, w.Task); t != nil {
			return meter{t}
		}
		return nil
	}
}

type meter struct{ of *metrics.Task }

// Called implements host.Meter.
func (m meter) Called(c *host.Call, took time.Duration, records int, err error) {
	now := time.Now().UnixMilli()
	switch c {
	case host.Poll:
		if err != nil || records == 0 {
			return // as in Kafka Connect, the time of a poll that had nothing says nothing
		}
		m.of.Spent(metrics.Poll, took)
		m.of.Batch(records, now)
		m.of.Source.Polled(records, took, now)
	case host.Convert:
		m.of.Spent(metrics.Convert, took)
	case host.Put:
		if records > 0 {
			m.of.Spent(metrics.Put, took)
		}
		m.of.Batch(records, now)
		if err == nil {
			m.of.Sink.Put(records, took, now)
		}
	case host.PreCommit, host.Commit:
		m.of.Spent(metrics.Commit, took)
	}
}

// describe says in the task's numbers what it is made of.
func (r *runner) describe(conf *settings.Connector, p plugin.Plugin) {
	if r.numbers == nil {
		return
	}
	d := p.Describe()
	info := metrics.TaskInfo{
		ConnectorClass: d.Class, ConnectorVersion: d.Version, TaskClass: d.Class, TaskVersion: d.Version,
	}
	info.KeyConverterClass, info.KeyConverterVersion = r.named(plugin.Converter, conf.KeyConverter.Class, conf.KeyConverter.Version)
	info.ValueConverterClass, info.ValueConverterVersion = r.named(plugin.Converter, conf.ValueConverter.Class, conf.ValueConverter.Version)
	info.HeaderConverterClass, info.HeaderConverterVersion = r.named(plugin.HeaderConverter, conf.HeaderConverter.Class, conf.HeaderConverter.Version)
	for _, t := range conf.Transforms {
		class, version := r.named(plugin.Transformation, t.Class, t.Version)
		info.Transforms = append(info.Transforms, metrics.PluginInfo{Alias: t.Alias, Class: class, Version: version})
	}
	for _, t := range conf.Predicates {
		class, version := r.named(plugin.Predicate, t.Class, t.Version)
		info.Predicates = append(info.Predicates, metrics.PluginInfo{Alias: t.Alias, Class: class, Version: version})
	}
	r.numbers.Describe(info)
}

// named is the full class name and version of a plugin, or what was written if there is none.
func (r *runner) named(kind plugin.Kind, class, version string) (string, string) {
	p, err := r.env.Registry.FindVersion(kind, class, version)
	if err != nil {
		return class, version
	}
	d := p.Describe()
	return d.Class, d.Version
}

// countRead notes what was consumed, and how much of it.
func (s *sink) countRead(records []*kafka.Record) {
	if s.numbers == nil || len(records) == 0 {
		return
	}
	bytes := 0
	for _, r := range records {
		bytes += len(r.Key) + len(r.Value)
	}
	s.numbers.Took(bytes)
	s.numbers.Sink.Read(len(records), time.Now().UnixMilli())
}

// countPut notes how old the batch's oldest record was when put took it.
func (s *sink) countPut() {
	if s.numbers == nil || len(s.batch) == 0 {
		return
	}
	if at := s.batch[0].Timestamp; !at.IsZero() {
		s.numbers.Aged(len(s.batch), time.Since(at))
	}
}

// activeTold is how often the number of records that were consumed and not committed is looked at,
// which takes a look at each partition.
const activeTold = time.Second

func (s *sink) countActive(now time.Time) {
	if s.numbers == nil || now.Sub(s.activeAt) < activeTold {
		return
	}
	s.activeAt = now
	var active int64
	for tp, o := range s.consumed {
		if c, known := s.committed[tp]; known && o > c {
			active += o - c
		}
	}
	s.numbers.Sink.Active(active, now.UnixMilli())
}

func (s *sink) countPartitions() {
	if s.numbers != nil {
		s.numbers.Sink.Assigned(len(s.assigned), time.Now().UnixMilli())
	}
}

// countCommit notes the answer to a commit of consumer offsets.
func (s *sink) countCommit(err error, seq int64, took time.Duration) {
	if s.numbers == nil {
		return
	}
	now := time.Now().UnixMilli()
	s.numbers.Committed(err == nil, took, now)
	if err == nil {
		s.numbers.Sink.Completed(seq, now)
	}
}

// follow has the task's numbers ask how many records of this incarnation Kafka is done with.
func (s *source) follow(acked func() int64) {
	if s.numbers != nil {
		s.numbers.Source.Follow(acked, time.Now().UnixMilli())
	}
}

// countDropped notes records that were polled and don't go to Kafka.
func (s *source) countDropped(records int) {
	if s.numbers != nil {
		s.numbers.Source.Dropped(records, time.Now().UnixMilli())
	}
}

// countFlush notes a commit of source offsets that was begun at begun; one that had nothing to
// commit is none.
func (d *atLeastOnce) countFlush(partitions int, err error, begun time.Time) {
	if d.numbers == nil || err == nil && partitions == 0 {
		return
	}
	now := time.Now()
	d.numbers.Committed(err == nil, now.Sub(begun), now.UnixMilli())
	if err == nil {
		d.numbers.Source.Stored(now.UnixMilli())
	}
}

// countTransaction notes the end of a transaction whose commit was begun at begun.
func (x *transactional) countTransaction(err error, begun time.Time) {
	records := x.inside
	if err == nil {
		x.inside = 0
		x.through.Add(int64(records))
	}
	if x.numbers == nil {
		return
	}
	now := time.Now()
	x.numbers.Committed(err == nil, now.Sub(begun), now.UnixMilli())
	if err == nil {
		x.numbers.Source.Transaction(records, now.UnixMilli())
	}
}
