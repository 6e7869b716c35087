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

// trait is what the registry and its errors say of a kind.
type trait struct {
	kind Kind
	java string // simple name of the Java interface, and suffix of class names that may be left out
	many string // what errors call them
}

// traits are in the order of Java's PluginType.
var traits = [...]trait{
	{Source, "Connector", "connectors"},
	{Sink, "Connector", "connectors"},
	{Converter, "Converter", "converters"},
	{HeaderConverter, "HeaderConverter", "header converters"},
	{Transformation, "Transformation", "transformations"},
	{Predicate, "Predicate", "predicates"},
	{ConfigProvider, "ConfigProvider", "ConfigProviders"},
	{RestExtension, "ConnectRestExtension", "REST extensions"},
	{OverridePolicy, "ConnectorClientConfigOverridePolicy", "client config override policies"},
}

func (k Kind) trait() (trait, bool) {
	for _, t := range traits {
		if t.kind == k {
			return t, true
		}
	}
	return trait{}, false
}

// Kinds are all kinds, in Java's order.
func Kinds() []Kind {
	kinds := make([]Kind, len(traits))
	for i, t := range traits {
		kinds[i] = t.kind
	}
	return kinds
}

// Descriptor is what every plugin tells of itself, in any kind.
type Descriptor struct {
	// Class is the fully qualified Java class name (or the project's own) by which configs name
	// the plugin.
	Class string
	// Aliases are further names. The registry adds those it can derive from Class: the simple name,
	// and it without the suffix that names the kind.
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

// MultiKind is a Plugin of several kinds, as a converter that converts headers too. It is found
// and listed under each; Kind is the first.
type MultiKind interface {
	Plugin
	Kinds() []Kind
}

func kindsOf(p Plugin) []Kind {
	if m, ok := p.(MultiKind); ok {
		return m.Kinds()
	}
	return []Kind{p.Kind()}
}
