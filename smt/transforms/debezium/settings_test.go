package debezium_test

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/debezium"
)

// Whatever a setting's wrong value is refused with, an operator reads which key it is of.
func TestSettingsNameTheirKey(t *testing.T) {
	for _, tt := range []struct {
		class      string
		others     props
		key, value string
	}{
		{"ExtractNewRecordState", props{}, "delete.tombstone.handling.mode", "keep"},
		{"ExtractNewRecordState", props{}, "drop.fields.from.key", "maybe"},
		{"ExtractNewRecordState", props{}, "drop.fields.keep.schema.compatible", "1"},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b"}, "topic.regex", "("},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b"}, "topic.replacement", ""},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b"}, "key.enforce.uniqueness", "x"},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b"}, "key.field.regex", "("},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b", "key.field.regex": "c"}, "key.field.replacement", " "},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b"}, "schema.name.adjustment.mode", "latin"},
		{"ByLogicalTableRouter", props{"topic.regex": "a", "topic.replacement": "b"}, "logical.table.cache.size", "big"},
		{"EventRouter", props{}, "table.fields.additional.placement", "a"},
		{"EventRouter", props{}, "table.field.additional.missing", "skip"},
		{"EventRouter", props{}, "route.topic.regex", "("},
		{"EventRouter", props{}, "route.tombstone.on.empty.payload", "x"},
		{"EventRouter", props{}, "table.op.invalid.behavior", "shout"},
		{"EventRouter", props{}, "table.expand.json.payload", "x"},
		{"EventRouter", props{}, "table.json.payload.null.behavior", "x"},
		{"HeaderToValue", props{"headers": "a", "fields": "b", "operation": "copy"}, "headers", "a b"},
		{"HeaderToValue", props{"headers": "a", "fields": "b", "operation": "copy"}, "fields", "a,,b"},
		{"HeaderToValue", props{"headers": "a", "fields": "b", "operation": "copy"}, "fields", "a,b"},
		{"HeaderToValue", props{"headers": "a", "fields": "b", "operation": "copy"}, "operation", "swap"},
		{"TimezoneConverter", props{"converted.timezone": "+01:00"}, "include.list", "("},
		{"TimezoneConverter", props{"converted.timezone": "+01:00"}, "exclude.list", "["},
		{"TimezoneConverter", props{}, "converted.timezone", " "},
		{"ExtractSchemaToNewRecord", props{}, "schema.name.adjustment.mode", "latin"},
		{"SchemaChangeEventFilter", props{}, "schema.change.event.exclude.list", ""},
		{"PartitionRouting", props{"partition.payload.fields": "a", "partition.topic.num": "1"}, "partition.payload.fields", "a,,b"},
		{"PartitionRouting", props{"partition.payload.fields": "a", "partition.topic.num": "1"}, "partition.topic.num", "0"},
	} {
		found := false
		for _, p := range debezium.Plugins() {
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
