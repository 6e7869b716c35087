//go:build integration

package group_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
)

// freePorts finds so many ports in a row that nobody listens at.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		first := l.Addr().(*net.TCPAddr).Port
		l.Close() //nolint:errcheck // nothing was accepted
		free := first+n < 65536
		for port := first; free && port < first+n; port++ {
			if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err != nil {
				free = false
			} else {
				l.Close() //nolint:errcheck // as above
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no ports are free")
	return 0
}

// service is a script of testdata/services.
type service struct {
	t    *testing.T
	env  []string
	args []string // behind the action
	name string
	up   bool
}

func newService(t *testing.T, name string, env []string, args ...string) *service {
	s := &service{t: t, name: name, env: env, args: args}
	t.Cleanup(s.stop)
	return s
}

func (s *service) do(action string) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join("..", "..", "testdata", "services", s.name), append([]string{action}, s.args...)...)
	cmd.Env = append(os.Environ(), s.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s %s: %v\n%s", s.name, action, err, out)
	}
	s.up = action == "start"
}

func (s *service) stop() {
	if s.up {
		s.do("stop")
	}
}

// jvm is a JVM worker.
type jvm struct {
	*service
	url string
}

func startJVM(t *testing.T, bootstrap string) *jvm {
	t.Helper()
	port := freePorts(t, 1)
	j := &jvm{url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	j.service = newService(t, "jvm-connect", []string{
		fmt.Sprint("CONNECT_PORT=", port), "CONNECT_BOOTSTRAP=" + bootstrap, "CONNECT_GROUP=workers", "CONNECT_HEAP=256m",
		"CONNECT_DATA=" + filepath.Join(t.TempDir(), "jvm"), "CONNECT_CONFIG=plugin.discovery=only_scan",
	}, "distributed")
	j.do("start")
	return j
}

// said is the worker's log since it was started.
func (j *jvm) said() string {
	j.t.Helper()
	state := os.Getenv("SERVICES_STATE")
	if state == "" {
		state = filepath.Join(os.TempDir(), fmt.Sprintf("troupe-services-%d", os.Getuid()))
	}
	_, port, _ := strings.Cut(j.url, "127.0.0.1:")
	log, err := os.ReadFile(filepath.Join(state, "jvm-connect-"+port, "log"))
	if err != nil {
		j.t.Fatal(err)
	}
	return string(log)
}

var startedOrStopped = regexp.MustCompile(`(Creating|Stopping) (connector|task) (files\S*)`)

// runs is how many connectors and tasks the worker runs, by its log: in the status topic a task of its own
// stays RUNNING after it is revoked until somebody starts it elsewhere.
func (j *jvm) runs() int {
	j.t.Helper()
	running := map[string]bool{}
	for _, m := range startedOrStopped.FindAllStringSubmatch(j.said(), -1) {
		running[m[2]+m[3]] = m[1] == "Creating"
	}
	n := 0
	for _, runs := range running {
		if runs {
			n++
		}
	}
	return n
}

// soonTrue waits for the condition and says how long it took.
func soonTrue(t *testing.T, within time.Duration, what string, ok func() bool, say func() string) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > within {
			t.Fatalf("not after %s: %s: %s", within, what, say())
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(began)
	t.Logf("%s: after %s", what, took.Round(time.Millisecond))
	return took
}

// Our workers and a JVM worker in one group on a real broker, each leading in turn: work of ours that is
// handed over goes on at once with whoever there is if one of ours leads, and also if the leader itself goes,
// whoever follows. If the JVM worker leads it waits, as the JVM's own does.
func TestHandOverBesideJVM(t *testing.T) {
	port := freePorts(t, 6)
	bootstrap := fmt.Sprintf("127.0.0.1:%d", port)
	broker := newService(t, "kafka", []string{fmt.Sprint("KAFKA_PORT=", port)})
	broker.do("start")
	j := startJVM(t, bootstrap)
	const all = 8 // a connector and seven tasks
	body := `{"name":"files","config":{"connector.class":"FileStreamSink","tasks.max":"7","topics":"t","file":"` + filepath.Join(t.TempDir(), "out") + `"}}`
	resp, err := http.Post(j.url+"/connectors", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("create the connector: %s", resp.Status)
	}
	soonTrue(t, time.Minute, "the JVM worker runs all", func() bool { return j.runs() == all }, func() string { return fmt.Sprint(j.runs()) })

	w := &world{
		t: t, props: kafka.Props{"bootstrap.servers": bootstrap}, timing: timing, follows: true,
		delay: 5 * time.Minute, ledger: map[state.TaskID]*worker{}, offset: -1, config: assign.Work{Connectors: []string{"files"}},
	}
	for n := range all - 1 {
		w.config.Tasks = append(w.config.Tasks, state.TaskID{Connector: "files", Task: n})
	}
	var ours []*worker
	share := func() string { return fmt.Sprintf("JVM %d, ours %d", j.runs(), total(ours...)) }
	complete := func() bool {
		n := j.runs()
		return n+total(ours...) == all && n < all && total(ours...) > 0
	}

	// The JVM worker leads.
	a := w.start("a", group.Sessioned)
	ours = []*worker{a}
	soonTrue(t, time.Minute, "a has its part beside the JVM worker that leads", complete, share)
	if s := a.m.Status(); s.Leader == s.MemberID || a.last().Assignment.HandsOver {
		t.Fatalf("the JVM worker doesn't lead: %+v", s)
	}
	had := a.runs()
	if took := a.handOver(); took > 5*time.Second {
		t.Errorf("leaving a JVM leader took %s", took)
	}
	b := w.start("b", group.Sessioned)
	ours = []*worker{b}
	soonTrue(t, time.Minute, "b is told that what a had waits", func() bool {
		return b.last().Kind == group.Assigned && b.last().Assignment.Delay > 4*time.Minute
	}, share)
	if n := j.runs(); n+had != all || b.runs() != 0 {
		t.Errorf("%s, while %d wait", share(), had)
	}

	// It stops, and ours leads.
	j.stop()
	soonTrue(t, time.Minute, "b leads and has all at once", func() bool { return b.runs() == all }, func() string { return fmt.Sprint(b.runs()) })
	j.do("start")
	soonTrue(t, time.Minute, "the JVM worker has its part again", complete, share)
	c := w.start("c", group.Sessioned)
	ours = []*worker{b, c}
	soonTrue(t, time.Minute, "c has its part", func() bool { return complete() && c.runs() > 0 }, share)
	if !c.last().Assignment.HandsOver {
		t.Error("c wasn't told that the leader hands over")
	}
	before := j.runs()
	began := time.Now()
	took := c.handOver()
	ours = []*worker{b}
	soonTrue(t, 20*time.Second, "what c had runs elsewhere", complete, share)
	t.Logf("handing over beside a JVM worker took %s, all runs %s after c began to", took, time.Since(began))
	if n := j.runs(); n < before || n < 3 || n > 5 {
		t.Errorf("%s, before it had %d", share(), before)
	}
	if d := b.last().Assignment.Delay; d != 0 {
		t.Errorf("a delay of %s", d)
	}

	// Ours, which leads, goes; the JVM worker leads again.
	b.handOver()
	ours = nil
	soonTrue(t, 20*time.Second, "the JVM worker has all at once", func() bool { return j.runs() == all }, share)
	j.checkLog()
}

// checkLog fails if the JVM worker met something that it couldn't read.
func (j *jvm) checkLog() {
	j.t.Helper()
	for line := range strings.Lines(j.said()) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "SchemaException") {
			j.t.Errorf("the JVM worker said: %s", line)
		}
	}
}
