package confluent_test

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/confluent"
)

// Whatever a setting's wrong value is refused with, an operator reads which key it is of.
func TestSettingsNameTheirKey(t *testing.T) {
	for _, tt := range []struct {
		class      string
		others     props
		key, value string
	}{
		{"Drop", props{}, "schema.behavior", "keep"},
		{"ExtractTimestamp", props{}, "field.name", ""},
		{"ExtractTopic", props{"field": "$.a"}, "field.format", "XPATH"},
		{"ExtractTopic", props{"field.format": "JSON_PATH"}, "field", "$["},
		{"ExtractTopic", props{}, "skip.missing.or.null", "x"},
		{"Filter", props{"filter.type": "include"}, "filter.condition", "$[?("},
		{"Filter", props{"filter.condition": "$.a"}, "filter.type", "keep"},
		{"Filter", props{"filter.condition": "$.a", "filter.type": "include"}, "missing.or.null.behavior", "drop"},
		{"MessageTimestampRouter", props{"message.timestamp.keys": "a"}, "message.timestamp.format", "qqq"},
		{"MessageTimestampRouter", props{"message.timestamp.keys": "a"}, "topic.timestamp.format", "qqq"},
		{"TombstoneHandler", props{}, "behavior", "keep"},
		{"TopicRegexRouter", props{"replacement": "a"}, "regex", "("},
	} {
		found := false
		for _, p := range confluent.Plugins() {
			if smttest.SimpleName(p) != tt.class {
				continue
			}
			found = true
			all := props{tt.key: tt.value}
			for k, v := range tt.others {
				if k != tt.key {
					all[k] = v
				}
			}
			if err := p.New().Configure(all); err == nil || !strings.Contains(err.Error(), tt.key) {
				t.Errorf("%s: %s=%q: %v", p.Class, tt.key, tt.value, err)
			}
		}
		if !found {
			t.Errorf("there is no %s", tt.class)
		}
	}
}
