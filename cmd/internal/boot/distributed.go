package boot

import (
	"context"

	"github.com/troupe-connect/troupe/actors"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

func (n *node) beginDistributed(ctx context.Context, clusterID string) (running, error) {
	w, err := actors.StartDistributed(ctx, actors.DistributedConfig{
		Settings: &n.settings, Registry: n.registry, Resolve: n.providers.Resolve,
		URL: n.url, WorkerID: n.workerID, ClusterID: clusterID, Log: n.log,
		Peers: n.others, LoggerLevel: n.setLevel,
		Metrics: n.numbers, KafkaOptions: []kafka.Option{kafka.WithMetrics(n.numbers)},
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
