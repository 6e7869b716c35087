package kafka

import (
	"context"
	"errors"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// LogReader reads one topic from its beginning, all partitions, in no group: for compacted topics that
// are read as tables. One goroutine polls; Close may be called from any.
type LogReader struct {
	client    *kgo.Client
	topic     string
	log       *slog.Logger
	records   []*Record // of the last poll
	positions []int64   // by partition
	fatal     chan error
	isolation int8 // of kmsg.FetchRequest
}

// NewLogReader makes a reader of the partitions 0 to partitions-1 of the topic, which must exist. It
// connects in the background. Of props, those of Java's consumer count, isolation.level among them;
// group.id and auto.offset.reset don't. A wrong setting is an errs.Config error.
func NewLogReader(props Props, topic string, partitions int, log *slog.Logger, opts ...Option) (*LogReader, error) {
	r := security.NewReader(props)
	s := readSettings(r, opts)
	var c consumerSettings
	c.readFetch(r)
	if r.Err() != nil {
		return nil, r.Err()
	}
	l := &LogReader{topic: topic, log: log, positions: make([]int64, partitions), fatal: make(chan error, 1)}
	starts := make(map[int32]kgo.Offset, partitions)
	for n := range l.positions {
		starts[int32(n)] = kgo.NewOffset().AtStart()
	}
	if c.readCommitted {
		l.isolation = 1
	}
	options := append(s.franzOptions(log, l.loginFailed), c.opts...)
	options = append(options,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Markers of transactions take up offsets; without them the end of the log would never seem
		// reached.
		kgo.KeepControlRecords(),
	)
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, errs.Config.Wrap(err, "settings of consumer %s", s.clientID)
	}
	l.client = client
	return l, nil
}

// loginFailed is told by the client of a login or handshake that failed.
func (l *LogReader) loginFailed(err error) {
	select {
	case l.fatal <- failed(err, "log in to Kafka"):
	default:
	}
}

// Poll waits for records and returns them, ordered per partition; none when ctx ended or nothing but
// markers of transactions came. The slice is the reader's and valid until the next Poll; the records may
// be kept. What the client gets over by itself is no error. After an error, which is classified (see
// Classify), polling may go on: the client tries again.
func (l *LogReader) Poll(ctx context.Context) ([]*Record, error) {
	clear(l.records)
	l.records = l.records[:0]
	select {
	case err := <-l.fatal:
		return nil, err
	default:
	}
	var bad error
	fetches := l.client.PollRecords(ctx, 0)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if p.Err != nil && bad == nil {
			bad = l.judge(p.Partition, p.Err)
		}
		for _, r := range p.Records {
			l.positions[p.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				l.records = append(l.records, r)
			}
		}
	})
	return l.records, bad
}

// judge decides what an error of a fetch means: nil is one that needs no word.
func (l *LogReader) judge(partition int32, err error) error {
	var lost *kgo.ErrDataLoss
	switch {
	case errors.Is(err, kgo.ErrClientClosed):
		return failed(ErrAborted, "read topic %s", l.topic)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.As(err, &lost):
		l.log.Warn("records of an internal topic were lost by the brokers; what they said stays in force here until it is written again",
			"topic", l.topic, "partition", partition, "read_to", lost.ConsumedTo, "reset_to", lost.ResetTo)
		return nil
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), Classify(err) == Retriable:
		l.log.Debug("reader goes on after an error", "topic", l.topic, "partition", partition, "error", err)
		return nil
	}
	return failed(err, "read %s-%d", l.topic, partition)
}

// Position is the offset behind the last record or marker that was polled of the partition.
func (l *LogReader) Position(partition int32) int64 { return l.positions[partition] }

// Close ends the connections. A Poll that waits returns.
func (l *LogReader) Close() { l.client.Close() }
