package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// fakeHerder keeps connectors in memory and answers as the JVM's herder does in one mode. What
// takes the real one a while is done at once.
type fakeHerder struct {
	standalone bool

	mu         sync.Mutex
	connectors map[string]*fakeConnector
	states     map[string]string // by connector: its state and its tasks', for Status; else what the target says
	ready      func(context.Context) error
	// before runs at the start of every call with the call's name; its error is returned.
	before func(ctx context.Context, call string) error
}

type fakeConnector struct {
	config map[string]string
	target state.TargetState
	tasks  int
}

func newFakeHerder(standalone bool) *fakeHerder {
	return &fakeHerder{standalone: standalone, connectors: map[string]*fakeConnector{}}
}

func (f *fakeHerder) enter(ctx context.Context, call string) (func(), error) {
	if f.before != nil {
		if err := f.before(ctx, call); err != nil {
			return func() {}, err
		}
	}
	f.mu.Lock()
	return f.mu.Unlock, nil
}

func (f *fakeHerder) get(name string) (*fakeConnector, error) {
	c := f.connectors[name]
	if c == nil {
		return nil, errs.NotFound.New("Connector %s not found", name)
	}
	return c, nil
}

func (f *fakeHerder) unknown(name, prefix string) error {
	if f.standalone {
		return errs.Connect.New("No connector `%s` configured", name)
	}
	return errs.NotFound.New("%s%s", prefix, name)
}

func (c *fakeConnector) kind() plugin.Kind {
	if strings.Contains(c.config["connector.class"], "Sink") {
		return plugin.Sink
	}
	return plugin.Source
}

// arrange gives the connector its tasks.
func (c *fakeConnector) arrange() {
	switch {
	case c.target == state.TargetStopped:
		c.tasks = 0
	case c.target == state.TargetStarted && c.kind() == plugin.Source:
		c.tasks = 1
	case c.target == state.TargetStarted:
		c.tasks, _ = strconv.Atoi(c.config["tasks.max"])
	}
}

func (f *fakeHerder) info(name string, c *fakeConnector, tasks int) state.ConnectorInfo {
	info := state.ConnectorInfo{Name: name, Config: maps.Clone(c.config), Type: c.kind()}
	for i := range tasks {
		info.Tasks = append(info.Tasks, state.TaskID{Connector: name, Task: i})
	}
	return info
}

func (f *fakeHerder) KafkaClusterID() string { return "fake-cluster" }

func (f *fakeHerder) Ready(ctx context.Context) error {
	if f.ready != nil {
		return f.ready(ctx)
	}
	return nil
}

func (f *fakeHerder) Connectors(ctx context.Context) ([]string, error) {
	leave, err := f.enter(ctx, "Connectors")
	defer leave()
	return slices.Sorted(maps.Keys(f.connectors)), err
}

func (f *fakeHerder) Connector(ctx context.Context, name string) (state.ConnectorInfo, error) {
	leave, err := f.enter(ctx, "Connector")
	defer leave()
	if err != nil {
		return state.ConnectorInfo{}, err
	}
	c, err := f.get(name)
	if err != nil {
		return state.ConnectorInfo{}, err
	}
	return f.info(name, c, c.tasks), nil
}

func (f *fakeHerder) status(c *fakeConnector) state.Status {
	s := state.Status{State: state.Running, WorkerID: "127.0.0.1:8083", Version: "4.1.1"}
	switch c.target {
	case state.TargetPaused:
		s.State = state.Paused
	case state.TargetStopped:
		s.State = state.Stopped
	case state.TargetStarted:
	}
	return s
}

func (f *fakeHerder) statusOf(name string, c *fakeConnector) state.ConnectorStatus {
	out := state.ConnectorStatus{Name: name, Connector: f.status(c), Type: c.kind()}
	for i := range c.tasks {
		out.Tasks = append(out.Tasks, state.TaskStatus{ID: i, Status: f.status(c)})
	}
	return out
}

func (f *fakeHerder) Status(ctx context.Context, name string) (state.ConnectorStatus, error) {
	leave, err := f.enter(ctx, "Status")
	defer leave()
	if err != nil {
		return state.ConnectorStatus{}, err
	}
	c := f.connectors[name]
	if c == nil {
		return state.ConnectorStatus{}, errs.NotFound.New("No status found for connector %s", name)
	}
	st := f.statusOf(name, c)
	if states := strings.Fields(f.states[name]); len(states) > 0 {
		st.Connector.State, st.Tasks = state.State(states[0]), nil
		for i, s := range states[1:] {
			st.Tasks = append(st.Tasks, state.TaskStatus{ID: i, Status: state.Status{State: state.State(s)}})
		}
	}
	return st, nil
}

func (f *fakeHerder) TaskStatus(ctx context.Context, id state.TaskID) (state.TaskStatus, error) {
	leave, err := f.enter(ctx, "TaskStatus")
	defer leave()
	if err != nil {
		return state.TaskStatus{}, err
	}
	c := f.connectors[id.Connector]
	if c == nil || id.Task < 0 || id.Task >= c.tasks {
		return state.TaskStatus{}, errs.NotFound.New("No status found for task %s", id)
	}
	return state.TaskStatus{ID: id.Task, Status: f.status(c)}, nil
}

func (f *fakeHerder) TaskConfigs(ctx context.Context, name string) ([]state.TaskInfo, error) {
	leave, err := f.enter(ctx, "TaskConfigs")
	defer leave()
	if err != nil {
		return nil, err
	}
	c, err := f.get(name)
	if err != nil {
		return nil, err
	}
	var out []state.TaskInfo
	for i := range c.tasks {
		props := maps.Clone(c.config)
		kind := strings.ToUpper(string(c.kind()[:1])) + string(c.kind()[1:])
		props["task.class"] = "org.apache.kafka.connect.file.FileStream" + kind + "Task"
		out = append(out, state.TaskInfo{ID: state.TaskID{Connector: name, Task: i}, Config: props})
	}
	return out, nil
}

func (f *fakeHerder) put(name string, props map[string]string, target state.TargetState) (state.ConnectorInfo, bool, error) {
	if props["connector.class"] == "" {
		return state.ConnectorInfo{}, false, errs.BadRequest.New("Connector config {name=%s} contains no connector type", name)
	}
	if props["topic"]+props["topics"] == "" {
		return state.ConnectorInfo{}, false, errs.BadRequest.New("Connector configuration is invalid and contains the following " +
			"1 error(s):\nMissing required configuration \"topic\" which has no default value.\nYou can also find the above " +
			"list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`")
	}
	c := f.connectors[name]
	before := 0
	if c == nil {
		c = &fakeConnector{target: target}
		f.connectors[name] = c
		c.config = props
		c.arrange()
		if f.standalone {
			before = c.tasks
		}
		return f.info(name, c, before), true, nil
	}
	before = c.tasks
	c.config = props
	c.arrange()
	if f.standalone {
		before = c.tasks
	}
	return f.info(name, c, before), false, nil
}

func (f *fakeHerder) Create(ctx context.Context, name string, props map[string]string, initial state.TargetState) (state.ConnectorInfo, error) {
	leave, err := f.enter(ctx, "Create")
	defer leave()
	if err != nil {
		return state.ConnectorInfo{}, err
	}
	if f.connectors[name] != nil && props["topic"]+props["topics"] != "" {
		return state.ConnectorInfo{}, errs.AlreadyExists.New("Connector %s already exists", name)
	}
	info, _, err := f.put(name, props, cmp.Or(initial, state.TargetStarted))
	return info, err
}

func (f *fakeHerder) PutConfig(ctx context.Context, name string, props map[string]string) (state.ConnectorInfo, bool, error) {
	leave, err := f.enter(ctx, "PutConfig")
	defer leave()
	if err != nil {
		return state.ConnectorInfo{}, false, err
	}
	return f.put(name, props, state.TargetStarted)
}

func (f *fakeHerder) PatchConfig(ctx context.Context, name string, patch map[string]*string) (state.ConnectorInfo, error) {
	leave, err := f.enter(ctx, "PatchConfig")
	defer leave()
	if err != nil {
		return state.ConnectorInfo{}, err
	}
	c, err := f.get(name)
	if err != nil {
		return state.ConnectorInfo{}, err
	}
	props := maps.Clone(c.config)
	for key, value := range patch {
		if value == nil {
			delete(props, key)
			continue
		}
		props[key] = *value
	}
	info, _, err := f.put(name, props, c.target)
	return info, err
}

func (f *fakeHerder) Delete(ctx context.Context, name string) error {
	leave, err := f.enter(ctx, "Delete")
	defer leave()
	if err != nil {
		return err
	}
	if _, err := f.get(name); err != nil {
		return err
	}
	delete(f.connectors, name)
	return nil
}

func (f *fakeHerder) SetTarget(ctx context.Context, name string, target state.TargetState) error {
	leave, err := f.enter(ctx, "SetTarget")
	defer leave()
	if err != nil {
		return err
	}
	c := f.connectors[name]
	if c == nil && target == state.TargetStopped {
		return f.unknown(name, "Unknown connector ")
	}
	if c == nil {
		return errs.NotFound.New("Unknown connector %s", name)
	}
	c.target = target
	c.arrange()
	return nil
}

func (f *fakeHerder) RestartConnector(ctx context.Context, name string) error {
	leave, err := f.enter(ctx, "RestartConnector")
	defer leave()
	if err != nil {
		return err
	}
	if f.connectors[name] == nil {
		if f.standalone {
			return errs.Connect.New(`Cannot invoke "java.util.Map.get(Object)" because "config" is null`)
		}
		return f.unknown(name, "Unknown connector: ")
	}
	return nil
}

func (f *fakeHerder) RestartWithTasks(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error) {
	leave, err := f.enter(ctx, "RestartWithTasks")
	defer leave()
	if err != nil {
		return state.ConnectorStatus{}, err
	}
	c := f.connectors[name]
	if c == nil {
		return state.ConnectorStatus{}, errs.NotFound.New("Unknown connector: %s", name)
	}
	plan := f.statusOf(name, c)
	if onlyFailed {
		return plan, nil // nothing fails here
	}
	plan.Connector.State = state.Restarting
	for i := range plan.Tasks {
		if includeTasks {
			plan.Tasks[i].State = state.Restarting
		}
	}
	return plan, nil
}

func (f *fakeHerder) RestartTask(ctx context.Context, id state.TaskID) error {
	leave, err := f.enter(ctx, "RestartTask")
	defer leave()
	if err != nil {
		return err
	}
	c := f.connectors[id.Connector]
	switch {
	case c == nil && f.standalone:
		return errs.Connect.New("Failed to start task %s since it is not a recognizable type (source or sink)", id)
	case c == nil:
		return errs.NotFound.New("Unknown connector: %s", id.Connector)
	case id.Task < c.tasks:
		return nil
	case f.standalone:
		return errs.NotFound.New("Task %s not found", id)
	case c.target == state.TargetStopped:
		return elsewhereError("")
	}
	return errs.NotFound.New("Unknown task: %s", id)
}

// elsewhereError is what the real herder returns for what another worker has to do.
type elsewhereError string

func (e elsewhereError) Error() string      { return "not the leader; it is " + string(e) }
func (e elsewhereError) ForwardURL() string { return string(e) }

func (f *fakeHerder) ActiveTopics(ctx context.Context, name string) ([]string, error) {
	leave, err := f.enter(ctx, "ActiveTopics")
	defer leave()
	if err != nil {
		return nil, err
	}
	if c := f.connectors[name]; c != nil {
		return []string{c.config["topic"]}, nil
	}
	return nil, nil
}

func (f *fakeHerder) ResetActiveTopics(ctx context.Context, _ string) error {
	leave, err := f.enter(ctx, "ResetActiveTopics")
	defer leave()
	return err
}

func (f *fakeHerder) Offsets(ctx context.Context, name string) ([]state.ConnectorOffset, error) {
	leave, err := f.enter(ctx, "Offsets")
	defer leave()
	if err != nil {
		return nil, err
	}
	_, err = f.get(name)
	return nil, err
}

func (f *fakeHerder) AlterOffsets(ctx context.Context, name string, offsets []state.ConnectorOffset) (string, error) {
	leave, err := f.enter(ctx, "AlterOffsets")
	defer leave()
	if err != nil {
		return "", err
	}
	c, err := f.get(name)
	if err != nil {
		return "", err
	}
	if err := mustBeStopped(name, c); err != nil {
		return "", err
	}
	for _, o := range offsets {
		if o.Partition == nil && o.Offset != nil {
			return "", errs.Connect.New("Partition objects cannot be null")
		}
	}
	return "The offsets for this connector have been altered successfully", nil
}

func (f *fakeHerder) ResetOffsets(ctx context.Context, name string) (string, error) {
	leave, err := f.enter(ctx, "ResetOffsets")
	defer leave()
	if err != nil {
		return "", err
	}
	c, err := f.get(name)
	if err != nil {
		return "", err
	}
	return "The offsets for this connector have been reset successfully", mustBeStopped(name, c)
}

func mustBeStopped(name string, c *fakeConnector) error {
	if c.target == state.TargetStopped {
		return nil
	}
	return errs.BadRequest.New("Connectors must be in the STOPPED state before their offsets can be modified. This can be "+
		"done for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name)
}

func (f *fakeHerder) Validate(ctx context.Context, props map[string]*string) (config.Infos, error) {
	leave, err := f.enter(ctx, "Validate")
	defer leave()
	if err != nil {
		return config.Infos{}, err
	}
	class := props["connector.class"]
	if class == nil {
		return config.Infos{}, errs.BadRequest.New("Connector config {} contains no connector type")
	}
	if !strings.Contains(*class, "FileStream") {
		return config.Infos{}, errs.BadRequest.New("Failed to find any class that implements Connector and which name matches %s, "+
			"available connectors are: PluginDesc{}", *class)
	}
	infos := config.Infos{Name: *class}
	for _, key := range slices.Sorted(maps.Keys(props)) {
		info := config.Info{Value: config.InfoValue{Name: key, Value: props[key], Visible: true}}
		if props[key] == nil {
			info.Value.Errors = []string{"Null value can not be supplied as the configuration value."}
			infos.ErrorCount++
		}
		infos.Configs = append(infos.Configs, info)
	}
	return infos, nil
}

// fakeInternal is a fakeHerder of a distributed worker.
type fakeInternal struct {
	*fakeHerder
	key      []byte
	required bool
	got      []map[string]string
	fenced   string
}

func (f *fakeInternal) SessionKey(context.Context) ([]byte, []string, bool, error) {
	return f.key, []string{"HmacSHA256"}, f.required, nil
}

func (f *fakeInternal) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	leave, err := f.enter(ctx, "PutTaskConfigs")
	defer leave()
	if err != nil {
		return err
	}
	f.got = configs
	_, err = f.get(name)
	return err
}

func (f *fakeInternal) FenceZombies(ctx context.Context, name string) error {
	leave, err := f.enter(ctx, "FenceZombies")
	defer leave()
	f.fenced = name
	return err
}

// fakePlugin is a plugin that only tells of itself.
type fakePlugin struct {
	kind plugin.Kind
	desc plugin.Descriptor
}

func (p fakePlugin) Kind() plugin.Kind           { return p.kind }
func (p fakePlugin) Describe() plugin.Descriptor { return p.desc }

func fakeRegistry() *plugin.Registry {
	file := func(kind plugin.Kind, name string) plugin.Plugin {
		return fakePlugin{kind, plugin.Descriptor{
			Class: "org.apache.kafka.connect.file." + name, Version: "4.1.1",
			Config: config.NewDef(
				config.Key{Name: "file", Type: config.String, Importance: config.High, Doc: "The file."},
				config.Key{Name: "batch.size", Type: config.Int, Default: int32(2000), Importance: config.Low, Doc: "Size."},
			),
		}}
	}
	reg, err := plugin.NewRegistry(
		file(plugin.Source, "FileStreamSourceConnector"),
		file(plugin.Sink, "FileStreamSinkConnector"),
		fakePlugin{plugin.Transformation, plugin.Descriptor{Class: "org.apache.kafka.connect.transforms.Filter", Version: "4.1.1"}},
		fakePlugin{plugin.Converter, plugin.Descriptor{Class: "org.apache.kafka.connect.storage.StringConverter", Version: "4.1.1"}},
	)
	if err != nil {
		panic(fmt.Sprintf("the registry of the tests: %v", err))
	}
	return reg
}
