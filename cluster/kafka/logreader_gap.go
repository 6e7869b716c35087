package kafka

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// SkipGap moves positions on past what compaction left without records, or deletion took away: franz-go
// reads on behind that and tells nobody, so a log that ends in it would never seem read to its end. ends are the offsets to
// get to, by partition. It reports whether a position changed. Call it from the goroutine that polls,
// when nothing came for a while although an end isn't reached; it asks the brokers.
func (l *LogReader) SkipGap(ctx context.Context, ends map[int32]int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	behind := map[int32]int64{}
	for n, end := range ends {
		if l.positions[n] < end {
			behind[n] = end
		}
	}
	if len(behind) == 0 {
		return false, nil
	}
	topic, err := l.describe(ctx)
	if err != nil {
		return false, failed(err, "look for gaps in topic %s", l.topic)
	}
	moved := false
	for i := range topic.Partitions {
		p := &topic.Partitions[i]
		end, ask := behind[p.Partition]
		if !ask {
			continue
		}
		next, err := l.behindGap(ctx, topic, p)
		if err != nil {
			return moved, failed(err, "look for gaps in %s-%d", l.topic, p.Partition)
		}
		if next = min(next, end); next > l.positions[p.Partition] {
			l.positions[p.Partition] = next
			moved = true
		}
	}
	return moved, nil
}

func (l *LogReader) describe(ctx context.Context) (*kmsg.MetadataResponseTopic, error) {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = new(l.topic)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, l.client)
	if err != nil {
		return nil, err
	}
	if len(answer.Topics) != 1 {
		return nil, kerr.UnknownTopicOrPartition
	}
	return &answer.Topics[0], kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// behindGap is the offset of the first record from the partition's position on, or the position itself
// if franz-go is going to deliver what lies there.
func (l *LogReader) behindGap(ctx context.Context, topic *kmsg.MetadataResponseTopic, p *kmsg.MetadataResponseTopicPartition) (int64, error) {
	at := l.positions[p.Partition]
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = p.Partition, at, 1<<20
	asked := kmsg.NewFetchRequestTopic()
	asked.Topic, asked.TopicID = l.topic, topic.TopicID
	asked.Partitions = append(asked.Partitions, part)
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MaxBytes, request.IsolationLevel = 0, 1<<20, l.isolation
	request.SessionEpoch = -1 // no fetch session
	request.Topics = append(request.Topics, asked)
	raw, err := l.client.Broker(int(p.Leader)).RetriableRequest(ctx, request)
	if err != nil {
		return at, err
	}
	answer, ok := raw.(*kmsg.FetchResponse)
	switch {
	case !ok:
		return at, errs.IllegalState.New("the answer to a fetch request is a %T", raw)
	case answer.ErrorCode != 0:
		return at, kerr.ErrorForCode(answer.ErrorCode)
	case len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1:
		return at, nil // moved to another broker meanwhile
	}
	got := &answer.Topics[0].Partitions[0]
	if got.ErrorCode == kerr.OffsetOutOfRange.Code {
		return l.startOf(ctx, p.Partition) // all before it was deleted; franz-go goes on from there
	}
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return at, err
	}
	until := got.HighWatermark
	if l.isolation == 1 {
		until = got.LastStableOffset
	}
	return skipEmpty(got.RecordBatches, at, until), nil
}

// startOf is the offset of the first record of a partition.
func (l *LogReader) startOf(ctx context.Context, partition int32) (int64, error) {
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.Timestamp = partition, -2
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = l.topic
	asked.Partitions = append(asked.Partitions, part)
	request := kmsg.NewPtrListOffsetsRequest()
	request.Topics = append(request.Topics, asked)
	answer, err := request.RequestWith(ctx, l.client)
	if err != nil {
		return 0, err
	}
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, kerr.UnknownTopicOrPartition
	}
	got := answer.Topics[0].Partitions[0]
	return got.Offset, kerr.ErrorForCode(got.ErrorCode)
}

// Where a record batch (magic 2) has what, in bytes.
const (
	batchLength    = 8
	batchMagic     = 16
	batchLastDelta = 23
	batchRecords   = 57
	batchHeader    = 61
)

// skipEmpty is the offset behind the batches without records at the front of a fetched log, or until
// if there is nothing else in it. A batch with records isn't passed.
func skipEmpty(log []byte, at, until int64) int64 {
	if len(log) == 0 {
		return max(at, until)
	}
	for len(log) >= batchHeader {
		size := int64(binary.BigEndian.Uint32(log[batchLength:])) + batchLength + 4
		if log[batchMagic] != 2 || binary.BigEndian.Uint32(log[batchRecords:]) != 0 || size < batchHeader {
			break
		}
		next := int64(binary.BigEndian.Uint64(log)) + int64(int32(binary.BigEndian.Uint32(log[batchLastDelta:]))) + 1
		at = max(at, next)
		if size > int64(len(log)) {
			break
		}
		log = log[size:]
	}
	return at
}
