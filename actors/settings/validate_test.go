package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// probe is a source connector whose checks are the test's.
type probe struct {
	connectors.SourceConnector
	validate func(ctx context.Context, props map[string]string, answer config.Validation) (config.Validation, error)
	once     func() (connectors.ExactlyOnceSupport, error)
	boundary func() (bool, error)
}

func (p *probe) Validate(ctx context.Context, props map[string]string, answer config.Validation) (config.Validation, error) {
	if p.validate == nil {
		return answer, nil
	}
	return p.validate(ctx, props, answer)
}

func (p *probe) ExactlyOnceSupport(map[string]string) (connectors.ExactlyOnceSupport, error) {
	return p.once()
}

func (p *probe) CanDefineTransactionBoundaries(map[string]string) (bool, error) { return p.boundary() }

// deps are those of a distributed worker that has the built-ins and a connector Probe.
func deps(t *testing.T, p *probe, more ...string) settings.Deps {
	t.Helper()
	probePlugin := connectors.Source{
		Descriptor: plugin.Descriptor{Class: "test.Probe", Version: "1", Config: config.NewDef(
			config.Key{Name: "secret", Type: config.Password, Required: true, Importance: config.High},
		)},
		Connector: func() connectors.SourceConnector { return p },
	}
	reg, err := plugin.NewRegistry(append(builtins(), probePlugin)...)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := load(t, settings.Distributed, distributed(more...))
	return settings.Deps{Registry: reg, Worker: &w}
}

func validate(t *testing.T, d settings.Deps, props map[string]string) config.Infos {
	t.Helper()
	infos, err := settings.Validate(t.Context(), d, nullable(props))
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

// of is what the answer says of a setting, every time it does.
func of(infos config.Infos, name string) (found []config.InfoValue) {
	for _, c := range infos.Configs {
		if c.Value.Name == name {
			found = append(found, c.Value)
		}
	}
	return found
}

func TestValidateStages(t *testing.T) {
	var stages []string
	p := &probe{validate: func(_ context.Context, _ map[string]string, a config.Validation) (config.Validation, error) {
		stages = append(stages, "(the connector's own code)")
		return a, nil
	}}
	d := deps(t, p)
	d.Stage = func(name string) { stages = append(stages, name) }
	d.Resolve = func(_ context.Context, props map[string]string) (map[string]string, error) { return props, nil }
	validate(t, d, map[string]string{
		"name": "n", "connector.class": "Probe", "secret": "x", "value.converter": "JsonConverter",
		"offsets.storage.topic": "own",
	})
	want := []string{
		"resolving transformed configuration properties for the connector",
		"validating source connector-specific properties for the connector",
		"instantiating the connector's value converter for validation",
		"retrieving the configuration definition from the connector's value converter",
		"performing config validation for the connector's value converter",
		"validating producer config overrides for the connector",
		"validating consumer config overrides for the connector",
		"validating admin config overrides for the connector",
		"retrieving the configuration definition from the connector",
		"performing multi-property validation for the connector",
		"(the connector's own code)",
	}
	if !slices.Equal(stages, want) {
		t.Errorf("got\n%s", strings.Join(stages, "\n"))
	}
}

func TestValidateByConnector(t *testing.T) {
	p := &probe{validate: func(_ context.Context, props map[string]string, a config.Validation) (config.Validation, error) {
		a.AddError("secret", "too short")
		a.AddError("elsewhere", "not defined by anyone")
		return a, nil
	}}
	infos := validate(t, deps(t, p), map[string]string{"name": "n", "connector.class": "test.Probe", "secret": "s3cret"})
	if v := of(infos, "secret"); len(v) != 1 || *v[0].Value != "[hidden]" || !slices.Equal(v[0].Errors, []string{"too short"}) {
		t.Errorf("got %+v", v)
	}
	if first := infos.Configs[0]; first.Key != nil || first.Value.Name != "elsewhere" || infos.ErrorCount != 2 {
		t.Errorf("got %+v, %d errors", first, infos.ErrorCount)
	}
	err := settings.Refusal(infos)
	if !errors.Is(err, errs.BadRequest) || strings.Contains(err.Error(), "s3cret") ||
		!strings.HasPrefix(err.Error(), "Connector configuration is invalid and contains the following 2 error(s):\nnot defined by anyone\ntoo short\nYou can also find") {
		t.Errorf("got %v", err)
	}
	if err := settings.Refusal(config.Infos{}); err != nil {
		t.Errorf("got %v", err)
	}
	p.validate = func(context.Context, map[string]string, config.Validation) (config.Validation, error) {
		return nil, errors.New("no connection")
	}
	_, err = settings.Validate(t.Context(), deps(t, p), nullable(map[string]string{"name": "n", "connector.class": "Probe"}))
	if err == nil || err.Error() != "no connection" {
		t.Errorf("got %v", err)
	}
}

func TestValidateHangs(t *testing.T) {
	p := &probe{validate: func(ctx context.Context, _ map[string]string, a config.Validation) (config.Validation, error) {
		<-ctx.Done()
		return a, nil // it hides that it was interrupted
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := settings.Validate(ctx, deps(t, p), nullable(map[string]string{"name": "n", "connector.class": "Probe", "secret": "x"}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestValidateExactlyOnce(t *testing.T) {
	props := map[string]string{"name": "n", "connector.class": "Probe", "secret": "x", "exactly.once.support": "required", "transaction.boundary": "connector"}
	for _, tt := range []struct {
		name           string
		once, boundary string // the beginning of the error, "" for none
		probe          probe
	}{
		{"supported", "", "", probe{
			once:     func() (connectors.ExactlyOnceSupport, error) { return connectors.ExactlyOnceSupported, nil },
			boundary: func() (bool, error) { return true, nil },
		}},
		{"unsupported", "The connector does not support exactly-once semantics", "The connector does not support connector-defined", probe{
			once:     func() (connectors.ExactlyOnceSupport, error) { return connectors.ExactlyOnceUnsupported, nil },
			boundary: func() (bool, error) { return false, nil },
		}},
		{"unknown", "The connector does not implement the API required", "An unexpected error occurred during validation: b", probe{
			once:     func() (connectors.ExactlyOnceSupport, error) { return connectors.ExactlyOnceUnknown, nil },
			boundary: func() (bool, error) { return false, errors.New("b") },
		}},
		{"failing", "An unexpected error occurred during validation: a", "", probe{
			once:     func() (connectors.ExactlyOnceSupport, error) { return 0, errors.New(" a ") },
			boundary: func() (bool, error) { return true, nil },
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			infos := validate(t, deps(t, &tt.probe, "exactly.once.source.support", "ENABLED"), props)
			for key, want := range map[string]string{"exactly.once.support": tt.once, "transaction.boundary": tt.boundary} {
				got := strings.Join(of(infos, key)[0].Errors, "; ")
				if want == "" && got != "" || !strings.HasPrefix(got, want) {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestValidateGroupConflicts(t *testing.T) {
	props := map[string]string{"name": "x", "connector.class": "FileStreamSink", "topics": "t"}
	d := deps(t, nil, "group.id", "connect-x")
	infos := validate(t, d, props)
	if got := of(infos, "name")[0].Errors; len(got) != 1 || got[0] != "Consumer group for sink connector named x conflicts with Connect worker group connect-x" {
		t.Errorf("got %q", got)
	}
	props["consumer.override.group.id"] = "connect-x"
	infos = validate(t, d, props)
	got := of(infos, "consumer.override.group.id")
	if len(got) != 2 || infos.ErrorCount != 1 || got[0].Errors[0] != "Consumer group connect-x conflicts with Connect worker group connect-x" {
		t.Errorf("got %+v, %d errors", got, infos.ErrorCount)
	}
	props["consumer.override.group.id"] = "other"
	if infos = validate(t, d, props); infos.ErrorCount != 0 {
		t.Errorf("%d errors", infos.ErrorCount)
	}
}

func TestValidateClientsUsed(t *testing.T) {
	var asked []string
	for _, tt := range []struct {
		name, want string
		props      []string
	}{
		{"source", "producer", []string{"connector.class", "FileStreamSource", "topic", "t"}},
		{"source that creates topics", "producer admin", []string{"connector.class", "FileStreamSource", "topic", "t", "topic.creation.default.partitions", "1"}},
		{"source with its own offsets", "producer consumer admin", []string{"connector.class", "FileStreamSource", "topic", "t", "offsets.storage.topic", "o"}},
		{"sink", "consumer", []string{"connector.class", "FileStreamSink", "topics", "t"}},
		{"sink with dead letters", "producer consumer admin", []string{"connector.class", "FileStreamSink", "topics", "t", "errors.deadletterqueue.topic.name", "d"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked = nil
			d := deps(t, nil)
			d.Policy = func(client string, overrides map[string]string) map[string]string {
				asked = append(asked, client)
				return map[string]string{"x": "no " + overrides["x"]}
			}
			infos := validate(t, d, with(map[string]string{"name": "n", "producer.override.x": "p", "consumer.override.x": "c", "admin.override.x": "a"}, tt.props...))
			if strings.Join(asked, " ") != tt.want || infos.ErrorCount != len(asked) {
				t.Errorf("got %q, %d errors", asked, infos.ErrorCount)
			}
		})
	}
}

func TestValidateSupervisor(t *testing.T) {
	props := map[string]string{"name": "n", "connector.class": "FileStreamSource", "topic": "t"}
	plain := validate(t, deps(t, nil), props)
	props["supervisor.task.restart.max"] = "often"
	props["supervisor.restart.enabled"] = "false"
	infos := validate(t, deps(t, nil), props)
	if infos.ErrorCount != 1 || len(infos.Configs) != len(plain.Configs)+2 {
		t.Errorf("%d errors, %d settings more", infos.ErrorCount, len(infos.Configs)-len(plain.Configs))
	}
	if got := of(infos, "supervisor.task.restart.max")[0].Errors; len(got) != 2 || !strings.Contains(got[0], "Not a number of type INT") {
		t.Errorf("got %q", got)
	}
}

func TestValidateRefusals(t *testing.T) {
	null := map[string]*string{"name": nil, "connector.class": nil, "db.password": new(string)}
	_, err := settings.Validate(t.Context(), deps(t, nil), null)
	if !errors.Is(err, errs.BadRequest) || err.Error() != "Connector config {connector.class=null, name=null, db.password=[hidden]} contains no connector type" {
		t.Errorf("got %v", err)
	}
	_, err = settings.Validate(t.Context(), deps(t, nil), nullable(map[string]string{"connector.class": "Probe", "connector.plugin.version": "[1"}))
	if !errors.Is(err, errs.BadRequest) || !strings.Contains(err.Error(), "Unbounded range: [1") {
		t.Errorf("got %v", err)
	}
	d := deps(t, nil)
	d.Resolve = func(context.Context, map[string]string) (map[string]string, error) {
		return nil, errs.Config.New("gone")
	}
	if _, err = settings.Validate(t.Context(), d, nil); !errors.Is(err, errs.Config) {
		t.Errorf("got %v", err)
	}
	_, err = settings.Validate(t.Context(), deps(t, nil), nullable(map[string]string{
		"name": "n", "connector.class": "FileStreamSource", "topic": "t", "producer.override.linger.ms": "x",
	}))
	if !errors.Is(err, errs.Config) || err.Error() != "Invalid value x for configuration linger.ms: Not a number of type LONG" {
		t.Errorf("got %v", err)
	}
}

// TestRefusalScenarios gives Validate what JVM workers were asked to make connectors of, and
// compares the refusals.
func TestRefusalScenarios(t *testing.T) {
	reg := registry(t)
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "rest", "scenarios", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s scenario
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, step := range s.Steps {
			for mode, want := range step.Expect {
				var body struct{ Message string }
				if step.Request != "POST /connectors" || want.Status != 400 || json.Unmarshal(want.JSON, &body) != nil ||
					!strings.HasPrefix(body.Message, "Connector configuration is invalid") {
					continue
				}
				props := created(step.JSON)
				if props == nil {
					continue
				}
				n++
				m := settings.Standalone
				if mode == "distributed" {
					m = settings.Distributed
				}
				t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(file), ".json"), i), func(t *testing.T) {
					infos, err := settings.Validate(t.Context(), settings.Deps{Registry: reg, Worker: recordedWorker(t, m, s.Profile), Policy: policyOf(s.Profile)}, props)
					if err != nil {
						t.Fatal(err)
					}
					if err := settings.Refusal(infos); err == nil || err.Error() != body.Message {
						t.Errorf("got %v\nwant %s", err, body.Message)
					}
				})
			}
		}
	}
	t.Logf("%d refusals compared", n)
	if n < 15 {
		t.Errorf("only %d refusals found", n)
	}
}

// created is the configuration that a request to make a connector comes to.
func created(body any) map[string]*string {
	object, _ := body.(map[string]any)
	props := textsOf(object["config"])
	if props == nil {
		return nil
	}
	if _, ok := props["name"]; !ok {
		name, _ := object["name"].(string)
		name = strings.TrimSpace(name)
		props["name"] = &name
	}
	return props
}

func BenchmarkValidate(b *testing.B) {
	reg, err := plugin.NewRegistry(builtins()...)
	if err != nil {
		b.Fatal(err)
	}
	w, _, err := settings.LoadWorker(b.Context(), settings.Distributed, distributed(), nil)
	if err != nil {
		b.Fatal(err)
	}
	props := nullable(source("topic", "t", "transforms", "a", "transforms.a.type", "org.apache.kafka.connect.transforms.InsertField$Value"))
	d := settings.Deps{Registry: reg, Worker: &w}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := settings.Validate(b.Context(), d, props); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzValidate looks for settings that make validation or parsing panic. A line is key=value, or
// a key alone for null.
func FuzzValidate(f *testing.F) {
	f.Add("connector.class=FileStreamSource\ntopic=t\ntransforms=a,,a\ntransforms.a.type=Filter\ntransforms..type=Cast$Key\ntransforms.a.negate=x")
	f.Add("connector.class=FileStreamSink\ntopics.regex=(\nerrors.deadletterqueue.topic.name=d\nname\nkey.converter=JsonConverter\nkey.converter.schemas.enable")
	f.Add("connector.class=FileStreamSource\ntopic.creation.groups=,default,g\ntopic.creation..include=[\nconnector.plugin.version=[1,(")
	f.Add("connector.class=FileStreamSource\ntransforms=a,a.b\ntransforms.a.type=org.apache.kafka.connect.transforms.HoistField\npredicates=p\npredicates.p.type")
	reg, err := plugin.NewRegistry(builtins()...)
	if err != nil {
		f.Fatal(err)
	}
	w, _, err := settings.LoadWorker(context.Background(), settings.Distributed, distributed(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		nullable, given := map[string]*string{}, map[string]string{}
		for line := range strings.SplitSeq(text, "\n") {
			key, value, ok := strings.Cut(line, "=")
			nullable[key] = nil
			if ok {
				nullable[key], given[key] = &value, value
			}
		}
		infos, err := settings.Validate(t.Context(), settings.Deps{Registry: reg, Worker: &w}, nullable)
		if err == nil && settings.Refusal(infos) == nil && infos.ErrorCount != 0 {
			t.Error("errors, and no refusal")
		}
		for _, kind := range []plugin.Kind{plugin.Source, plugin.Sink} {
			_, _ = settings.ParseConnector(&w, kind, given)
		}
	})
}

// What can't be made is said as the JVM says it, with the value; a prefix without a name behind it is
// no setting.
func TestValidateAbstractClasses(t *testing.T) {
	const storage, transforms = "org.apache.kafka.connect.storage.", "org.apache.kafka.connect.transforms."
	for _, tt := range []struct{ key, class, want string }{
		{"value.converter", storage + "Converter", "This class is abstract and cannot be created."},
		{"header.converter", storage + "HeaderConverter", "This class is abstract and cannot be created."},
		{"transforms.a.type", transforms + "Transformation", "This class is abstract and cannot be created."},
		{"predicates.p.type", transforms + "predicates.Predicate", "This class is abstract and cannot be created."},
		{"value.converter", transforms + "Transformation", "Class interface " + transforms + "Transformation does not implement the Converter interface"},
		{"transforms.a.type", "org.apache.kafka.connect.sink.SinkTask", "Class class org.apache.kafka.connect.sink.SinkTask does not implement the Transformation interface"},
	} {
		infos := validate(t, deps(t, nil), map[string]string{
			"name": "n", "connector.class": "FileStreamSource", "topic": "t", "transforms": "a", "predicates": "p",
			"transforms.a.type":  transforms + "InsertField$Value",
			"predicates.p.type":  transforms + "predicates.HasHeaderKey",
			"predicates.p.name":  "h",
			"producer.override.": "x",
			tt.key:               tt.class,
		})
		found := of(infos, tt.key)
		if len(found) != 1 || found[0].Value == nil || *found[0].Value != tt.class || !slices.ContainsFunc(found[0].Errors, func(e string) bool {
			return strings.HasSuffix(e, tt.want)
		}) {
			t.Errorf("%s=%s: %+v, want %s", tt.key, tt.class, found, tt.want)
		}
		if none := of(infos, "producer.override."); len(none) != 0 {
			t.Errorf("a prefix alone: %+v", none)
		}
	}
}
