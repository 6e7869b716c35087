//go:build integration

package fleet_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestMixedGroup has two JVM workers and two of Troupe in one group. A worker of each kind leads in turn,
// is killed, and comes back. After each step each connector and task runs exactly once, evenly spread,
// and all workers answer the same; requests that a follower cannot carry out reach the leader and the
// owner, from either kind to either kind; task configurations that a follower made reach the leader,
// signed. A file sink's three tasks share twelve partitions with consumers of both kinds.
func TestMixedGroup(t *testing.T) {
	f := &files{fleet: newFleet(t), dir: t.TempDir()}
	jvm, other := service.JVMWorker, kind(t)
	f.start(jvm, 1)
	s := f.shared()
	f.settle()
	f.start(other, 2)
	f.start(jvm, 1)
	m := &measure{f: f.fleet}
	r := f.settle()
	s.ofBothKinds(r)
	if led := f.leader(r).Kind; led != jvm {
		t.Fatalf("a %s worker leads, the first to join was a JVM worker", led)
	}
	s.grow(12)
	f.feed("numbers", 3, 1)
	f.requests("while a JVM worker leads")
	f.sinkGroup("shared-sink", 3, 12)

	// All of the first kind go, one by kill -9 and one in order, so that one of the others must lead.
	first, second := f.Nodes[0], f.Nodes[3]
	m.step("kill -9 of the JVM worker that leads", func() { first.Kill(t) })
	m.step("a JVM worker ends in order", func() { second.Stop(t) })
	f.flow()
	s.grow(12)
	m.step("both JVM workers join", func() {
		first.Launch(t)
		second.Launch(t)
	})
	r = f.settle()
	if led := f.leader(r).Kind; led != other {
		t.Fatalf("a %s worker leads, those that stayed are of kind %s", led, other)
	}
	s.grow(12)
	f.requests("while a worker of kind " + string(other) + " leads")
	f.sinkGroup("shared-sink", 3, 12)

	m.step("kill -9 of the leader", func() { f.leader(r).Kill(t) })
	f.flow()
	s.grow(12)
	f.sameAnswers()
	s.complete()
	f.drain()
	f.check(true, 50)
	m.report("mixed")
}

// shared is a file sink of three tasks that reads a topic of twelve partitions, and what was written there.
type shared struct {
	*files
	producer *kafka.Producer
	lines    int
}

func (f *files) shared() *shared {
	f.t.Helper()
	f.topic("shared", 12)
	f.create(f.next(), "shared-sink", 3, map[string]string{
		"connector.class": fileClass + "SinkConnector", "topics": "shared", "file": f.path("shared"),
	})
	p, err := kafka.NewProducer(kafka.Props{"bootstrap.servers": f.kafka.Addr}, quiet)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(p.Abort)
	return &shared{files: f, producer: p}
}

// ofBothKinds holds that the sink's tasks are with workers of both kinds: three, spread over two and two.
func (s *shared) ofBothKinds(r service.Roster) {
	s.t.Helper()
	var kinds []service.Kind
	for id, work := range r.Members {
		for range work.Tasks {
			kinds = append(kinds, s.Node(id).Kind)
		}
	}
	slices.Sort(kinds)
	s.t.Logf("the shared sink's tasks are with workers of kind %v", kinds)
	if len(slices.Compact(kinds)) != 2 && kind(s.t) != service.JVMWorker {
		s.t.Error("its consumers are all of one kind")
	}
}

// grow writes a hundred lines to each partition and waits for all in the file.
func (s *shared) grow(partitions int) {
	s.t.Helper()
	for range 100 * partitions {
		r := &kafka.Record{Topic: "shared", Partition: int32(s.lines % partitions), Value: fmt.Appendf(nil, `"line %d"`, s.lines)}
		if err := s.producer.Produce(s.t.Context(), r, func(_ *kafka.Record, err error) {
			if err != nil {
				s.t.Error(err)
			}
		}); err != nil {
			s.t.Fatal(err)
		}
		s.lines++
	}
	if err := s.producer.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	service.Until(s.t, settleLimit(), "all lines of the shared topic", s.missing)
}

// missing is an error while lines are not in the file, or something else is.
func (s *shared) missing() error {
	raw, err := os.ReadFile(s.path("shared"))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		seen[strings.TrimSuffix(line, "\n")] = true
	}
	var faults []string
	for i := range s.lines {
		line := fmt.Sprintf("line %d", i)
		if !seen[line] {
			faults = append(faults, line)
		}
		delete(seen, line)
	}
	if len(seen) > 0 {
		s.t.Fatalf("the shared file has lines that nobody wrote: %.300v", seen)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d of %d are missing: %v", len(faults), s.lines, faults[:min(5, len(faults))])
	}
	return nil
}

func (s *shared) complete() {
	s.t.Helper()
	service.Until(s.t, settleLimit(), "the shared sink has committed all", func() error { return s.lag("shared-sink", "shared") })
	if err := s.missing(); err != nil {
		s.t.Error(err)
	}
}

// sinkGroup waits until the consumers of a sink, as many as it has tasks, have all partitions among them, each
// once and as evenly as the first assignor of Java's defaults, range, deals them out; of both kinds where
// tasks are with both.
func (f *fleet) sinkGroup(sink string, tasks, partitions int) {
	f.t.Helper()
	service.Until(f.t, settleLimit(), "the group of "+sink, func() error {
		g, err := f.Admin.DescribeMembers(f.t.Context(), "connect-"+sink)
		if err != nil {
			return err
		}
		if g.State != "Stable" || g.Protocol != "range" || len(g.Roster) != tasks {
			return fmt.Errorf("%s, protocol %s, %d members", g.State, g.Protocol, len(g.Roster))
		}
		owner := map[int32]string{}
		for _, m := range g.Roster {
			got, err := partitionsOf(m.Assignment)
			if err != nil {
				return err
			}
			if len(got) != partitions/tasks || got[len(got)-1]-got[0] != int32(len(got)-1) {
				return fmt.Errorf("%s has the partitions %v", m.ClientID, got)
			}
			for _, p := range got {
				if other, twice := owner[p]; twice {
					return fmt.Errorf("%s and %s both have partition %d", other, m.ClientID, p)
				}
				owner[p] = m.ClientID
			}
		}
		return nil
	})
}

// partitionsOf reads a consumer's assignment: version, topics with their partitions, user data.
func partitionsOf(b []byte) ([]int32, error) {
	short := errors.New("an assignment of a consumer is cut short")
	take := func(n int) []byte {
		if n < 0 || len(b) < n {
			return nil
		}
		out := b[:n]
		b = b[n:]
		return out
	}
	number := func(size int) int {
		switch raw := take(size); {
		case raw == nil:
			return -1
		case size == 2:
			return int(binary.BigEndian.Uint16(raw))
		default:
			return int(binary.BigEndian.Uint32(raw))
		}
	}
	var out []int32
	number(2)
	for range max(0, number(4)) {
		take(number(2))
		for range max(0, number(4)) {
			out = append(out, int32(number(4)))
		}
	}
	if len(out) == 0 || slices.Contains(out, -1) {
		return nil, short
	}
	slices.Sort(out)
	return out, nil
}

// requests sends each kind of request that a worker may have to pass on, to the leader and to a follower of
// each kind.
func (f *fleet) requests(when string) {
	f.t.Helper()
	f.signatures(when)
	leader := f.leader(f.settle())
	asked := map[string]bool{}
	for i, n := range f.Running() {
		who := fmt.Sprint(n == leader, n.Kind)
		if asked[who] {
			continue
		}
		asked[who] = true
		name := fmt.Sprintf("asked-%d", i)
		config := map[string]string{"connector.class": tools + "VerifiableSinkConnector", "topics": "shared", "tasks.max": "1"}
		f.t.Logf("%s: requests to %s, a %s worker", when, n.ID, n.Kind)
		n.Ask(f.t, "POST", "/connectors", map[string]any{"name": name, "config": config})
		f.want[name] = 1
		f.settle()
		f.create(n, name, 3, config)
		f.settle()
		n.Ask(f.t, "PATCH", "/connectors/"+name+"/config", map[string]any{"tasks.max": "2"})
		f.want[name] = 2
		f.settle()
		n.Ask(f.t, "POST", "/connectors/"+name+"/restart", nil)
		n.Ask(f.t, "POST", "/connectors/"+name+"/tasks/1/restart", nil)
		n.Ask(f.t, "POST", "/connectors/"+name+"/restart?includeTasks=true", nil)
		r := f.settle()
		n.Ask(f.t, "PUT", "/connectors/"+name+"/stop", nil)
		service.Until(f.t, settleLimit(), name+" stopped", func() error { return stopped(f.t, n, name) })
		f.emptied(name, r)
		n.Ask(f.t, "PATCH", "/connectors/"+name+"/offsets", map[string]any{"offsets": []any{map[string]any{
			"partition": map[string]any{"kafka_topic": "shared", "kafka_partition": 0}, "offset": map[string]any{"kafka_offset": 1},
		}}})
		n.Ask(f.t, "DELETE", "/connectors/"+name+"/offsets", nil)
		n.Ask(f.t, "PUT", "/connectors/"+name+"/resume", nil)
		f.settle()
		n.Ask(f.t, "DELETE", "/connectors/"+name, nil)
		delete(f.want, name)
	}
	f.settle()
}

// emptied waits until a stopped sink's consumers are out of their group. One that ended while it joined, as
// Java's may, stays until its session is over: the log says which.
func (f *fleet) emptied(sink string, r service.Roster) {
	f.t.Helper()
	began, left := time.Now(), ""
	service.Until(f.t, settleLimit(), "the group of "+sink+" is empty", func() error {
		g, err := f.Admin.DescribeMembers(f.t.Context(), "connect-"+sink)
		if err != nil || len(g.Roster) == 0 {
			return err
		}
		left = ""
		for _, m := range g.Roster {
			left += " " + m.ID
		}
		return fmt.Errorf("it has the members%s", left)
	})
	if took := time.Since(began); took > time.Second {
		f.t.Logf("the group of %s was empty only after %s, until then there was%s; its tasks ran so: %s",
			sink, took.Round(100*time.Millisecond), left, f.whereabouts(sink, r))
	}
}

func (f *fleet) whereabouts(connector string, r service.Roster) string {
	var out []string
	for id, work := range r.Members {
		for _, task := range work.Tasks {
			if task.Connector == connector {
				out = append(out, fmt.Sprintf("%d on %s %s", task.Task, f.Node(id).Kind, id))
			}
		}
	}
	return strings.Join(out, ", ")
}

// signatures sends what only workers may send to each other, without a signature and with a wrong one: it
// must be refused, as a worker of either kind refuses it.
func (f *fleet) signatures(when string) {
	f.t.Helper()
	for _, n := range f.Running() {
		for _, c := range []struct {
			name   string
			header map[string]string
			want   int
		}{
			{"unsigned", nil, http.StatusBadRequest},
			{"wrongly signed", map[string]string{
				"X-Connect-Request-Signature-Algorithm": "HmacSHA256", "X-Connect-Authorization": "d3Jvbmc=",
			}, http.StatusForbidden},
			{"of an algorithm not allowed", map[string]string{
				"X-Connect-Request-Signature-Algorithm": "HmacMD5", "X-Connect-Authorization": "d3Jvbmc=",
			}, http.StatusBadRequest},
		} {
			status, err := post(f.t, n.URL+"/connectors/shared-sink/tasks", `[{"task.class":"x"}]`, c.header)
			if err != nil || status != c.want {
				f.t.Errorf("%s: task configs %s to %s, a %s worker: %d %v, should be %d", when, c.name, n.ID, n.Kind, status, err, c.want)
			}
		}
	}
}

func post(t *testing.T, url, body string, header map[string]string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
