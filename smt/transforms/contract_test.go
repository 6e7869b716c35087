package transforms_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms"
)

type props = map[string]string

// contractConfigs are configurations by simple class name, the one that needs all required
// settings first.
var contractConfigs = map[string][]props{
	"Cast":              {{"spec": "a:string"}, {"spec": "a:int8,b:float64,c:boolean,g:string"}, {"spec": "int32"}, {"spec": "string"}},
	"DropHeaders":       {{"headers": "a"}, {"headers": "a,b,c"}},
	"ExtractField":      {{"field": "a"}, {"field": "d.y", "field.syntax.version": "V2"}, {"field": "", "field.syntax.version": "v2"}},
	"Filter":            {{}},
	"Flatten":           {{}, {"delimiter": "_"}, {"delimiter": ""}},
	"HeaderFrom":        {{"fields": "a", "headers": "h", "operation": "copy"}, {"fields": "a,d", "headers": "h,h", "operation": "move"}},
	"HoistField":        {{"field": "a"}, {"field": ""}},
	"InsertField":       {{"topic.field": "t", "partition.field": "p!", "timestamp.field": "ts?"}, {"offset.field": "o"}, {"static.field": "a", "static.value": "x"}},
	"InsertHeader":      {{"header": "h", "value.literal": "[1,2]"}, {"header": "h", "value.literal": "null"}},
	"MaskField":         {{"fields": "a"}, {"fields": "a,b,c,e", "replacement": "3"}, {"fields": "d"}},
	"RegexRouter":       {{"regex": "(.*)-(\\d)", "replacement": "$2"}, {"regex": "(a*)*b", "replacement": "$"}},
	"ReplaceField":      {{}, {"exclude": "a", "include": "a,b", "renames": "b:a,c:b"}, {"renames": "a:b"}, {"include": "zzz"}},
	"SetSchemaMetadata": {{"schema.name": "n"}, {"schema.version": "3", "schema.name": "org.apache.kafka.connect.data.Timestamp"}},
	"TimestampConverter": {
		{"target.type": "unix"},
		{"target.type": "string", "format": "yyyy", "field": "a"},
		{"target.type": "Date", "field": "f"},
		{"target.type": "Time", "field": "b", "format": "yyyy-MM-dd z"},
		{"target.type": "Timestamp", "unix.precision": "seconds"},
	},
	"TimestampRouter": {{}, {"timestamp.format": "bad", "topic.format": "${topic}${topic}"}},
	"ValueToKey":      {{"fields": "a"}, {"fields": "a,d"}, {"fields": "b,b"}},
}

func TestContract(t *testing.T) {
	for _, p := range transforms.Plugins() {
		configs := contractConfigs[smttest.SimpleName(p)]
		if len(configs) == 0 {
			t.Errorf("no configuration for %s", p.Class)
		}
		smttest.CheckTransform(t, p, configs...)
	}
}

// The definitions are those of the Java classes, but for the words of their documentation.
func TestConfigDefs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "configdefs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var defs map[string][]javaKey
	if err := json.Unmarshal(raw, &defs); err != nil {
		t.Fatal(err)
	}
	for _, p := range transforms.Plugins() {
		want, ok := defs[p.Class]
		if !ok {
			t.Errorf("%s is not among Java's", p.Class)
		}
		keys := p.Config.Keys()
		if len(keys) != len(want) {
			t.Errorf("%s has %d settings, want %d", p.Class, len(keys), len(want))
			continue
		}
		for i := range keys {
			if got := describe(&keys[i]); got != want[i] {
				t.Errorf("%s:\n got %+v\nwant %+v", p.Class, got, want[i])
			}
			if keys[i].Doc == "" {
				t.Errorf("%s: %s has no documentation", p.Class, keys[i].Name)
			}
			delete(defs, p.Class)
		}
	}
	for class := range defs {
		if strings.HasPrefix(class, "org.apache.kafka.connect.transforms.") && !strings.Contains(class, ".predicates.") && class != "org.apache.kafka.connect.transforms.Filter" {
			t.Errorf("%s is missing", class)
		}
	}
}

type javaKey struct {
	Name, Type    string
	HasDefault    bool
	DefaultString string
	Importance    string
	OrderInGroup  int
	Width         string
	DisplayName   string
	Validator     string
}

func describe(k *config.Key) javaKey {
	j := javaKey{
		Name: k.Name, Type: k.Type.String(), HasDefault: !k.Required, Importance: k.Importance.String(),
		OrderInGroup: k.Order, Width: k.Width.String(), DisplayName: k.DisplayName,
	}
	if text := k.DefaultText(); text != nil {
		j.DefaultString = *text
	}
	if k.Validator != nil {
		j.Validator = k.Validator.String()
	}
	return j
}

// Whatever the settings and the record are, a transform answers, and soon.
func FuzzTransforms(f *testing.F) {
	plugins := transforms.Plugins()
	for i, p := range plugins {
		for _, c := range contractConfigs[smttest.SimpleName(p)] {
			raw, err := json.Marshal(c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), string(raw), uint64(i))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, settings string, seed uint64) {
		p := plugins[int(which)%len(plugins)]
		var c props
		if json.Unmarshal([]byte(settings), &c) != nil {
			return
		}
		tr := p.New()
		if tr.Configure(c) != nil {
			return
		}
		for i := range uint64(4) {
			if err := smttest.CheckRecord(tr, func() data.Record { return smttest.Random(seed + i) }); err != nil {
				t.Fatalf("%s %s: %v", p.Class, settings, err)
			}
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
