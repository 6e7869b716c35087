package trace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/config/provider"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// PlanConfig is what a Plan is made of.
type PlanConfig struct {
	// Connector are the connector's settings; Path is where they are from, for messages.
	Connector map[string]string
	Path      string
	// Worker are the properties of the worker whose converters and config providers count where
	// the connector has none; nil for no worker.
	Worker map[string]string
	// As is plugin.Source or plugin.Sink, "" to find it by the connector's class.
	As plugin.Kind
	// Plugins are added to the built-in ones.
	Plugins []plugin.Plugin
}

// Plan is a connector's way for records, ready to run them. Close it.
type Plan struct {
	Kind plugin.Kind
	// Class is the connector's class as written, "" if there is none.
	Class string
	// Notes are for the user: what was guessed or left as it is.
	Notes []string

	conf       settings.Connector
	props      map[string]string // what of the connector's is looked at, resolved
	worker     map[string]string // the worker's, resolved; nil for no worker
	registry   *plugin.Registry
	steps      []step
	converters pipeline.Converters
	has        struct{ key, value bool } // which converters are set at all
}

// step is one transform as a chain of its own, so that what lies between two can be seen.
type step struct {
	chain          *smt.Chain
	conf           settings.Transform
	predicateClass string
}

// Load reads the settings and makes the plan. Errors are errs.Config, with every wrong setting in
// them.
func Load(ctx context.Context, c PlanConfig) (*Plan, error) {
	p := &Plan{Class: strings.TrimSpace(c.Connector["connector.class"])}
	var err error
	if p.registry, err = builtin.Registry(append(probes(), c.Plugins...)...); err != nil {
		return nil, err
	}
	p.find(c)
	worker, providers, err := loadWorker(ctx, p.registry, c.Worker)
	if err != nil {
		return nil, err
	}
	defer providers.Close(ctx) //nolint:errcheck // what they know has been read
	p.worker = worker.Props
	if p.props, err = providers.Resolve(ctx, p.relevant(c.Connector)); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	p.noteReferences(providers)
	if err := p.check(ctx, c.Path, worker); err != nil {
		return nil, err
	}
	if p.conf, err = settings.ParseConnector(worker, p.Kind, p.props); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	if err := p.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Path, err), p.Close())
	}
	return p, nil
}

// Close closes the transforms.
func (p *Plan) Close() error {
	var all []error
	for i := range p.steps {
		all = append(all, p.steps[i].chain.Close())
	}
	p.steps = nil
	return errors.Join(all...)
}

// Steps are the aliases of the transforms, in order.
func (p *Plan) Steps() []string {
	out := make([]string, len(p.steps))
	for i := range p.steps {
		out[i] = p.steps[i].conf.Alias
	}
	return out
}

// find settles whether the connector is a source or a sink.
func (p *Plan) find(c PlanConfig) {
	if c.As != "" {
		p.Kind = c.As
		return
	}
	if p.Class != "" {
		if found, err := p.registry.FindConnector(p.Class); err == nil {
			p.Kind = found.Kind()
			return
		}
	}
	p.Kind = plugin.Source
	_, topics := c.Connector["topics"]
	_, pattern := c.Connector["topics.regex"]
	simple := p.Class[strings.LastIndexByte(p.Class, '.')+1:]
	if topics || pattern || strings.Contains(simple, "Sink") {
		p.Kind = plugin.Sink
	}
	switch {
	case p.Class != "":
		p.Notes = append(p.Notes, fmt.Sprintf("connector.class %s is not built in; taken as a %s (--as says otherwise)", p.Class, p.Kind))
	default:
		p.Notes = append(p.Notes, fmt.Sprintf("no connector.class; taken as a %s (--as says otherwise)", p.Kind))
	}
}

// The classes that stand in for the connector when settings are checked: its own settings have
// no say in what happens to records, and it may be a class that only the JVM has.
const (
	probeSource = "troupe.transform.ProbeSource"
	probeSink   = "troupe.transform.ProbeSink"
)

func probes() []plugin.Plugin {
	return []plugin.Plugin{
		connectors.Source{
			Descriptor: plugin.Descriptor{Class: probeSource, Version: builtin.KafkaVersion},
			Connector:  func() connectors.SourceConnector { return nil },
			Task:       func() connectors.SourceTask { return nil },
		},
		connectors.Sink{
			Descriptor: plugin.Descriptor{Class: probeSink, Version: builtin.KafkaVersion},
			Connector:  func() connectors.SinkConnector { return nil },
			Task:       func() connectors.SinkTask { return nil },
		},
	}
}

// relevant are the settings that records meet, and what else a connector must have. Those that only
// the connector itself uses are left out, so that its passwords need not be there.
func (p *Plan) relevant(given map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range given {
		for _, prefix := range []string{"transforms", "predicates", "key.converter", "value.converter", "header.converter", "errors.", "consumer.override."} {
			if k == prefix || strings.HasPrefix(k, strings.TrimSuffix(prefix, ".")+".") {
				if p.Kind == plugin.Sink || !strings.HasPrefix(k, "errors.deadletterqueue.") && prefix != "consumer.override." {
					out[k] = v
				}
			}
		}
	}
	out["name"], out["connector.class"] = "transform", probeSource
	if name := strings.TrimSpace(given["name"]); name != "" {
		out["name"] = name
	}
	if p.Kind == plugin.Sink {
		out["connector.class"], out["topics"] = probeSink, DefaultTopic
		for _, k := range []string{"topics", "topics.regex"} {
			if v := strings.TrimSpace(given[k]); v != "" {
				delete(out, "topics")
				out[k] = v
				break
			}
		}
	}
	return out
}

// DefaultTopic is the topic of records when nothing says another.
const DefaultTopic = "sample"

// Topic is the topic of records that don't say one, by the connector's settings.
func (p *Plan) Topic(given map[string]string) string {
	if p.Kind == plugin.Sink {
		if s := p.conf.Sink; s != nil && len(s.Topics) > 0 {
			return s.Topics[0]
		}
		return DefaultTopic
	}
	if topic := strings.TrimSpace(given["topic"]); topic != "" {
		return topic
	}
	return DefaultTopic
}

// loadWorker parses the properties of a worker of either kind; without any it is one that has no
// converters.
func loadWorker(ctx context.Context, registry *plugin.Registry, props map[string]string) (*settings.Worker, *provider.Set, error) {
	providers, err := provider.New(ctx, registry, props, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("worker configuration: %w", err)
	}
	if props == nil {
		return &settings.Worker{Mode: settings.Standalone}, providers, nil
	}
	mode := settings.Standalone
	for _, key := range []string{"group.id", "config.storage.topic"} {
		if _, ok := props[key]; ok {
			mode = settings.Distributed
		}
	}
	w, _, err := settings.LoadWorker(ctx, mode, props, providers.ResolveWorker)
	if err == nil {
		err = w.CheckPlugins(registry)
	}
	if err != nil {
		return nil, nil, errors.Join(err, providers.Close(ctx))
	}
	return &w, providers, nil
}

// reference is ${provider:path:key}, as in a setting.
var reference = regexp.MustCompile(`\$\{([^}:]*):[^}]*\}`)

func (p *Plan) noteReferences(providers *provider.Set) {
	for _, key := range slices.Sorted(maps.Keys(p.props)) {
		for _, m := range reference.FindAllStringSubmatch(p.props[key], -1) {
			if !slices.Contains(providers.Names(), m[1]) {
				p.Notes = append(p.Notes, fmt.Sprintf("%s refers to the config provider %q, which is not known here, and is taken as it is written (--worker-config names the worker's file)", key, m[1]))
			}
		}
	}
}

// check validates the settings as a worker does when a connector is made.
func (p *Plan) check(ctx context.Context, path string, worker *settings.Worker) error {
	nullable := make(map[string]*string, len(p.props))
	for k, v := range p.props {
		nullable[k] = &v
	}
	infos, err := settings.Validate(ctx, settings.Deps{Registry: p.registry, Worker: worker}, nullable)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return refusal(path, infos, p.registry)
}

// refusal is the error with everything that is wrong, in the JVM's words; nil if nothing is.
func refusal(path string, infos config.Infos, registry *plugin.Registry) error {
	var lines []string
	for _, c := range infos.Configs {
		for _, text := range c.Value.Errors {
			if !strings.Contains(text, c.Value.Name) {
				text = c.Value.Name + ": " + text
			}
			lines = append(lines, strings.ReplaceAll(text, "\n", "\n    ")+hint(text, registry))
		}
	}
	switch len(lines) {
	case 0:
		return nil
	case 1:
		return errs.Config.New("%s: %s", path, lines[0])
	}
	return errs.Config.New("%s has %d errors:\n  %s", path, len(lines), strings.Join(lines, "\n  "))
}

// unknownClass is how the JVM says that a class isn't there.
var unknownClass = regexp.MustCompile(`Class (\S+) could not be found\.( |$)`)

// hint proposes the full name of a class for one that could not be found: of nested classes Java
// knows no short name.
func hint(text string, registry *plugin.Registry) string {
	m := unknownClass.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	for _, p := range registry.All() {
		if strings.EqualFold(simple(p.Desc.Class), simple(m[1])) && p.Desc.Class != m[1] {
			return " Did you mean " + p.Desc.Class + "?"
		}
	}
	return ""
}

func (p *Plan) build() error {
	predicates := make([]smt.PredicateConfig, len(p.conf.Predicates))
	for i, pc := range p.conf.Predicates {
		predicates[i] = smt.PredicateConfig{Alias: pc.Alias, Class: pc.Class, Version: pc.Version, Props: pc.Props}
	}
	for _, t := range p.conf.Transforms {
		chain, err := smt.Build(p.registry, []smt.StepConfig{{
			Alias: t.Alias, Class: t.Class, Version: t.Version, Props: t.Props, Predicate: t.Predicate, Negate: t.Negate,
		}}, predicates)
		if err != nil {
			return err
		}
		s := step{chain: chain, conf: t}
		if t.Predicate != "" {
			s.predicateClass = p.predicateClass(t.Predicate)
		}
		p.steps = append(p.steps, s)
	}
	return p.buildConverters()
}

// predicateClass is the full class of a predicate that is known to exist.
func (p *Plan) predicateClass(alias string) string {
	for _, pc := range p.conf.Predicates {
		if pc.Alias == alias {
			if class, ok := p.registry.Class(pc.Class); ok {
				return class
			}
			return pc.Class
		}
	}
	return ""
}

func (p *Plan) buildConverters() (err error) {
	if p.converters.Key, p.has.key, err = p.converter(p.conf.KeyConverter, "key.converter", true); err != nil {
		return err
	}
	if p.converters.Value, p.has.value, err = p.converter(p.conf.ValueConverter, "value.converter", false); err != nil {
		return err
	}
	header := p.conf.HeaderConverter
	if header.Class == "" {
		header.Class = "org.apache.kafka.connect.storage.SimpleHeaderConverter" // a worker's default
	}
	found, err := p.codec(plugin.HeaderConverter, "header.converter", header)
	if err != nil {
		return err
	}
	p.converters.Header.Class, p.converters.Header.Conv = found.Class, found.NewHeader()
	if err := p.converters.Header.Conv.Configure(header.Props); err != nil {
		return errs.Config.Wrap(err, "header.converter %s", found.Class)
	}
	return nil
}

// converter makes one; where none is set it is one that makes nothing, and ok is false.
func (p *Plan) converter(conf settings.Converter, key string, isKey bool) (c pipeline.Codec[codecs.Converter], ok bool, err error) {
	if conf.Class == "" {
		c.Conv = none{}
		return c, false, nil
	}
	found, err := p.codec(plugin.Converter, key, conf)
	if err != nil {
		return c, false, err
	}
	c.Class, c.Conv = found.Class, found.New()
	if err := c.Conv.Configure(conf.Props, isKey); err != nil {
		return c, false, errs.Config.Wrap(err, "%s %s", key, found.Class)
	}
	return c, true, nil
}

func (p *Plan) codec(kind plugin.Kind, key string, conf settings.Converter) (codecs.Plugin, error) {
	found, err := p.registry.FindVersion(kind, conf.Class, conf.Version)
	if err != nil {
		return codecs.Plugin{}, errs.Config.Wrap(err, "%s %q", key, conf.Class)
	}
	c, ok := found.(codecs.Plugin)
	if !ok {
		return codecs.Plugin{}, errs.Config.New("%s: %s is no converter", key, found.Describe().Class)
	}
	return c, nil
}

// NeedConverters reports whether bytes can be read: the error says which converter isn't set.
func (p *Plan) NeedConverters(keyToo bool) error {
	var missing []string
	if keyToo && !p.has.key {
		missing = append(missing, "key.converter")
	}
	if !p.has.value {
		missing = append(missing, "value.converter")
	}
	if len(missing) == 0 {
		return nil
	}
	return errs.Config.New("%s not set: the bytes of records can't be read; give the worker's file with --worker-config, or --set %s=<class>",
		strings.Join(missing, " and "), missing[0])
}

// ReadConnector reads a connector's settings from a file, "-" for in, in any form that a standalone
// worker takes. Unlike there the name may be missing.
func ReadConnector(path string, in func() ([]byte, error)) (map[string]string, error) {
	read := func() ([]byte, error) { return os.ReadFile(path) }
	if path == "-" {
		read = in
	}
	content, err := read()
	if err != nil {
		return nil, errs.Config.Wrap(err, "connector file %s", path)
	}
	f, err := settings.ParseConnectorFile(path, named(content))
	if err != nil {
		return nil, err
	}
	return f.Config, nil
}

// DeadLetterTopic is the topic to which a sink's failed records go, "" for none.
func (p *Plan) DeadLetterTopic() string {
	if p.conf.Sink == nil {
		return ""
	}
	return p.conf.Sink.DeadLetters.Topic
}

// Retries reports whether failed operations are tried again. Run doesn't.
func (p *Plan) Retries() bool { return p.conf.Errors.RetryTimeout != 0 }

// Consumer are the properties of the consumer that a task of the connector would have; there are none
// without a worker.
func (p *Plan) Consumer() kafka.Props {
	if p.worker == nil {
		return kafka.Props{}
	}
	return kafka.ConnectorConsumerProps(p.worker, p.props, p.conf.Name, 0)
}
