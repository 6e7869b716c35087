// Package provider looks up the values that settings refer to instead of holding them:
// ${provider:[path:]key}, as in ${file:/etc/secrets.properties:password}.
//
// A Set is made of the config.providers settings of a worker and resolves the settings of the
// worker itself and of connectors and tasks. What is stored and shown stays raw: Resolve returns
// a new map. A reference to a provider, path or key that doesn't exist stays as it is written, as
// in Java; what a provider returns isn't resolved again.
//
// File, Directory and EnvVar are Kafka's own providers. Neither errors nor logs of this package
// show a value.
package provider

import (
	"context"
	"time"

	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Provider looks values up. Get may be called from several goroutines at a time; the other
// methods are called once, Configure first and Close last, when no Get is running.
type Provider interface {
	// Configure takes the config.providers.<name>.param.* settings, without the prefix. Errors
	// are errs.Config. It should return when ctx ends.
	Configure(ctx context.Context, params map[string]string) error
	// Get looks up the keys of a path; path is empty if the reference has none. A key that
	// doesn't exist is left out. It should return when ctx ends; if it doesn't, it is left behind
	// and counts against the number of calls at a time. An error and its text go to logs and to
	// REST, so it must not hold values.
	Get(ctx context.Context, path string, keys []string) (Data, error)
	// Close releases what Configure took.
	Close() error
}

// Data is what a provider found.
type Data struct {
	Values map[string]string
	// TTL is how long the values may be used; 0 for no limit. With
	// config.action.reload=restart a connector is restarted after it.
	TTL time.Duration
}

// Plugin is a config provider as a plugin.
type Plugin struct {
	plugin.Descriptor
	New func() Provider
}

// Describe implements plugin.Plugin.
func (p Plugin) Describe() plugin.Descriptor { return p.Descriptor }

// Kind implements plugin.Plugin.
func (Plugin) Kind() plugin.Kind { return plugin.ConfigProvider }
