package protobuf

import (
	"sync"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/config"
)

// The settings beside those that all registry converters have.
const (
	enhancedKey       = "enhanced.protobuf.schema.support"
	intEnumsKey       = "int.for.enums"
	optionalKey       = "optional.for.nullables"
	proto2Key         = "optional.for.proto2"
	wrapperKey        = "wrapper.for.nullables"
	wrapRawKey        = "wrapper.for.raw.primitives"
	structForNullsKey = "generate.struct.for.nulls"
	indexUnionsKey    = "generate.index.for.unions"
	flattenUnionsKey  = "flatten.unions"
	skipKnownKey      = "skip.known.types"
	lookupOnlyKey     = "reference.lookup.only"
	referencesKey     = "reference.subject.name.strategy"
	formatKey         = "schema.format"
)

// settingsDef is the definition of the settings.
var settingsDef = sync.OnceValue(func() *config.Def {
	return registry.Def(
		registry.Flag(registry.ScrubKey, false),
		registry.Flag(enhancedKey, false), registry.Flag(intEnumsKey, false), registry.Flag(optionalKey, false),
		registry.Flag(proto2Key, true), registry.Flag(wrapperKey, false), registry.Flag(wrapRawKey, true),
		registry.Flag(structForNullsKey, false), registry.Flag(indexUnionsKey, true),
		registry.Flag(flattenUnionsKey, false),
		registry.Flag(skipKnownKey, true), registry.Flag(lookupOnlyKey, false),
		config.Key{
			Name: referencesKey, Type: config.Class, Default: registry.ReferenceDefault,
			Importance: config.Low,
		},
		config.Key{Name: formatKey, Type: config.String, Importance: config.Low},
	)
})

// options are the settings by which schemas and values are mapped.
type options struct {
	generalized    bool // generalized.sum.type.support
	ignoreDefault  bool // ignore.default.for.nullables
	scrub          bool // scrub.invalid.names
	enhanced       bool // enhanced.protobuf.schema.support
	intEnums       bool // int.for.enums
	optional       bool // optional.for.nullables
	optionalProto2 bool // optional.for.proto2
	wrapper        bool // wrapper.for.nullables
	wrapRaw        bool // wrapper.for.raw.primitives
	structForNulls bool // generate.struct.for.nulls
	indexUnions    bool // generate.index.for.unions
	flattenUnions  bool // flatten.unions
}

// optionsOf reads the settings, which registry.Open has checked.
func optionsOf(v config.Values) options {
	return options{
		generalized: v.Bool(registry.GeneralizedSumKey), ignoreDefault: v.Bool(registry.IgnoreDefaultKey),
		scrub: v.Bool(registry.ScrubKey), enhanced: v.Bool(enhancedKey), intEnums: v.Bool(intEnumsKey),
		optional: v.Bool(optionalKey), optionalProto2: v.Bool(proto2Key),
		wrapper: v.Bool(wrapperKey), wrapRaw: v.Bool(wrapRawKey),
		structForNulls: v.Bool(structForNullsKey), indexUnions: v.Bool(indexUnionsKey),
		flattenUnions: v.Bool(flattenUnionsKey),
	}
}

// The names that stand in Connect schemas.
const (
	namespace   = "io.confluent.connect.protobuf"
	paramEnum   = namespace + ".Enum"
	nameUnion   = namespace + ".Union"
	paramTag    = namespace + ".Tag"
	paramType   = namespace + ".Type"
	defaultName = "ConnectDefault"

	generalUnion = "org.apache.kafka.connect.data.Union"
	generalEnum  = "org.apache.kafka.connect.data.Enum"

	propType       = "connect.type"
	paramPrecision = "connect.decimal.precision"

	fieldKey   = "key"
	fieldValue = "value"
)
