package storage

import (
	"errors"
	"fmt"
	"testing"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
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

func TestMemoryConfigStore(t *testing.T) {
	s := NewMemoryConfigStore()
	if err := s.PutTasks("c", nil); !errors.Is(err, errs.NotFound) {
		t.Errorf("tasks of an unknown connector: %v", err)
	}
	in := map[string]string{"k": "1"}
	s.PutConfig("c", in, state.TargetStopped)
	in["k"] = "changed"
	s.PutConfig("c", map[string]string{"k": "2"}, "")
	if got, ok := s.Config("c"); !ok || got["k"] != "2" || s.Target("c") != state.TargetStopped {
		t.Errorf("%v %v %v", got, ok, s.Target("c"))
	}
	if s.Applied("c") != nil {
		t.Error("applied before there were tasks")
	}
	if err := s.PutTasks("c", []map[string]string{{"t": "0"}}); err != nil {
		t.Fatal(err)
	}
	s.PutConfig("c", map[string]string{"k": "3"}, "")
	if got := s.Tasks("c"); len(got) != 1 || got[0]["t"] != "0" || s.Applied("c")["k"] != "2" {
		t.Errorf("tasks %v applied %v", got, s.Applied("c"))
	}
	if err := s.PutTarget("c", state.TargetPaused); err != nil || s.Target("c") != state.TargetPaused {
		t.Errorf("target %v, %v", s.Target("c"), err)
	}
	s.PutConfig("d", nil, "")
	if got := fmt.Sprint(s.Connectors(), s.Target("d")); got != "[c d]STARTED" {
		t.Error(got)
	}
	s.RemoveConnector("c")
	if _, ok := s.Config("c"); ok || len(s.Tasks("c")) != 0 || s.Target("c") != "" {
		t.Error("removed connector is known")
	}
}
