package registry

import (
	"math"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// The settings that all three converters have.
const (
	urlKey              = "schema.registry.url"
	maxSchemasKey       = "max.schemas.per.subject"
	autoRegisterKey     = "auto.register.schemas"
	normalizeKey        = "normalize.schemas"
	useLatestKey        = "use.latest.version"
	latestStrictKey     = "latest.compatibility.strict"
	useIDKey            = "use.schema.id"
	idStrictKey         = "id.compatibility.strict"
	metadataKey         = "use.latest.with.metadata"
	latestSizeKey       = "latest.cache.size"
	latestTTLKey        = "latest.cache.ttl.sec"
	keyStrategyKey      = "key.subject.name.strategy"
	valueStrategyKey    = "value.subject.name.strategy"
	contextStrategyKey  = "context.name.strategy"
	keySerializerKey    = "key.schema.id.serializer"
	valueSerializerKey  = "value.schema.id.serializer"
	keyDeserialKey      = "key.schema.id.deserializer"
	valueDeserialKey    = "value.schema.id.deserializer"
	ruleExecutorsKey    = "rule.executors"
	ruleActionsKey      = "rule.actions"
	connectTimeoutKey   = "http.connect.timeout.ms"
	readTimeoutKey      = "http.read.timeout.ms"
	maxRetriesKey       = "max.retries"
	retryWaitKey        = "retries.wait.ms"
	retryMaxWaitKey     = "retries.max.wait.ms"
	missingIDTTLKey     = "missing.id.cache.ttl.sec"
	missingVersTTLKey   = "missing.version.cache.ttl.sec"
	missingSchemaTTLKey = "missing.schema.cache.ttl.sec"
	missingSizeKey      = "missing.cache.size"
	proxyHostKey        = "proxy.host"
	proxyPortKey        = "proxy.port"
	randomizeKey        = "schema.registry.url.randomize"
	expiryBufferKey     = "bearer.auth.cache.expiry.buffer.seconds"

	// CacheSizeKey is how many converted schemas a converter keeps per direction.
	CacheSizeKey = "schemas.cache.config"
	// GeneralizedSumKey asks for enums and unions in the form common to the three formats.
	GeneralizedSumKey = "generalized.sum.type.support"
	// IgnoreDefaultKey leaves a null field null although it has a default.
	IgnoreDefaultKey = "ignore.default.for.nullables"
	// FlattenSingletonKey reads a union of one branch as that branch.
	FlattenSingletonKey = "flatten.singleton.unions"
	// ScrubKey mends names that the format doesn't allow.
	ScrubKey = "scrub.invalid.names"

	// outageKey is ours: how long an answer is waited for that the registry is too ill to give.
	outageKey = "schema.registry.outage.max.ms"
)

// defaultOutage is long enough for a registry to be restored, and ends all the same.
const defaultOutage = 24 * time.Hour

// Def is the definition of the settings that the three converters have in common, with a
// converter's own behind it. It panics where the two have a key in common.
func Def(own ...config.Key) *config.Def {
	keys := []config.Key{
		{Name: urlKey, Type: config.List, Required: true, Importance: config.High},
		number(maxSchemasKey, 1000, nil),
		flag(autoRegisterKey, true), flag(normalizeKey, false),
		flag(useLatestKey, false), flag(latestStrictKey, true),
		number(useIDKey, -1, nil), flag(idStrictKey, true),
		text(metadataKey),
		number(latestSizeKey, 1000, config.AtLeast(0)), number(latestTTLKey, -1, nil),
		class(keyStrategyKey, TopicNames), class(valueStrategyKey, TopicNames),
		class(contextStrategyKey, nullContextNames),
		class(keySerializerKey, prefixSerializer), class(valueSerializerKey, prefixSerializer),
		class(keyDeserialKey, dualDeserializer), class(valueDeserialKey, dualDeserializer),
		listOf(ruleExecutorsKey), listOf(ruleActionsKey),
		number(connectTimeoutKey, 60_000, nil), number(readTimeoutKey, 60_000, nil),
		number(maxRetriesKey, 3, config.AtLeast(0)), number(retryWaitKey, 1000, config.AtLeast(0)),
		number(retryMaxWaitKey, 20_000, config.AtLeast(0)),
		long(missingIDTTLKey, -1), long(missingVersTTLKey, 0), long(missingSchemaTTLKey, 0),
		number(missingSizeKey, 10_000, config.AtLeast(0)),
		{Name: proxyHostKey, Type: config.String, Default: "", Importance: config.Low},
		number(proxyPortKey, -1, nil),
		flag(randomizeKey, false),
		{
			Name: expiryBufferKey, Type: config.Short, Default: int16(300),
			Validator: config.Between(0, 3600), Importance: config.Medium,
		},
		long(outageKey, defaultOutage.Milliseconds()),
		number(CacheSizeKey, 1000, nil),
		flag(GeneralizedSumKey, false), flag(IgnoreDefaultKey, false), flag(FlattenSingletonKey, true),
	}
	return config.NewDef(append(keys, own...)...).WithClasses(findClass)
}

// Flag is the definition of a boolean setting of a converter.
func Flag(name string, def bool) config.Key { return flag(name, def) }

// flag and the functions below make definitions whose titles and groups nobody sees: these
// converters publish no settings to Connect.
func flag(name string, def bool) config.Key {
	return config.Key{Name: name, Type: config.Boolean, Default: def, Importance: config.Medium}
}

func number(name string, def int32, v config.Validator) config.Key {
	return config.Key{
		Name: name, Type: config.Int, Default: def, Validator: v,
		Importance: config.Low,
	}
}

func long(name string, def int64) config.Key {
	return config.Key{Name: name, Type: config.Long, Default: def, Importance: config.Low}
}

func text(name string) config.Key {
	return config.Key{Name: name, Type: config.String, Importance: config.Low}
}

func listOf(name string) config.Key {
	return config.Key{Name: name, Type: config.List, Default: []string{}, Importance: config.Low}
}

func class(name, def string) config.Key {
	return config.Key{Name: name, Type: config.Class, Default: def, Importance: config.Medium}
}

// Settings are a converter's settings, read.
type Settings struct {
	// Values are all of them, the converter's own too.
	Values config.Values
	// AutoRegister, Normalize and so on are the keys of the same names.
	AutoRegister, Normalize, UseLatest, LatestStrict, IDStrict bool
	// UseID is use.schema.id, negative for none.
	UseID int32
	// Metadata is use.latest.with.metadata, nil for none.
	Metadata map[string]string
	// OutageMax is schema.registry.outage.max.ms: 0 doesn't wait, less than 0 waits for ever.
	OutageMax time.Duration

	client     clientSettings
	latestTTL  time.Duration // how long a latest version is taken for the latest; negative for ever
	prefixOnly bool          // ids in headers are not looked for
	inHeaders  bool          // ids are written into headers
	strategy   string
}

// ParseSettings reads the settings of one side. Errors are errs.Config.
func ParseSettings(def *config.Def, props map[string]string, isKey bool) (*Settings, error) {
	v, err := def.Parse(props)
	if err != nil {
		return nil, err
	}
	s := &Settings{
		Values:       v,
		AutoRegister: v.Bool(autoRegisterKey), Normalize: v.Bool(normalizeKey),
		UseLatest: v.Bool(useLatestKey), LatestStrict: v.Bool(latestStrictKey), IDStrict: v.Bool(idStrictKey),
		UseID:     int32(v.Int(useIDKey)),
		OutageMax: v.Millis(outageKey),
		latestTTL: seconds(int64(v.Int(latestTTLKey))),
	}
	if s.Metadata, err = parseMetadata(v.String(metadataKey)); err != nil {
		return nil, err
	}
	side := [...]string{valueStrategyKey, valueSerializerKey, valueDeserialKey}
	if isKey {
		side = [...]string{keyStrategyKey, keySerializerKey, keyDeserialKey}
	}
	s.strategy = v.String(side[0])
	s.inHeaders = v.String(side[1]) == headerSerializer
	s.prefixOnly = v.String(side[2]) == prefixDeserializer
	s.client = parseClient(v, props)
	return s, nil
}

// parseMetadata reads k=v,k=v.
func parseMetadata(given string) (map[string]string, error) {
	if given == "" {
		return nil, nil
	}
	all := map[string]string{}
	for pair := range strings.SplitSeq(given, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, errs.Config.New("Invalid value %s for configuration %s: %s is not of the form name=value", given, metadataKey, pair)
		}
		all[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return all, nil
}

// seconds is a count of seconds; what is no duration any more is for ever.
func seconds(n int64) time.Duration {
	if n > math.MaxInt64/int64(time.Second) {
		return -1
	}
	return time.Duration(n) * time.Second
}
