package codecs

import (
	"maps"

	"github.com/troupe-connect/troupe/connectors/config"
)

// TypeSetting names the setting that tells a converter what it is for. The worker sets it, users
// don't.
const TypeSetting = "converter.type"

// Use is what a converter is for, the value of TypeSetting.
type Use string

// The uses.
const (
	ForKeys    Use = "key"
	ForValues  Use = "value"
	ForHeaders Use = "header"
)

// UseOf is the use of a converter of keys or values.
func UseOf(isKey bool) Use {
	if isKey {
		return ForKeys
	}
	return ForValues
}

// Version is the version that the built-in converters report: that of the Kafka Connect whose
// behaviour they have.
const Version = "4.1.1"

// TypeKey is the definition of TypeSetting, which every converter's definition starts with.
func TypeKey() config.Key {
	return config.Key{
		Name: TypeSetting, Type: config.String, Required: true,
		Validator:  config.ValidString(string(ForKeys), string(ForValues), string(ForHeaders)),
		Importance: config.Low, Order: -1, DisplayName: TypeSetting,
		Doc: "How this converter will be used.",
	}
}

// ConfigDef is a converter's definition: TypeKey and the keys given. Like config.NewDef it is
// for definitions written as Go code.
func ConfigDef(keys ...config.Key) *config.Def {
	return config.NewDef(append([]config.Key{TypeKey()}, keys...)...)
}

// WithUse is the settings with TypeSetting set to the use; props itself is unchanged. A
// converter of keys or values is told its use by Configure's argument whatever props say.
func WithUse(props map[string]string, use Use) map[string]string {
	all := make(map[string]string, len(props)+1)
	maps.Copy(all, props)
	all[TypeSetting] = string(use)
	return all
}

// AsHeaders is the settings of a header converter: props with TypeSetting "header" where they
// say nothing of it. In Java the worker always says it.
func AsHeaders(props map[string]string) map[string]string {
	if _, ok := props[TypeSetting]; ok {
		return props
	}
	return WithUse(props, ForHeaders)
}
