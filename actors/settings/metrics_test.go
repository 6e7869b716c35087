package settings_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
)

func TestMetricsSettings(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed())
	m := w.Metrics
	if !m.Enabled || m.Jolokia || m.MaxPartitions != 0 || len(m.Listeners) != 0 || m.Samples != 2 || m.SampleWindow != 30*time.Second {
		t.Errorf("the defaults are %+v", m)
	}
	if !slices.Equal(m.Families, []string{"reporter", "jmx-exporter"}) {
		t.Errorf("families are %v", m.Families)
	}
	w, warnings := load(t, settings.Distributed, distributed("metrics.families", "reporter", "metrics.listeners", "http://:9404",
		"metrics.partitions.max", "50", "jolokia.enabled", "true", "metrics.enabled", "false",
		"metrics.listeners.https.ssl.keystore.location", "ks"))
	m = w.Metrics
	if m.Enabled || !m.Jolokia || m.MaxPartitions != 50 || m.Listeners[0].Port != 9404 || m.Families[0] != "reporter" ||
		m.TLS["ssl.keystore.location"] != "ks" {
		t.Errorf("read as %+v", m)
	}
	for _, text := range warnings {
		if strings.Contains(text, "metrics.") || strings.Contains(text, "jolokia") {
			t.Errorf("a setting of ours is warned of: %s", text)
		}
	}
	for key, value := range map[string]string{
		"metrics.families": "graphite", "metrics.listeners": "ftp://x:1", "metrics.partitions.max": "-1", "jolokia.enabled": "maybe",
	} {
		_, _, err := settings.LoadWorker(t.Context(), settings.Distributed, distributed(key, value), nil)
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}
