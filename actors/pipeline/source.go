package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/host"
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

// Chain is what a task needs of smt.Chain; nil stands for no transforms. A chain that can say which
// class was at work when it panicked has a method Working() string too.
type Chain interface {
	// Apply returns the record changed in place, or nil for a dropped one. On an error the record
	// is as it came in.
	Apply(r *data.Record) (*data.Record, error)
	// ApplySink is Apply for sink records, whose transforms may see the offset.
	ApplySink(r *data.SinkRecord) (*data.SinkRecord, error)
}

// Source turns source records into Kafka records: transforms, then header, key and value
// converter. A panic in one of them is an error of that record.
type Source struct {
	Chain      Chain
	Converters Converters
	Policy     *Policy

	step    step
	now     *data.Record // what the transforms made of the record, nil if they dropped it
	scratch data.Record  // what transforms work on; one, since a record is done before the next
}

// step is what is done with a record, a number so that it costs nothing to take note of it.
type step uint8

const (
	transforming step = iota
	convertingHeaders
	convertingKey
	convertingValue
	done
)

// stage is the step's name.
func (s step) stage() Stage {
	return [...]Stage{Transformation, HeaderConverter, KeyConverter, ValueConverter, ""}[s]
}

// Unsent is a source record that did not get to Kafka, as far as it came.
type Unsent struct {
	// Polled is the record as the task gave it.
	Polled *data.SourceRecord
	// Now is the record behind the transforms, nil if it didn't get through them.
	Now *data.Record
	// Out is what the converters made of it: those before the stage that failed.
	Out *kafka.Record
}

// Convert fills out from rec and reports whether the record goes on; false means that a
// transform dropped it or that its failure is tolerated. rec is not changed.
func (s *Source) Convert(ctx context.Context, rec *data.SourceRecord, out *kafka.Record) (bool, error) {
	s.step = transforming
	if err := s.run(rec, out); err != nil {
		if skip, err := s.mend(ctx, rec, out, err); skip || err != nil {
			return false, err
		}
	}
	if s.now == nil {
		return false, nil
	}
	return true, address(s.now, out)
}

// mend deals with errors until all steps are done, the record is to be skipped, or the task fails.
func (s *Source) mend(ctx context.Context, rec *data.SourceRecord, out *kafka.Record, err error) (skip bool, _ error) {
	for err != nil {
		failed := s.step
		skip, fatal := s.Policy.Recover(ctx, s.at(rec, out, err), err, func() error {
			if err = s.run(rec, out); s.step != failed {
				return nil // of a later step, if it is one: that is the next round's
			}
			return err
		})
		if fatal != nil || skip {
			return skip, fatal
		}
	}
	return false, nil
}

// run does what is left to do, from the stage under way on.
func (s *Source) run(rec *data.SourceRecord, out *kafka.Record) (err error) {
	defer caught(&err)
	if s.step == transforming {
		s.now = &rec.Record
		if s.Chain != nil {
			s.now, s.scratch = nil, rec.Record
			if s.now, err = s.Chain.Apply(&s.scratch); err != nil {
				return err
			}
		}
		s.step = convertingHeaders
	}
	r := s.now
	if r == nil {
		s.step = done
		return nil
	}
	if s.step == convertingHeaders {
		if len(r.Headers) > 0 {
			if err := s.headers(r, out); err != nil {
				return err
			}
		}
		s.step = convertingKey
	}
	if s.step == convertingKey {
		if out.Key, err = fromConnect(s.Converters.Key.Conv, out, r.Topic, r.KeySchema, r.Key); err != nil {
			return err
		}
		s.step = convertingValue
	}
	if s.step == convertingValue {
		if out.Value, err = fromConnect(s.Converters.Value.Conv, out, r.Topic, r.ValueSchema, r.Value); err != nil {
			return err
		}
		s.step = done
	}
	return nil
}

// at is the operation that failed.
func (s *Source) at(rec *data.SourceRecord, out *kafka.Record, err error) At {
	unsent := &Unsent{Polled: rec, Out: out}
	if s.step != transforming {
		unsent.Now = s.now
	}
	return At{s.step.stage(), classAt(s.step.stage(), &s.Converters, s.Chain, err), WhereSource(rec), nil, unsent}
}

func (s *Source) headers(r *data.Record, out *kafka.Record) error {
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

// WhereSource says which source record it is, without its contents.
func WhereSource(rec *data.SourceRecord) func() string {
	return func() string {
		offset := "null"
		if rec.SourceOffset != nil {
			// The connector's code, which has its own way to panic.
			if err := host.Catch(func() error { offset = mapText(rec.SourceOffset.OffsetMap()); return nil }); err != nil {
				offset = err.Error()
			}
		}
		return fmt.Sprintf("source record {topic='%s', sourcePartition=%s, sourceOffset=%s}", rec.Topic, mapText(rec.SourcePartition), offset)
	}
}

// mapText is a map as Java prints one, in order of keys.
func mapText(m map[string]any) string {
	if m == nil {
		return "null"
	}
	pairs := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// classAt is the class that failed at a stage.
func classAt(stage Stage, c *Converters, chain Chain, err error) string {
	switch stage {
	case KeyConverter:
		return c.Key.Class
	case ValueConverter:
		return c.Value.Class
	case HeaderConverter:
		return c.Header.Class
	default:
	}
	if step, ok := errors.AsType[*smt.StepError](err); ok {
		return step.Class
	}
	if w, ok := chain.(interface{ Working() string }); ok && w.Working() != "" {
		return w.Working()
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
