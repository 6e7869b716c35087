package pipeline

import (
	"slices"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
)

// recordHeaders are a Kafka record's headers for a converter.
type recordHeaders kafka.Record

// Last implements codecs.Headers.
func (h *recordHeaders) Last(name string) ([]byte, bool) {
	for _, x := range slices.Backward(h.Headers) {
		if x.Key == name {
			return x.Value, true
		}
	}
	return nil, false
}

// Put implements codecs.Headers.
func (h *recordHeaders) Put(name string, value []byte) {
	h.Headers = append(h.Headers, kafka.RecordHeader{Key: name, Value: value})
}

// fromConnect makes the bytes of a key or value of the record out.
func fromConnect(c codecs.Converter, out *kafka.Record, topic string, schema *data.Schema, value any) ([]byte, error) {
	if aware, ok := c.(codecs.HeaderAware); ok {
		return aware.FromConnectWithHeaders((*recordHeaders)(out), topic, schema, value)
	}
	return c.FromConnect(topic, schema, value)
}

// toConnect makes a key or value of bytes of the record r.
func toConnect(c codecs.Converter, r *kafka.Record, payload []byte) (data.SchemaAndValue, error) {
	if len(r.Headers) > 0 {
		if aware, ok := c.(codecs.HeaderAware); ok {
			return aware.ToConnectWithHeaders((*recordHeaders)(r), r.Topic, payload)
		}
	}
	return c.ToConnect(r.Topic, payload)
}
