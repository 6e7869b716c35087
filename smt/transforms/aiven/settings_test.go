package aiven_test

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/aiven"
)

// Whatever a setting's wrong value is refused with, an operator reads which key it is of.
func TestSettingsNameTheirKey(t *testing.T) {
	for _, tt := range []struct {
		class      string
		others     props
		key, value string
	}{
		{"CaseTransform", props{"field.names": "a"}, "case", ""},
		{"ConcatFields", props{"field.names": "a"}, "output.field.name", ""},
		{"ExtractTimestamp", props{}, "field.name", ""},
		{"ExtractTimestamp", props{"field.name": "a"}, "timestamp.resolution", "minutes"},
		{"ExtractTopic", props{}, "skip.missing.or.null", "x"},
		{"ExtractTopicFromSchemaName", props{}, "schema.name.topic-map", "a"},
		{"ExtractTopicFromSchemaName", props{}, "schema.name.regex", "("},
		{"ExtractTopicFromSchemaName", props{"schema.name.regex": "a"}, "schema.name.topic-map", "a:b"},
		{"FilterByFieldValue", props{"field.value": "a"}, "field.value.pattern", "b"},
		{"FilterByFieldValue", props{}, "field.value.pattern", "("},
		{"FilterByFieldValue", props{"field.value": "a"}, "field.value.matches", "x"},
		{"Hash", props{}, "function", "crc32"},
		{"Hash", props{"function": "md5"}, "skip.missing.or.null", "x"},
		{"TombstoneHandler", props{}, "behavior", "keep"},
	} {
		found := false
		for _, p := range aiven.Plugins() {
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
