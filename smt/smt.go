// Package smt is the contract of single message transforms and predicates, and the chain that a
// task runs them in.
//
// A transform or predicate object belongs to one task and is used from one goroutine, so it may
// keep caches without locks. Regular record flow never panics: data that doesn't fit is an errs.Data error.
package smt

import (
	"context"
	"log/slog"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Transform changes one record.
type Transform interface {
	// Configure is called once, before anything else. Errors are errs.Config.
	Configure(props map[string]string) error
	// Apply changes the record in place and returns it, or returns nil to drop it. Values in it
	// are shared and must be replaced, never changed. On an error the record is as it came in.
	Apply(r *data.Record) (*data.Record, error)
	// Close releases what Configure took.
	Close() error
}

// Logger is what a transform implements besides Transform if it has something to tell the operator.
type Logger interface {
	// LogTo is called before Configure with a log that names the transform.
	LogTo(log *slog.Logger)
}

// Predicate says whether a transform applies to a record.
type Predicate interface {
	Configure(props map[string]string) error
	Test(r *data.Record) (bool, error)
	Close() error
}

// Bounded is a Transform or Predicate that may take long, since it asks another system say, and that
// wants to be called back.
type Bounded interface {
	// WorkUntil is called once, behind Configure. ctx ends when no call may go on: the task is being
	// stopped and its time is nearly over, or it was given up. A call should return soon then, with an
	// error that wraps ctx's; what doesn't return is left behind and its task's last offsets are not
	// committed.
	WorkUntil(ctx context.Context)
}

// Plugin is a transform as a plugin.
type Plugin struct {
	plugin.Descriptor
	New func() Transform
}

// Describe implements plugin.Plugin.
func (p Plugin) Describe() plugin.Descriptor { return p.Descriptor }

// Kind implements plugin.Plugin.
func (Plugin) Kind() plugin.Kind { return plugin.Transformation }

// PredicatePlugin is a predicate as a plugin.
type PredicatePlugin struct {
	plugin.Descriptor
	New func() Predicate
}

// Describe implements plugin.Plugin.
func (p PredicatePlugin) Describe() plugin.Descriptor { return p.Descriptor }

// Kind implements plugin.Plugin.
func (PredicatePlugin) Kind() plugin.Kind { return plugin.Predicate }

// Side is the part of a record that a transform with $Key and $Value variants works on.
type Side uint8

// The sides.
const (
	Key Side = iota
	Value
)

// Get returns schema and value of the side.
func (s Side) Get(r *data.Record) (*data.Schema, any) {
	if s == Key {
		return r.KeySchema, r.Key
	}
	return r.ValueSchema, r.Value
}

// Set replaces schema and value of the side.
func (s Side) Set(r *data.Record, schema *data.Schema, value any) {
	if s == Key {
		r.KeySchema, r.Key = schema, value
		return
	}
	r.ValueSchema, r.Value = schema, value
}

// String is the Java suffix, Key or Value.
func (s Side) String() string {
	if s == Key {
		return "Key"
	}
	return "Value"
}
