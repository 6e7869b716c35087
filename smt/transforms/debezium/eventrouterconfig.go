package debezium

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	eventIDKey          = "table.field.event.id"
	eventKeyKey         = "table.field.event.key"
	eventTypeKey        = "table.field.event.type"
	eventPayloadKey     = "table.field.event.payload"
	eventTimestampKey   = "table.field.event.timestamp"
	eventVersionKey     = "table.field.event.schema.version"
	placementKey        = "table.fields.additional.placement"
	missingKey          = "table.field.additional.missing"
	invalidOpKey        = "table.op.invalid.behavior"
	expandKey           = "table.expand.json.payload"
	jsonNullKey         = "table.json.payload.null.behavior"
	outboxRouteKey      = "route.by.field"
	outboxRegexKey      = "route.topic.regex"
	outboxTopicKey      = "route.topic.replacement"
	emptyTombstoneKey   = "route.tombstone.on.empty.payload"
	fieldAdjustKey      = "field.name.adjustment.mode"
	defaultOutboxRegex  = "(?<routedByValue>.*)"
	defaultOutboxTopic  = "outbox.event.${routedByValue}"
	payloadField        = "payload"
	placementIsNoPairs  = "A comma-separated list of valid String pairs or trios is expected but got: ["
	defaultRouteByField = "aggregatetype"
)

var (
	invalidOps  = []string{"warn", "error", "fatal"}
	missings    = []string{"error", "ignore"}
	jsonNulls   = []string{"ignore", "optional_bytes"}
	placeWords  = []string{"header", "envelope", "partition"}
	jsonKeepNil = 1 // place of optional_bytes
)

// placement is where a column of the outbox table goes.
type placement int

const (
	inHeader placement = iota
	inEnvelope
	inPartition
	nowhere placement = -1 // the word isn't known
)

// placed is a column and where it goes.
type placed struct {
	where         placement
	column, alias string
}

// eventRouterConfig is the definition that Connect shows. The groups and their order are those of
// EventRouterConfigDefinition; the tracing keys are kept so that a known configuration has no
// unknown keys.
func eventRouterConfig() *config.Def {
	text := func(name, title string, importance config.Importance, byDefault any,
		doc string,
	) config.Key {
		return key(name, title, config.String, config.WidthMedium, importance, byDefault, doc)
	}
	flag := func(name, title string, importance config.Importance, doc string) config.Key {
		return key(name, title, config.Boolean, config.WidthMedium, importance, false, doc)
	}
	table := []config.Key{
		text(eventIDKey, "Event ID Field", config.Low, "id",
			"Column with the id of the event, which becomes the header id."),
		text(eventKeyKey, "Event Key Field", config.Low, "aggregateid",
			"Column that becomes the key."),
		text(eventTypeKey, "Event Type Field", config.Low, "type",
			"Read for the sake of older configurations; it has no effect."),
		text(eventPayloadKey, "Event Payload Field", config.Low, "payload",
			"Column that becomes the value."),
		text(eventTimestampKey, "Event Timestamp Field", config.Medium, nil,
			"Column that becomes the timestamp; it is the time of the change without it."),
		key(placementKey, "Columns to place", config.List, config.WidthMedium, config.High, nil,
			"Further columns as column:header, column:envelope or column:partition, each with :alias behind it for another name."),
		text(missingKey, "What becomes of a missing column", config.Medium, "error",
			"error: an event without a column that is to be placed fails. ignore: the column is left out."),
		text(eventVersionKey, "Event Schema Version Field", config.Low, nil,
			"Column with the version of the schema of the value."),
		text(invalidOpKey, "What becomes of an update", config.Medium, "warn",
			"Rows of an outbox are only inserted and deleted. warn and error log an update and drop it, fatal fails the task."),
		flag(expandKey, "Expand JSON", config.Medium,
			"Whether a payload that is JSON text becomes a struct, with a schema that is made of it."),
		text(jsonNullKey, "What becomes of null in JSON", config.Medium, "ignore",
			"ignore: null fields are left out. optional_bytes: they are null fields of type BYTES."),
	}
	router := []config.Key{
		text(outboxRouteKey, "Field to route events by", config.High, defaultRouteByField,
			"Column whose text the topic is made of."),
		text(outboxRegexKey, "Regex of routes", config.Low, defaultOutboxRegex,
			"Java regular expression that the text must match as a whole to be replaced."),
		text(outboxTopicKey, "Topic", config.High, defaultOutboxTopic,
			"The topic, with $1 or ${name} for what a group matched."),
		flag(emptyTombstoneKey, "Tombstones for empty payloads", config.High,
			"Whether an event with an empty payload becomes a tombstone."),
	}
	tracing := []config.Key{
		text("tracing.span.context.field", "Tracing context field", config.Low,
			"tracingspancontext", "Read for the sake of existing configurations; there is no tracing here."),
		text("tracing.operation.name", "Tracing operation name", config.Low, "debezium-read",
			"Read for the sake of existing configurations; there is no tracing here."),
		flag("tracing.with.context.field.only", "Trace only events with a context", config.Low,
			"Read for the sake of existing configurations; there is no tracing here."),
	}
	var all []config.Key
	for _, g := range []struct {
		name string
		keys []config.Key
	}{{"Table", table}, {"Router", router}, {"Tracing", tracing}} {
		for i := range g.keys {
			g.keys[i].Group, g.keys[i].Order = g.name, i+1
		}
		all = append(all, g.keys...)
	}
	return config.NewDef(all...)
}

// arePlacements is the check of the columns to place.
func arePlacements(s settings, name string) string {
	text, ok := s[name]
	if !ok {
		return ""
	}
	pairs := kit.Split(text, ",")
	for _, pair := range pairs {
		if n := len(kit.Split(pair, ":")); n != 2 && n != 3 {
			return placementIsNoPairs + strings.Join(pairs, ", ") + "]"
		}
	}
	return ""
}

// parsePlacements reads column:where[:alias]. A word that isn't known becomes nowhere, which is an
// error for the first event, not for the configuration.
func parsePlacements(s settings) []placed {
	text, ok := s[placementKey]
	if !ok {
		return nil
	}
	var all []placed
	for _, pair := range kit.Split(text, ",") {
		parts := kit.Split(pair, ":")
		for i := range parts {
			parts[i] = java.Trim(parts[i])
		}
		p := placed{where: nowhere, column: parts[0], alias: parts[0]}
		for i, word := range placeWords {
			if strings.EqualFold(word, parts[1]) {
				p.where = placement(i)
			}
		}
		if len(parts) == 3 {
			p.alias = parts[2]
		}
		all = append(all, p)
	}
	return all
}
