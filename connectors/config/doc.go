// Package config defines settings, parses them and validates them, as Kafka's ConfigDef does:
// types, defaults, validators, recommenders, dependents, groups, and one answer with every error
// instead of the first.
//
//	var def = config.NewDef(config.Key{Name: "topic", Type: config.String, Required: true, …})
//	v, err := def.Parse(props)      // first error, as errs.Config
//	answer := def.Validate(props)   // every error
//
// A Def is immutable once made and safe for concurrent use. Package config/provider resolves
// ${provider:path:key} references; config/properties reads Java's .properties syntax.
package config
