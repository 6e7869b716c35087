package entity

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
)

// TestShapes: those of connector, status, task, infos and doubles were written by the classes of
// Kafka Connect 4.1.1 themselves.
func TestShapes(t *testing.T) {
	value := "v"
	for _, tt := range []struct {
		name string
		body any
		want string
	}{
		{"unknown type", InfoOf(state.ConnectorInfo{Name: "a"}), `{"name":"a","config":{},"tasks":[],"type":"unknown"}`},
		{"failed", StatusOf(state.ConnectorStatus{
			Name: "a", Type: "sink",
			Connector: state.Status{State: state.Failed, WorkerID: "w:1", Trace: "t", Generation: 7, Restarts: 3},
			Tasks:     []state.TaskStatus{{ID: 1, Status: state.Status{State: state.Failed, WorkerID: "w:1", Version: "2", Trace: "x\n"}}},
		}), `{"name":"a","connector":{"state":"FAILED","worker_id":"w:1","trace":"t"},` +
			`"tasks":[{"id":1,"state":"FAILED","worker_id":"w:1","version":"2","trace":"x\n"}],"type":"sink"}`},
		{
			"task without config", TasksOf([]state.TaskInfo{{ID: state.TaskID{Connector: "a", Task: 2}}}),
			`[{"id":{"connector":"a","task":2},"config":{}}]`,
		},
		{"plugin without version", Plugin{Class: "c", Type: "sink"}, `{"class":"c","type":"sink"}`},
		{
			"null offset", OffsetsOf([]state.ConnectorOffset{{Partition: map[string]any{"a": 1}}}),
			`{"offsets":[{"partition":{"a":1},"offset":null}]}`,
		},
		{
			"doubles", OffsetsOf([]state.ConnectorOffset{{Offset: map[string]any{"a": 1e10, "b": -0.25, "c": 3.0, "d": math.NaN()}}}),
			`{"offsets":[{"partition":null,"offset":{"a":1.0E10,"b":-0.25,"c":3.0,"d":"NaN"}}]}`,
		},
		{"key", KeyOf(config.Key{
			Name: "k", Type: config.List, Default: []string{"a", "b"}, Importance: config.Medium, Doc: "d", Group: "g", Order: 3,
			Width: config.WidthLong, DisplayName: "K", Dependents: []string{"x"},
		}), `{"name":"k","type":"LIST","required":false,"default_value":"a,b","importance":"MEDIUM","documentation":"d","group":"g",` +
			`"width":"LONG","display_name":"K","dependents":["x"],"order":3}`},
		{
			"secret default", KeyOf(config.Key{Name: "p", Type: config.Password, Default: config.NewSecret("hunter2")}).DefaultValue,
			`"[hidden]"`,
		},
		{"required", KeyOf(config.Key{Name: "r", Type: config.Int, Required: true, Default: int32(1)}).DefaultValue, `null`},
		{"infos", InfosOf(config.Infos{Name: "c", ErrorCount: 1, Configs: []config.Info{
			{Value: config.InfoValue{Name: "v", Value: &value, Errors: []string{"e"}, Visible: true}},
			{Key: &config.Key{Name: "k", Type: config.Boolean, Default: true, DisplayName: "K"}},
		}}), `{"name":"c","error_count":1,"groups":[],"configs":[` +
			`{"definition":null,"value":{"name":"v","value":"v","recommended_values":[],"errors":["e"],"visible":true}},` +
			`{"definition":{"name":"k","type":"BOOLEAN","required":false,"default_value":"true","importance":"HIGH","documentation":"",` +
			`"group":null,"width":"NONE","display_name":"K","dependents":[],"order":-1},"value":null}]}`},
	} {
		got, err := json.Marshal(tt.body)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", tt.name, err, got, tt.want)
		}
	}
}
