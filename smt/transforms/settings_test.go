package transforms_test

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms"
)

// Whatever a setting's wrong value is refused with, an operator reads which key it is of.
func TestSettingsNameTheirKey(t *testing.T) {
	for _, tt := range []struct {
		class      string
		others     props
		key, value string
	}{
		{"Cast", props{}, "spec", ""},
		{"Cast", props{}, "spec", "a:date"},
		{"Cast", props{"spec": "int8"}, "replace.null.with.default", "x"},
		{"DropHeaders", props{}, "headers", ""},
		{"ExtractField", props{"field": "a"}, "field.syntax.version", "V3"},
		{"HeaderFrom", props{"fields": "a", "headers": "b"}, "operation", "swap"},
		{"HeaderFrom", props{"headers": "b", "operation": "copy"}, "fields", "a,b"},
		{"InsertField", props{"topic.field": "t"}, "replace.null.with.default", "x"},
		{"MaskField", props{}, "fields", ""},
		{"MaskField", props{"fields": "a"}, "replacement", ""},
		{"RegexRouter", props{"replacement": "a"}, "regex", "("},
		{"ReplaceField", props{}, "renames", "a"},
		{"SetSchemaMetadata", props{}, "schema.version", "one"},
		{"TimestampConverter", props{}, "target.type", "date"},
		{"TimestampConverter", props{"target.type": "unix"}, "unix.precision", "hours"},
		{"ValueToKey", props{}, "fields", ""},
	} {
		found := false
		for _, p := range transforms.Plugins() {
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
