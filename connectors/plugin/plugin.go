// Package plugin says what a plugin is to the worker whatever its kind: a class name, aliases, a
// version, its settings; and the Registry in which all are found.
package plugin

import (
	"github.com/troupe-connect/troupe/connectors/config"
)

// Kind is what a plugin is. Its text is the type that GET /connector-plugins shows.
type Kind string

// The kinds of plugin, as Kafka Connect names them.
const (
	Source          Kind = "source"
	Sink            Kind = "sink"
	Converter       Kind = "converter"
	HeaderConverter Kind = "header_converter"
	Transformation  Kind = "transformation"
	Predicate       Kind = "predicate"
	ConfigProvider  Kind = "configprovider"
	RestExtension   Kind = "rest_extension"
	OverridePolicy  Kind = "connector_client_config_override_policy"
)

// Descriptor is what every plugin tells of itself, in any kind.
type Descriptor struct {
	// Class is the fully qualified Java class name (or the project's own) by which configs name
	// the plugin.
	Class string
	// Aliases are further names: simple class name, simple name without its suffix. The registry
	// adds those it can derive from Class.
	Aliases []string
	// Version is shown by REST.
	Version string
	// Config are the settings; nil for none.
	Config *config.Def
}

// Plugin is anything that can be put in a Registry: connectors.Source, connectors.Sink,
// codecs.Plugin, codecs.HeaderPlugin, smt.Plugin, smt.PredicatePlugin and so on.
type Plugin interface {
	// Describe returns the plugin's description.
	Describe() Descriptor
	// Kind is what the plugin is.
	Kind() Kind
}
