package state

import "testing"

func TestDescribe(t *testing.T) {
	var many []TaskID
	for n := range 20 {
		many = append(many, TaskID{Connector: "big", Task: n})
	}
	for _, tt := range []struct {
		connectors []string
		tasks      []TaskID
		want       string
	}{
		{nil, nil, ""},
		{[]string{"a"}, nil, "1 connector (a)"},
		{[]string{"a", "b"}, []TaskID{{"a", 0}}, "2 connectors, 1 task (a, b, a-0)"},
		{nil, []TaskID{{"a b", 0}, {"a b", 11}}, "2 tasks (a b-0, a b-11)"},
		{[]string{"big"}, many, "1 connector, 20 tasks (big, big-0, big-1, big-2, big-3, big-4, big-5, big-6, big-7, big-8, big-9, big-10, and 9 more)"},
	} {
		if got := Describe(tt.connectors, tt.tasks); got != tt.want {
			t.Errorf("%v, %v: %q, want %q", tt.connectors, tt.tasks, got, tt.want)
		}
	}
	if got := Count(nil, nil); got != "nothing" {
		t.Error(got)
	}
}
