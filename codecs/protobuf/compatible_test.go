package protobuf

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry"
)

func parsed(t *testing.T, text string) registry.Parsed {
	t.Helper()
	p, err := ParseSchema(registry.Schema{Format: registry.Protobuf, Text: `syntax = "proto3";` + text}, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestCompatible(t *testing.T) {
	for _, tt := range []struct{ name, writer, reader, want string }{
		{"the same", "message A { int32 a = 1; }", "message A { int32 a = 1; }", ""},
		{"a field more and one less", "message A { int32 a = 1; }", "message A { string b = 2; }", ""},
		{"another name", "message A { int32 a = 1; }", "message A { int32 b = 1; }", ""},
		{"numbers of one kind", "message A { int32 a = 1; }", "message A { uint64 a = 1; }", ""},
		{"an enum is a number", "message A { E a = 1; } enum E { X = 0; }", "message A { bool a = 1; }", ""},
		{"numbers of two kinds", "message A { int32 a = 1; }", "message A { sint32 a = 1; }", "FIELD_SCALAR_KIND_CHANGED"},
		{"text and bytes", "message A { string a = 1; }", "message A { bytes a = 1; }", ""},
		{"text and number", "message A { string a = 1; }", "message A { int32 a = 1; }", "FIELD_SCALAR_KIND_CHANGED"},
		{"text and message", "message A { string a = 1; }", "message A { A a = 1; }", "FIELD_KIND_CHANGED"},
		{"a number repeated", "message A { optional int32 a = 1; }", "message A { repeated int32 a = 1; }", "FIELD_NUMERIC_LABEL_CHANGED"},
		{"text repeated", "message A { optional string a = 1; }", "message A { repeated string a = 1; }", ""},
		{"another message", "message A { B a = 1; } message B {} message C {}", "message A { C a = 1; } message B {} message C {}", "FIELD_NAMED_TYPE_CHANGED"},
		{"a message that changed", "message A { B a = 1; } message B { int32 x = 1; }", "message A { B a = 1; } message B { string x = 1; }", "FIELD_NAMED_TYPE_CHANGED"},
		{"a message less", "message A {} message B {}", "message A {}", "MESSAGE_REMOVED"},
		{"a message more", "message A {}", "message A {} message B {}", ""},
		{"another package", "package p; message A {}", "package q; message A {}", "PACKAGE_CHANGED"},
		{"a map's values", "message A { map<string, int32> m = 1; }", "message A { map<string, string> m = 1; }", "FIELD_SCALAR_KIND_CHANGED"},
		{"a map no more", "message A { map<string, int32> m = 1; }", "message A { repeated B m = 1; } message B {}", "FIELD_KIND_CHANGED"},
		{"one into a oneof", "message A { int32 a = 1; }", "message A { oneof o { int32 a = 1; string b = 2; } }", ""},
		{"two into a oneof", "message A { int32 a = 1; string b = 2; }", "message A { oneof o { int32 a = 1; string b = 2; } }", "MULTIPLE_FIELDS_MOVED"},
		{"one into an old oneof", "message A { int32 a = 1; oneof o { string b = 2; } }", "message A { oneof o { int32 a = 1; string b = 2; } }", "EXISTING_ONEOF"},
		{"out of a oneof", "message A { oneof o { int32 a = 1; string b = 2; } }", "message A { oneof o { int32 a = 1; } }", "ONEOF_FIELD_REMOVED"},
		{"itself", "message A { A a = 1; int32 x = 2; }", "message A { A a = 1; string x = 2; }", "FIELD_SCALAR_KIND_CHANGED"},
	} {
		found := strings.Join(parsed(t, tt.reader).Reads(parsed(t, tt.writer)), " ")
		if (found == "") != (tt.want == "") || !strings.Contains(found, tt.want) {
			t.Errorf("%s: found %q, want %q", tt.name, found, tt.want)
		}
	}
}

func TestCanonical(t *testing.T) {
	p := parsed(t, "package x.y;\nimport \"google/type/date.proto\"; import \"confluent/type/decimal.proto\";\n"+
		"message B { string t = 2; A a = 1; map<string, google.type.Date> m = 3; oneof o { int32 i = 4; } message A {} } enum E { Q = 0; P = 0; }")
	const canonical = `syntax = "proto3";
package x.y;

import "google/type/date.proto";
import "confluent/type/decimal.proto";

message B {
  string t = 2;
  A a = 1;
  map<string, google.type.Date> m = 3;

  oneof o {
    int32 i = 4;
  }

  message A {}
}
enum E {
  Q = 0;
  P = 0;
}
`
	const normal = `syntax = "proto3";
package x.y;

import "confluent/type/decimal.proto";
import "google/type/date.proto";

message B {
  .x.y.B.A a = 1;
  string t = 2;
  map<string, .google.type.Date> m = 3;

  oneof o {
    int32 i = 4;
  }

  message A {}
}
enum E {
  P = 0;
  Q = 0;
}
`
	if got := p.Canonical(false); got != canonical {
		t.Errorf("canonical: %s", got)
	}
	if got := p.Canonical(true); got != normal {
		t.Errorf("normal: %s", got)
	}
	const service = `service S {} message A {}`
	if got := parsed(t, service).Canonical(true); !strings.HasSuffix(got, service) {
		t.Errorf("with a service: %s", got)
	}
}
