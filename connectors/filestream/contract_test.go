package filestream

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
)

func write(t testing.TB, name, content string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSourceContract(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.txt")
	for i := range 250 {
		write(t, file, fmt.Sprintf("line %d é\n", i))
	}
	connectorstest.SourceContract{
		Source:  Source(),
		Config:  map[string]string{fileKey: file, topicKey: "t", batchSizeKey: "100"},
		Records: 250,
		Wrong: map[string]map[string]string{
			"no topic":      {fileKey: file},
			"empty topic":   {fileKey: file, topicKey: ""},
			"batch no int":  {topicKey: "t", batchSizeKey: "many"},
			"batch too big": {topicKey: "t", batchSizeKey: "3000000000"},
		},
	}.Run(t)
}

func TestSinkContract(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.txt")
	record := func(offset int64, value any) data.SinkRecord {
		return data.SinkRecord{
			Record: data.Record{Topic: "t", Value: value}, Offset: offset,
			OriginalTopic: "t", OriginalPartition: 0, OriginalOffset: offset,
		}
	}
	connectorstest.SinkContract{
		Sink:    Sink(),
		Config:  map[string]string{fileKey: file},
		Records: []data.SinkRecord{record(0, "a"), record(1, nil), record(2, int32(7))},
		Written: func(t *testing.T) {
			if got, err := os.ReadFile(file); err != nil || string(got) != "a\nnull\n7\n" {
				t.Errorf("file has %q, %v", got, err)
			}
		},
	}.Run(t)
}

// The definitions are those of the JVM, recorded from 4.1.1.
func TestConfigDefinitions(t *testing.T) {
	raw, err := os.ReadFile("testdata/configdefs.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string][]struct {
		Name, Type, Importance, Width, DisplayName string
		HasDefault, Internal                       bool
		DefaultString, Group, Validator            *string
		OrderInGroup                               int
		Dependents                                 []string
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded) != 2 {
		t.Fatalf("%d classes", len(recorded))
	}
	for class, def := range map[string]*config.Def{Source().Class: Source().Config, Sink().Class: Sink().Config} {
		keys := def.Keys()
		if len(keys) != len(recorded[class]) {
			t.Fatalf("%s has %d settings, want %d", class, len(keys), len(recorded[class]))
		}
		for i, want := range recorded[class] {
			k := keys[i]
			validator := ""
			if k.Validator != nil {
				validator = k.Validator.String()
			}
			def := ""
			if k.Default != nil {
				def = fmt.Sprint(k.Default)
			}
			got := fmt.Sprint(k.Name, " ", strings.ToUpper(k.Type.String()), " ", !k.Required, " ", def, " ", k.Order, " ", validator, " ", k.Group, k.Internal, len(k.Dependents))
			recorded := fmt.Sprint(want.Name, " ", want.Type, " ", want.HasDefault, " ", text(want.DefaultString), " ", want.OrderInGroup, " ",
				text(want.Validator), " ", text(want.Group), want.Internal, len(want.Dependents))
			if got != recorded {
				t.Errorf("%s: %s\nwant %s", class, got, recorded)
			}
			if k.Importance.String() != want.Importance || k.Width.String() != want.Width {
				t.Errorf("%s %s: importance %s, width %s", class, k.Name, k.Importance, k.Width)
			}
		}
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestExactlyOnceSupport(t *testing.T) {
	for _, tt := range []struct {
		props map[string]string
		want  connectors.ExactlyOnceSupport
		fails bool
	}{
		{map[string]string{topicKey: "t", fileKey: "f"}, connectors.ExactlyOnceSupported, false},
		{map[string]string{topicKey: "t"}, connectors.ExactlyOnceUnsupported, false},
		{map[string]string{topicKey: "t", fileKey: ""}, connectors.ExactlyOnceUnsupported, false},
		{map[string]string{}, connectors.ExactlyOnceUnknown, true},
	} {
		got, err := (&source{}).ExactlyOnceSupport(tt.props)
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%v: %v, %v", tt.props, got, err)
		}
	}
}

func TestAlterOffsets(t *testing.T) {
	type m = map[string]any
	file := map[string]string{topicKey: "t", fileKey: "f"}
	name := m{filenameField: "other"}
	for _, tt := range []struct {
		name              string
		props             map[string]string
		partition, offset m
		err               string
	}{
		{"int64", file, name, m{positionField: int64(5)}, ""},
		{"int", file, name, m{positionField: 0}, ""},
		{"JSON integer", file, name, m{positionField: json.Number("12")}, ""},
		{"removed", file, name, nil, ""},
		{"garbage removed", file, m{"x": 1}, nil, ""},
		{"standard input", map[string]string{topicKey: "t"}, name, nil, "Offsets cannot be modified if the 'file' configuration is unspecified. " +
			"This is because stdin is used for input and offsets are not tracked."},
		{"no position", file, name, m{"pos": 1}, "Offset objects should either be null or contain the key 'position'"},
		{"float", file, name, m{positionField: 3.0}, "The value for the 'position' key in the offset is expected to be a Long value"},
		{"JSON float", file, name, m{positionField: json.Number("3.0")}, "The value for the 'position' key in the offset is expected to be a Long value"},
		{"text", file, name, m{positionField: "3"}, "The value for the 'position' key in the offset is expected to be a Long value"},
		{"null", file, name, m{positionField: nil}, "The value for the 'position' key in the offset is expected to be a Long value"},
		{"negative", file, name, m{positionField: int64(-1)}, "The value for the 'position' key in the offset should be a non-negative value"},
		{"no partition", file, nil, m{positionField: 1}, "Partition objects cannot be null"},
		{"no filename", file, m{}, m{positionField: 1}, "Partition objects should contain the key 'filename'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ok, err := (&source{}).AlterOffsets(t.Context(), tt.props, []connectors.SourceOffset{{Partition: tt.partition, Offset: tt.offset}})
			if tt.err == "" && (err != nil || !ok) || tt.err != "" && (err == nil || err.Error() != tt.err || ok) {
				t.Errorf("%v, %v, want %q", ok, err, tt.err)
			}
		})
	}
	if ok, err := (&sink{}).AlterOffsets(t.Context(), nil, nil); !ok || err != nil {
		t.Errorf("sink: %v, %v", ok, err)
	}
}
