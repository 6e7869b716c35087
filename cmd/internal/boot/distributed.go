package boot

import (
	"context"

	"github.com/troupe-connect/troupe/actors"
	"github.com/troupe-connect/troupe/httpapi"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

func (n *node) beginDistributed(ctx context.Context, clusterID string) (running, error) {
	w, err := actors.StartDistributed(ctx, actors.DistributedConfig{
		Settings: &n.settings, Registry: n.registry, Resolve: n.providers.Resolve,
		URL: n.url, WorkerID: n.workerID, ClusterID: clusterID, Log: n.log,
		Peers: peers{n.others}, LoggerLevel: n.setLevel,
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// setLevel sets the level of a logger because some worker was told to do so for all.
func (n *node) setLevel(logger, level string) {
	parsed, err := logging.ParseLevel(level)
	if err != nil {
		n.log.Warn("a level that was set for all workers is not known here", "logger", logger, "level", level, "err", err)
		return
	}
	n.log.Debug("level set for all workers", "logger", logger, "level", level, "changed", n.levels.Set(logger, parsed))
}

// member is the gate of a worker of a cluster: it also lets the other workers' requests through.
type member struct{ *gate }

// clusterWorker is what a worker of a cluster offers beyond httpapi.Herder.
type clusterWorker interface {
	httpapi.Internal
	SetLoggerLevel(ctx context.Context, logger, level string) error
}

// worker is the worker once it has started.
func (m member) worker() (clusterWorker, error) {
	if h := m.herder.Load(); h != nil {
		if w, ok := (*h).(clusterWorker); ok {
			return w, nil
		}
	}
	return nil, starting{}
}

// SessionKey implements httpapi.Internal.
func (m member) SessionKey(ctx context.Context) (key []byte, algorithms []string, required bool, err error) {
	w, err := m.worker()
	if err != nil {
		return nil, nil, false, err
	}
	return w.SessionKey(ctx)
}

// PutTaskConfigs implements httpapi.Internal.
func (m member) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	w, err := m.worker()
	if err != nil {
		return err
	}
	return w.PutTaskConfigs(ctx, name, configs)
}

// FenceZombies implements httpapi.Internal.
func (m member) FenceZombies(ctx context.Context, name string) error {
	w, err := m.worker()
	if err != nil {
		return err
	}
	return w.FenceZombies(ctx, name)
}

// SetLoggerLevel has every worker set the level of a logger.
func (m member) SetLoggerLevel(ctx context.Context, logger, level string) error {
	w, err := m.worker()
	if err != nil {
		return err
	}
	return w.SetLoggerLevel(ctx, logger, level)
}
