package settings_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// distributed are the least settings of a distributed worker.
func distributed(more ...string) map[string]string {
	return with(map[string]string{
		"group.id": "g", "key.converter": "JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
	}, more...)
}

func with(props map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	return props
}

func load(t *testing.T, mode settings.Mode, props map[string]string) (settings.Worker, []string) {
	t.Helper()
	w, warnings, err := settings.LoadWorker(t.Context(), mode, props, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w, warnings
}

func TestLoadWorkerDefaults(t *testing.T) {
	w, warnings := load(t, settings.Distributed, distributed())
	if len(warnings) != 0 {
		t.Errorf("warnings: %q", warnings)
	}
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"bootstrap", w.BootstrapServers, "localhost:9092"},
		{"flush interval", w.OffsetFlushInterval, time.Minute},
		{"flush timeout", w.OffsetFlushTimeout, 5 * time.Second},
		{"shutdown", w.TaskShutdownTimeout, 5 * time.Second},
		{"header converter", w.HeaderConverter.Class, "org.apache.kafka.connect.storage.SimpleHeaderConverter"},
		{"key converter", w.KeyConverter.Class, "JsonConverter"},
		{"policy", w.OverridePolicy, "All"},
		{"topic creation", w.TopicCreation && w.TopicTracking && w.TopicTrackingReset, true},
		{"listener", w.Rest.Listeners[0], settings.Listener{Scheme: "http", Port: 8083}},
		{"admin", w.Rest.Admin, settings.AdminShared},
		{"exactly once", w.ExactlyOnce, settings.ExactlyOnceDisabled},
		{"session", w.SessionTimeout, 10 * time.Second},
		{"heartbeat", w.HeartbeatInterval, 3 * time.Second},
		{"rebalance", w.RebalanceTimeout, time.Minute},
		{"sync", w.SyncTimeout, 3 * time.Second},
		{"unsync", w.UnsyncBackoff, 5 * time.Minute},
		{"delay", w.ScheduledRebalanceMaxDelay, 5 * time.Minute},
		{"protocol", w.Protocol, "sessioned"},
		{"key ttl", w.Sessions.KeyTTL, time.Hour},
		{"offsets partitions", w.OffsetTopic.Partitions, 25},
		{"status partitions", w.StatusTopic.Partitions, 5},
		{"config partitions", w.ConfigTopic.Partitions, 1},
		{"replicas", w.ConfigTopic.ReplicationFactor, 3},
		{"start concurrency", w.Supervisor.StartConcurrency, 8},
		{"stall", w.Supervisor.StallWarn, 5 * time.Minute},
		{"task restarts", w.Supervisor.Task, budget.Policy{
			Enabled: true, Max: 35, Window: time.Hour, Initial: time.Second, MaxDelay: time.Minute,
			Multiplier: 2, Jitter: 0.2, ResetAfter: 5 * time.Minute,
		}},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

func TestLoadWorkerReportsEveryError(t *testing.T) {
	props := distributed("offset.flush.interval.ms", "soon", "listeners", "ftp://x:1,http://y:99999", "connect.protocol", "lazy",
		"heartbeat.interval.ms", "20000", "inter.worker.verification.algorithms", "HmacSHA1", "response.http.headers.config", "put X",
		"connector.client.config.override.policy", "Some", "supervisor.task.restart.max", "-2", "rest.advertised.listener", "gopher",
		"status.storage.replication.factor", "0", "inter.worker.key.size", "0", "rest.advertised.port", "-1")
	delete(props, "group.id")
	_, _, err := settings.LoadWorker(t.Context(), settings.Distributed, props, nil)
	if !errors.Is(err, errs.Config) {
		t.Fatalf("got %v, want an errs.Config", err)
	}
	for _, want := range []string{
		"distributed worker configuration has 14 errors",
		`Missing required configuration "group.id"`,
		"Invalid value soon for configuration offset.flush.interval.ms: Not a number of type LONG",
		"Invalid value ftp://x:1 for configuration listeners",
		"Invalid value http://y:99999 for configuration listeners",
		"Invalid value lazy for configuration connect.protocol",
		"Invalid value 20000 for configuration heartbeat.interval.ms: it must be smaller than session.timeout.ms, which is 10000",
		"Signature algorithm must be present in inter.worker.verification.algorithms list",
		"Invalid header config action: 'put'",
		"Invalid value Some for configuration connector.client.config.override.policy: it must be one of All, None, Principal, Allowlist",
		"Invalid value -2 for configuration supervisor.task.restart.max: Value must be at least -1",
		"Invalid value gopher for configuration rest.advertised.listener",
		"Invalid value 0 for configuration status.storage.replication.factor",
		"Invalid value 0 for configuration inter.worker.key.size",
		"Invalid value -1 for configuration rest.advertised.port",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in\n%v", want, err)
		}
	}
}

func TestLoadWorkerStandalone(t *testing.T) {
	props := map[string]string{"key.converter": "a", "value.converter": "b"}
	_, _, err := settings.LoadWorker(t.Context(), settings.Standalone, props, nil)
	if err == nil || !strings.Contains(err.Error(), "offset.storage.file.filename") {
		t.Errorf("got %v", err)
	}
	props["offset.storage.file.filename"] = "connect.offsets"
	props["client.id"] = "me"
	w, warnings := load(t, settings.Standalone, props)
	if w.OffsetsFile != "connect.offsets" || w.ExactlyOnce != settings.ExactlyOnceDisabled || w.ClientID != "me" || len(warnings) != 0 {
		t.Errorf("got %q %q %q, warnings %q", w.OffsetsFile, w.ExactlyOnce, w.ClientID, warnings)
	}
}

func TestLoadWorkerSecretsStayHidden(t *testing.T) {
	props := distributed("ssl.keystore.password", "s3cret", "sasl.jaas.config", "s3cret", "offset.flush.timeout.ms", "x")
	w, warnings, err := settings.LoadWorker(t.Context(), settings.Distributed, props, nil)
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error()+strings.Join(warnings, " "), "s3cret") {
		t.Errorf("a secret is shown: %v", err)
	}
	if len(w.Props) != 0 {
		t.Error("a worker came with an error")
	}
}

func TestLoadWorkerWarnings(t *testing.T) {
	_, warnings := load(t, settings.Distributed, distributed(
		"producer.linger.ms", "1", "consumer.x", "1", "admin.x", "1", "key.converter.schemas.enable", "false",
		"config.providers.file.class", "x", "max.poll.records", "5", "offset.storage.file.filename", "both modes share a file",
		"metrics.context.a", "b", "offset.storage.min.insync.replicas", "2", "listeners.https.ssl.key.password", "x",
		"internal.key.converter", "x", "internal.value.converter.schemas.enable", "y",
		"config.storage.partitions", "7", "status.storage.cleanup.policy", "delete",
		"offset.flush.intervall.ms", "5", "zzz", "1"))
	want := []string{
		"config.storage.partitions=7 is ignored", "status.storage.cleanup.policy=delete is ignored",
		"internal.key.converter, internal.value.converter.schemas.enable: removed",
		"offset.flush.intervall.ms, zzz: not known",
	}
	if len(warnings) != len(want) {
		t.Errorf("got %d warnings, want %d: %q", len(warnings), len(want), warnings)
	}
	for _, w := range want {
		if !slices.ContainsFunc(warnings, func(got string) bool { return strings.HasPrefix(got, w) }) {
			t.Errorf("missing %q in %q", w, warnings)
		}
	}
}

func TestListenersOfOld(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		warnings   int
		props      []string
	}{
		{"port", "http://:8099", 1, []string{"rest.port", "8099"}},
		{"host", "http://me:8083", 1, []string{"rest.host.name", "me"}},
		{"both", "http://me:1", 1, []string{"rest.host.name", "me", "rest.port", "1"}},
		{"listeners win", "http://x:2", 1, []string{"listeners", "http://x:2", "rest.port", "1"}},
		{"neither", "http://:8083", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, warnings := load(t, settings.Distributed, distributed(tt.props...))
			if got := w.Rest.Listeners[0].String(); got != tt.want || len(warnings) != tt.warnings {
				t.Errorf("got %s and %q, want %s", got, warnings, tt.want)
			}
		})
	}
}

func TestLoadWorkerResolves(t *testing.T) {
	resolve := func(_ context.Context, props map[string]string) (map[string]string, error) {
		out := maps.Clone(props)
		for k, v := range out {
			out[k] = strings.ReplaceAll(v, "${env:G}", "team")
		}
		return out, nil
	}
	props := distributed("group.id", "${env:G}", "plugin.path", "/a,${env:G}", "config.providers.env.param.x", "${env:G}")
	w, warnings, err := settings.LoadWorker(t.Context(), settings.Distributed, props, resolve)
	if err != nil {
		t.Fatal(err)
	}
	if w.GroupID != "team" || w.Raw["group.id"] != "${env:G}" || w.Props["config.providers.env.param.x"] != "${env:G}" {
		t.Errorf("got %q, raw %q, provider %q", w.GroupID, w.Raw["group.id"], w.Props["config.providers.env.param.x"])
	}
	if !slices.Equal(w.PluginPath, []string{"/a", "${env:G}"}) || len(warnings) != 1 {
		t.Errorf("plugin.path %q, warnings %q", w.PluginPath, warnings)
	}
	failing := func(context.Context, map[string]string) (map[string]string, error) {
		return nil, errs.Config.New("file is gone")
	}
	if _, _, err := settings.LoadWorker(t.Context(), settings.Distributed, props, failing); !errors.Is(err, errs.Config) {
		t.Errorf("got %v", err)
	}
}

func TestRestTLS(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed("listeners", "https://:1,http://h:2", "admin.listeners", "https://a:3",
		"ssl.key.password", "plain", "listeners.https.ssl.keystore.location", "ks"))
	if !maps.Equal(w.Rest.TLS, map[string]string{"ssl.keystore.location": "ks"}) {
		t.Errorf("with prefix: %v", slices.Sorted(maps.Keys(w.Rest.TLS)))
	}
	if !maps.Equal(w.Rest.AdminTLS, map[string]string{"ssl.key.password": "plain"}) {
		t.Errorf("without: %v", slices.Sorted(maps.Keys(w.Rest.AdminTLS)))
	}
	if w.Rest.Admin != settings.AdminOwn || w.Rest.AdminListeners[0].Host != "a" {
		t.Errorf("admin: %v %v", w.Rest.Admin, w.Rest.AdminListeners)
	}
	if w, _ = load(t, settings.Distributed, distributed("admin.listeners", "")); w.Rest.Admin != settings.AdminOff {
		t.Errorf("empty admin.listeners: %v", w.Rest.Admin)
	}
}

func TestAdvertisedURL(t *testing.T) {
	bound := func(w *settings.Worker) []settings.Bound {
		var out []settings.Bound
		for _, l := range w.Rest.Listeners {
			out = append(out, settings.Bound{Listener: l, Port: 45678, LocalIP: "10.0.0.7"})
		}
		return out
	}
	for _, tt := range []struct {
		name, url, id string
		props         []string
	}{
		{"default", "http://10.0.0.7:8083/", "10.0.0.7:8083", nil},
		{"any port", "http://10.0.0.7:45678/", "10.0.0.7:45678", []string{"listeners", "http://:0"}},
		{"host of listener", "http://h:1/", "h:1", []string{"listeners", "https://s:2,http://h:1"}},
		{"https only", "https://s:2/", "s:2", []string{"listeners", "https://s:2"}},
		{"advertised listener", "https://s:2/", "s:2", []string{"listeners", "http://h:1,https://s:2", "rest.advertised.listener", "HTTPS"}},
		{"advertised host", "http://pub:8083/", "pub:8083", []string{"rest.advertised.host.name", "pub"}},
		{"advertised port", "http://10.0.0.7:80/", "10.0.0.7:80", []string{"rest.advertised.port", "80"}},
		{"all interfaces by number", "http://0.0.0.0:5/", "0.0.0.0:5", []string{"listeners", "http://0.0.0.0:5"}},
		{"IPv6", "http://[::1]:5/", "[::1]:5", []string{"listeners", "http://[::1]:5"}},
		{"no such listener", "https://10.0.0.7/", "10.0.0.7:443", []string{"rest.advertised.listener", "https"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := load(t, settings.Distributed, distributed(tt.props...))
			url := w.Rest.AdvertisedURL(bound(&w))
			id, err := settings.WorkerID(url)
			if url != tt.url || id != tt.id || err != nil {
				t.Errorf("got %s, %s, %v", url, id, err)
			}
		})
	}
	if _, err := settings.WorkerID("nothing"); !errors.Is(err, errs.Config) {
		t.Errorf("got %v", err)
	}
}

func TestParseHeaderRules(t *testing.T) {
	rules, err := settings.ParseHeaderRules(`add X-Frame-Options:DENY, "SET Cache-Control:no-cache, no-store",setDate Expires:31540000000`)
	want := []settings.HeaderRule{
		{Action: "add", Name: "X-Frame-Options", Value: "DENY"},
		{Action: "set", Name: "Cache-Control", Value: "no-cache, no-store"},
		{Action: "setDate", Name: "Expires", Value: "31540000000"},
	}
	if err != nil || !slices.Equal(rules, want) {
		t.Errorf("got %+v, %v", rules, err)
	}
	for _, wrong := range []string{"add", "put A:b", "add A", "add A:", "add A B:c", "add A:b:c", ","} {
		if _, err := settings.ParseHeaderRules(wrong); !errors.Is(err, errs.Config) {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestCheckPlugins(t *testing.T) {
	reg := registry(t)
	w, _ := load(t, settings.Distributed, distributed())
	if err := w.CheckPlugins(reg); err != nil {
		t.Error(err)
	}
	w, _ = load(t, settings.Distributed, distributed("key.converter", "NoSuch", "value.converter", "Filter",
		"header.converter", "StringConverter", "header.converter.plugin.version", "9"))
	err := w.CheckPlugins(reg)
	if !errors.Is(err, errs.Config) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"3 errors", "Class NoSuch could not be found", "does not implement the Converter interface", "available versions: [4.1.1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in %v", want, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	env := settings.FromEnv([]string{
		"CONNECT_CONFIG_STORAGE_TOPIC=c", "CONNECT_KEY_CONVERTER_SCHEMAS_ENABLE=false", "CONNECT_X__Y=1", "CONNECT_X___Y=2",
		"CONNECT_REST_PORT=8090", "CONNECT_LOG4J_ROOT_LOGLEVEL=WARN", "CONNECT_LOG4J_LOGGERS=a.b=DEBUG, c=ERROR,junk",
		"CONNECT_LOG4J_APPENDER_STDOUT=x", "PATH=/bin", "CONNECT_=x", "CONNECT_PRODUCER_SASL_JAAS_CONFIG=s3cret=a;b", "odd",
	})
	want := map[string]string{
		"config.storage.topic": "c", "key.converter.schemas.enable": "false", "x_y": "1", "x-y": "2",
		"listeners": "http://:8090", "producer.sasl.jaas.config": "s3cret=a;b",
	}
	if !maps.Equal(env.Props, want) {
		t.Errorf("got %v", env.Props)
	}
	if env.LogLevel != "WARN" || !maps.Equal(env.Loggers, map[string]string{"a.b": "DEBUG", "c": "ERROR"}) {
		t.Errorf("levels %q %v", env.LogLevel, env.Loggers)
	}
	if notes := strings.Join(env.Notes, "\n"); strings.Contains(notes, "s3cret") || !strings.Contains(notes, "junk") {
		t.Errorf("notes %s", notes)
	}
	env = settings.FromEnv([]string{"CONNECT_REST_PORT=1", "CONNECT_LISTENERS=http://:2"})
	if env.Props["listeners"] != "http://:2" {
		t.Errorf("got %v", env.Props)
	}
	file := map[string]string{"a": "file", "b": "file"}
	env = settings.FromEnv([]string{"CONNECT_A=env"})
	if got := env.Over(settings.Standalone, file); got["a"] != "env" || got["b"] != "file" || file["a"] != "file" {
		t.Errorf("got %v", got)
	}
}

func TestSupervisorOverrides(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed("supervisor.task.restart.max", "9", "supervisor.start.concurrency", "3"))
	c, err := settings.ParseConnector(&w, plugin.Source, map[string]string{
		"name": "n", "connector.class": "FileStreamSource", "supervisor.restart.enabled": "false",
		"supervisor.task.restart.backoff.jitter": "0", "supervisor.start.concurrency": "99",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Supervisor
	if s.Task.Enabled || s.Connector.Enabled || s.Task.Max != 9 || s.Task.Jitter != 0 || s.Connector.Jitter != 0.2 || s.StartConcurrency != 3 {
		t.Errorf("got %+v", s)
	}
	_, err = settings.ParseConnector(&w, plugin.Source, map[string]string{
		"name": "n", "connector.class": "FileStreamSource", "supervisor.task.restart.max": "many",
	})
	if !errors.Is(err, errs.Config) {
		t.Errorf("got %v", err)
	}
}
