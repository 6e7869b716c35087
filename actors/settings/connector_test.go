package settings_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

func source(more ...string) map[string]string {
	return with(map[string]string{"name": "src", "connector.class": "FileStreamSource"}, more...)
}

func sink(more ...string) map[string]string {
	return with(map[string]string{"name": "snk", "connector.class": "FileStreamSink"}, more...)
}

func parse(t *testing.T, kind plugin.Kind, props map[string]string) settings.Connector {
	t.Helper()
	w, _ := load(t, settings.Distributed, distributed("value.converter.schemas.enable", "false", "offset.flush.interval.ms", "7000"))
	c, err := settings.ParseConnector(&w, kind, props)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseConnectorConverters(t *testing.T) {
	c := parse(t, plugin.Source, source("key.converter", "StringConverter", "key.converter.encoding", "UTF-16",
		"key.converter.plugin.version", "4.1.1", "value.converter.schemas.enable", "true"))
	if want := (settings.Converter{Class: "StringConverter", Version: "4.1.1", Props: map[string]string{"encoding": "UTF-16"}}); !reflect.DeepEqual(c.KeyConverter, want) {
		t.Errorf("key: %+v", c.KeyConverter)
	}
	// The class is the worker's, so its settings are too: what the connector says doesn't count.
	if want := map[string]string{"schemas.enable": "false"}; !maps.Equal(c.ValueConverter.Props, want) {
		t.Errorf("value: %+v", c.ValueConverter)
	}
	if c.HeaderConverter.Class != "org.apache.kafka.connect.storage.SimpleHeaderConverter" {
		t.Errorf("header: %+v", c.HeaderConverter)
	}
}

func TestParseConnectorLinks(t *testing.T) {
	c := parse(t, plugin.Source, source("transforms", "b, a", "predicates", "p",
		"transforms.a.type", "Filter", "transforms.a.predicate", "p", "transforms.a.negate", "TRUE", "transforms.a.plugin.version", "4.1.1",
		"transforms.b.type", "InsertHeader", "transforms.b.header", "h", "predicates.p.type", "TopicNameMatches", "predicates.p.pattern", "x.*"))
	want := []settings.Transform{
		{Alias: "b", Class: "InsertHeader", Props: map[string]string{"header": "h"}},
		{Alias: "a", Class: "Filter", Version: "4.1.1", Predicate: "p", Negate: true, Props: map[string]string{}},
	}
	if !reflect.DeepEqual(c.Transforms, want) {
		t.Errorf("got %+v", c.Transforms)
	}
	if p := c.Predicates[0]; p.Alias != "p" || p.Class != "TopicNameMatches" || !maps.Equal(p.Props, map[string]string{"pattern": "x.*"}) {
		t.Errorf("got %+v", p)
	}
}

func TestParseConnectorErrors(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed())
	for _, tt := range []struct {
		name, want string
		kind       plugin.Kind
		props      map[string]string
	}{
		{"no class", `"connector.class"`, plugin.Source, map[string]string{"name": "x"}},
		{"tasks.max", "tasks.max", plugin.Source, source("tasks.max", "0")},
		{"no type", `"transforms.a.type"`, plugin.Source, source("transforms", "a")},
		{"negate alone", "'transforms.a.negate'", plugin.Source, source("transforms", "a", "transforms.a.type", "Filter", "transforms.a.negate", "true")},
		{"negate", "transforms.a.negate", plugin.Source, source("transforms", "a", "transforms.a.type", "Filter", "predicates", "p",
			"predicates.p.type", "RecordIsTombstone", "transforms.a.predicate", "p", "transforms.a.negate", "perhaps")},
		{"blank predicate", "it must name a predicate", plugin.Source, source("transforms", "a", "transforms.a.type", "Filter", "transforms.a.predicate", " ")},
		{"no topics", "Must configure one of topics or topics.regex", plugin.Sink, sink()},
		{"both topics", "mutually exclusive", plugin.Sink, sink("topics", "a", "topics.regex", "b")},
		{"dead letters read", "The DLQ topic 'a' may not be included", plugin.Sink, sink("topics", "b,a", "errors.deadletterqueue.topic.name", "a")},
		{"dead letters match", "may not be matched by the regex", plugin.Sink, sink("topics.regex", "a+", "errors.deadletterqueue.topic.name", "aa")},
		{"regex", "Invalid regex", plugin.Sink, sink("topics.regex", "(")},
		{"topic creation without default", "topic.creation.default.replication.factor", plugin.Source, source("topic.creation.default.partitions", "1")},
		{"topic creation pattern", "topic.creation.g.include", plugin.Source, source("topic.creation.groups", "g", "topic.creation.g.include", "(",
			"topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "1")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := settings.ParseConnector(&w, tt.kind, tt.props)
			if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseConnectorSink(t *testing.T) {
	c := parse(t, plugin.Sink, sink("topics", "a, b,,a", "errors.deadletterqueue.topic.name", "dlq",
		"errors.deadletterqueue.topic.replication.factor", "1", "errors.deadletterqueue.context.headers.enable", "true",
		"errors.tolerance", "all", "errors.retry.timeout", "-1", "errors.retry.delay.max.ms", "250", "errors.log.enable", "true",
		"errors.log.include.messages", "true", "tasks.max", "3", "tasks.max.enforce", "false", "config.action.reload", "none",
		"consumer.override.max.poll.records", "5", "producer.override.acks", "1", "admin.override.client.id", "x"))
	if s := c.Sink; !slices.Equal(s.Topics, []string{"a", "b"}) || s.TopicsRegex != "" || s.GroupID != "connect-snk" ||
		s.DeadLetters != (settings.DeadLetters{Topic: "dlq", ReplicationFactor: 1, ContextHeaders: true, PutFailures: 10}) {
		t.Errorf("got %+v", s)
	}
	if c.Errors != (settings.Errors{TolerateAll: true, RetryTimeout: -time.Millisecond, RetryDelayMax: 250 * time.Millisecond, Log: true, LogMessages: true}) {
		t.Errorf("got %+v", c.Errors)
	}
	if c.TasksMax != 3 || c.EnforceMax || c.Reload || c.Source != nil {
		t.Errorf("got %+v", c)
	}
	if c.ConsumerOverrides["max.poll.records"] != "5" || c.ProducerOverrides["acks"] != "1" || c.AdminOverrides["client.id"] != "x" {
		t.Errorf("overrides %v %v %v", c.ConsumerOverrides, c.ProducerOverrides, c.AdminOverrides)
	}
	c = parse(t, plugin.Sink, sink("topics.regex", "a.*", "consumer.override.group.id", "own"))
	if c.Sink.TopicsRegex != "a.*" || c.Sink.Topics != nil || c.Sink.GroupID != "own" {
		t.Errorf("got %+v", c.Sink)
	}
}

func TestParseConnectorSource(t *testing.T) {
	c := parse(t, plugin.Source, source())
	if s := c.Source; s.Boundary != settings.BoundaryPoll || s.BoundaryInterval != 7*time.Second || s.TopicGroups != nil || s.OffsetsTopic != "" || s.ExactlyOnceRequired {
		t.Errorf("got %+v", s)
	}
	c = parse(t, plugin.Source, source("exactly.once.support", "Required", "transaction.boundary", "INTERVAL",
		"transaction.boundary.interval.ms", "5", "offsets.storage.topic", "own",
		"topic.creation.groups", "g,default", "topic.creation.g.include", "a.*, b", "topic.creation.g.exclude", "ax", "topic.creation.g.partitions", "7",
		"topic.creation.g.cleanup.policy", "compact", "topic.creation.default.partitions", "2", "topic.creation.default.replication.factor", "-1",
		"topic.creation.default.retention.ms", "9"))
	s := c.Source
	if !s.ExactlyOnceRequired || s.Boundary != settings.BoundaryInterval || s.BoundaryInterval != 5*time.Millisecond || s.OffsetsTopic != "own" {
		t.Errorf("got %+v", s)
	}
	want := []settings.TopicGroup{
		{Name: "g", Include: []string{"a.*", "b"}, Exclude: []string{"ax"}, Partitions: 7, ReplicationFactor: -1, Config: map[string]string{"cleanup.policy": "compact"}},
		{Name: "default", Partitions: 2, ReplicationFactor: -1, Config: map[string]string{"retention.ms": "9"}},
	}
	if !reflect.DeepEqual(s.TopicGroups, want) {
		t.Errorf("got %+v", s.TopicGroups)
	}
	w, _ := load(t, settings.Distributed, distributed("topic.creation.enable", "false"))
	off, err := settings.ParseConnector(&w, plugin.Source, source("topic.creation.default.partitions", "2"))
	if err != nil || off.Source.TopicGroups != nil {
		t.Errorf("topic.creation.enable=false: %v %v", off.Source, err)
	}
}

func TestTaskConfigs(t *testing.T) {
	raw := map[string]string{"topics": "a,b", "password": "${file:/p:pw}", "mixed": "a${env:X}b", "plain": "p"}
	made := []map[string]string{{"password": "s3cret", "plain": "changed", "task.class": "wrong"}, nil}
	got := settings.TaskConfigs(raw, "my.Task", made)
	want := []map[string]string{
		{"password": "${file:/p:pw}", "plain": "changed", "task.class": "my.Task", "topics": "a,b"},
		{"task.class": "my.Task", "topics": "a,b"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if made[0]["password"] != "s3cret" || made[0]["task.class"] != "wrong" {
		t.Errorf("the connector's own maps were changed: %v", made)
	}
}

func TestCheckTasksMax(t *testing.T) {
	if warning, err := settings.CheckTasksMax("c", 2, 2, true); warning != "" || err != nil {
		t.Errorf("got %q, %v", warning, err)
	}
	_, err := settings.CheckTasksMax("c", 3, 2, true)
	if !errors.Is(err, errs.TooManyTasks) || !strings.HasPrefix(err.Error(), "The connector c has generated 3 tasks, which is greater than 2,") {
		t.Errorf("got %v", err)
	}
	if warning, err := settings.CheckTasksMax("c", 3, 2, false); warning == "" || err != nil {
		t.Errorf("got %q, %v", warning, err)
	}
}

func TestParseConnectorFile(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		want          settings.ConnectorFile
		err           string
	}{
		{
			"map", `{"name":"n","tasks.max":2,"flag":true,"gone":null}`,
			settings.ConnectorFile{Name: "n", Config: map[string]string{"name": "n", "tasks.max": "2", "flag": "true"}, InitialState: state.TargetStarted},
			"",
		},
		{
			"request", "\ufeff {\"name\":\"n\",\"config\":{\"a\":\"b\"},\"initial_state\":\"paused\",\"more\":[]}",
			settings.ConnectorFile{Name: "n", Config: map[string]string{"name": "n", "a": "b"}, InitialState: state.TargetPaused},
			"",
		},
		{
			"properties", "name = n\n# c\na: b",
			settings.ConnectorFile{Name: "n", Config: map[string]string{"name": "n", "a": "b"}, InitialState: state.TargetStarted},
			"",
		},
		{
			"setting called config", `{"name":"n","config":"c"}`,
			settings.ConnectorFile{Name: "n", Config: map[string]string{"name": "n", "config": "c"}, InitialState: state.TargetStarted},
			"",
		},
		{"names differ", `{"name":"n","config":{"name":"m"}}`, settings.ConnectorFile{}, "doesn't match"},
		{"no name", `{"a":"b"}`, settings.ConnectorFile{}, "missing the mandatory 'name'"},
		{"no name in properties", `a=b`, settings.ConnectorFile{}, "missing the mandatory 'name'"},
		{"empty", ``, settings.ConnectorFile{}, "missing the mandatory 'name'"},
		{"broken JSON", `{"name":"n",`, settings.ConnectorFile{}, "neither a JSON object nor properties"},
		{"two objects", `{"name":"n"}{}`, settings.ConnectorFile{}, "more after the JSON object"},
		{"nested", `{"name":"n","config":{"a":{"b":"c"}}}`, settings.ConnectorFile{}, "config.a must be a text"},
		{"state", `{"name":"n","config":{},"initial_state":"SLEEPING"}`, settings.ConnectorFile{}, "SLEEPING"},
		{"list", `["name"]`, settings.ConnectorFile{}, "missing the mandatory 'name'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := settings.ParseConnectorFile("etc/x.json", []byte(tt.content))
			if tt.err == "" {
				if err != nil || !reflect.DeepEqual(got, tt.want) {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, errs.Config) && !errors.Is(err, errs.BadRequest) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "etc/x.json") {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

func FuzzParseConnectorFile(f *testing.F) {
	for _, seed := range []string{`{"name":"n"}`, `{"name":"n","config":{"a":1}}`, "name=n", "{", "\\u12", `{"config":{},"name":5}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := settings.ParseConnectorFile("f", content)
		if err == nil && (file.Name == "" || file.Config["name"] == "") {
			t.Errorf("no error and no name: %+v", file)
		}
	})
}
