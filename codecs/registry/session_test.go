package registry_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func open(t *testing.T, clients registry.Clients, props map[string]string) *registry.Session {
	t.Helper()
	all := map[string]string{"schema.registry.url": "http://127.0.0.1:1"}
	maps.Copy(all, props)
	s, err := registry.Open(clients, registry.Avro, registry.Def(), all, false, codecs.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	intSchema  = registry.Schema{Format: registry.Avro, Text: `"int"`}
	longSchema = registry.Schema{Format: registry.Avro, Text: `"long"`}
)

func TestTargetAsksOnce(t *testing.T) {
	fake := registrytest.NewFake()
	s := open(t, fake, nil)
	for range 3 {
		got, err := s.Target("t", intSchema, "")
		if err != nil || got.ID != 1 || got.Chosen || !bytes.Equal(got.Prefix, []byte{0, 0, 0, 0, 1}) {
			t.Fatalf("target is %+v, %v", got, err)
		}
	}
	if got, err := s.Target("t", longSchema, ""); err != nil || got.ID != 2 {
		t.Errorf("second schema: %+v, %v", got, err)
	}
	if got := strings.Join(fake.Calls(), ", "); got != "register t-value, register t-value" {
		t.Errorf("calls were %s", got)
	}
}

func TestSourceAsksTwice(t *testing.T) {
	fake := registrytest.NewFake()
	fake.Put(registry.Registered{Subject: "t-value", Version: 3, ID: 7, Schema: intSchema})
	s := open(t, fake, nil)
	for range 3 {
		f, err := s.Frame(nil, "t", []byte{0, 0, 0, 0, 7, 2})
		if err != nil || !bytes.Equal(f.Payload, []byte{2}) {
			t.Fatalf("frame is %+v, %v", f, err)
		}
		src, err := s.Source("t", f.ID, "", nil)
		if err != nil || src.Version != 3 || src.Writer.Text != `"int"` {
			t.Fatalf("source is %+v, %v", src, err)
		}
	}
	if got := strings.Join(fake.Calls(), ", "); got != "schemaById 7 t-value, version t-value" {
		t.Errorf("calls were %s", got)
	}
}

func TestFrameErrors(t *testing.T) {
	s := open(t, registrytest.NewFake(), nil)
	for _, b := range [][]byte{{}, {0}, {0, 0, 0, 1}, {1, 2, 3}, {2, 0, 0, 0, 1, 1}, {0xff}} {
		if _, err := s.Frame(nil, "t", b); !errors.Is(err, errs.Data) {
			t.Errorf("frame of %x: %v", b, err)
		}
	}
}

func TestSubjects(t *testing.T) {
	for _, tt := range []struct{ strategy, record, want string }{
		{registry.TopicNames, "a.B", "t-value"},
		{registry.RecordNames, "a.B", "a.B"},
		{registry.TopicRecordNames, "a.B", "t-a.B"},
		{registry.RecordNames, "", ""},
	} {
		fake := registrytest.NewFake()
		s := open(t, fake, map[string]string{"value.subject.name.strategy": tt.strategy})
		_, err := s.Target("t", intSchema, tt.record)
		if tt.want == "" {
			if !errors.Is(err, errs.Data) || !errors.Is(err, errs.Serialization) {
				t.Errorf("%s without a name: %v", tt.strategy, err)
			}
			continue
		}
		if got := fake.Entries(); err != nil || len(got) != 1 || got[0].Subject != tt.want {
			t.Errorf("%s: registered %v, %v", tt.strategy, got, err)
		}
	}
}
