package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// topicCreation makes the topics that a source connector writes to and that aren't there, by its
// topic.creation.* groups (KIP-158). Without groups it does nothing: the broker may create
// topics by itself.
type topicCreation struct {
	groups []settings.TopicGroup
	known  map[string]bool
	props  kafka.Props
	env    *Env
	log    *slog.Logger
	admin  *kafka.Admin
}

func newTopicCreation(env *Env, conf *settings.Connector, props map[string]string, id state.TaskID, log *slog.Logger) *topicCreation {
	t := &topicCreation{env: env, log: log, known: map[string]bool{}}
	if env.Worker.TopicCreation {
		t.groups = conf.Source.TopicGroups
		t.props = kafka.ConnectorAdminProps(env.Worker.Props, props, id.Connector, id.Task)
	}
	return t
}

// ensure makes the topic if it is missing. What may pass is tried again until ctx ends.
func (t *topicCreation) ensure(ctx context.Context, topic string) error {
	if len(t.groups) == 0 || t.known[topic] {
		return nil
	}
	for n := 0; ; n++ {
		err := t.create(ctx, topic)
		switch {
		case err == nil:
			t.known[topic] = true
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case kafka.Classify(err) != kafka.Retriable:
			return errs.Connect.Wrap(err, "Task failed to create new topic %q. Ensure that the task is authorized to create topics or that the topic exists and restart the task", topic)
		}
		t.log.Warn("topic not looked up or created, trying again", "topic", topic, "err", err)
		if !act.Sleep(ctx, backoff(n, 10*time.Second)) {
			return context.Cause(ctx)
		}
	}
}

func (t *topicCreation) create(ctx context.Context, topic string) error {
	if t.admin == nil {
		admin, err := kafka.NewAdmin(t.props, t.log, t.env.KafkaOptions...)
		if err != nil {
			return err
		}
		t.admin = admin
	}
	there, err := t.admin.DescribeTopics(ctx, topic)
	if err != nil {
		return err
	}
	if _, ok := there[topic]; ok {
		return nil
	}
	g, err := groupOf(t.groups, topic)
	if err != nil {
		return err
	}
	made, err := t.admin.CreateTopic(ctx, kafka.NewTopic{
		Name: topic, Partitions: g.Partitions, ReplicationFactor: g.ReplicationFactor, Configs: g.Config,
	})
	if err == nil && made {
		t.log.Info("created topic", "topic", topic, "group", g.Name, "partitions", g.Partitions, "replication factor", g.ReplicationFactor)
	}
	return err
}

// close ends the admin client, if there was ever a need for one.
func (t *topicCreation) close() {
	if t.admin != nil {
		if err := t.admin.Close(); err != nil {
			t.log.Debug("admin client did not close cleanly", "err", err)
		}
	}
}

// groupOf is the first group whose patterns the topic fits; the last, default, fits all.
func groupOf(groups []settings.TopicGroup, topic string) (settings.TopicGroup, error) {
	for _, g := range groups[:len(groups)-1] {
		in, err := matchesAny(g.Include, topic)
		if err != nil {
			return g, err
		}
		out, err := matchesAny(g.Exclude, topic)
		if err != nil {
			return g, err
		}
		if in && !out {
			return g, nil
		}
	}
	return groups[len(groups)-1], nil
}

func matchesAny(patterns []string, topic string) (bool, error) {
	for _, p := range patterns {
		re, err := regex.Compile(p)
		if err != nil {
			return false, errs.Config.Wrap(err, "topic.creation pattern %q", p)
		}
		ok, err := re.MatchString(topic)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
