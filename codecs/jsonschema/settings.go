package jsonschema

import (
	"slices"
	"strings"
	"sync"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/config"
)

// options are the settings by which schemas and values are mapped.
type options struct {
	additional          bool // object.additional.properties
	optionalNonRequired bool // use.optional.for.nonrequired
	ignoreModern        bool // ignore.modern.dialects
	numeric             bool // decimal.format=NUMERIC
	flattenSingletons   bool // flatten.singleton.unions
	generalized         bool // generalized.sum.type.support
	ignoreDefault       bool // ignore.default.for.nullables
}

// The names that stand in Connect schemas and, behind them, in JSON ones.
const (
	namespace = "io.confluent.connect.json"
	paramID   = namespace + ".Id"
	paramEnum = namespace + ".Enum"
	nameOneOf = namespace + ".OneOf"

	generalUnion       = "org.apache.kafka.connect.data.Union"
	generalEnum        = "org.apache.kafka.connect.data.Enum"
	generalUnionPrefix = "connect_union_"
	generalFieldPrefix = generalUnionPrefix + "field_"

	propType    = "connect.type"
	propVersion = "connect.version"
	propParams  = "connect.parameters"
	propIndex   = "connect.index"

	nullSymbol = "<NULL>"
	fieldKey   = "key"
	fieldValue = "value"
)

// The settings beside those that all registry converters have.
const (
	additionalKey   = "object.additional.properties"
	nonRequiredKey  = "use.optional.for.nonrequired"
	ignoreModernKey = "ignore.modern.dialects"
	decimalKey      = "decimal.format"
	failInvalidKey  = "json.fail.invalid.schema"
	indentKey       = "json.indent.output"
	typePropertyKey = "type.property"
)

// settingsDef is the definition of the settings.
var settingsDef = sync.OnceValue(func() *config.Def {
	text := func(name string, def any, v config.Validator) config.Key {
		return config.Key{
			Name: name, Type: config.String, Default: def, Validator: v,
			Importance: config.Low,
		}
	}
	return registry.Def(
		registry.Flag(additionalKey, true), registry.Flag(nonRequiredKey, false),
		registry.Flag(ignoreModernKey, false),
		text(decimalKey, "BASE64", config.CaseInsensitiveValidString("NUMERIC", "BASE64")),
		registry.Flag(failInvalidKey, false), registry.Flag(indentKey, false),
		// These are checked and have no effect.
		registry.Flag("json.fail.unknown.properties", true), registry.Flag("json.write.dates.iso8601", false),
		registry.Flag("json.oneof.for.nullables", true),
		text("json.schema.spec.version", "draft_7", enumerators{
			"draft_4", "draft_6", "draft_7",
			"draft_2019_09", "draft_2020_12",
		}),
		text("json.default.property.inclusion", nil, enumerators{
			"always", "non_null", "non_absent", "non_empty", "non_default", "custom", "use_defaults", "",
		}),
		text("json.key.type", "java.lang.Object", javaClass{}),
		text("json.value.type", "java.lang.Object", javaClass{}),
		text(typePropertyKey, "javaType", nil),
	)
})

// optionsOf are the settings by which schemas and values are mapped.
func optionsOf(v config.Values) options {
	return options{
		additional: v.Bool(additionalKey), optionalNonRequired: v.Bool(nonRequiredKey),
		ignoreModern:      v.Bool(ignoreModernKey),
		numeric:           strings.EqualFold(v.String(decimalKey), "NUMERIC"),
		flattenSingletons: v.Bool(registry.FlattenSingletonKey), generalized: v.Bool(registry.GeneralizedSumKey),
		ignoreDefault: v.Bool(registry.IgnoreDefaultKey),
	}
}

// enumerators accepts some words, in upper or lower case. Null is one of them if "" is.
type enumerators []string

// Validate implements config.Validator.
func (e enumerators) Validate(name string, value any) error {
	text, _ := value.(string)
	if !slices.Contains(e, strings.ToLower(text)) {
		return config.Invalid(name, value, "Invalid enumerator")
	}
	return nil
}

// String implements config.Validator.
func (e enumerators) String() string { return "[" + strings.Join(e, ", ") + "]" }

// javaClass accepts what can be the full name of a class. It has no effect which one it is.
type javaClass struct{}

// Validate implements config.Validator.
func (javaClass) Validate(name string, value any) error {
	if text, _ := value.(string); !strings.Contains(text, ".") {
		return config.Invalid(name, value, "Class "+text+" could not be found.")
	}
	return nil
}

// String implements config.Validator.
func (javaClass) String() string { return "the name of a class" }
