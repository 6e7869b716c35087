package debezium

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	partitionFieldsKey = "partition.payload.fields"
	partitionCountKey  = "partition.topic.num"
	partitionHashKey   = "partition.hash.function"
	changeField        = "change"
)

func partitionRoutingConfig() *config.Def {
	return def("partitions",
		key(partitionFieldsKey, "Fields to compute the partition of", config.List, config.WidthNone,
			config.High, nil,
			"Fields of the change event whose hashes choose the partition, as after.name or source.table; change.name is one of the row "+
				"before a delete and after any other change. A field that isn't there is left out."),
		key(partitionCountKey, "Number of partitions of the topic", config.Int, config.WidthNone,
			config.High, nil, "Number of partitions of the topic."),
		key(partitionHashKey, "Hash function", config.String, config.WidthNone, config.Low, "java",
			"java is the hashCode of the value, murmur is MurmurHash3."),
	)
}

// partitionRouting chooses the partition by fields of the change event.
// Only source connectors can use it, before Kafka's partitioner is asked. The same rows get the
// same partition as with Java as long as their fields are no structs (hashContainer).
type partitionRouting struct {
	kit.Base
	fields     [][]string // by the parts of their paths
	partitions int32
	hash       func(any) int32
}

// Configure takes any word for the hash function: what isn't murmur is java, as in Debezium.
func (t *partitionRouting) Configure(props map[string]string) error {
	s := settings(props)
	if err := s.validate(
		check{partitionFieldsKey, isRequired}, check{partitionFieldsKey, hasNoEmpty},
		check{partitionCountKey, isRequired}, check{partitionCountKey, isPositive},
	); err != nil {
		return err
	}
	t.fields = nil
	for _, path := range s.list(partitionFieldsKey) {
		parts := kit.Split(path, ".")
		for i := range parts {
			parts[i] = java.Trim(parts[i])
		}
		t.fields = append(t.fields, parts)
	}
	t.partitions, _ = parseInt32(s[partitionCountKey])
	t.hash = hashCode
	if strings.EqualFold(java.Trim(s[partitionHashKey]), "murmur") {
		t.hash = murmur
	}
	return nil
}

// isPositive is the check of a count of partitions.
func isPositive(s settings, name string) string {
	if n, ok := parseInt32(s[name]); !ok || n <= 0 {
		return "A positive, non-zero integer value is expected"
	}
	return ""
}

// Apply leaves truncates, messages and events without any of the fields to the producer's
// partitioner.
func (t *partitionRouting) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil || !isEnvelope(r.ValueSchema) {
		return r, nil
	}
	s, ok := r.Value.(*data.Struct)
	if !ok || s == nil {
		return nil, errs.IllegalArgument.New("class %s cannot be cast to class org.apache.kafka.connect.data.Struct", data.JavaClass(r.Value))
	}
	partition, ok, err := t.partition(s)
	if err != nil {
		return nil, errs.IllegalArgument.Wrap(err, "Unprocessable message %s", s)
	}
	if ok {
		r.Partition = data.PartitionOf(partition)
	}
	return r, nil
}

// ApplySink implements smt.SinkTransform: a record that was consumed has its partition.
func (t *partitionRouting) ApplySink(r *data.SinkRecord) (bool, error) {
	if r.Value == nil || !isEnvelope(r.ValueSchema) {
		return true, nil
	}
	return false, errs.IllegalArgument.New("the partition of a record in a sink connector can't be chosen")
}

// partition is the one for a change event; ok is false where it has none of the fields.
func (t *partitionRouting) partition(s *data.Struct) (n int32, ok bool, err error) {
	op, err := operation(s)
	if err != nil || op == opTruncate || op == opMessage {
		return 0, false, err
	}
	sum := int32(0)
	for _, path := range t.fields {
		v, err := fieldAt(s, path)
		if err != nil {
			return 0, false, err
		}
		if v != nil {
			sum += t.hash(v)
			ok = true
		}
	}
	const signless = 1<<31 - 1
	if sum &= signless; sum == signless {
		sum = 0
	}
	return sum % t.partitions, ok, nil
}

// operation is what a change event says it is, in lower case; "" where it doesn't say.
func operation(s *data.Struct) (string, error) {
	if s.Schema().FieldIndex(opField) < 0 {
		return "", nil
	}
	op, _, err := textOf(s, opField)
	return strings.ToLower(op), err
}

// fieldAt is the value of a field, nil where there is none.
func fieldAt(s *data.Struct, path []string) (any, error) {
	if len(path) == 0 {
		return nil, errs.IllegalArgument.New("a path of no field")
	}
	event, last := s, len(path)-1
	for _, name := range path[:last] {
		if name == changeField {
			op, _, err := textOf(event, opField)
			if err != nil {
				return nil, nil //nolint:nilerr // a field that isn't there is left out
			}
			if name = afterField; strings.EqualFold(op, opDelete) {
				name = beforeField
			}
		}
		next, err := structOf(s, name)
		if err != nil {
			return nil, nil //nolint:nilerr // a field that isn't there is left out
		}
		if next == nil {
			return nil, errs.IllegalState.New(errNullReference, name)
		}
		s = next
	}
	v, _ := s.Get(path[last])
	return v, nil
}
