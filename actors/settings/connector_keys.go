package settings

import (
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Names of keys that are used in more than one place.
const (
	keyName         = "name"
	keyClass        = "connector.class"
	keyVersion      = "connector.plugin.version"
	keyTasksMax     = "tasks.max"
	keyTransforms   = "transforms"
	keyPredicates   = "predicates"
	keyTopics       = "topics"
	keyTopicsRegex  = "topics.regex"
	keyTolerance    = "errors.tolerance"
	keyDLQTopic     = "errors.deadletterqueue.topic.name"
	keyTopicGroups  = "topic.creation.groups"
	keyExactlyOnce  = "exactly.once.support"
	keyBoundary     = "transaction.boundary"
	keyOffsetsTopic = "offsets.storage.topic"
	keyTaskClass    = "task.class"

	topicCreation   = "topic.creation."
	defaultGroup    = "default"
	pluginVersion   = "plugin.version"
	groupCommon     = "Common"
	groupErrors     = "Error Handling"
	groupTransforms = "Transforms"
	groupPredicates = "Predicates"
	groupCreation   = "Topic Creation"
	groupOnce       = "Exactly Once Support"
)

// converterKeys are the keys that name converters, with what they are called in messages.
var converterKeys = []struct {
	key, title, label string
	header            bool
}{
	{"key.converter", "Key converter", "key converter", false},
	{"value.converter", "Value converter", "value converter", false},
	{"header.converter", "Header converter", "header converter", true},
}

// at puts a key at its place in a group.
func at(k config.Key, group string, order int, width config.Width, display string) config.Key {
	k.Group, k.Order, k.Width, k.DisplayName = group, order, width, display
	return k
}

// ConnectorDef defines the settings that all connectors have, as Kafka Connect's ConnectorConfig.
func ConnectorDef() *config.Def { return config.NewDef(connectorKeys(catalog{})...) }

// SourceConnectorDef defines those of all source connectors.
func SourceConnectorDef() *config.Def {
	return config.NewDef(append(connectorKeys(catalog{}), sourceKeys()...)...)
}

// SinkConnectorDef defines those of all sink connectors.
func SinkConnectorDef() *config.Def {
	return config.NewDef(append(connectorKeys(catalog{}), sinkKeys()...)...)
}

// connectorKeys are the keys of all connectors, with defaults and proposals from the catalog of plugins.
func connectorKeys(c catalog) []config.Key {
	keys := []config.Key{
		at(define(keyName, config.String, required, config.High, "Name of the connector, unique in the cluster.",
			config.NonEmptyStringWithoutControlChars()), groupCommon, 1, config.WidthMedium, "Connector name"),
		at(define(keyClass, config.String, required, config.High,
			"Class of the connector, its simple name, or that without Connector."), groupCommon, 2, config.WidthLong, "Connector class"),
		c.connectorVersion(at(define(keyVersion, config.String, nil, config.Medium, "Version or version range of the connector.",
			plugin.VersionValidator()), groupCommon, 3, config.WidthMedium, "Connector version")),
		at(define(keyTasksMax, config.Int, "1", config.High, "Number of tasks at most.",
			config.AtLeast(1)), groupCommon, 4, config.WidthShort, "Tasks max"),
		at(define("tasks.max.enforce", config.Boolean, "true", config.Low,
			"Whether a connector that makes more than tasks.max tasks fails. false lets them run; deprecated."),
			groupCommon, 5, config.WidthShort, "Enforce tasks max"),
	}
	for i, conv := range converterKeys {
		class := define(conv.key, config.Class, nil, config.Low,
			"Class of the "+conv.label+"; the worker's if not set. Its settings have the prefix "+conv.key+".", converterClass{c, conv.header})
		class.Missing = codecs.NotBuiltIn
		version := define(conv.key+"."+pluginVersion, config.String, nil, config.Low,
			"Version or version range of the "+conv.label+".", plugin.VersionValidator())
		keys = append(keys,
			c.converter(at(class, groupCommon, 6+2*i, config.WidthShort, conv.title+" class"), conv.header),
			c.converterVersion(at(version, groupCommon, 7+2*i, config.WidthShort, conv.title+" version"), conv.key, conv.header))
	}
	return append(keys,
		at(define(keyTransforms, config.List, "", config.Low, "Aliases of the transforms that records go through, in order.",
			uniqueAliases("unique transformation aliases")), groupTransforms, 12, config.WidthLong, "Transforms"),
		at(define(keyPredicates, config.List, "", config.Low, "Aliases of the predicates that transforms use.",
			uniqueAliases("unique predicate aliases")), groupPredicates, 13, config.WidthLong, "Predicates"),
		at(define("config.action.reload", config.String, "restart", config.Low,
			"What happens when a config provider's value changes: restart, or none.",
			config.ValidString("none", "restart")), groupCommon, 14, config.WidthMedium, "Reload Action"),
		at(define("errors.retry.timeout", config.Long, "0", config.Medium,
			"Milliseconds for all attempts of a failed operation; 0 for one attempt, -1 for no limit."),
			groupErrors, 1, config.WidthMedium, "Retry Timeout for Errors"),
		at(define("errors.retry.delay.max.ms", config.Long, "60000", config.Medium, "Longest wait between attempts, in milliseconds."),
			groupErrors, 2, config.WidthMedium, "Maximum Delay Between Retries for Errors"),
		at(define(keyTolerance, config.String, "none", config.Medium,
			"none: an error fails the task. all: the record is skipped.",
			config.ValidString("none", "all")), groupErrors, 3, config.WidthShort, "Error Tolerance"),
		at(define("errors.log.enable", config.Boolean, "false", config.Medium, "Whether each error is logged."),
			groupErrors, 4, config.WidthShort, "Log Errors"),
		at(define("errors.log.include.messages", config.Boolean, "false", config.Medium,
			"Whether the log of an error says where its record came from."), groupErrors, 5, config.WidthShort, "Log Error Details"),
	)
}

func sourceKeys() []config.Key {
	return []config.Key{
		at(define(keyTopicGroups, config.List, "", config.Low, "Groups of settings for topics that the connector's records make.",
			uniqueAliases("unique topic creation groups")), groupCreation, 1, config.WidthLong, "Topic Creation Groups"),
		at(define(keyExactlyOnce, config.String, "requested", config.Medium,
			"required: the connector is refused unless it and the worker support exactly-once delivery. requested: it isn't checked.",
			config.CaseInsensitiveValidString("REQUIRED", "REQUESTED")), groupOnce, 2, config.WidthShort, "Exactly once support"),
		at(define(keyBoundary, config.String, "poll", config.Medium,
			"Where transactions end: after each batch (poll), after a time (interval), or where the connector says (connector).",
			config.CaseInsensitiveValidString("INTERVAL", "POLL", "CONNECTOR")), groupOnce, 3, config.WidthShort, "Transaction Boundary"),
		at(define("transaction.boundary.interval.ms", config.Long, nil, config.Low,
			"Milliseconds between the ends of transactions with transaction.boundary=interval; the worker's offset.flush.interval.ms if not set.",
			optionalAtLeastZero{}), groupOnce, 4, config.WidthShort, "Transaction boundary interval"),
		at(define(keyOffsetsTopic, config.String, nil, config.Low,
			"Offsets topic of this connector alone; the worker's if not set. It has no effect in standalone mode.",
			config.NonEmptyString()), "offsets.topic", 1, config.WidthLong, "Offsets topic"),
	}
}

func sinkKeys() []config.Key {
	return append([]config.Key{
		at(define(keyTopics, config.List, "", config.High, "Topics to read."), groupCommon, 4, config.WidthLong, "Topics"),
		at(define(keyTopicsRegex, config.String, "", config.High,
			"Regular expression, in Java's syntax, for the whole names of the topics to read. Either this or topics.",
			config.ValidRegex()), groupCommon, 4, config.WidthLong, "Topics regex"),
	}, deadLetterKeys()...)
}

// optionalAtLeastZero takes null and numbers from zero on.
type optionalAtLeastZero struct{}

func (optionalAtLeastZero) Validate(name string, value any) error {
	if value == nil {
		return nil
	}
	return config.AtLeast(0).Validate(name, value)
}

func (optionalAtLeastZero) String() string { return config.AtLeast(0).String() }

// withTopicGroups adds the keys of topic.creation groups to those of a source, as the worker
// does when it starts one. partitions and replicas are what the group default says.
func withTopicGroups(d *config.Def, groups []string, partitions, replicas int) (*config.Def, error) {
	d, err := d.Embed(topicCreation+defaultGroup+".", defaultGroup, 0, defaultGroupDef())
	for _, group := range groups {
		if err != nil {
			break
		}
		title := groupCreation + ": " + group
		d, err = d.Embed(topicCreation+group+".", title, 0, topicGroupDef(title, partitions, replicas))
	}
	return d, err
}

// TopicCreationDefaultDef is what topic.creation.default adds to a source's settings.
func TopicCreationDefaultDef() *config.Def {
	return config.Must(config.NewDef().Embed(topicCreation+defaultGroup+".", defaultGroup, 0, defaultGroupDef()))
}

func defaultGroupDef() *config.Def {
	keys := topicGroupKeys(defaultGroup)
	keys[0].Default, keys[0].Validator = ".*", config.NonNull()
	keys[1].Default, keys[1].Validator = "", config.NonNull()
	keys[2].Required, keys[3].Required = true, true
	return config.NewDef(keys...)
}

func topicGroupDef(title string, partitions, replicas int) *config.Def {
	keys := topicGroupKeys(title)
	keys[0].Default, keys[1].Default = "", ""
	keys[2].Default, keys[3].Default = strconv.Itoa(replicas), strconv.Itoa(partitions)
	return config.NewDef(keys...)
}

func topicGroupKeys(title string) []config.Key {
	return []config.Key{
		at(define("include", config.List, nil, config.Low, "Regular expressions for names of topics that are created with this group.",
			patterns{}), title, 1, config.WidthLong, "Inclusion Topic Pattern for "+title),
		at(define("exclude", config.List, nil, config.Low, "Regular expressions for names of topics that are not, whatever include says.",
			patterns{}), title, 2, config.WidthLong, "Exclusion Topic Pattern for "+title),
		at(define("replication.factor", config.Short, nil, config.Low, "Replicas of the topics, -1 for the broker's default.",
			replicationFactor{}), title, 3, config.WidthLong, "Replication Factor for Topics in "+title),
		at(define("partitions", config.Int, nil, config.Low, "Partitions of the topics, -1 for the broker's default.",
			partitions{}), title, 4, config.WidthLong, "Partition Count for Topics in "+title),
	}
}

// usesTopicCreation reports whether any topic.creation setting is given.
func usesTopicCreation[V any](props map[string]V) bool {
	for k := range props {
		if strings.HasPrefix(k, topicCreation) {
			return true
		}
	}
	return false
}
