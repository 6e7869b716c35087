package api

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// topicName is what brokers can be asked for.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// checkSinkChanges refuses, before anything is changed, what Kafka would refuse in part or what would have
// no effect. The JVM asks Kafka for each and answers 500, with some of them changed.
func (a *API) checkSinkChanges(ctx context.Context, s subject, changes connectors.Offsets) error {
	var found map[string]kafka.TopicInfo
	var committed kafka.Offsets
	err := a.admin(s, func(client *kafka.Admin) (err error) {
		topics := map[string]bool{}
		for tp := range changes {
			if topicName.MatchString(tp.Topic) {
				topics[tp.Topic] = true
			}
		}
		if len(topics) > 0 {
			if found, err = client.DescribeTopics(ctx, slices.Sorted(maps.Keys(topics))...); err != nil {
				return err
			}
		}
		committed, err = client.ListGroupOffsets(ctx, s.conf.Sink.GroupID)
		return err
	})
	if err != nil {
		return errs.Connect.Wrap(err, "Failed to alter consumer group offsets for connector %s", s.name)
	}
	return sinkChangesFit(s.name, s.conf, changes, found, committed)
}

// sinkChangesFit checks that partitions exist and are of topics that the sink reads. An offset that is there
// can be removed whatever it is of.
func sinkChangesFit(name string, conf settings.Connector, changes connectors.Offsets, found map[string]kafka.TopicInfo, committed kafka.Offsets) error {
	order := slices.SortedFunc(maps.Keys(changes), comparePartitions)
	for _, tp := range order {
		if _, there := committed[tp]; there && changes[tp] < 0 {
			continue
		}
		topic, exists := found[tp.Topic]
		switch {
		case tp.Topic == "" || !exists:
			return errs.BadRequest.New("Topic '%s' of the provided offsets does not exist", tp.Topic)
		case tp.Partition < 0 || int(tp.Partition) >= topic.Partitions:
			return errs.BadRequest.New("Partition %d of the provided offsets does not exist: topic %s has %d partitions", tp.Partition, tp.Topic, topic.Partitions)
		case !reads(conf, tp.Topic):
			return errs.BadRequest.New("Topic %s of the provided offsets is not read by sink connector %s, see its topics or topics.regex", tp.Topic, name)
		}
	}
	return nil
}

// reads reports whether the sink consumes the topic.
func reads(conf settings.Connector, topic string) bool {
	if conf.Sink.TopicsRegex == "" {
		return slices.Contains(conf.Sink.Topics, topic)
	}
	re, err := regex.Compile(conf.Sink.TopicsRegex)
	if err != nil {
		return true // its tasks say so
	}
	ok, err := re.MatchString(topic)
	return ok || err != nil
}
