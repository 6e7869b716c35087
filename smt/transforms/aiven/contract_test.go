package aiven_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/aiven"
)

type props = map[string]string

// configs are configurations by class, the one that needs all required settings first.
var configs = map[string][]props{
	"CaseTransform":              {{"field.names": "b", "case": "upper"}, {"field.names": "a,b,zzz,e,g", "case": "lower"}},
	"ConcatFields":               {{"field.names": "a,b", "output.field.name": "o"}, {"field.names": "d,zzz,f", "output.field.name": "o", "delimiter": "-", "field.replace.missing": "?"}},
	"ExtractTimestamp":           {{"field.name": "a"}, {"field.name": "f", "timestamp.resolution": "seconds"}, {"field.name": "a", "timestamp.resolution": "seconds"}},
	"ExtractTopic":               {{}, {"field.name": "b"}, {"field.name": "d", "skip.missing.or.null": "true"}, {"field.name": "zzz", "skip.missing.or.null": "true"}},
	"ExtractTopicFromSchemaName": {{}, {"schema.name.topic-map": "s:orders,t:u"}, {"schema.name.regex": "(s)"}},
	"FilterByFieldValue": {
		{"field.value": "1700000000123", "field.name": "a"}, {"field.value.pattern": "^2", "field.name": "b", "field.value.matches": "false"}, {"field.value": "a text"},
	},
	"Hash":             {{"function": "md5"}, {"function": "sha1", "field.name": "b"}, {"function": "sha256", "field.name": "b", "skip.missing.or.null": "true"}},
	"KeyToValue":       {{"key.fields": "a"}, {"key.fields": "*"}, {"key.fields": "a,*,b", "value.fields": "x,*"}},
	"MakeTombstone":    {{}},
	"TombstoneHandler": {{"behavior": "fail"}, {"behavior": "DROP_WARN"}, {"behavior": "drop_silent"}},
}

// misfits are the classes that make values which don't fit their schemas in Java too: a map under the
// schema of a struct.
var misfits = map[string]bool{"ConcatFields": true}

func mayMisfit(p smt.Plugin, err error) bool {
	return errors.Is(err, smttest.ErrMisfit) && misfits[smttest.SimpleName(p)]
}

func TestContract(t *testing.T) {
	for _, p := range aiven.Plugins() {
		all := configs[smttest.SimpleName(p)]
		if len(all) == 0 {
			t.Errorf("no configuration for %s", p.Class)
		}
		smttest.CheckTransform(t, p, all...)
	}
}

// Whatever the settings and the record are, a transform answers, and soon.
func FuzzTransformsAiven(f *testing.F) {
	plugins := aiven.Plugins()
	for i, p := range plugins {
		for _, c := range configs[smttest.SimpleName(p)] {
			raw, err := json.Marshal(c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), string(raw), []byte{byte(i), 1, 2, 3})
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, config string, record []byte) {
		p := plugins[int(which)%len(plugins)]
		if err := smttest.FuzzOne(p, config, record); err != nil && !mayMisfit(p, err) {
			t.Fatal(err)
		}
	})
}
