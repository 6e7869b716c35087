// Package settings is what the worker and its connectors are told by configuration: the
// definitions of every key, the parsing into typed values, the validation of connectors as REST
// answers it, and the small rules that hang on keys (advertised address, task configurations,
// environment variables, connector files).
//
// It is pure: nothing here starts a goroutine, opens a connection or reads a clock. Definitions
// and messages are those of Kafka Connect 4.1.1, compared with testdata/vectors/configdefs.json
// and with recorded answers of a JVM worker; the supervisor.* keys are Troupe's own.
//
//	w, warnings, err := settings.LoadWorker(ctx, settings.Distributed, props, resolve)
//	c, err := settings.ParseConnector(&w, plugin.Sink, resolvedProps)
//	infos, err := settings.Validate(ctx, deps, props)
//
// Package actors/worker calls it; connectors/config holds the machinery of definitions.
package settings
