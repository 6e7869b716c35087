package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/config/provider"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// scenario is a file of testdata/rest/scenarios, as far as validation needs it.
type scenario struct {
	Modes   []string
	Quirk   string
	Profile string
	Steps   []struct {
		Request string
		JSON    any
		Write   *struct{ Path, Text string }
		View    any
		Expect  map[string]struct {
			Status int
			JSON   json.RawMessage
		}
	}
}

// TestValidateScenarios gives Validate what was sent to a JVM worker and compares the answers.
func TestValidateScenarios(t *testing.T) {
	reg := registry(t)
	root := filepath.Join("..", "..", "testdata", "rest", "scenarios")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in %s: %v", root, err)
	}
	steps := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s scenario
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name, _ := filepath.Rel(root, file)
		for _, mode := range []settings.Mode{settings.Standalone, settings.Distributed} {
			if s.Modes != nil && !slices.Contains(s.Modes, mode.String()) {
				continue
			}
			if s.Quirk == "shows what a config provider resolved" {
				continue // TestReferencesAreShown
			}
			for i, step := range s.Steps {
				want, ok := step.Expect[mode.String()]
				if !ok {
					want, ok = step.Expect["both"]
				}
				path := strings.Split(step.Request, "/")
				if !ok || !strings.HasSuffix(step.Request, "/config/validate") || !strings.HasPrefix(step.Request, "PUT") {
					continue // another resource, or a body that never reaches validation
				}
				props := textsOf(step.JSON)
				class := props["connector.class"]
				if want.Status == 400 || props == nil || class != nil && !matchesPath(path[2], *class) {
					continue // refused by the REST resource: path and class disagree, or nested values
				}
				steps++
				t.Run(fmt.Sprintf("%s/%s/%d", strings.TrimSuffix(name, ".json"), mode, i), func(t *testing.T) {
					w := recordedWorker(t, mode, s.Profile)
					infos, err := settings.Validate(context.Background(), settings.Deps{
						Registry: reg, Worker: w, Policy: policyOf(s.Profile), Resolve: resolveOf(t, reg, s),
					}, props)
					if want.Status != 200 {
						compareRefusal(t, err, want.JSON)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					compareAnswer(t, infos, step.View, props, want.JSON)
				})
			}
		}
	}
	t.Logf("%d validations compared", steps)
	if steps < 100 {
		t.Errorf("only %d validations were found in %s", steps, root)
	}
}

// matchesPath is what the REST resource asks before it validates: the class must end with what
// the path says.
func matchesPath(path, class string) bool {
	return strings.HasSuffix(class, path) || strings.HasSuffix(class, path+"Connector")
}

// textsOf is what the REST layer makes of the body; nil if it would refuse it.
func textsOf(body any) map[string]*string {
	object, ok := body.(map[string]any)
	if !ok {
		return nil
	}
	props := map[string]*string{}
	for k, v := range object {
		switch v := v.(type) {
		case nil:
			props[k] = nil
		case map[string]any, []any:
			return nil
		default:
			text := fmt.Sprint(v)
			props[k] = &text
		}
	}
	return props
}

func recordedWorker(t *testing.T, mode settings.Mode, profile string) *settings.Worker {
	t.Helper()
	props := map[string]string{
		"key.converter":   "org.apache.kafka.connect.json.JsonConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"group.id":        "connect-cluster", "offset.storage.file.filename": "offsets",
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
	}
	if profile == "eos" {
		props["exactly.once.source.support"] = "enabled"
	}
	w, _, err := settings.LoadWorker(context.Background(), mode, props, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &w
}

// resolveOf is the resolver of the profile default, which has the providers file and dir, with the
// files that the scenario writes. ${TMP} stands for a folder in the recording and here for
// nothing, so the files' paths are exchanged before.
func resolveOf(t *testing.T, reg *plugin.Registry, s scenario) settings.Resolve {
	t.Helper()
	if s.Profile != "" && s.Profile != "default" {
		return nil
	}
	set, err := provider.New(t.Context(), reg, map[string]string{
		"config.providers":            "file,dir",
		"config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
		"config.providers.dir.class":  "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, step := range s.Steps {
		if step.Write != nil {
			path := filepath.Join(dir, filepath.Base(step.Write.Path))
			if err := os.WriteFile(path, []byte(step.Write.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return func(ctx context.Context, props map[string]string) (map[string]string, error) {
		here := map[string]string{}
		for k, v := range props {
			here[k] = strings.ReplaceAll(v, "${TMP}", dir)
		}
		resolved, err := set.Resolve(ctx, here)
		for k, v := range resolved {
			resolved[k] = strings.ReplaceAll(v, dir, "${TMP}")
		}
		return resolved, err
	}
}

// policyOf is the override policy of a profile.
func policyOf(profile string) func(string, map[string]string) map[string]string {
	refuse := func(name string, allowed ...string) func(string, map[string]string) map[string]string {
		return func(_ string, overrides map[string]string) map[string]string {
			out := map[string]string{}
			for k := range overrides {
				if !slices.Contains(allowed, k) {
					out[k] = fmt.Sprintf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", name, k)
				}
			}
			return out
		}
	}
	switch profile {
	case "locked":
		return refuse("None")
	case "principal":
		return refuse("Principal", "sasl.jaas.config", "sasl.mechanism", "security.protocol")
	}
	return nil
}

var pluginsList = regexp.MustCompile(`available connectors are: .*`)

func compareRefusal(t *testing.T, err error, want json.RawMessage) {
	t.Helper()
	var body struct{ Message string }
	if e := json.Unmarshal(want, &body); e != nil {
		t.Fatal(e)
	}
	if err == nil {
		t.Fatalf("no error, want %s", body.Message)
	}
	if !errors.Is(err, errs.BadRequest) && !errors.Is(err, errs.Config) {
		t.Errorf("error of kind %s", errs.ClassOf(err))
	}
	got := pluginsList.ReplaceAllLiteralString(errs.Message(err), "available connectors are: ${PLUGINS}")
	if got != body.Message {
		t.Errorf("message\n got %s\nwant %s", got, body.Message)
	}
}

type goldenInfos struct {
	Configs    json.RawMessage
	ErrorCount int `json:"error_count"`
	Groups     []string
	Name       string
}

type goldenValue struct {
	Name        string
	Errors      []string
	Value       *string
	Visible     bool
	Recommended []string `json:"recommended_values"`
}

type goldenConfig struct {
	Definition *struct {
		Name, Type   string
		Required     bool
		DefaultValue *string `json:"default_value"`
		Importance   string
		Group        *string
		Order        int
		Width        string
		DisplayName  string `json:"display_name"`
		Dependents   []string
	}
	Value goldenValue
}

func compareAnswer(t *testing.T, infos config.Infos, view any, props map[string]*string, raw json.RawMessage) {
	t.Helper()
	var want goldenInfos
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if infos.Name != want.Name || infos.ErrorCount != want.ErrorCount || !slices.Equal(infos.Groups, want.Groups) {
		t.Errorf("answer\n got %s, %d errors, %q\nwant %s, %d errors, %q",
			infos.Name, infos.ErrorCount, infos.Groups, want.Name, want.ErrorCount, want.Groups)
	}
	if view == "values" {
		compareValues(t, infos, props, want.Configs)
		return
	}
	pattern := "."
	if v, ok := view.(map[string]any); ok {
		pattern = v["configs"].(string)
	}
	compareConfigs(t, infos, regexp.MustCompile(pattern), want.Configs)
}

// compareValues compares what is said of settings that have errors or were given.
func compareValues(t *testing.T, infos config.Infos, props map[string]*string, raw json.RawMessage) {
	t.Helper()
	var want map[string]goldenValue
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range infos.Configs {
		v := c.Value
		_, asked := props[v.Name]
		if len(v.Errors) == 0 && !asked {
			continue
		}
		seen[v.Name] = true
		w, ok := want[v.Name]
		if !ok {
			t.Errorf("%s: not expected, errors %q", v.Name, v.Errors)
			continue
		}
		if !slices.Equal(v.Errors, w.Errors) || orNone(v.Value) != orNone(w.Value) || v.Visible != w.Visible {
			t.Errorf("%s\n got %s %q visible=%v\nwant %s %q visible=%v", v.Name, orNone(v.Value), v.Errors, v.Visible, orNone(w.Value), w.Errors, w.Visible)
		}
	}
	for name, w := range want {
		if !seen[name] {
			t.Errorf("%s: missing, want %q", name, w.Errors)
		}
	}
}

// compareConfigs compares whole settings, definition and value, in order.
func compareConfigs(t *testing.T, infos config.Infos, only *regexp.Regexp, raw json.RawMessage) {
	t.Helper()
	var want []goldenConfig
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	var got, wanted []string
	for _, c := range infos.Configs {
		if only.MatchString(c.Value.Name) {
			got = append(got, describeInfo(c))
		}
	}
	for _, w := range want {
		wanted = append(wanted, w.describe())
	}
	for i := range max(len(got), len(wanted)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(wanted) {
			w = wanted[i]
		}
		// The recording masks versions among the values of *.version settings.
		if g != w {
			t.Errorf("setting %d\n got %s\nwant %s", i, g, w)
		}
	}
}

func (c goldenConfig) describe() string {
	def := "none"
	if d := c.Definition; d != nil {
		def = fmt.Sprint(d.Name, "|", d.Type, "|", d.Required, "|", orNone(d.DefaultValue), "|", d.Importance, "|", orNone(d.Group), "|",
			d.Order, "|", d.Width, "|", d.DisplayName, "|", len(d.Dependents))
	}
	return def + fmt.Sprintf("||%s|%s|%q|%q|%v", c.Value.Name, orNone(c.Value.Value), c.Value.Errors, c.Value.Recommended, c.Value.Visible)
}

func describeInfo(c config.Info) string {
	def := "none"
	if k := c.Key; k != nil {
		group := "none"
		if k.Group != "" {
			group = k.Group
		}
		def = fmt.Sprint(k.Name, "|", k.Type, "|", k.Required, "|", orNone(k.DefaultText()), "|",
			[]string{"HIGH", "MEDIUM", "LOW"}[k.Importance], "|", group, "|", k.Order, "|",
			[]string{"NONE", "SHORT", "MEDIUM", "LONG"}[k.Width], "|", k.DisplayName, "|", len(k.Dependents))
	}
	v := c.Value
	return def + fmt.Sprintf("||%s|%s|%q|%q|%v", v.Name, orNone(v.Value), v.Errors, v.Recommended, v.Visible)
}
