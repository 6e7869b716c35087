package task

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// Env is what all connectors and tasks of a worker share. It is not changed after the start.
type Env struct {
	Log      *slog.Logger
	Registry *plugin.Registry
	Worker   *settings.Worker
	WorkerID string
	// Resolve replaces ${provider:path:key} references. It may block.
	Resolve settings.Resolve
	// Offsets keeps source offsets.
	Offsets storage.OffsetStore
	// Starts limits how many connectors and tasks are being started at a time.
	Starts *Slots
	// Host is how plugins are called, and counts the calls that were left behind.
	Host *host.Host
	// Topics takes note of the topics that tasks use (KIP-558); nil if nobody wants to know. It is
	// called from runners, when a task's topic changes.
	Topics func(id state.TaskID, topic string)
	// ExactlyOnce is what tasks of source connectors need to write in transactions; nil unless the
	// worker has exactly.once.source.support=enabled.
	ExactlyOnce *ExactlyOnce
	// KafkaOptions are handed to every client (tests: an in-memory network).
	KafkaOptions []kafka.Option
	// Metrics keeps the worker's numbers; nil for none.
	Metrics *metrics.Registry
}

// open makes of a task's configuration what its runner needs. It may block (files of config
// providers) and calls constructors of plugins, so it belongs on the runner goroutine.
func (r *runner) open() (flow, error) {
	w := r.env.Worker
	props, err := r.env.Resolve(r.hard, r.spec.Connector)
	if err != nil {
		return nil, errs.Config.Wrap(err, "configuration of connector %q", r.spec.ID.Connector)
	}
	taskProps, err := r.env.Resolve(r.hard, r.spec.Props)
	if err != nil {
		return nil, errs.Config.Wrap(err, "configuration of task %s", r.spec.ID)
	}
	r.written = settings.NewReferences(r.spec.Connector, props).And(settings.NewReferences(r.spec.Props, taskProps))
	p, kind, err := FindConnector(r.env.Registry, props)
	if err != nil {
		return nil, err
	}
	version := p.Describe().Version
	r.ver.Store(&version)
	conf, err := settings.ParseConnector(w, kind, props)
	if err != nil {
		return nil, err
	}
	r.stall.Store(int64(conf.Supervisor.StallWarn))
	conv, err := r.converters(&conf)
	if err != nil {
		return nil, err
	}
	chain, err := r.chain(&conf)
	if err != nil {
		return nil, err
	}
	policy := &pipeline.Policy{
		TolerateAll: conf.Errors.TolerateAll, RetryTimeout: conf.Errors.RetryTimeout, RetryDelayMax: conf.Errors.RetryDelayMax,
		Numbers: r.errorCounts(),
	}
	if conf.Errors.Log {
		policy.Reporters = append(policy.Reporters, &pipeline.LogReporter{Log: r.log, IncludeMessages: conf.Errors.LogMessages, Numbers: policy.Numbers})
	}
	r.describe(&conf, p)
	if src, ok := p.(connectors.Source); ok {
		return r.openSource(src, &conf, props, taskProps, conv, chain, policy)
	}
	snk, ok := p.(connectors.Sink)
	if !ok {
		return nil, errs.Config.New("%s is a plugin of kind %s and no connector", p.Describe().Class, kind)
	}
	return r.openSink(snk, &conf, props, taskProps, conv, chain, policy)
}

// FindConnector finds the plugin that a connector's configuration names.
func FindConnector(reg *plugin.Registry, props map[string]string) (plugin.Plugin, plugin.Kind, error) {
	class := props["connector.class"]
	p, err := reg.FindConnectorVersion(class, props["connector.plugin.version"])
	if err != nil {
		return nil, "", errs.Config.Wrap(err, "connector.class %q", class)
	}
	return p, p.Kind(), nil
}

func (r *runner) openSource(src connectors.Source, conf *settings.Connector, props, taskProps map[string]string,
	conv pipeline.Converters, chain pipeline.Chain, policy *pipeline.Policy,
) (flow, error) {
	id := r.spec.ID
	producer, err := r.sourceProducer(props)
	if err != nil {
		return nil, err
	}
	r.lease.OnShut(producer.Abort)
	task, err := newTask(r, src.Task)
	if err != nil {
		return nil, err
	}
	s := &source{
		runner: r, task: task, props: taskProps, producer: producer, records: r.door.Lane(),
		pipe:    pipeline.Source{Chain: chain, Converters: conv, Policy: policy},
		tracker: offsets.NewTracker(), ctx: context.WithoutCancel(r.hard),
	}
	s.committer, _ = s.task.(connectors.SourceCommitter)
	s.recordCommitter, _ = s.task.(connectors.RecordCommitter)
	if r.env.ExactlyOnce != nil {
		if err := r.claim(producer); err != nil {
			return nil, err
		}
	}
	store, err := r.openStore(props)
	if err != nil {
		return nil, err
	}
	s.reader = offsets.NewReader(store, id.Connector, r.log)
	r.lease.OnShut(s.reader.Close)
	s.topics = newTopicCreation(r.env, conf, props, id, r.log)
	if conf.Source.DeadLetters.Topic != "" {
		send := func(letter *kafka.Record, about *pipeline.Unsent) error { return s.deliver.bury(letter, about) }
		if s.letters, err = r.opener(props).Source(r.soft, conf.Source.DeadLetters, conv.Header.Conv, policy, send); err != nil {
			return nil, err
		}
	}
	if r.env.ExactlyOnce == nil {
		s.deliver = newAtLeastOnce(s, offsets.NewWriter(store, id.Connector))
		return s, nil
	}
	s.deliver, err = newTransactional(s, store, conf.Source)
	return s, err
}

// sourceProducer makes the producer of a source task; it doesn't connect yet.
func (r *runner) sourceProducer(props map[string]string) (*kafka.Producer, error) {
	id, w, x := r.spec.ID, r.env.Worker, r.env.ExactlyOnce
	if x == nil {
		return kafka.NewProducer(kafka.ConnectorProducerProps(w.Props, props, id.Connector, id.Task), r.log, r.env.KafkaOptions...)
	}
	settings, replaced := kafka.TransactionalProducerProps(w.Props, props, id.Connector, id.Task, x.transactionalID(id))
	for _, key := range replaced {
		r.log.Warn("a producer setting is not used, exactly-once support needs its own", "setting", key, "used", settings[key])
	}
	return kafka.NewProducer(settings, r.log, r.env.KafkaOptions...)
}

// openStore opens the store of the task's offsets; it is closed when the runner has ended, or is
// given up.
func (r *runner) openStore(props map[string]string) (storage.OffsetStore, error) {
	store, err := openOffsets(r.soft, r.env, r.spec.ID.Connector, r.spec.ID.Task, props)
	if err != nil {
		return nil, err
	}
	if _, own := store.(*ownStore); own {
		shut := sync.OnceValue(func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.hard), storeCloseTime)
			defer cancel()
			return store.Close(ctx)
		})
		r.closers = append(r.closers, shut)
		context.AfterFunc(r.hard, func() { _ = shut() }) // a zombie doesn't come to its closers
	}
	return store, nil
}

func (r *runner) openSink(snk connectors.Sink, conf *settings.Connector, props, taskProps map[string]string,
	conv pipeline.Converters, chain pipeline.Chain, policy *pipeline.Policy,
) (flow, error) {
	id := r.spec.ID
	var (
		queue *deadletters.Queue
		err   error
	)
	if conf.Sink.DeadLetters.Topic != "" {
		if queue, err = r.opener(props).Queue(r.soft, conf.Sink.DeadLetters); err != nil {
			return nil, err
		}
		r.lease.OnShut(queue.Producer.Abort)
		policy.Reporters = append(policy.Reporters, queue)
	}
	// The task before the consumer, which joins its group at once: a constructor may hang or panic.
	t, err := newTask(r, snk.Task)
	if err != nil {
		return nil, err
	}
	opts := r.env.KafkaOptions
	if r.numbers != nil {
		opts = append(slices.Clip(opts), kafka.WithLag(r.numbers.Sink.SetLag))
	}
	consumer, err := kafka.NewConsumer(kafka.ConnectorConsumerProps(r.env.Worker.Props, props, id.Connector, id.Task),
		conf.Sink.GroupID, conf.Sink.Topics, conf.Sink.TopicsRegex, r.log, opts...)
	if err != nil {
		return nil, err
	}
	s := newSink(r, t, taskProps, consumer, pipeline.Sink{Chain: chain, Converters: conv, Policy: policy})
	policy.Pending = &s.pending
	if len(policy.Reporters) > 0 {
		s.reporter, s.pipe.Keep = &deadletters.Reporter{Ctx: r.hard, Policy: policy, Converters: &s.pipe.Converters}, true
	}
	if queue != nil {
		queue.Refused = s.letterRefused
	}
	if d := conf.Sink.DeadLetters; d.Put {
		s.sieve = &deadletters.Sieve{Limit: d.PutFailures, Sink: s}
	}
	return s, nil
}

// opener opens the task's dead letter queue.
func (r *runner) opener(props map[string]string) deadletters.Opener {
	return deadletters.Opener{ID: r.spec.ID, Worker: r.env.Worker.Props, Connector: props, Log: r.log, Options: r.env.KafkaOptions, Numbers: r.errorCounts()}
}

// errorCounts is where errors of the task's records are counted; nil for nowhere.
func (r *runner) errorCounts() *metrics.ErrorCounts {
	if r.numbers == nil {
		return nil
	}
	return &r.numbers.Errors
}

// newTask has the plugin make its task object.
func newTask[T any](r *runner, make func() T) (t T, err error) {
	err = r.lane.Call(host.Create, func() error { t = make(); return nil })
	r.door.Holds(t)
	return t, err
}

// bounded is what transforms, predicates (smt.Bounded) and converters (codecs.Bounded) implement that
// want to know until when they may work.
type bounded interface{ WorkUntil(ctx context.Context) }

// tellDeadline gives the object the context that bounds its work, if it wants it.
func (r *runner) tellDeadline(object any) {
	if b, ok := object.(bounded); ok {
		b.WorkUntil(r.work)
	}
}

// converters makes and configures the three converters.
func (r *runner) converters(conf *settings.Connector) (c pipeline.Converters, err error) {
	if c.Key, err = r.converter(conf.KeyConverter, "key.converter", true); err != nil {
		return c, err
	}
	if c.Value, err = r.converter(conf.ValueConverter, "value.converter", false); err != nil {
		return c, err
	}
	p, err := findCodec(r.env.Registry, plugin.HeaderConverter, "header.converter", conf.HeaderConverter)
	if err != nil {
		return c, err
	}
	c.Header.Class = p.Class
	err = r.lane.Call(host.Configure, func() error {
		c.Header.Conv = p.NewHeader()
		r.tellDeadline(c.Header.Conv)
		return c.Header.Conv.Configure(conf.HeaderConverter.Props)
	})
	if err != nil {
		return c, errs.Config.Wrap(err, "header.converter %s", p.Class)
	}
	return c, nil
}

func (r *runner) converter(conf settings.Converter, key string, isKey bool) (c pipeline.Codec[codecs.Converter], err error) {
	p, err := findCodec(r.env.Registry, plugin.Converter, key, conf)
	if err != nil {
		return c, err
	}
	c.Class = p.Class
	err = r.lane.Call(host.Configure, func() error {
		c.Conv = p.New()
		r.tellDeadline(c.Conv)
		if u, ok := c.Conv.(codecs.EnvUser); ok {
			u.UseEnv(codecs.Env{Context: r.soft, Log: r.log, Note: r.note})
		}
		return c.Conv.Configure(conf.Props, isKey)
	})
	if err != nil {
		return c, errs.Config.Wrap(err, "%s %s", key, p.Class)
	}
	return c, nil
}

func findCodec(reg *plugin.Registry, kind plugin.Kind, key string, conf settings.Converter) (codecs.Plugin, error) {
	found, err := reg.FindVersion(kind, conf.Class, conf.Version)
	if err != nil {
		return codecs.Plugin{}, errs.Config.Wrap(err, "%s %q", key, conf.Class)
	}
	p, ok := found.(codecs.Plugin)
	if !ok {
		return codecs.Plugin{}, errs.Config.New("%s: %s is no converter", key, found.Describe().Class)
	}
	return p, nil
}

// chain makes and configures the transforms; nil if there are none.
func (r *runner) chain(conf *settings.Connector) (pipeline.Chain, error) {
	if len(conf.Transforms) == 0 {
		return nil, nil
	}
	steps := make([]smt.StepConfig, len(conf.Transforms))
	for i, t := range conf.Transforms {
		steps[i] = smt.StepConfig{Alias: t.Alias, Class: t.Class, Version: t.Version, Props: t.Props, Predicate: t.Predicate, Negate: t.Negate}
	}
	predicates := make([]smt.PredicateConfig, len(conf.Predicates))
	for i, p := range conf.Predicates {
		predicates[i] = smt.PredicateConfig{Alias: p.Alias, Class: p.Class, Version: p.Version, Props: p.Props}
	}
	var chain *smt.Chain
	err := r.lane.Call(host.Configure, func() (err error) {
		chain, err = smt.Build(r.env.Registry, steps, predicates, smt.WithLogger(r.log))
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, s := range chain.Steps() {
		r.tellDeadline(s.Transform)
		r.tellDeadline(s.Predicate)
	}
	r.closers = append(r.closers, chain.Close)
	return chain, nil
}
