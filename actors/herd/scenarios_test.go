package herd_test

import (
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// TestScenarios runs the life of a worker's herd written down in testdata, a file each. Every command prints
// the orders that follow.
//
//	worker                    a worker that has just started; what was written before counts as known
//	create NAME [key=value…]  writes a connector's configuration; put is the same for one that there is
//	tasks NAME N [key=value]  commits the configurations of N tasks
//	target NAME TARGET        writes a target state
//	delete NAME               writes the removal
//	hold, read                what is written after hold is not looked at before read: the worker lags, and then
//	                          finds the last state of all
//	assign GENERATION ID…     the group assigns: NAME is the connector object, NAME-0 a task
//	revoke TICKET ID…         the group takes away; lost TICKET ID… with the whole membership
//	quiet TICKET              somebody waits for replaced tasks to stop
//	wants NAME N [key=value]  the connector object says what its tasks should be, made of its stored configuration
//	published NAME            a publication is over
//	stopped ID…, all-stopped NAME   the supervisors' answers; all-stopped is also what follows its failure
//	restart NAME [ID…]        a restart of what is named, of all that runs here by default
//	stop-worker
//	runs                      prints what runs here
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scenario{}
		s.store = storage.NewMemoryConfigStore(s, slog.New(slog.DiscardHandler))
		datadriven.RunTest(t, path, s.run)
	})
}

// scenario is a worker with its config store. It listens to the store itself.
type scenario struct {
	store   *storage.MemoryConfigStore
	herd    *herd.Herd // nil before the worker starts
	hold    bool
	pending []string
	orders  []herd.Order
}

func (s *scenario) changed(name string) {
	if s.herd == nil {
		return
	}
	s.pending = append(s.pending, name)
	if !s.hold {
		s.read()
	}
}

func (s *scenario) read() {
	for _, name := range s.pending {
		s.did(s.herd.Changed(s.store.Snapshot(), name))
	}
	s.hold, s.pending = false, nil
}

func (s *scenario) did(orders []herd.Order) { s.orders = append(s.orders, orders...) }

func (s *scenario) ConnectorUpdated(name string)               { s.changed(name) }
func (s *scenario) ConnectorRemoved(name string)               { s.changed(name) }
func (s *scenario) TasksUpdated(name string, _ []state.TaskID) { s.changed(name) }
func (s *scenario) TargetChanged(name string)                  { s.changed(name) }
func (s *scenario) SessionKeyUpdated(storage.SessionKey)       {}
func (s *scenario) RestartRequested(storage.RestartRequest)    {}
func (s *scenario) LoggerLevelChanged(string, string)          {}

func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	var words []string
	props := map[string]string{}
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			words = append(words, a.Key)
		} else {
			props[a.Key] = a.Vals[0]
		}
	}
	s.orders = nil
	if !s.write(d.Cmd, words, props) && !s.tell(d.Cmd, words, props) {
		d.Fatalf(t, "no such command")
	}
	if d.Cmd == "runs" {
		return names(s.herd.Running().Sorted()) + "\n"
	}
	var b strings.Builder
	for _, o := range s.orders {
		b.WriteString(o.String() + "\n")
	}
	return b.String()
}

// write does what goes by the store.
func (s *scenario) write(cmd string, words []string, props map[string]string) bool {
	switch cmd {
	case "create", "put":
		props["name"] = words[0]
		s.store.PutConnector(words[0], props, "")
	case "tasks":
		s.store.PutTasks(words[0], configs(words[1], props))
	case "target":
		s.store.PutTarget(words[0], state.TargetState(words[1]))
	case "delete":
		s.store.RemoveConnector(words[0])
	case "hold":
		s.hold = true
	case "read":
		s.read()
	default:
		return false
	}
	return true
}

// tell does what goes to the herd.
func (s *scenario) tell(cmd string, words []string, props map[string]string) bool {
	v := s.store.Snapshot()
	switch cmd {
	case "worker":
		s.herd = herd.New(v)
	case "assign":
		s.did(s.herd.Assign(v, number(words[0]), ids(words[1:])))
	case "revoke", "lost":
		s.did(s.herd.Revoke(ids(words[1:]), cmd == "lost", herd.Ticket(number(words[0]))))
	case "quiet":
		s.did(s.herd.Quiet(herd.Ticket(number(words[0]))))
	case "wants":
		conf, _ := v.Config(words[0])
		s.did(s.herd.Wanted(v, words[0], conf, configs(words[1], props)))
	case "published":
		s.did(s.herd.Published(v, words[0]))
	case "stopped":
		for _, id := range ids(words).Sorted() {
			s.did(s.herd.Stopped(id))
		}
	case "all-stopped":
		s.did(s.herd.AllStopped(v, words[0]))
	case "restart":
		chosen := ids(words[1:])
		s.did(s.herd.Restart(words[0], func(id state.TaskID) bool { return len(chosen) == 0 || chosen[id] }))
	case "stop-worker":
		s.did(s.herd.StopAll())
	case "runs":
	default:
		return false
	}
	return true
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func configs(n string, props map[string]string) []map[string]string {
	out := make([]map[string]string, number(n))
	for i := range out {
		out[i] = map[string]string{"n": strconv.Itoa(i)}
		maps.Copy(out[i], props)
	}
	return out
}

// ids reads names of connectors and tasks: in scenarios a connector's name has no dash.
func ids(words []string) state.WorkSet {
	out := state.WorkSet{}
	for _, w := range words {
		name, n, isTask := strings.Cut(w, "-")
		if isTask {
			out[state.TaskID{Connector: name, Task: number(n)}] = true
		} else {
			out[state.ConnectorID(name)] = true
		}
	}
	return out
}

func names(all []state.TaskID) string {
	var out []string
	for _, id := range all {
		if id.IsConnector() {
			out = append(out, id.Connector)
		} else {
			out = append(out, id.String())
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, " ")
}
