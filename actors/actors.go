// Package actors is a running worker: the front door for cmd and for programs that bring plugins
// of their own.
//
//	reg, err := plugin.NewRegistry(filestream.Source(), mine.Sink(), …)
//	w, err := actors.Start(actors.Config{Settings: &settings, Registry: reg, …})
//	defer w.Stop(ctx)
//
// Inside, everything is an actor or a goroutine that an actor owns; see package act for the rules
// and package task for a record's way.
package actors

import (
	"context"

	"github.com/troupe-connect/troupe/actors/api"
	"github.com/troupe-connect/troupe/actors/worker"
)

// Config is what a worker is made of.
type Config = worker.Config

// Worker is a running worker. It is an httpapi.Herder.
type Worker = worker.Worker

// Start starts a worker; Stop ends it.
func Start(cfg Config) (*Worker, error) { return worker.Start(cfg) }

// DistributedConfig is what a worker of a cluster is made of.
type DistributedConfig = worker.DistributedConfig

// Peers is the client to other workers.
type Peers = api.Peers

// Distributed is a running worker of a cluster. It is an httpapi.Herder and an httpapi.Internal.
type Distributed = worker.Distributed

// StartDistributed starts a worker of a cluster; Stop ends it.
func StartDistributed(ctx context.Context, cfg DistributedConfig) (*Distributed, error) {
	return worker.StartDistributed(ctx, cfg)
}
