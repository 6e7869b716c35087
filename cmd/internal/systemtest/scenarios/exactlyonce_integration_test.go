//go:build integration

package scenarios_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/monitorable"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// minimum is how many records a source sends at least, and how many it gives in one poll.
const minimum = 100

// exactlyOnceSource is ExactlyOnceSourceIntegrationTest. Where Kafka's tests begin with a fresh cluster
// each, connectors here have names of their own.
func exactlyOnceSource(t *testing.T, s *site) {
	// The interval of commits should never come up.
	props := map[string]string{"exactly.once.source.support": "enabled", "offset.flush.interval.ms": "600000"}
	e := &onceRig{s.start(t, spec{workers: 3, props: props})}
	t.Run("testPreflightValidation", e.preflight)
	t.Run("testPollBoundary", func(t *testing.T) { e.boundary(t, "transaction.boundary", "poll") })
	t.Run("testIntervalBoundary", func(t *testing.T) {
		e.boundary(t, "transaction.boundary", "interval", "transaction.boundary.interval.ms", "4000")
	})
	t.Run("testConnectorBoundary", e.connectorBoundary)
	t.Run("testFencedLeaderRecovery", e.fencedLeader)
	t.Run("testConnectorReconfiguration", e.reconfiguration)
	t.Run("testTasksFailOnInabilityToFence", func(t *testing.T) { e.unableToFence(t, s) })
	t.Run("testPotentialDeadlockWhenProducingToOffsetsTopic", e.naughty)
	t.Run("testSeparateOffsetsTopic", func(t *testing.T) {
		(&onceRig{s.start(t, spec{workers: 3, props: props})}).separateOffsets(t, s)
	})
}

type onceRig struct{ *cluster }

// steady are the settings of a source that gives 100 records per poll, 50 a second in all. Its name and
// topic are those of the test.
func steady(t *testing.T, tasks int, pairs ...string) map[string]string {
	return source(testName(t), testName(t), tasks,
		append([]string{"messages.per.poll", strconv.Itoa(minimum), "throughput", strconv.Itoa(minimum / 2)}, pairs...)...)
}

// preflight validates promises of connectors.
func (e *onceRig) preflight(t *testing.T) {
	props := source(testName(t), "topic", 1, "exactly.once.support", "required")
	for _, answer := range []string{"null", "unsupported", "fail"} {
		e.validates(t, with(props, "custom.exactly.once.support", answer), 1, "exactly.once.support")
	}
	props["custom.exactly.once.support"] = "supported"
	e.validates(t, props, 0)
	props["transaction.boundary"] = "connector"
	for _, answer := range []string{"null", "unsupported", "fail"} {
		e.validates(t, with(props, "custom.transaction.boundaries", answer), 1, "transaction.boundary")
	}
	e.validates(t, with(props, "custom.transaction.boundaries", "supported"), 0)
}

// sends waits until the connector's tasks gave so many more records, and had them committed.
func (e *onceRig) sends(t *testing.T, before monitorable.Counts, n int) {
	t.Helper()
	reaches(t, fmt.Sprintf("%d records given and committed", n), e.book.Connector(testName(t)).Counts, func(c monitorable.Counts) bool {
		return c.Records-before.Records >= n && c.Commits-before.Commits >= n
	})
}

// seqnos are the numbers of a source's records by task, in the order of the records given.
func seqnos(t *testing.T, records []*kafka.Record) map[int][]int {
	t.Helper()
	found := map[int][]int{}
	for _, r := range records {
		key, value := strings.TrimPrefix(string(r.Key), "key-"), strings.TrimPrefix(string(r.Value), "value-")
		parts := strings.Split(key, "-") // CONNECTOR-TASK-NUMBER
		if key != value || len(parts) < 3 {
			t.Fatalf("a record with key %q and value %q", r.Key, r.Value)
		}
		task, err1 := strconv.Atoi(parts[len(parts)-2])
		n, err2 := strconv.Atoi(parts[len(parts)-1])
		if err1 != nil || err2 != nil {
			t.Fatalf("a record with key %q: %v %v", r.Key, err1, err2)
		}
		found[task] = append(found[task], n)
	}
	return found
}

// once waits until consumers that read what is committed see records of so many tasks, each one's from
// 1 on without gap or repetition, and in order within each partition. It has to wait: a transaction is
// committed before the last of its partitions shows it.
func once(t *testing.T, b *broker, topic string, tasks int) {
	t.Helper()
	service.Until(t, soon/2, "each record once in "+topic, func() error {
		records := b.records(t, "read_committed", topic)
		if len(records) < minimum {
			return fmt.Errorf("%d records, want at least %d", len(records), minimum)
		}
		return onceIn(t, records, tasks)
	})
}

func onceIn(t *testing.T, records []*kafka.Record, tasks int) error {
	t.Helper()
	found := seqnos(t, records)
	if len(found) != tasks {
		return fmt.Errorf("records of %d tasks, want %d", len(found), tasks)
	}
	for task, numbers := range found {
		slices.Sort(numbers) // of all partitions
		for i, n := range numbers {
			if n != i+1 {
				return fmt.Errorf("task %d: %d at place %d of its %d records", task, n, i+1, len(numbers))
			}
		}
	}
	last := map[string]int{}
	for _, r := range records {
		for task, numbers := range seqnos(t, []*kafka.Record{r}) {
			at := fmt.Sprint(task, "@", r.Partition)
			if numbers[0] <= last[at] {
				return fmt.Errorf("partition %d has %d of task %d behind %d", r.Partition, numbers[0], task, last[at])
			}
			last[at] = numbers[0]
		}
	}
	return nil
}

// boundary runs a source for some transactions and looks at what consumers see.
func (e *onceRig) boundary(t *testing.T, pairs ...string) {
	name := testName(t)
	e.kafka.create(t, name, 3)
	e.configure(t, name, steady(t, 1, pairs...))
	e.sends(t, monitorable.Counts{}, minimum)
	e.delete(t, name)
	once(t, e.kafka, name, 1)
	for _, at := range e.saved(t, e.kafka, e.topic("offsets"))[0] {
		if at%minimum != 0 {
			t.Errorf("offset %d is stored: not the end of a poll", at)
		}
	}
}

// saved are the offsets in an offsets topic, by task, in the order of writing.
func (e *onceRig) saved(t *testing.T, b *broker, topic string) map[int][]int {
	t.Helper()
	found := map[int][]int{}
	for _, r := range b.records(t, "read_committed", topic) {
		var key [2]json.RawMessage
		var name string
		var partition struct {
			Task string `json:"task.id"`
		}
		var offset struct {
			Saved int `json:"saved"`
		}
		if err := json.Unmarshal(r.Key, &key); err != nil {
			t.Fatalf("offset key %s: %v", r.Key, err)
		}
		if err := json.Unmarshal(key[0], &name); err != nil || name != testName(t) {
			continue
		}
		if err := json.Unmarshal(key[1], &partition); err != nil {
			t.Fatalf("offset key %s: %v", r.Key, err)
		}
		if err := json.Unmarshal(r.Value, &offset); err != nil {
			t.Fatalf("offset %s: %v", r.Value, err)
		}
		task, err := strconv.Atoi(strings.TrimPrefix(partition.Task, name+"-"))
		if err != nil {
			t.Fatalf("offset key %s: %v", r.Key, err)
		}
		found[task] = append(found[task], offset.Saved)
	}
	return found
}

// connectorBoundary has the connector end transactions at Fibonacci's numbers; it aborts those that end
// on an even one.
func (e *onceRig) connectorBoundary(t *testing.T) {
	name := testName(t)
	e.kafka.create(t, name, 3)
	e.configure(t, name, steady(t, 1, "transaction.boundary", "connector", "custom.transaction.boundaries", "supported", "throughput", "200"))
	// At most 233 are given until 100 are in transactions that were committed.
	e.sends(t, monitorable.Counts{}, 233)
	var wantOffsets, wantNumbers []int
	begin := 1
	for _, end := range []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233} {
		wantOffsets = append(wantOffsets, end) // also of aborted ones
		for ; begin <= end; begin++ {
			if end%2 == 1 {
				wantNumbers = append(wantNumbers, begin)
			}
		}
	}
	var numbers []int
	service.Until(t, soon, "the transaction that ends with 233", func() error {
		numbers = seqnos(t, e.kafka.records(t, "read_committed", name))[0]
		slices.Sort(numbers)
		if !slices.Contains(numbers, 233) {
			return fmt.Errorf("%v", numbers)
		}
		return nil
	})
	if len(numbers) < len(wantNumbers) || !slices.Equal(numbers[:len(wantNumbers)], wantNumbers) {
		t.Errorf("consumers see %v, want %v", numbers, wantNumbers)
	}
	if got := e.saved(t, e.kafka, e.topic("offsets"))[0]; len(got) < len(wantOffsets) || !slices.Equal(got[:len(wantOffsets)], wantOffsets) {
		t.Errorf("offsets are %v, want %v first", got, wantOffsets)
	}
}

// zombie is a producer with the transactional id given, which shuts out whoever had it.
func (e *onceRig) zombie(t *testing.T, id string) *kafka.Producer {
	t.Helper()
	p, err := kafka.NewProducer(kafka.Props{
		"bootstrap.servers": e.kafka.Addr, "transactional.id": id, "transaction.timeout.ms": "60000",
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Abort)
	if err := p.InitTransactions(t.Context()); err != nil {
		t.Fatalf("transactional id %s: %v", id, err)
	}
	return p
}

// fencedLeader takes the leader's transactional id away from it. Its next write fails; then it has made
// sure that it still leads, and has its id back.
func (e *onceRig) fencedLeader(t *testing.T) {
	name := testName(t)
	e.kafka.create(t, name, 3)
	e.zombie(t, "connect-cluster-"+e.group)
	props := steady(t, 1, "transaction.boundary", "poll")
	status, answer, err := e.Do(t.Context(), http.MethodPut, "/connectors/"+name+"/config", props)
	if err != nil || status < 400 {
		t.Errorf("the first request: %d %s %v, want a failure", status, answer, err)
	}
	e.configure(t, name, props)
	e.sends(t, monitorable.Counts{}, minimum)
	e.delete(t, name)
	once(t, e.kafka, name, 1)
}

// reconfiguration changes the number of tasks. Each time, producers of the tasks before are shut out.
func (e *onceRig) reconfiguration(t *testing.T) {
	name := testName(t)
	e.kafka.create(t, name, 3)
	e.configure(t, name, steady(t, 3, "throughput", "400"))
	e.running(t, name, 3)
	before := 3
	for _, tasks := range []int{5, 1, 5, 3} {
		var old []*kafka.Producer
		for i := range before {
			old = append(old, e.zombie(t, fmt.Sprintf("%s-%s-%d", e.group, name, i)))
		}
		e.configure(t, name, steady(t, tasks, "throughput", "400"))
		e.running(t, name, tasks)
		e.began(t, tasks)
		for i, p := range old {
			if err := e.writes(t, p); err == nil {
				t.Errorf("from %d to %d tasks: a producer of the old task %d can still write", before, tasks, i)
			} else if kafka.Classify(err) != kafka.Fenced {
				t.Errorf("from %d to %d tasks: a producer of the old task %d: %v, want one that says it is fenced", before, tasks, i, err)
			}
		}
		before = tasks
	}
	e.sends(t, e.book.Connector(name).Counts(), minimum)
	e.delete(t, name)
	once(t, e.kafka, name, 5)
}

// began waits until each of the tasks has given records since: the round that shuts out is over then.
func (e *onceRig) began(t *testing.T, tasks int) {
	t.Helper()
	for i := range tasks {
		task := e.book.Connector(testName(t)).Task(i)
		seen := task.Counts().Records
		reaches(t, fmt.Sprintf("records of task %d", i), task.Counts, func(n monitorable.Counts) bool { return n.Records > seen })
	}
}

// writes tries to write something in a transaction.
func (e *onceRig) writes(t *testing.T, p *kafka.Producer) error {
	t.Helper()
	if err := p.BeginTransaction(); err != nil {
		return err
	}
	var failed error
	if err := p.Produce(t.Context(), text(testName(t), 0, "zombie", "zombie"), func(_ *kafka.Record, err error) { failed = err }); err != nil {
		return err
	}
	if err := p.Flush(t.Context()); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return p.CommitTransaction(t.Context())
}

// unableToFence has a connector whose admin client may not shut out old producers, until it is granted.
func (e *onceRig) unableToFence(t *testing.T, s *site) {
	const tasks = 2 // those of one task need no fencing
	name := testName(t)
	e.kafka.create(t, name, 3)
	acl := func(args ...string) {
		t.Helper()
		s.main.Tool(t, "org.apache.kafka.tools.AclCommand", append([]string{
			"--bootstrap-server", s.main.Addr, "--add", "--allow-principal", "User:" + service.User, "--operation", "All",
		}, args...)...)
	}
	acl("--topic", name, "--topic", e.topic("offsets"))
	props := steady(t, tasks, "supervisor.restart.enabled", "false", "admin.override.bootstrap.servers", s.main.SASL, "admin.override.sasl.mechanism", "PLAIN",
		"admin.override.security.protocol", "SASL_PLAINTEXT", "admin.override.sasl.jaas.config",
		fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;`, service.User, service.Password))
	e.configure(t, name, props)
	e.running(t, name, tasks)
	e.configure(t, name, with(props, "message.in.a.bottle", "19e184427ac45bd34c8588a4e771aa1a"))
	failed := e.states(t, name, "RUNNING", tasks, "FAILED")
	for _, task := range failed.Tasks {
		if !strings.Contains(strings.ToLower(task.Trace), "transactional") {
			t.Errorf("the trace of task %d does not say why: %s", task.ID, task.Trace)
		}
		if strings.Contains(task.Trace, service.Password) {
			t.Errorf("the trace of task %d shows the password", task.ID)
		}
	}
	for i := range tasks {
		acl("--transactional-id", fmt.Sprintf("%s-%s-%d", e.group, name, i))
	}
	e.eventually(t, http.MethodPost, "/connectors/"+name+"/restart?includeTasks=true&onlyFailed=false", nil)
	e.running(t, name, tasks)
	e.sends(t, e.book.Connector(name).Counts(), minimum)
}

// naughty has a task that sends to its own offsets topic and reads offsets while that transaction is
// open: it must fail, not wait for itself.
func (e *onceRig) naughty(t *testing.T) {
	name := testName(t)
	e.configure(t, name, map[string]string{
		"name": name, "connector.class": monitorable.NaughtyClass, "tasks.max": "1",
		"transaction.boundary": "interval", "offsets.storage.topic": "whoops", "supervisor.restart.enabled": "false",
	})
	failed := e.states(t, name, "RUNNING", 1, "FAILED")
	if !strings.Contains(failed.Tasks[0].Trace, "whoops") {
		t.Errorf("the trace does not name the topic: %s", failed.Tasks[0].Trace)
	}
}

// separateOffsets sends to another cluster and keeps offsets there, backed by the worker's topic. Then
// the workers go on without exactly-once.
func (e *onceRig) separateOffsets(t *testing.T, s *site) {
	name, own := testName(t), testName(t)+"-offsets"
	s.other.create(t, name, 3)
	props := steady(t, 1, "transaction.boundary", "poll", "offsets.storage.topic", own,
		"producer.override.bootstrap.servers", s.other.Addr, "consumer.override.bootstrap.servers", s.other.Addr,
		"admin.override.bootstrap.servers", s.other.Addr)
	e.configure(t, name, props)
	e.running(t, name, 1)
	e.sends(t, monitorable.Counts{}, minimum)
	once(t, s.other, name, 1)
	atPolls := func(b *broker, topic string) {
		t.Helper()
		var at []int
		service.Until(t, soon, "offsets in "+topic, func() error {
			if at = e.saved(t, b, topic)[0]; len(at) == 0 {
				return fmt.Errorf("none")
			}
			return nil
		})
		for _, n := range at {
			if n%minimum != 0 {
				t.Errorf("%s has offset %d: not the end of a poll", topic, n)
			}
		}
	}
	atPolls(s.other, own)
	atPolls(s.main, e.topic("offsets"))

	e.stop()
	e.spec.props = map[string]string{"exactly.once.source.support": "disabled"}
	e.grow(3)
	e.running(t, name, 1)
	e.sends(t, e.book.Connector(name).Counts(), minimum)
	e.delete(t, name)
	committed := slices.Max(e.saved(t, s.other, own)[0])
	var numbers []int
	for _, n := range seqnos(t, s.other.records(t, "read_committed", name))[0] {
		if n <= committed {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != i+1 {
			t.Fatalf("%d at place %d: up to the last offset, %d, each should be there once", n, i+1, committed)
		}
	}
	if len(numbers) != committed {
		t.Errorf("%d records up to offset %d", len(numbers), committed)
	}
}
