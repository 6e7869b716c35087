package trace

import (
	"bytes"
	"encoding/json"

	"github.com/troupe-connect/troupe/connectors/config/properties"
)

// named puts a name into a connector file that has none: connectors need one, samples don't. What
// can't be read stays as it is, for its reader to say why.
func named(content []byte) []byte {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimSpace(content); len(trimmed) > 0 && trimmed[0] == '{' {
		if out, ok := namedJSON(trimmed); ok {
			return out
		}
		return content
	}
	if props, err := properties.Parse(content); err == nil && props["name"] == "" {
		return append(bytes.Clone(content), "\nname=transform\n"...)
	}
	return content
}

func namedJSON(content []byte) ([]byte, bool) {
	var outer map[string]json.RawMessage
	if json.Unmarshal(content, &outer) != nil || present(outer["name"]) {
		return nil, false
	}
	name := json.RawMessage(`"transform"`)
	var inner map[string]json.RawMessage
	if json.Unmarshal(outer["config"], &inner) == nil && present(inner["name"]) {
		name = inner["name"]
	}
	outer["name"] = name
	out, err := json.Marshal(outer)
	return out, err == nil
}

// present reports whether a member is there and neither null nor empty.
func present(v json.RawMessage) bool {
	return len(v) > 0 && string(v) != "null" && string(v) != `""`
}
