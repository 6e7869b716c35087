package state

import (
	"reflect"
	"testing"
)

func TestWork(t *testing.T) {
	w := Work{Connectors: []string{"b", "a"}, Tasks: []TaskID{{"b", 10}, {"b", 2}, {"a", 0}}}
	if w.Empty() || !(Work{}).Empty() {
		t.Error("empty")
	}
	set := w.Set()
	if len(set) != 5 || !set[ConnectorID("a")] || !set[TaskID{"b", 10}] || set[TaskID{"a", 1}] {
		t.Errorf("set %v", set)
	}
	if got, want := set.Work(), (Work{Connectors: []string{"a", "b"}, Tasks: []TaskID{{"a", 0}, {"b", 2}, {"b", 10}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("sorted work %v", got)
	}
	gone := Work{Connectors: []string{"b"}, Tasks: []TaskID{{"b", 2}, {"c", 0}}}
	if got, want := w.Without(gone), (Work{Connectors: []string{"a"}, Tasks: []TaskID{{"b", 10}, {"a", 0}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("without: %v", got)
	}
	added := Work{Connectors: []string{"c"}, Tasks: []TaskID{{"b", 2}}}
	if got, want := w.Plus(added), (Work{Connectors: []string{"c", "b", "a"}, Tasks: []TaskID{{"b", 2}, {"b", 10}, {"a", 0}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("plus: %v", got)
	}
	if len(added.Connectors) != 1 || !ConnectorID("x").IsConnector() || (TaskID{"x", 0}).IsConnector() {
		t.Error("connectors among tasks")
	}
}
