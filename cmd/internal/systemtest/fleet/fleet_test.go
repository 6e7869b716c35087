//go:build integration

package fleet_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

var (
	workerFlag = flag.String("worker", "troupe", "kind of the workers, where a test is not about both: troupe or jvm")
	reportFlag = flag.String("report", "", "file to which lines with the times measured are added")
	delayFlag  = flag.Duration("delay", 2*time.Second, "scheduled.rebalance.max.delay.ms")
	slowFlag   = flag.Bool("defaults", false, "session and heartbeat times as they are by default, not short")
	fleetFlag  = flag.Int("fleet", 100, "how many connectors TestManyConnectors makes")
	javaFlag   = flag.String("java", "", "more options of java, such as -Xmx4g")
	roundsFlag = flag.Int("rounds", 0, "how often TestBounce ends each worker; by default 3 times in order, as in Kafka's test, and once by kill -9")
)

// settleLimit is how long a change of the group may take on a busy machine, far beyond what it does.
func settleLimit() time.Duration { return 2*time.Minute + 2**delayFlag }

const tools = "org.apache.kafka.connect.tools."

func kind(t *testing.T) service.Kind {
	t.Helper()
	k := service.Kind(*workerFlag)
	if k != service.JVMWorker && k != service.TroupeWorker {
		t.Fatalf("-worker is %q, it must be troupe or jvm", k)
	}
	return k
}

// buildDir holds the troupe binary that all tests use.
var buildDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "fleet") })

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if dir, err := buildDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func troupe(t *testing.T) string {
	t.Helper()
	dir, err := buildDir()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "troupe")
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	built := service.Build(t)
	if err := os.Rename(built, bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// fleet is a cluster with connectors that number their records.
type fleet struct {
	*service.Cluster
	t     *testing.T
	kafka *service.Kafka
	want  map[string]int // connectors with the number of their tasks
	feeds []feed
	rate  int // records per second of each source task
}

// feed is a topic into which one connector writes and from which others read.
type feed struct {
	topic, source string
	tasks         int
	sinks         []string
}

// newFleet starts a broker and prepares a cluster without workers.
func newFleet(t *testing.T, config ...string) *fleet {
	t.Helper()
	k := service.StartKafka(t)
	c := service.ClusterConfig{Kafka: k, Group: "fleet", Config: slices.Concat(timing(), config)}
	if !*slowFlag {
		c.Java = "-XX:TieredStopAtLevel=1 -Xshare:auto"
	}
	c.Java += " " + *javaFlag
	return &fleet{Cluster: service.NewCluster(t, c), t: t, kafka: k, want: map[string]int{}, rate: 20}
}

func timing() []string {
	lines := []string{
		"scheduled.rebalance.max.delay.ms=" + strconv.FormatInt(delayFlag.Milliseconds(), 10),
		"offset.flush.interval.ms=1000",
	}
	if *slowFlag {
		return lines
	}
	return append(lines,
		"session.timeout.ms=6000", "heartbeat.interval.ms=500",
		"consumer.session.timeout.ms=6000", "consumer.heartbeat.interval.ms=500")
}

// start starts workers of the kind one after the other.
func (f *fleet) start(k service.Kind, count int) {
	f.t.Helper()
	for range count {
		f.add(k).Start(f.t)
	}
}

// add prepares one more worker.
func (f *fleet) add(k service.Kind) *service.Node {
	f.t.Helper()
	if k == service.TroupeWorker && f.Binary == "" {
		f.Binary = troupe(f.t)
	}
	return f.Add(f.t, k)
}

// settle waits until all is at rest and everything wanted runs.
func (f *fleet) settle() service.Roster {
	f.t.Helper()
	return f.Settle(f.t, settleLimit(), f.want)
}

// create makes a connector through the worker.
func (f *fleet) create(n *service.Node, name string, tasks int, config map[string]string) {
	f.t.Helper()
	config = maps.Clone(config)
	config["tasks.max"] = strconv.Itoa(tasks)
	n.Ask(f.t, "PUT", "/connectors/"+name+"/config", config)
	f.want[name] = tasks
}

// topic creates a topic.
func (f *fleet) topic(name string, partitions int) {
	f.t.Helper()
	if _, err := f.Admin.CreateTopic(f.t.Context(), kafka.NewTopic{Name: name, Partitions: partitions, ReplicationFactor: 1}); err != nil {
		f.t.Fatal(err)
	}
}

// feed creates a topic, a source of numbers for it and sinks, through one worker after the other.
func (f *fleet) feed(topic string, tasks, sinks int) {
	f.t.Helper()
	f.topic(topic, tasks)
	d := feed{topic: topic, source: topic + "-source", tasks: tasks}
	f.create(f.next(), d.source, tasks, map[string]string{
		"connector.class": tools + "VerifiableSourceConnector", "topic": topic, "throughput": strconv.Itoa(f.rate),
	})
	for i := range sinks {
		name := fmt.Sprintf("%s-sink-%d", topic, i)
		f.create(f.next(), name, tasks, map[string]string{
			"connector.class": tools + "VerifiableSinkConnector", "topics": topic,
		})
		d.sinks = append(d.sinks, name)
	}
	f.feeds = append(f.feeds, d)
}

// next is another running worker at each call, so that leader and followers are asked in turn.
func (f *fleet) next() *service.Node {
	f.t.Helper()
	f.Any(f.t)
	running := f.Running()
	return running[len(f.want)%len(running)]
}

// leader and follower are running workers by their part in the group.
func (f *fleet) leader(r service.Roster) *service.Node {
	f.t.Helper()
	n := f.Node(r.Leader)
	if n == nil {
		f.t.Fatalf("the leader %q is none of the workers", r.Leader)
	}
	return n
}

func (f *fleet) follower(r service.Roster) *service.Node {
	f.t.Helper()
	for _, n := range f.Running() {
		if n.ID != r.Leader {
			return n
		}
	}
	f.t.Fatal("there is no follower")
	return nil
}

// drain stops the sources in order and waits until the sinks have committed all that is in the topics.
func (f *fleet) drain() {
	f.t.Helper()
	n := f.Any(f.t)
	for _, d := range f.feeds {
		n.Ask(f.t, "PUT", "/connectors/"+d.source+"/stop", nil)
	}
	for _, d := range f.feeds {
		service.Until(f.t, settleLimit(), d.source+" stopped", func() error {
			return stopped(f.t, n, d.source)
		})
	}
	for _, d := range f.feeds {
		for _, sink := range d.sinks {
			service.Until(f.t, settleLimit(), sink+" has committed all", func() error { return f.lag(sink, d.topic) })
		}
	}
}

func stopped(t *testing.T, n *service.Node, name string) error {
	var s service.Status
	if err := n.Get(t.Context(), "/connectors/"+name+"/status", &s); err != nil {
		return err
	}
	if s.Connector.State != "STOPPED" || len(s.Tasks) > 0 {
		return fmt.Errorf("%+v", s)
	}
	return nil
}

// lag is an error while the sink has not committed all that is in the topic.
func (f *fleet) lag(sink, topic string) error {
	ends, err := f.Admin.EndOffsets(f.t.Context(), topic)
	if err != nil {
		return err
	}
	done, err := f.Admin.ListGroupOffsets(f.t.Context(), "connect-"+sink)
	if err != nil {
		return err
	}
	var faults []error
	for tp, end := range ends {
		if done[tp] < end {
			faults = append(faults, fmt.Errorf("%v: %d of %d", tp, done[tp], end))
		}
	}
	return errors.Join(faults...)
}

// sameAnswers waits until all running workers give the same answers to the same questions.
func (f *fleet) sameAnswers() {
	f.t.Helper()
	paths := []string{"/connectors?expand=info&expand=status"}
	for name := range f.want {
		paths = append(paths, "/connectors/"+name, "/connectors/"+name+"/tasks", "/connectors/"+name+"/config", "/connectors/"+name+"/topics")
	}
	slices.Sort(paths)
	service.Until(f.t, settleLimit(), "the same answers of all workers", func() error {
		for _, path := range paths {
			if err := f.sameAnswer(path); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fleet) sameAnswer(path string) error {
	var first any
	for i, n := range f.Running() {
		var got any
		if err := n.Get(f.t.Context(), path, &got); err != nil {
			return fmt.Errorf("%s: %w", n.ID, err)
		}
		got = ordered(got)
		if i == 0 {
			first = got
		} else if diff := differ(first, got); diff != "" {
			return fmt.Errorf("GET %s: %s and %s differ: %s", path, f.Running()[0].ID, n.ID, diff)
		}
	}
	return nil
}

// ordered sorts lists whose order means nothing: of texts, such as topics, and of tasks.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = ordered(v[k])
		}
	case []any:
		for i := range v {
			v[i] = ordered(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

func differ(a, b any) string {
	one, other := fmt.Sprint(a), fmt.Sprint(b)
	if one == other {
		return ""
	}
	at := 0
	for at < min(len(one), len(other)) && one[at] == other[at] {
		at++
	}
	from := max(0, at-60)
	return fmt.Sprintf("…%.160s… and …%.160s…", one[from:], other[from:])
}
