package settings

import (
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Connector is the configuration of a connector, typed. ParseConnector makes it.
type Connector struct {
	Name string
	// Class is the class or alias as written; Version the wanted version, "" for any.
	Class, Version string
	Kind           plugin.Kind // plugin.Source or plugin.Sink
	TasksMax       int
	EnforceMax     bool // tasks.max.enforce
	// Reload says that the connector restarts when a provider's secret changes
	// (config.action.reload=restart).
	Reload bool

	KeyConverter, ValueConverter, HeaderConverter Converter
	Transforms                                    []Transform
	Predicates                                    []Predicate
	Errors                                        Errors
	Supervisor                                    Supervisor

	// Overrides of clients' settings, without their prefix.
	ProducerOverrides, ConsumerOverrides, AdminOverrides map[string]string

	// Props is the whole configuration that it was made of; Values the parsed common keys.
	Props  map[string]string
	Values config.Values

	Source *SourceSettings // of a source connector
	Sink   *SinkSettings   // of a sink connector
}

// Transform is one link of the chain.
type Transform struct {
	Alias, Class, Version string
	// Predicate is the alias of the predicate that decides whether the transform applies, "" for
	// always; Negate turns it round.
	Predicate string
	Negate    bool
	// Props are its settings without transforms.<alias>., type, predicate, negate and
	// plugin.version.
	Props map[string]string
}

// Predicate is one predicate.
type Predicate struct {
	Alias, Class, Version string
	Props                 map[string]string
}

// Errors is the error policy of a connector.
type Errors struct {
	// TolerateAll is errors.tolerance=all.
	TolerateAll bool
	// RetryTimeout is the time for all attempts of one operation; 0 no retry, negative no limit.
	RetryTimeout  time.Duration
	RetryDelayMax time.Duration
	Log           bool // errors.log.enable
	LogMessages   bool // errors.log.include.messages
}

// SinkSettings are the keys that only sinks have.
type SinkSettings struct {
	Topics []string // without doubles; empty when TopicsRegex is used
	// TopicsRegex is a Java regular expression that a whole topic name must match, "" if Topics
	// are used.
	TopicsRegex string
	DeadLetters DeadLetters
	// GroupID of the consumers: connect-<name> or what consumer.override.group.id says.
	GroupID string
}

// TransactionBoundary is where a source's transactions end.
type TransactionBoundary string

// The values of transaction.boundary.
const (
	BoundaryPoll      TransactionBoundary = "poll"
	BoundaryInterval  TransactionBoundary = "interval"
	BoundaryConnector TransactionBoundary = "connector"
)

// SourceSettings are the keys that only sources have.
type SourceSettings struct {
	// ExactlyOnceRequired is exactly.once.support=required.
	ExactlyOnceRequired bool
	Boundary            TransactionBoundary
	// BoundaryInterval is the time between commits with BoundaryInterval; the worker's
	// offset.flush.interval.ms if not set.
	BoundaryInterval time.Duration
	// BoundaryJoin is how long after a commit batches share a transaction with BoundaryPoll; 0: never.
	BoundaryJoin time.Duration
	// OffsetsTopic is the connector's own offsets topic, "" for the worker's.
	OffsetsTopic string
	// TopicGroups say how topics are created that the connector writes to and that don't exist; the
	// first that matches a topic counts, the group default is the last. Empty: the broker's
	// auto-creation applies.
	TopicGroups []TopicGroup
	// DeadLetters is beyond Kafka Connect: see SourceDeadLetterDef.
	DeadLetters DeadLetters
}

// TopicGroup is one group of topic.creation.*.
type TopicGroup struct {
	Name string
	// Include and Exclude are Java regular expressions for whole topic names; of the group
	// default both are empty, it matches everything.
	Include, Exclude  []string
	Partitions        int // -1 for the broker's default
	ReplicationFactor int // -1 for the broker's default
	Config            map[string]string
}

// ParseConnector parses a connector's configuration, its references resolved, into types. kind is
// plugin.Source or plugin.Sink. The first wrong setting is the error (kind errs.Config): a
// configuration that Validate accepted has none, unless a reference's value changed since.
func ParseConnector(w *Worker, kind plugin.Kind, props map[string]string) (Connector, error) {
	return parseConnector(w, kind, props)
}
