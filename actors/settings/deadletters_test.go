package settings_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

func TestParseDeadLetters(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed())
	const topic, factor, context = "errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.replication.factor", "errors.deadletterqueue.context.headers.enable"
	const put, failures = "errors.deadletterqueue.put.enable", "errors.deadletterqueue.put.max.failures"
	for _, tt := range []struct {
		name  string
		kind  plugin.Kind
		props map[string]string
		want  settings.DeadLetters
		err   string
	}{
		{"source without", plugin.Source, source(), settings.DeadLetters{}, ""},
		{"source", plugin.Source, source(topic, " dlq ", factor, "2", context, "true"), settings.DeadLetters{Topic: "dlq", ReplicationFactor: 2, ContextHeaders: true}, ""},
		{"source, as Kafka Connect ignores it", plugin.Source, source(factor, "many", context, "perhaps"), settings.DeadLetters{}, ""},
		{"source, blank topic", plugin.Source, source(topic, " ", factor, "many"), settings.DeadLetters{}, ""},
		{"source, wrong factor", plugin.Source, source(topic, "dlq", factor, "many"), settings.DeadLetters{}, factor},
		{
			"put", plugin.Sink,
			sink("topics", "t", topic, "dlq", "errors.tolerance", "all", put, "true", failures, "3"),
			settings.DeadLetters{Topic: "dlq", ReplicationFactor: 3, Put: true, PutFailures: 3},
			"",
		},
		{"put off needs nothing", plugin.Sink, sink("topics", "t", put, "false"), settings.DeadLetters{ReplicationFactor: 3, PutFailures: 10}, ""},
		{"put without topic", plugin.Sink, sink("topics", "t", put, "true", "errors.tolerance", "all"), settings.DeadLetters{}, "set " + topic},
		{"put without tolerance", plugin.Sink, sink("topics", "t", put, "true", topic, "dlq"), settings.DeadLetters{}, "needs errors.tolerance=all"},
		{"failures", plugin.Sink, sink("topics", "t", failures, "0"), settings.DeadLetters{}, failures},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := settings.ParseConnector(&w, tt.kind, tt.props)
			if tt.err != "" {
				if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := settings.DeadLetters{}
			if c.Source != nil {
				got = c.Source.DeadLetters
			} else {
				got = c.Sink.DeadLetters
			}
			if got != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// What Kafka Connect doesn't know is in the answer only where it was given, and for a source only if
// it is wrong.
func TestValidateDeadLetters(t *testing.T) {
	const topic, factor, put = "errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.replication.factor", "errors.deadletterqueue.put.enable"
	src := map[string]string{"name": "n", "connector.class": "FileStreamSource", "topic": "t"}
	snk := map[string]string{"name": "n", "connector.class": "FileStreamSink", "topics": "t"}
	d := deps(t, &probe{})
	d.Policy = func(client string, overrides map[string]string) map[string]string {
		refused := map[string]string{}
		for k := range overrides {
			refused[k] = client + " refused"
		}
		return refused
	}
	for _, tt := range []struct {
		name  string
		base  map[string]string
		more  []string
		about string
		want  []string // errors; nil: not in the answer
	}{
		{"source", src, []string{topic, "dlq"}, topic, nil},
		{"source, ignored", src, []string{factor, "many"}, factor, nil},
		{"source, wrong", src, []string{topic, "dlq", factor, "many"}, factor, []string{"Invalid value many for configuration " + factor + ": Not a number of type SHORT"}},
		{"source's admin client", src, []string{topic, "dlq", "admin.override.client.id", "x"}, "admin.override.client.id", []string{"admin refused"}},
		{"source without an admin client", src, []string{"admin.override.client.id", "x"}, "admin.override.client.id", nil},
		{"sink without put", snk, nil, put, nil},
		{"put", snk, []string{put, "true", topic, "dlq", "errors.tolerance", "all"}, put, []string{}},
		{"put without tolerance", snk, []string{put, "true", topic, "dlq"}, put, []string{put + "=true skips records, which needs errors.tolerance=all"}},
		{"put, wrong", snk, []string{put, "perhaps"}, put, []string{"Invalid value perhaps for configuration " + put + ": Expected value to be either true or false"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			props := maps.Clone(tt.base)
			for i := 0; i < len(tt.more); i += 2 {
				props[tt.more[i]] = tt.more[i+1]
			}
			infos := validate(t, d, props)
			got := of(infos, tt.about)
			if tt.want == nil {
				if len(got) != 0 || infos.ErrorCount != 0 {
					t.Errorf("got %+v, %d errors", got, infos.ErrorCount)
				}
				return
			}
			if len(got) != 1 || !slices.Equal(got[0].Errors, tt.want) || infos.ErrorCount != min(len(tt.want), 1) {
				t.Errorf("got %+v, %d errors", got, infos.ErrorCount)
			}
		})
	}
}
