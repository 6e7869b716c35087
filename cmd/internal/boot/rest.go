package boot

import (
	"context"
	"os"
	"strings"
	"sync/atomic"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/httpapi"
)

// Commit is the commit that the binary was built of, shown by GET /; the release build sets it.
var Commit = "Unknown"

// restConfig is the REST part of the worker's settings as the server takes it.
func restConfig(w *settings.Worker, reg *plugin.Registry) (httpapi.Config, error) {
	cfg := httpapi.DefaultConfig()
	r := &w.Rest
	var err error
	if cfg.Listeners, err = listenersOf(r.Listeners, "listeners", r.TLS); err != nil {
		return cfg, err
	}
	switch r.Admin {
	case settings.AdminOff:
		cfg.AdminListeners = []httpapi.Listener{}
	case settings.AdminOwn:
		if cfg.AdminListeners, err = listenersOf(r.AdminListeners, "admin.listeners", r.AdminTLS); err != nil {
			return cfg, err
		}
	case settings.AdminShared:
	}
	cfg.AllowOrigin, cfg.AllowMethods = r.AllowOrigin, r.AllowMethods
	cfg.ResponseHeaders = w.Values.String("response.http.headers.config")
	cfg.Extensions = r.Extensions
	cfg.LoginConfig = loginConfig(w.Props, os.Getenv("KAFKA_OPTS"))
	cfg.Htpasswd = w.Props["rest.htpasswd.file"]
	cfg.TopicTracking, cfg.TopicTrackingReset = w.TopicTracking, w.TopicTrackingReset
	cfg.Version, cfg.Commit = builtin.KafkaVersion, Commit
	cfg.BaseConfig = func(kind plugin.Kind, class string) *config.Def {
		def, err := settings.ValidationDef(reg, nil, kind, map[string]*string{"connector.class": &class})
		if err != nil { // a class that was listed a moment ago
			return nil
		}
		return def
	}
	return cfg, nil
}

// loginConfig is the JAAS file for REST: the worker's property java.security.auth.login.config, or
// the JVM's of that name as connect-standalone takes it, -Djava.security.auth.login.config=FILE in
// KAFKA_OPTS. As there, the script's shell splits at spaces, the last one counts, FILE may be a
// file: URL, and a second = (leave out the JVM's own file) means the same.
func loginConfig(props map[string]string, kafkaOpts string) string {
	const key = "java.security.auth.login.config"
	if file := props[key]; file != "" {
		return file
	}
	file := ""
	for option := range strings.FieldsSeq(kafkaOpts) {
		if value, ok := strings.CutPrefix(option, "-D"+key+"="); ok {
			file = strings.TrimPrefix(value, "=")
		}
	}
	if path, isURL := strings.CutPrefix(file, "file:"); isURL {
		return "/" + strings.TrimLeft(path, "/")
	}
	return file
}

func listenersOf(in []settings.Listener, key string, tls map[string]string) ([]httpapi.Listener, error) {
	out := make([]httpapi.Listener, len(in))
	for i, l := range in {
		out[i] = httpapi.Listener{Scheme: l.Scheme, Host: l.Host, Port: l.Port}
		if !strings.EqualFold(l.Scheme, "https") {
			continue
		}
		conf, err := security.Server(key, tls)
		if err != nil {
			return nil, err
		}
		out[i].TLS = conf
	}
	return out, nil
}

// gate is the herder that REST sees while the worker is still starting: it is not ready, knows
// nothing, and becomes the worker when that is there.
type gate struct {
	herder atomic.Pointer[httpapi.Herder]
}

func (g *gate) open(h httpapi.Herder) { g.herder.Store(&h) }

// starting is the answer until then.
type starting struct{}

func (starting) Error() string { return "Worker is still starting up." }

// StatusCode implements httpapi.StatusError.
func (starting) StatusCode() int { return 503 }

// Started implements httpapi.Starter.
func (g *gate) Started() bool {
	h := g.herder.Load()
	if h == nil {
		return false
	}
	s, ok := (*h).(httpapi.Starter)
	return !ok || s.Started()
}

// The methods of httpapi.Herder, each handed on.

// KafkaClusterID implements httpapi.Herder.
func (g *gate) KafkaClusterID() string {
	if h := g.herder.Load(); h != nil {
		return (*h).KafkaClusterID()
	}
	return ""
}

// Ready implements httpapi.Herder.
func (g *gate) Ready(ctx context.Context) error {
	if h := g.herder.Load(); h != nil {
		return (*h).Ready(ctx)
	}
	return starting{}
}

// Connectors implements httpapi.Herder.
func (g *gate) Connectors(ctx context.Context) ([]string, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).Connectors(ctx)
	}
	var z0 []string
	return z0, starting{}
}

// Connector implements httpapi.Herder.
func (g *gate) Connector(ctx context.Context, name string) (state.ConnectorInfo, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).Connector(ctx, name)
	}
	var z0 state.ConnectorInfo
	return z0, starting{}
}

// Status implements httpapi.Herder.
func (g *gate) Status(ctx context.Context, name string) (state.ConnectorStatus, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).Status(ctx, name)
	}
	var z0 state.ConnectorStatus
	return z0, starting{}
}

// TaskStatus implements httpapi.Herder.
func (g *gate) TaskStatus(ctx context.Context, id state.TaskID) (state.TaskStatus, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).TaskStatus(ctx, id)
	}
	var z0 state.TaskStatus
	return z0, starting{}
}

// TaskConfigs implements httpapi.Herder.
func (g *gate) TaskConfigs(ctx context.Context, name string) ([]state.TaskInfo, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).TaskConfigs(ctx, name)
	}
	var z0 []state.TaskInfo
	return z0, starting{}
}

// Create implements httpapi.Herder.
func (g *gate) Create(ctx context.Context, name string, props map[string]string, initial state.TargetState) (state.ConnectorInfo, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).Create(ctx, name, props, initial)
	}
	var z0 state.ConnectorInfo
	return z0, starting{}
}

// PutConfig implements httpapi.Herder.
func (g *gate) PutConfig(ctx context.Context, name string, props map[string]string) (state.ConnectorInfo, bool, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).PutConfig(ctx, name, props)
	}
	var (
		z0 state.ConnectorInfo
		z1 bool
	)
	return z0, z1, starting{}
}

// PatchConfig implements httpapi.Herder.
func (g *gate) PatchConfig(ctx context.Context, name string, patch map[string]*string) (state.ConnectorInfo, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).PatchConfig(ctx, name, patch)
	}
	var z0 state.ConnectorInfo
	return z0, starting{}
}

// Delete implements httpapi.Herder.
func (g *gate) Delete(ctx context.Context, name string) error {
	if h := g.herder.Load(); h != nil {
		return (*h).Delete(ctx, name)
	}
	return starting{}
}

// SetTarget implements httpapi.Herder.
func (g *gate) SetTarget(ctx context.Context, name string, target state.TargetState) error {
	if h := g.herder.Load(); h != nil {
		return (*h).SetTarget(ctx, name, target)
	}
	return starting{}
}

// RestartConnector implements httpapi.Herder.
func (g *gate) RestartConnector(ctx context.Context, name string) error {
	if h := g.herder.Load(); h != nil {
		return (*h).RestartConnector(ctx, name)
	}
	return starting{}
}

// RestartWithTasks implements httpapi.Herder.
func (g *gate) RestartWithTasks(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).RestartWithTasks(ctx, name, includeTasks, onlyFailed)
	}
	var z0 state.ConnectorStatus
	return z0, starting{}
}

// RestartTask implements httpapi.Herder.
func (g *gate) RestartTask(ctx context.Context, id state.TaskID) error {
	if h := g.herder.Load(); h != nil {
		return (*h).RestartTask(ctx, id)
	}
	return starting{}
}

// ActiveTopics implements httpapi.Herder.
func (g *gate) ActiveTopics(ctx context.Context, name string) ([]string, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).ActiveTopics(ctx, name)
	}
	var z0 []string
	return z0, starting{}
}

// ResetActiveTopics implements httpapi.Herder.
func (g *gate) ResetActiveTopics(ctx context.Context, name string) error {
	if h := g.herder.Load(); h != nil {
		return (*h).ResetActiveTopics(ctx, name)
	}
	return starting{}
}

// Offsets implements httpapi.Herder.
func (g *gate) Offsets(ctx context.Context, name string) ([]state.ConnectorOffset, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).Offsets(ctx, name)
	}
	var z0 []state.ConnectorOffset
	return z0, starting{}
}

// AlterOffsets implements httpapi.Herder.
func (g *gate) AlterOffsets(ctx context.Context, name string, offsets []state.ConnectorOffset) (string, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).AlterOffsets(ctx, name, offsets)
	}
	var z0 string
	return z0, starting{}
}

// ResetOffsets implements httpapi.Herder.
func (g *gate) ResetOffsets(ctx context.Context, name string) (string, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).ResetOffsets(ctx, name)
	}
	var z0 string
	return z0, starting{}
}

// Validate implements httpapi.Herder.
func (g *gate) Validate(ctx context.Context, props map[string]*string) (config.Infos, error) {
	if h := g.herder.Load(); h != nil {
		return (*h).Validate(ctx, props)
	}
	var z0 config.Infos
	return z0, starting{}
}
