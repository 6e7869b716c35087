package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/state"
)

func TestMemoryStatusStore(t *testing.T) {
	s := NewMemoryStatusStore()
	id := func(n int) state.TaskID { return state.TaskID{Connector: "c", Task: n} }
	s.PutConnector("c", state.Status{State: state.Running})
	s.PutTask(id(1), state.Status{State: state.Failed, Trace: "t"})
	s.PutTask(id(0), state.Status{State: state.Running})
	if st, ok := s.Connector("c"); !ok || st.State != state.Running {
		t.Errorf("connector %v %v", st, ok)
	}
	if got := s.Tasks("c"); len(got) != 2 || got[0].ID != 0 || got[1].Trace != "t" {
		t.Errorf("tasks %v", got)
	}
	s.PutTask(id(1), state.Status{State: state.Destroyed})
	if _, ok := s.Task(id(1)); ok {
		t.Error("destroyed task has a status")
	}
	if !s.AddTopic(id(0), "b") || s.AddTopic(id(1), "b") || !s.AddTopic(id(1), "a") {
		t.Error("topics: only the first task that uses one counts")
	}
	if got := fmt.Sprint(s.Topics("c"), s.Connectors()); got != "[a b] [c]" {
		t.Errorf("topics and connectors %s", got)
	}
	s.ResetTopics("c")
	s.PutConnector("c", state.Status{State: state.Destroyed})
	if len(s.Topics("c"))+len(s.Connectors()) != 0 {
		t.Errorf("left: %v %v", s.Topics("c"), s.Connectors())
	}
}

// listened is a ConfigListener that writes down what it is told.
type listened struct {
	nobody
	book []string
}

func (h *listened) ConnectorUpdated(name string) { h.book = append(h.book, "updated "+name) }
func (h *listened) ConnectorRemoved(name string) { h.book = append(h.book, "removed "+name) }
func (h *listened) TargetChanged(name string)    { h.book = append(h.book, "target "+name) }
func (h *listened) RestartRequested(r RestartRequest) {
	h.book = append(h.book, fmt.Sprint("restart ", r))
}

func (h *listened) TasksUpdated(name string, ids []state.TaskID) {
	h.book = append(h.book, fmt.Sprint("tasks ", name, ids))
}

// nobody is a ConfigListener that doesn't listen.
type nobody struct{}

func (nobody) SessionKeyUpdated(SessionKey)      {}
func (nobody) LoggerLevelChanged(string, string) {}

func TestMemoryConfigStore(t *testing.T) {
	var h listened
	s := NewMemoryConfigStore(&h, silent())
	in := map[string]string{"k": "1"}
	s.PutConnector("c", in, state.TargetStopped)
	in["k"] = "changed"
	born := s.Snapshot().Born("c")
	first := s.Snapshot()
	s.PutConnector("c", map[string]string{"k": "2"}, "")
	now := s.Snapshot()
	if got, ok := now.Config("c"); !ok || got["k"] != "2" || now.Target("c") != state.TargetStopped {
		t.Errorf("%v %v %v", got, ok, now.Target("c"))
	}
	if got, _ := first.Config("c"); got["k"] != "1" {
		t.Errorf("a snapshot changed: %v", got)
	}
	if _, ever := now.Applied("c"); ever || now.Born("c") != born || now.Version("c") <= first.Version("c") {
		t.Errorf("applied before there were tasks: %v; born %d then %d, version %d then %d", ever, born, now.Born("c"), first.Version("c"), now.Version("c"))
	}
	s.PutTasks("c", []map[string]string{{"t": "0"}})
	s.PutConnector("c", map[string]string{"k": "3"}, "")
	now = s.Snapshot()
	if applied, _ := now.Applied("c"); len(now.TaskConfigs("c")) != 1 || now.TaskConfigs("c")[0]["t"] != "0" || applied["k"] != "2" {
		t.Errorf("tasks %v applied %v", now.TaskConfigs("c"), applied)
	}
	s.PutTarget("c", state.TargetPaused)
	s.PutRestartRequest(RestartRequest{Connector: "c", IncludeTasks: true})
	s.PutConnector("d", map[string]string{}, "")
	if now = s.Snapshot(); fmt.Sprint(now.Connectors(), now.Target("c"), now.Target("d")) != "[c d]PAUSEDSTARTED" {
		t.Errorf("%v %v %v", now.Connectors(), now.Target("c"), now.Target("d"))
	}
	s.RemoveConnector("c")
	if now = s.Snapshot(); now.Contains("c") || now.TaskCount("c") != 0 || now.Target("c") != "" || now.Born("c") != -1 || now.Version("c") != -1 {
		t.Error("removed connector is known")
	}
	s.PutConnector("c", map[string]string{"k": "3"}, "")
	if again := s.Snapshot().Born("c"); again <= born {
		t.Errorf("made again it was born at %d, before at %d", again, born)
	}
	want := "updated c, updated c, tasks c[c-0], updated c, target c, restart {c false true}, updated d, removed c, updated c"
	if got := strings.Join(h.book, ", "); got != want {
		t.Errorf("the listener was told %s, want %s", got, want)
	}
}
