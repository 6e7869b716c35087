package kafkalog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Topic says which topic a Log is of, and how it is made if it is missing.
type Topic struct {
	Name string
	// Partitions and ReplicationFactor are for making it; -1 is the broker's default.
	Partitions        int
	ReplicationFactor int
	// Configs are further settings for making it. cleanup.policy is compact, whatever is said here.
	Configs map[string]string
	// Single refuses a topic with more than one partition: the order of its records must be total.
	Single bool
	// Setting is the worker's setting that names the topic, and Purpose what the topic keeps: both for
	// errors. "config.storage.topic", "connector configurations".
	Setting, Purpose string
}

const cleanupPolicy, compact = "cleanup.policy", "compact"

// metadataWait bounds the time between making a topic and its partitions being known.
const metadataWait = 30 * time.Second

// prepare makes the topic if it is missing, else checks how it is cleaned, and returns its number of
// partitions.
func (l *Log) prepare(ctx context.Context) (int, error) {
	t := l.cfg.Topic
	created, err := l.create(ctx)
	if err != nil {
		return 0, err
	}
	if !created {
		if err := l.checkCleanup(ctx); err != nil {
			return 0, err
		}
	}
	n, err := l.partitions(ctx)
	if err != nil {
		return 0, err
	}
	if t.Single && n > 1 {
		return 0, errs.Config.New("Topic '%s' supplied via the '%s' property is required to have a single partition in order to "+
			"guarantee consistency of %s, but found %d partitions.", t.Name, t.Setting, t.Purpose, n)
	}
	return n, nil
}

// create makes the topic and reports whether it did; false is also for a cluster that doesn't allow it,
// where the topic is assumed to exist.
func (l *Log) create(ctx context.Context) (bool, error) {
	t := l.cfg.Topic
	existing, err := l.admin.DescribeTopics(ctx, t.Name)
	if err == nil && existing[t.Name].Partitions > 0 {
		return false, nil
	}
	configs := maps.Clone(t.Configs)
	if configs == nil {
		configs = map[string]string{}
	}
	if given, ok := configs[cleanupPolicy]; ok && given != compact {
		l.log.Warn("the cleanup policy of an internal topic is always compact; the one given is ignored",
			"topic", t.Name, "setting", strings.TrimSuffix(t.Setting, "topic")+cleanupPolicy, "given", given)
	}
	configs[cleanupPolicy] = compact
	created, err := l.admin.CreateTopic(ctx, kafka.NewTopic{
		Name: t.Name, Partitions: t.Partitions, ReplicationFactor: t.ReplicationFactor, Configs: configs,
	})
	switch {
	case err == nil:
		if created {
			l.log.Info("internal topic created", "topic", t.Name, "purpose", t.Purpose)
		}
		return created, nil
	case kafka.Classify(err) == kafka.Authorization, unsupported(err):
		l.log.Debug("internal topic can't be created by this worker; it is assumed to exist", "topic", t.Name, "error", err)
		return false, nil
	}
	return false, errs.Connect.Wrap(err, "create topic %s, named by %s, for %s", t.Name, t.Setting, t.Purpose)
}

func unsupported(err error) bool {
	return strings.HasSuffix(kafka.ClassName(err), ".UnsupportedVersionException")
}

// checkCleanup refuses a topic from which records could vanish that nothing replaced.
func (l *Log) checkCleanup(ctx context.Context) error {
	t := l.cfg.Topic
	configs, err := l.admin.DescribeTopicConfigs(ctx, t.Name)
	switch {
	case err == nil:
	case kafka.Classify(err) == kafka.Authorization, unsupported(err):
		l.log.Info("the cleanup policy of an internal topic can't be checked; it should be compact",
			"topic", t.Name, "error", err)
		return nil
	default:
		return errs.Connect.Wrap(err, "check that topic %s, named by %s, is compacted", t.Name, t.Setting)
	}
	policy, known := configs[cleanupPolicy]
	if !known {
		return nil
	}
	parts := strings.FieldsFunc(policy, func(r rune) bool { return r == ',' || r == ' ' })
	slices.Sort(parts)
	if slices.Equal(slices.Compact(parts), []string{compact}) {
		return nil
	}
	return errs.Config.New("Topic '%s' supplied via the '%s' property is required to have 'cleanup.policy=compact' to guarantee "+
		"consistency and durability of %s, but found the topic currently has 'cleanup.policy=%s'. Continuing would likely "+
		"result in eventually losing %s and problems restarting this Connect cluster in the future. Change the '%s' property "+
		"in the Connect worker configurations to use a topic with 'cleanup.policy=compact'.",
		t.Name, t.Setting, t.Purpose, policy, t.Purpose, t.Setting)
}

// partitions waits until the topic's partitions are known.
func (l *Log) partitions(ctx context.Context) (int, error) {
	t := l.cfg.Topic
	ctx, cancel := context.WithTimeout(ctx, metadataWait)
	defer cancel()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		found, err := l.admin.DescribeTopics(ctx, t.Name)
		if n := found[t.Name].Partitions; err == nil && n > 0 {
			return n, nil
		}
		if err == nil {
			err = errors.New("the brokers don't know it")
		}
		if !sleep(ctx, wait) {
			return 0, errs.Connect.Wrap(err, "Could not look up partition metadata for topic '%s', named by %s, in the allotted "+
				"period. This could indicate a connectivity issue, unavailable topic partitions, or if this is your first use of "+
				"the topic it may have taken too long to create.", t.Name, t.Setting)
		}
	}
}

// sleep waits and reports whether ctx lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
