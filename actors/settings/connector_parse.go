package settings

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

func parseConnector(w *Worker, kind plugin.Kind, props map[string]string) (Connector, error) {
	def := SourceConnectorDef()
	if kind == plugin.Sink {
		def = SinkConnectorDef()
	}
	v, err := def.Parse(props)
	if err != nil {
		return Connector{}, err
	}
	c := Connector{
		Name:              v.String(keyName),
		Class:             v.String(keyClass),
		Version:           v.String(keyVersion),
		Kind:              kind,
		TasksMax:          v.Int(keyTasksMax),
		EnforceMax:        v.Bool("tasks.max.enforce"),
		Reload:            v.String("config.action.reload") == "restart",
		KeyConverter:      connectorConverter(w, v, props, "key.converter"),
		ValueConverter:    connectorConverter(w, v, props, "value.converter"),
		HeaderConverter:   connectorConverter(w, v, props, "header.converter"),
		ProducerOverrides: withPrefix(props, "producer.override."),
		ConsumerOverrides: withPrefix(props, "consumer.override."),
		AdminOverrides:    withPrefix(props, "admin.override."),
		Errors: Errors{
			TolerateAll:   v.String(keyTolerance) == "all",
			RetryTimeout:  v.Millis("errors.retry.timeout"),
			RetryDelayMax: v.Millis("errors.retry.delay.max.ms"),
			Log:           v.Bool("errors.log.enable"),
			LogMessages:   v.Bool("errors.log.include.messages"),
		},
		Props:  props,
		Values: v,
	}
	if c.Supervisor, err = ParseSupervisor(w, props); err != nil {
		return Connector{}, err
	}
	if err := c.links(props); err != nil {
		return Connector{}, err
	}
	if kind == plugin.Sink {
		err = c.sink(props)
	} else {
		err = c.source(w, def, props)
	}
	if err != nil {
		return Connector{}, err
	}
	return c, nil
}

// connectorConverter is the connector's converter if it names one, with its own settings only,
// else the worker's with the worker's.
func connectorConverter(w *Worker, v config.Values, props map[string]string, key string) Converter {
	if v.IsNull(key) {
		return w.converterOf(key)
	}
	return Converter{
		Class:   v.String(key),
		Version: v.String(key + "." + pluginVersion),
		Props:   converterProps(props, key),
	}
}

// links reads transforms and predicates.
func (c *Connector) links(props map[string]string) error {
	for _, alias := range c.Values.List(keyPredicates) {
		p := Predicate{Alias: alias}
		var err error
		if p.Class, p.Version, p.Props, err = link(keyPredicates, alias, props); err != nil {
			return err
		}
		c.Predicates = append(c.Predicates, p)
	}
	for _, alias := range c.Values.List(keyTransforms) {
		t, err := c.transform(alias, props)
		if err != nil {
			return err
		}
		c.Transforms = append(c.Transforms, t)
	}
	return nil
}

func (c *Connector) transform(alias string, props map[string]string) (t Transform, err error) {
	prefix := keyTransforms + "." + alias + "."
	t.Alias = alias
	if t.Class, t.Version, t.Props, err = link(keyTransforms, alias, props); err != nil {
		return t, err
	}
	predicate, named := t.Props["predicate"]
	negate, negated := t.Props["negate"]
	delete(t.Props, "predicate")
	delete(t.Props, "negate")
	if negated {
		if !named {
			return t, negateAlone(prefix)
		}
		value, err := config.ParseType(prefix+"negate", negate, config.Boolean)
		if err != nil {
			return t, err
		}
		t.Negate = value.(bool)
	}
	t.Predicate = strings.TrimSpace(predicate)
	if named && t.Predicate == "" {
		return t, config.Invalid(prefix+"predicate", predicate, "it must name a predicate")
	}
	return t, nil // that the predicate exists is checked when a task builds its chain, as on the JVM
}

func negateAlone(prefix string) error {
	return errs.Config.New("Config '%snegate' was provided but there is no config '%spredicate' defining a predicate to be negated.",
		prefix, prefix)
}

// link reads what transforms and predicates have in common. what is the key that lists them.
func link(what, alias string, props map[string]string) (class, version string, own map[string]string, err error) {
	prefix := what + "." + alias + "."
	own = withPrefix(props, prefix)
	class = strings.TrimSpace(own["type"])
	if class == "" {
		return "", "", nil, errs.Config.New("Missing required configuration %q which has no default value.", prefix+"type")
	}
	version = strings.TrimSpace(own[pluginVersion])
	delete(own, "type")
	delete(own, pluginVersion)
	return class, version, own, nil
}

// sink reads what only sinks have.
func (c *Connector) sink(props map[string]string) error {
	v := c.Values
	for _, p := range sinkProblems(props) {
		return config.Invalid(p.key, props[p.key], p.text)
	}
	letters, err := sinkDeadLetters(v, props)
	if err != nil {
		return err
	}
	s := &SinkSettings{
		GroupID:     "connect-" + c.Name,
		DeadLetters: letters,
	}
	if group := c.ConsumerOverrides["group.id"]; group != "" {
		s.GroupID = group
	}
	if strings.TrimSpace(props[keyTopics]) != "" {
		s.Topics = topicsList(props[keyTopics])
	} else {
		s.TopicsRegex = v.String(keyTopicsRegex)
	}
	c.Sink = s
	return nil
}

// source reads what only sources have.
func (c *Connector) source(w *Worker, def *config.Def, props map[string]string) error {
	v := c.Values
	s := &SourceSettings{
		ExactlyOnceRequired: strings.EqualFold(v.String(keyExactlyOnce), "required"),
		Boundary:            TransactionBoundary(strings.ToLower(v.String(keyBoundary))),
		BoundaryInterval:    w.OffsetFlushInterval,
	}
	if !v.IsNull("transaction.boundary.interval.ms") {
		s.BoundaryInterval = v.Millis("transaction.boundary.interval.ms")
	}
	own, err := SourceOwnDef().Parse(props)
	if err != nil {
		return err
	}
	s.BoundaryJoin = own.Millis(keyJoin)
	if w.Mode == Distributed {
		s.OffsetsTopic = v.String(keyOffsetsTopic)
	}
	if w.TopicCreation && usesTopicCreation(props) {
		groups, err := topicGroups(def, v.List(keyTopicGroups), props)
		if err != nil {
			return err
		}
		s.TopicGroups = groups
	}
	if s.DeadLetters, err = sourceDeadLetters(props); err != nil {
		return err
	}
	c.Source = s
	return nil
}

// topicGroups reads topic.creation.*: the groups listed, then the default.
func topicGroups(def *config.Def, listed []string, props map[string]string) ([]TopicGroup, error) {
	names := slices.DeleteFunc(slices.Clone(listed), func(g string) bool { return g == defaultGroup })
	first, err := withTopicGroups(def, nil, -1, -1)
	if err != nil {
		return nil, err
	}
	v, err := first.Parse(props)
	if err != nil {
		return nil, err
	}
	fallback := TopicGroup{
		Name:              defaultGroup,
		Partitions:        v.Int(topicCreation + "default.partitions"),
		ReplicationFactor: v.Int(topicCreation + "default.replication.factor"),
		Config:            topicConfig(props, defaultGroup),
	}
	if err := checkPatterns(names, props); err != nil {
		return nil, err
	}
	all, err := withTopicGroups(def, names, fallback.Partitions, fallback.ReplicationFactor)
	if err != nil {
		return nil, err
	}
	if v, err = all.Parse(props); err != nil {
		return nil, err
	}
	groups := make([]TopicGroup, 0, len(names)+1)
	for _, name := range names {
		p := topicCreation + name + "."
		groups = append(groups, TopicGroup{
			Name:              name,
			Include:           v.List(p + "include"),
			Exclude:           v.List(p + "exclude"),
			Partitions:        v.Int(p + "partitions"),
			ReplicationFactor: v.Int(p + "replication.factor"),
			Config:            topicConfig(props, name),
		})
	}
	return append(groups, fallback), nil
}

// checkPatterns checks the patterns of groups under the names of their keys; the validator, which is
// as Java's, would say include or exclude only.
func checkPatterns(groups []string, props map[string]string) error {
	for _, group := range groups {
		for _, what := range []string{"include", "exclude"} {
			key := topicCreation + group + "." + what
			list, err := config.ParseType(key, props[key], config.List)
			if err == nil {
				err = patterns{}.Validate(key, list)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// topicConfig are the settings of a group that go to the topics themselves.
func topicConfig(props map[string]string, group string) map[string]string {
	own := withPrefix(props, topicCreation+group+".")
	for _, k := range []string{"include", "exclude", "partitions", "replication.factor"} {
		delete(own, k)
	}
	return own
}

// topicsList parses topics: without blanks and doubles.
func topicsList(text string) []string {
	var topics []string
	for t := range strings.SplitSeq(text, ",") {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(topics, t) {
			topics = append(topics, t)
		}
	}
	return topics
}
