package settings

import "github.com/troupe-connect/troupe/connectors/config"

// noDefault marks a setting that must be given.
type noDefault struct{}

var required = noDefault{}

// define makes the key of a worker's setting. def is its default as text, nil for null, or
// required.
func define(name string, t config.Type, def any, importance config.Importance, doc string, checks ...config.Validator) config.Key {
	k := config.Key{Name: name, Type: t, Importance: importance, Doc: doc}
	if def == required {
		k.Required = true
	} else {
		k.Default = def
	}
	if len(checks) > 0 {
		k.Validator = checks[0]
	}
	return k
}

// StandaloneDef defines the settings of a standalone worker, as Kafka Connect's StandaloneConfig.
func StandaloneDef() *config.Def {
	return config.NewDef(append(commonKeys(), standaloneKeys()...)...)
}

// DistributedDef defines the settings of a distributed worker, as Kafka Connect's
// DistributedConfig.
func DistributedDef() *config.Def {
	return config.NewDef(append(commonKeys(), distributedKeys()...)...)
}

// WorkerDef is StandaloneDef or DistributedDef.
func WorkerDef(m Mode) *config.Def {
	if m == Distributed {
		return DistributedDef()
	}
	return StandaloneDef()
}
