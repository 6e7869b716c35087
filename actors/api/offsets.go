package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Offsets of connectors by REST (KIP-875). Everything here runs in the caller's goroutine.

// subject is the connector whose offsets a request is about.
type subject struct {
	name  string
	props map[string]string // resolved
	found plugin.Plugin
	conf  settings.Connector
}

func (a *API) subject(ctx context.Context, name string) (subject, error) {
	raw, ok := a.cfg.View().Config(name)
	if !ok {
		return subject{}, notFound(name)
	}
	props, err := a.env.Resolve(ctx, raw)
	if err != nil {
		return subject{}, errs.Connect.Wrap(err, "configuration of connector %q", name)
	}
	s := subject{name: name, props: props}
	var kind plugin.Kind
	if s.found, kind, err = task.FindConnector(a.env.Registry, props); err != nil {
		return s, err
	}
	s.conf, err = settings.ParseConnector(a.env.Worker, kind, props)
	return s, err
}

// stoppedSubject is subject for a change of offsets, which wants the connector STOPPED.
func (a *API) stoppedSubject(ctx context.Context, name string) (subject, error) {
	s, err := a.subject(ctx, name)
	if err != nil {
		return s, err
	}
	if view := a.cfg.View(); view.Target(name) != state.TargetStopped || len(view.TaskConfigs(name)) > 0 {
		return s, errs.BadRequest.New("Connectors must be in the STOPPED state before their offsets can be modified. "+
			"This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name)
	}
	return s, nil
}

// admin is an admin client of the connector's Kafka cluster, closed after use.
func (a *API) admin(s subject, use func(*kafka.Admin) error) error {
	client, err := kafka.NewAdmin(kafka.ConnectorWorkerAdminProps(a.env.Worker.Props, s.props, s.name), a.env.Log, a.env.KafkaOptions...)
	if err != nil {
		return err
	}
	return errors.Join(use(client), client.Close())
}

// Offsets are a source's stored offsets, or a sink's committed ones.
func (a *API) Offsets(ctx context.Context, name string) ([]state.ConnectorOffset, error) {
	s, err := a.subject(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.conf.Kind == plugin.Sink {
		return a.sinkOffsets(ctx, s)
	}
	var pairs []storage.Pair
	err = a.sourceOffsets(ctx, s, func(store storage.OffsetStore) (err error) {
		pairs, err = store.Connector(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := []state.ConnectorOffset{}
	for _, p := range pairs {
		_, partition, err := storage.DecodeOffsetKey(p.Key)
		if err != nil {
			return nil, err
		}
		offset, err := storage.DecodeOffset(p.Value)
		if err != nil {
			return nil, err
		}
		if offset != nil {
			out = append(out, state.ConnectorOffset{Partition: partition, Offset: offset})
		}
	}
	return out, nil
}

// closeTime is what closing a store that was opened for one request may take.
const closeTime = 5 * time.Second

// sourceOffsets opens the store of a source connector's offsets, which may be a topic of its own.
func (a *API) sourceOffsets(ctx context.Context, s subject, use func(storage.OffsetStore) error) error {
	store, err := task.OpenOffsets(ctx, a.env, s.name, s.props)
	if err != nil {
		return errs.Connect.Wrap(err, "offsets of connector %s", s.name)
	}
	err = use(store)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return errors.Join(err, store.Close(closing))
}

func (a *API) sinkOffsets(ctx context.Context, s subject) ([]state.ConnectorOffset, error) {
	out := []state.ConnectorOffset{}
	err := a.admin(s, func(client *kafka.Admin) error {
		offsets, err := client.ListGroupOffsets(ctx, s.conf.Sink.GroupID)
		if err != nil {
			return errs.Connect.Wrap(err, "Failed to retrieve consumer group offsets for connector %s", s.name)
		}
		for _, tp := range slices.SortedFunc(maps.Keys(offsets), comparePartitions) {
			out = append(out, state.ConnectorOffset{
				Partition: map[string]any{"kafka_partition": int64(tp.Partition), "kafka_topic": tp.Topic},
				Offset:    map[string]any{"kafka_offset": offsets[tp]},
			})
		}
		return nil
	})
	return out, err
}

func comparePartitions(a, b data.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition) - int(b.Partition)
}

// AlterOffsets replaces offsets of a stopped connector; an entry without offset is removed.
func (a *API) AlterOffsets(ctx context.Context, name string, offsets []state.ConnectorOffset) (msg string, err error) {
	err = a.change(func() error {
		return a.mode.changeOffsets(ctx, name, "altering", func(ctx context.Context) (err error) {
			msg, err = a.alterOffsets(ctx, name, offsets)
			return err
		})
	})
	return msg, err
}

// ResetOffsets removes all offsets of a stopped connector.
func (a *API) ResetOffsets(ctx context.Context, name string) (msg string, err error) {
	err = a.change(func() error {
		return a.mode.changeOffsets(ctx, name, "resetting", func(ctx context.Context) (err error) {
			msg, err = a.resetOffsets(ctx, name)
			return err
		})
	})
	return msg, err
}

func (a *API) alterOffsets(ctx context.Context, name string, offsets []state.ConnectorOffset) (string, error) {
	s, err := a.stoppedSubject(ctx, name)
	if err != nil {
		return "", err
	}
	if s.conf.Kind == plugin.Sink {
		changes, err := sinkChanges(offsets)
		if err == nil {
			err = a.checkSinkChanges(ctx, s, changes)
		}
		if err != nil {
			return "", err
		}
		return a.alterSink(ctx, s, changes, false)
	}
	changes := make([]connectors.SourceOffset, len(offsets))
	for i, o := range offsets {
		if changes[i].Partition, err = storage.Normalize(o.Partition); err != nil {
			return "", errs.Connect.Wrap(err, "source partition")
		}
		if changes[i].Offset, err = storage.Normalize(o.Offset); err != nil {
			return "", errs.Connect.Wrap(err, "source offset")
		}
	}
	return a.alterSource(ctx, s, changes, "altered")
}

func (a *API) resetOffsets(ctx context.Context, name string) (string, error) {
	s, err := a.stoppedSubject(ctx, name)
	if err != nil {
		return "", err
	}
	known, err := a.Offsets(ctx, name)
	if err != nil {
		return "", err
	}
	if s.conf.Kind == plugin.Sink {
		for i := range known {
			known[i].Offset = nil
		}
		changes, err := sinkChanges(known)
		if err != nil {
			return "", err
		}
		return a.alterSink(ctx, s, changes, true)
	}
	changes := make([]connectors.SourceOffset, len(known))
	for i, o := range known {
		changes[i].Partition = o.Partition
	}
	return a.alterSource(ctx, s, changes, "reset")
}

func (a *API) alterSource(ctx context.Context, s subject, changes []connectors.SourceOffset, done string) (string, error) {
	src, ok := s.found.(connectors.Source)
	if !ok {
		return "", errs.Connect.New("%s is no source connector", s.found.Describe().Class)
	}
	noted := false
	err := a.alter(ctx, s.name, func(ctx context.Context) (err error) {
		if alterer, ok := src.Connector().(connectors.SourceOffsetAlterer); ok {
			noted, err = alterer.AlterOffsets(ctx, s.props, changes)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	pairs := make([]storage.Pair, len(changes))
	for i, ch := range changes {
		if pairs[i].Key, err = storage.EncodeOffsetKey(s.name, ch.Partition); err != nil {
			return "", err
		}
		if pairs[i].Value, err = storage.EncodeOffset(ch.Offset); err != nil {
			return "", err
		}
	}
	if err := a.sourceOffsets(ctx, s, func(store storage.OffsetStore) error { return store.Set(ctx, pairs) }); err != nil {
		return "", errs.Connect.Wrap(err, "Failed to alter offsets for connector %s", s.name)
	}
	return offsetsMessage(done, noted), nil
}

// alter has the connector's code check, and maybe carry out, a change of its offsets; it may hang until
// ctx ends.
func (a *API) alter(ctx context.Context, name string, f func(context.Context) error) error {
	began := stageNow("altering offsets of connector " + name)
	err := a.env.Host.Within(ctx, host.Who{Connector: name, Task: host.ConnectorItself}, host.AlterOffsets, f)
	if _, left := errors.AsType[*host.Left](err); left {
		return began
	}
	return err
}

func (a *API) alterSink(ctx context.Context, s subject, changes connectors.Offsets, reset bool) (string, error) {
	snk, ok := s.found.(connectors.Sink)
	if !ok {
		return "", errs.Connect.New("%s is no sink connector", s.found.Describe().Class)
	}
	noted := false
	err := a.alter(ctx, s.name, func(ctx context.Context) (err error) {
		if alterer, ok := snk.Connector().(connectors.SinkOffsetAlterer); ok {
			noted, err = alterer.AlterOffsets(ctx, s.props, changes)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	done := "altered"
	if reset {
		done = "reset"
	}
	err = a.admin(s, func(client *kafka.Admin) error {
		if reset {
			return client.DeleteGroup(ctx, s.conf.Sink.GroupID)
		}
		set, gone := kafka.Offsets{}, []data.TopicPartition(nil)
		for tp, o := range changes {
			if o < 0 {
				gone = append(gone, tp)
			} else {
				set[tp] = o
			}
		}
		if len(set) > 0 {
			if err := client.AlterGroupOffsets(ctx, s.conf.Sink.GroupID, set); err != nil {
				return err
			}
		}
		if len(gone) > 0 {
			return client.DeleteGroupOffsets(ctx, s.conf.Sink.GroupID, gone...)
		}
		return nil
	})
	if err != nil {
		verb := map[bool]string{true: "reset", false: "alter"}[reset]
		why := ""
		if hasMembers(err) {
			why = fmt.Sprintf(membersText, verb)
		}
		return "", errs.Connect.Wrap(err, "Failed to %s consumer group offsets for connector %s%s", verb, s.name, why)
	}
	return offsetsMessage(done, noted), nil
}

// membersText is for a group that sink tasks are in: in the JVM's words, which clients look for to try
// again. A task that hangs is shut out of its group when its time to stop is over, so here that helps.
const membersText = " either because its tasks haven't stopped completely yet or the connector was resumed before the request to %s " +
	"its offsets could be successfully completed. If the connector is in a stopped state, this operation can be safely retried. " +
	"If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks."

// hasMembers reports whether a change of a group's offsets was refused because it has members.
func hasMembers(err error) bool {
	switch kafka.ClassName(err) {
	case "org.apache.kafka.common.errors.UnknownMemberIdException",
		"org.apache.kafka.common.errors.GroupSubscribedToTopicException",
		"org.apache.kafka.common.errors.GroupNotEmptyException":
		return true
	}
	return false
}

func offsetsMessage(done string, noted bool) string {
	if noted {
		return fmt.Sprintf("The offsets for this connector have been %s successfully", done)
	}
	return fmt.Sprintf("The Connect framework-managed offsets for this connector have been %s successfully. "+
		"However, if this connector manages offsets externally, they will need to be manually %s in the system that the connector uses.", done, done)
}

// sinkChanges reads the entries of a request about a sink: -1 stands for "remove".
func sinkChanges(offsets []state.ConnectorOffset) (connectors.Offsets, error) {
	out := connectors.Offsets{}
	for _, o := range offsets {
		tp, err := sinkPartition(o.Partition)
		if err != nil {
			return nil, err
		}
		if o.Offset == nil {
			out[tp] = -1
			continue
		}
		raw, ok := o.Offset["kafka_offset"]
		if !ok {
			return nil, errs.BadRequest.New("The offset for a sink connector should either be null or contain the key 'kafka_offset'")
		}
		n, err := integer(raw, 64)
		if err != nil {
			if raw == nil {
				raw = "null" // as in the request
			}
			return nil, errs.BadRequest.New("Failed to parse the following Kafka offset value in the provided offsets: '%v'. "+
				"Offset values for sink connectors need to be integers.", raw)
		}
		if n < 0 {
			return nil, errs.BadRequest.New("The offset %d for partition %s-%d is negative; to remove an offset give null for it", n, tp.Topic, tp.Partition)
		}
		out[tp] = n
	}
	return out, nil
}

func sinkPartition(p map[string]any) (data.TopicPartition, error) {
	var none data.TopicPartition
	if p == nil {
		return none, errs.BadRequest.New("The partition for a sink connector offset cannot be null or missing")
	}
	topic, hasTopic := p["kafka_topic"]
	part, hasPart := p["kafka_partition"]
	switch {
	case !hasTopic || !hasPart:
		return none, errs.BadRequest.New("The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'")
	case topic == nil:
		return none, errs.BadRequest.New("Kafka topic names must be valid strings and may not be null")
	case part == nil:
		return none, errs.BadRequest.New("Kafka partitions must be valid numbers and may not be null")
	}
	n, err := integer(part, 32)
	if err != nil {
		return none, errs.BadRequest.New("Failed to parse the following Kafka partition value in the provided offsets: '%v'. "+
			"Partition values for sink connectors need to be integers.", part)
	}
	return data.TopicPartition{Topic: fmt.Sprint(topic), Partition: int32(n)}, nil
}

// integer reads a JSON number or a text that is one.
func integer(v any, bits int) (int64, error) {
	switch x := v.(type) {
	case json.Number:
		return strconv.ParseInt(x.String(), 10, bits)
	case string:
		return strconv.ParseInt(x, 10, bits)
	case int64:
		return strconv.ParseInt(strconv.FormatInt(x, 10), 10, bits)
	}
	return 0, strconv.ErrSyntax
}
