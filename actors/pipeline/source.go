package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
)

// Codec is a converter with the class name that errors show.
type Codec[C any] struct {
	Class string
	Conv  C
}

// Converters are the three of a task.
type Converters struct {
	Key, Value Codec[codecs.Converter]
	Header     Codec[codecs.HeaderConverter]
}

// Chain is what a task needs of smt.Chain; nil stands for no transforms.
type Chain interface {
	// Apply returns the record changed in place, or nil for a dropped one. On an error the record
	// is as it came in.
	Apply(r *data.Record) (*data.Record, error)
	// ApplySink is Apply for sink records, whose transforms may see the offset.
	ApplySink(r *data.SinkRecord) (*data.SinkRecord, error)
}

// Source turns source records into Kafka records: transforms, then header, key and value
// converter.
type Source struct {
	Chain      Chain
	Converters Converters
	Policy     *Policy

	scratch data.Record // what transforms work on; one, since a record is done before the next
}

// Convert fills out from rec and reports whether the record goes on; false means that a
// transform dropped it or that its failure is tolerated. rec is not changed.
func (s *Source) Convert(ctx context.Context, rec *data.SourceRecord, out *kafka.Record) (bool, error) {
	r := &rec.Record
	if s.Chain != nil {
		var (
			skip bool
			err  error
		)
		if r, skip, err = s.transform(ctx, rec); err != nil || skip || r == nil {
			return false, err
		}
	}
	if len(r.Headers) > 0 {
		if skip, err := s.headers(ctx, rec, r, out); err != nil || skip {
			return false, err
		}
	}
	var err error
	if out.Key, err = s.Converters.Key.Conv.FromConnect(r.Topic, r.KeySchema, r.Key); err != nil {
		skip, err := s.Policy.Recover(ctx, At{KeyConverter, s.Converters.Key.Class, whereSource(rec), nil}, err, func() (err error) {
			out.Key, err = s.Converters.Key.Conv.FromConnect(r.Topic, r.KeySchema, r.Key)
			return err
		})
		if err != nil || skip {
			return false, err
		}
	}
	if out.Value, err = s.Converters.Value.Conv.FromConnect(r.Topic, r.ValueSchema, r.Value); err != nil {
		skip, err := s.Policy.Recover(ctx, At{ValueConverter, s.Converters.Value.Class, whereSource(rec), nil}, err, func() (err error) {
			out.Value, err = s.Converters.Value.Conv.FromConnect(r.Topic, r.ValueSchema, r.Value)
			return err
		})
		if err != nil || skip {
			return false, err
		}
	}
	return true, address(r, out)
}

// address sets where the record goes and its time.
func address(r *data.Record, out *kafka.Record) error {
	if r.Topic == "" {
		return errs.Data.New("source record has no topic")
	}
	out.Topic = r.Topic
	out.Partition = kafka.NoPartition
	if p, ok := r.Partition.Get(); ok {
		if p < 0 {
			return errs.IllegalArgument.New("invalid partition: %d. Partition number should always be non-negative or null", p)
		}
		out.Partition = p
	}
	if ts := r.Timestamp; !ts.IsZero() {
		switch ms := ts.UnixMilli(); {
		case ms >= 0:
			out.Timestamp = ts
		case ms == -1: // as null: the producer sets the time
		default:
			return errs.Data.New("invalid record timestamp %d", ms)
		}
	}
	return nil
}

func (s *Source) transform(ctx context.Context, rec *data.SourceRecord) (*data.Record, bool, error) {
	s.scratch = rec.Record
	r, err := s.Chain.Apply(&s.scratch)
	if err == nil {
		return r, false, nil
	}
	skip, err := s.Policy.Recover(ctx, At{Transformation, stepClass(err), whereSource(rec), nil}, err, func() (err error) {
		s.scratch = rec.Record
		r, err = s.Chain.Apply(&s.scratch)
		return err
	})
	return r, skip, err
}

func (s *Source) headers(ctx context.Context, rec *data.SourceRecord, r *data.Record, out *kafka.Record) (bool, error) {
	convert := func() error {
		out.Headers = make([]kafka.RecordHeader, 0, len(r.Headers))
		for _, h := range r.Headers {
			v, err := s.Converters.Header.Conv.FromConnectHeader(r.Topic, h.Key, h.Schema, h.Value)
			if err != nil {
				return err
			}
			out.Headers = append(out.Headers, kafka.RecordHeader{Key: h.Key, Value: v})
		}
		return nil
	}
	if err := convert(); err != nil {
		return s.Policy.Recover(ctx, At{HeaderConverter, s.Converters.Header.Class, whereSource(rec), nil}, err, convert)
	}
	return false, nil
}

func whereSource(rec *data.SourceRecord) func() string {
	return func() string {
		var offset map[string]any
		if rec.SourceOffset != nil {
			offset = rec.SourceOffset.OffsetMap()
		}
		return fmt.Sprintf("source record {topic='%s', sourcePartition=%v, sourceOffset=%v}", rec.Topic, rec.SourcePartition, offset)
	}
}

// stepClass is the class of the transform that failed.
func stepClass(err error) string {
	if step, ok := errors.AsType[*smt.StepError](err); ok {
		return step.Class
	}
	return "org.apache.kafka.connect.runtime.TransformationChain"
}

// millis is a timestamp as Kafka has it, none as -1.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}
