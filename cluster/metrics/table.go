package metrics

import (
	"slices"
	"strings"
)

// Kind says how an attribute's value behaves.
type Kind int

// The kinds of attributes.
const (
	Gauge   Kind = iota
	Counter      // only grows while what it belongs to lives
	Text         // a name, such as a state or a class
)

// Label is one key of what a number belongs to, such as connector=orders.
type Label struct{ Key, Value string }

// Attribute is one number or text of a group, by Kafka's name.
type Attribute struct {
	Name string // as in JMX, such as source-record-poll-total
	Kind Kind
	Help string
	num  func(of any, now int64) float64
	text func(of any) string
}

// Group is a group of Kafka's metrics, an MBean type: attributes and who has them.
type Group struct {
	Domain     string // JMX domain: kafka.connect, kafka.producer, kafka.consumer
	Name       string // MBean type: source-task-metrics
	Attributes []Attribute
	// MBeanOnly: it says what another group says, by the names of an MBean that is no metric of Kafka's.
	MBeanOnly bool
	of        func(s *Snapshot) []Member
}

// Member is one bearer of a group's attributes: an MBean.
type Member struct {
	Labels []Label // in the order of the MBean's name
	of     any
}

// Number is the value of a, which must not be a Text, at now (ms).
func (m Member) Number(a *Attribute, now int64) float64 { return a.num(m.of, now) }

// Text is the value of a Text.
func (m Member) Text(a *Attribute) string { return a.text(m.of) }

// Members are who has the group's attributes.
func (g *Group) Members(s *Snapshot) []Member { return g.of(s) }

// ReporterName is an attribute's name as Kafka's metrics reporters and the JMX exporter's default
// rules make it: family A. A text is the label of a number that ends in _info.
func (g *Group) ReporterName(a *Attribute) string {
	name := underscored(g.Domain) + "_" + underscored(g.Name) + "_" + underscored(a.Name)
	if a.Kind == Text {
		return name + "_info"
	}
	return name
}

// RuleName is an attribute's name by the rule file for the JMX exporter that most dashboards are
// made for: family B. It leaves out what the domain says already before a group's name, and
// "-metrics" behind it.
func (g *Group) RuleName(a *Attribute) string {
	own := strings.TrimPrefix(g.Domain, "kafka.")
	name := strings.TrimSuffix(strings.TrimPrefix(g.Name, own+"-"), "metrics")
	if name != "" {
		name = strings.TrimSuffix(name, "-") + "-"
	}
	return underscored(g.Domain) + "_" + underscored(name+a.Name)
}

func underscored(s string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(s) }

// Snapshot is who is there at one moment. Numbers are read from it later, one by one.
type Snapshot struct {
	worker     *Worker
	connectors []*Connector
	tasks      []*Task
	clients    []*Client
	partitions int
}

// limited is what of lag may be shown partition by partition.
func (s *Snapshot) limited(lag []PartitionLag) []PartitionLag {
	return lag[:min(len(lag), s.partitions)]
}

// Snapshot is who is on the worker now.
func (r *Registry) Snapshot() *Snapshot {
	return &Snapshot{worker: r.Worker, connectors: r.Connectors(), tasks: r.Tasks(), clients: r.Clients(), partitions: r.partitions}
}

// Groups are all groups of Kafka Connect's metrics, and of its clients' those that are kept.
func Groups() []*Group { return all }

var groups = []*Group{
	{Domain: connect, Name: "connect-worker-metrics", Attributes: workerAttributes(), of: oneWorker},
	{Domain: connect, Name: "connect-worker-metrics", Attributes: taskCountAttributes(), of: perConnector},
	{Domain: connect, Name: "connect-worker-rebalance-metrics", Attributes: rebalanceAttributes(), of: oneWorker},
	{Domain: connect, Name: coordinatorGroup, Attributes: membershipAttributes(), of: theMembership},
	{Domain: connect, Name: "app-info", Attributes: aboutAttributes("version", "commit-id", "start-time-ms"), of: everyAppInfo},
	{Domain: connect, Name: "app-info", Attributes: aboutAttributes("Version", "CommitId", "StartTimeMs"), of: everyAppID, MBeanOnly: true},
	{Domain: connect, Name: "connector-metrics", Attributes: connectorAttributes(), of: everyConnector},
	{Domain: connect, Name: "connector-task-metrics", Attributes: taskAttributes(), of: everyTask},
	{Domain: connect, Name: "connector-transform-metrics", Attributes: pluginAttributes("transform"), of: everyTransform},
	{Domain: connect, Name: "connector-predicate-metrics", Attributes: pluginAttributes("predicate"), of: everyPredicate},
	{Domain: connect, Name: "source-task-metrics", Attributes: sourceAttributes(), of: everySource},
	{Domain: connect, Name: "sink-task-metrics", Attributes: sinkAttributes(), of: everySink},
	{Domain: connect, Name: "task-error-metrics", Attributes: errorAttributes(), of: everyErrors},
	{Domain: "kafka.producer", Name: "producer-metrics", Attributes: producerAttributes(), of: everyProducer},
	{Domain: "kafka.consumer", Name: "consumer-metrics", Attributes: networkAttributes(), of: everyConsumer},
	{Domain: "kafka.consumer", Name: "consumer-fetch-manager-metrics", Attributes: fetchAttributes(), of: everyConsumer},
	{Domain: "kafka.consumer", Name: "consumer-fetch-manager-metrics", Attributes: partitionAttributes(), of: everyPartition},
	{Domain: "kafka.consumer", Name: "consumer-coordinator-metrics", Attributes: coordinatorAttributes(), of: everyConsumer},
}

const (
	connect          = "kafka.connect"
	coordinatorGroup = "connect-coordinator-metrics"
)

// all is the groups with what counts them.
var all = append(slices.Clip(groups),
	&Group{Domain: connect, Name: "kafka-metrics-count", Attributes: countAttributes(), of: everyCount})

func oneWorker(s *Snapshot) []Member { return []Member{{of: s}} }

func perConnector(s *Snapshot) []Member {
	counts := countTasks(s.tasks)
	all := make([]Member, len(counts))
	for i, c := range counts {
		all[i] = Member{Labels: []Label{{"connector", c.connector}}, of: c}
	}
	return all
}

func everyConnector(s *Snapshot) []Member {
	all := make([]Member, len(s.connectors))
	for i, c := range s.connectors {
		all[i] = Member{Labels: []Label{{"connector", c.Name}}, of: c}
	}
	return all
}

func everyTask(s *Snapshot) []Member {
	return tasksWith(s, func(t *Task) any { return t })
}

func everySource(s *Snapshot) []Member {
	return tasksWith(s, func(t *Task) any {
		if t.Source == nil {
			return nil
		}
		return t.Source
	})
}

func everySink(s *Snapshot) []Member {
	return tasksWith(s, func(t *Task) any {
		if t.Sink == nil {
			return nil
		}
		return t.Sink
	})
}

func everyErrors(s *Snapshot) []Member {
	return tasksWith(s, func(t *Task) any { return &t.Errors })
}

func tasksWith(s *Snapshot, part func(*Task) any) []Member {
	all := make([]Member, 0, len(s.tasks))
	for _, t := range s.tasks {
		if of := part(t); of != nil {
			all = append(all, Member{Labels: t.labels(), of: of})
		}
	}
	return all
}

func everyTransform(s *Snapshot) []Member {
	return everyPlugin(s, "transform", func(t *Task) []PluginInfo { return t.Info().Transforms })
}

func everyPredicate(s *Snapshot) []Member {
	return everyPlugin(s, "predicate", func(t *Task) []PluginInfo { return t.Info().Predicates })
}

func everyPlugin(s *Snapshot, key string, of func(*Task) []PluginInfo) []Member {
	var all []Member
	for _, t := range s.tasks {
		for _, p := range of(t) {
			all = append(all, Member{Labels: append(t.labels(), Label{key, p.Alias}), of: p})
		}
	}
	return all
}

func everyProducer(s *Snapshot) []Member { return clientsOf(s, ProducerClient) }

func everyConsumer(s *Snapshot) []Member { return clientsOf(s, ConsumerClient) }

func clientsOf(s *Snapshot, k ClientKind) []Member {
	var all []Member
	for _, c := range s.clients {
		if c.Kind == k {
			all = append(all, Member{Labels: []Label{{"client-id", c.ID}}, of: c})
		}
	}
	return all
}
