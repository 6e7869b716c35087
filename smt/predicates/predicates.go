// Package predicates has the predicates of Kafka Connect 4.1, a file each, under their Java class
// names.
package predicates

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

const (
	// version is that of the Kafka Connect whose behaviour the predicates have.
	version  = "4.1.1"
	packages = "org.apache.kafka.connect.transforms.predicates."
)

// Plugins are all predicates.
func Plugins() []smt.PredicatePlugin {
	return []smt.PredicatePlugin{
		one("HasHeaderKey", hasHeaderKeyConfig(), func() smt.Predicate { return &hasHeaderKey{} }),
		one("RecordIsTombstone", config.NewDef(), func() smt.Predicate { return recordIsTombstone{} }),
		one("TopicNameMatches", topicNameMatchesConfig(), func() smt.Predicate { return &topicNameMatches{} }),
	}
}

func one(name string, def *config.Def, make func() smt.Predicate) smt.PredicatePlugin {
	return smt.PredicatePlugin{
		Descriptor: plugin.Descriptor{Class: packages + name, Version: version, Config: def},
		New:        make,
	}
}

// text is a required STRING setting.
func text(name, doc string, v config.Validator) config.Key {
	return config.Key{
		Name: name, Type: config.String, Required: true, Validator: v,
		Importance: config.Medium, Doc: doc, Order: -1, DisplayName: name,
	}
}

// base is what no predicate needs.
type base struct{}

// Close does nothing.
func (base) Close() error { return nil }
