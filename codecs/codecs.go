// Package codecs is the contract of converters: between Connect data and the bytes of a Kafka
// record's key, value and headers.
//
// A converter object belongs to one task and one side (key or value) and is used from one
// goroutine, so it may keep caches and buffers without locks. Errors are errs.Data (bytes or
// values that can't be converted) or errs.Config.
package codecs

import (
	"context"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Converter converts keys or values.
type Converter interface {
	// Configure is called once, before anything else. isKey says which side it is for.
	Configure(props map[string]string, isKey bool) error
	// FromConnect makes the bytes of a value; nil is Kafka's null. The slice must not change
	// afterwards, and the worker doesn't change it; it may be part of a larger buffer or, for text and bytes, share
	// the value's memory.
	FromConnect(topic string, schema *data.Schema, value any) ([]byte, error)
	// ToConnect makes a value of bytes; payload may be kept by the value and is never changed.
	ToConnect(topic string, payload []byte) (data.SchemaAndValue, error)
}

// HeaderConverter converts header values.
type HeaderConverter interface {
	Configure(props map[string]string) error
	FromConnectHeader(topic, key string, schema *data.Schema, value any) ([]byte, error)
	ToConnectHeader(topic, key string, payload []byte) (data.SchemaAndValue, error)
}

// Bounded is a converter of either kind that may take long, since it asks a registry say, and that wants
// to be called back.
type Bounded interface {
	// WorkUntil is called once, before Configure. ctx ends when no call may go on: the task is being
	// stopped and its time is nearly over, or it was given up. A call should return soon then, with an
	// error that wraps ctx's; what doesn't return is left behind and its task's last offsets are not
	// committed.
	WorkUntil(ctx context.Context)
}

// Plugin is a converter as a plugin. A class that is both kinds of converter in Java has both
// functions here and is registered once.
type Plugin struct {
	plugin.Descriptor
	// New makes an unconfigured converter, nil if the class is a header converter only.
	New func() Converter
	// NewHeader makes an unconfigured header converter, nil if the class is no header converter.
	NewHeader func() HeaderConverter
}

// Describe implements plugin.Plugin.
func (p Plugin) Describe() plugin.Descriptor { return p.Descriptor }

// Kind implements plugin.Plugin.
func (p Plugin) Kind() plugin.Kind {
	if p.New == nil {
		return plugin.HeaderConverter
	}
	return plugin.Converter
}

// Kinds implements plugin.MultiKind: what Java has in one class is one plugin of two kinds.
func (p Plugin) Kinds() []plugin.Kind {
	var kinds []plugin.Kind
	if p.New != nil {
		kinds = append(kinds, plugin.Converter)
	}
	if p.NewHeader != nil {
		kinds = append(kinds, plugin.HeaderConverter)
	}
	return kinds
}
