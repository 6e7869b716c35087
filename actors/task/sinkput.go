package task

import (
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
)

// What follows makes the sink a deadletters.Putter.

// Put calls the task's put.
func (s *sink) Put(records []data.SinkRecord) error {
	return s.lane.Count(host.Put, func() (int, error) { return len(records), s.task.Put(s.soft, records) })
}

// Took notes that a part of the batch was taken: the offsets behind it may be committed.
func (s *sink) Took(part []data.SinkRecord) {
	for i := range part {
		r := &part[i]
		s.current[data.TopicPartition{Topic: r.OriginalTopic, Partition: r.OriginalPartition}] = r.OriginalOffset + 1
	}
}

// Blames reports whether an error of put may be due to a record.
func (s *sink) Blames(err error) bool {
	return !retriable(err) && !s.stopping() && s.reporter.Failed() == nil
}

// Original is the record as it was consumed.
func (s *sink) Original(r data.SinkRecord) (*kafka.Record, error) { return s.reporter.Original(r) }

// Report makes a dead letter.
func (s *sink) Report(problem pipeline.Problem) error {
	_, err := s.pipe.Policy.Report(s.hard, problem)
	return err
}
