package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

// Bodies are read as Jackson reads them in the JVM worker: numbers and booleans become the text
// they are written with, null stays null, the last of equal names counts, what follows the value
// is ignored, a name is spelled exactly or unknown. What can't be read is 500 there, and here.

func unreadable(format string, args ...any) error {
	return &coded{status: http.StatusInternalServerError, message: fmt.Sprintf(format, args...)}
}

// noBody is the answer to a request that lacks its body. The beginning is the JVM's.
func noBody(what string) error {
	return unreadable("Cannot invoke \"%s\" because the request body is empty or null; a JSON object is needed", what)
}

// jsonValue is the first JSON value of a body, nil if there is none or null.
func jsonValue(body []byte) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var raw json.RawMessage
	err := dec.Decode(&raw)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		line, column := position(body, int64(len(body)))
		return nil, unreadable("Unexpected end-of-input in the JSON body at line %d, column %d", line, column)
	case err != nil:
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line, column := position(body, syntax.Offset)
			return nil, unreadable("The body is not JSON: %v at line %d, column %d", syntax, line, column)
		}
		return nil, unreadable("The body is not JSON: %v", err)
	case isNull(raw):
		return nil, nil
	}
	return raw, nil
}

func position(body []byte, offset int64) (line, column int) {
	before := body[:min(max(offset, 0), int64(len(body)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, len(before) - bytes.LastIndexByte(before, '\n')
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// object is the members of a JSON object; javaType is what it is called in the error.
func object(raw json.RawMessage, javaType, at string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if kind := kindOf(raw); kind != "Object" {
		return nil, mismatch(javaType, kind, at)
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, unreadable("The body is not JSON: %v", err)
	}
	return members, nil
}

func mismatch(javaType, kind, at string) error {
	text := fmt.Sprintf("Cannot deserialize value of type `%s` from %s value", javaType, kind)
	if token, ok := tokens[kind]; ok {
		text += " (token `JsonToken." + token + "`)"
	}
	if at != "" {
		text += " (through reference chain: " + at + ")"
	}
	return unreadable("%s", text)
}

var tokens = map[string]string{"Object": "START_OBJECT", "Array": "START_ARRAY", "String": "VALUE_STRING"}

func kindOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "missing"
	}
	switch raw[0] {
	case '{':
		return "Object"
	case '[':
		return "Array"
	case '"':
		return "String"
	case 't', 'f':
		return "Boolean"
	case 'n':
		return "Null"
	}
	return "Number"
}

// known refuses members that the type doesn't have.
func known(members map[string]json.RawMessage, class string, names ...string) error {
	for name := range members {
		if !slices.Contains(names, name) {
			return unreadable("Unrecognized field %q (class org.apache.kafka.connect.runtime.rest.entities.%s), "+
				"not marked as ignorable (known properties: %q)", name, class, names)
		}
	}
	return nil
}

// text is a scalar as Jackson makes a String of it.
func text(raw json.RawMessage, at string) (*string, error) {
	switch kind := kindOf(raw); kind {
	case "String":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, unreadable("The body is not JSON: %v", err)
		}
		return &s, nil
	case "Object", "Array":
		return nil, mismatch("java.lang.String", kind, at)
	case "Null", "missing":
		return nil, nil
	}
	s := string(bytes.TrimSpace(raw))
	return &s, nil
}

// texts is a Map<String, String>; values may be null.
func texts(raw json.RawMessage, at string) (map[string]*string, error) {
	members, err := object(raw, "java.util.LinkedHashMap<java.lang.String,java.lang.String>", at)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*string, len(members))
	for name, value := range members {
		if out[name], err = text(value, fmt.Sprintf("%sjava.util.LinkedHashMap[%q]", at, name)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// settings reads a body that is a Map<String, String>; what says what it is for.
func settings(body []byte, what string) (map[string]*string, error) {
	raw, err := jsonValue(body)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, noBody(what)
	}
	return texts(raw, "")
}

// createRequest reads the body of POST /connectors.
func createRequest(body []byte) (entity.CreateConnector, error) {
	const class = "CreateConnectorRequest"
	var out entity.CreateConnector
	raw, err := jsonValue(body)
	if err != nil {
		return out, err
	}
	if raw == nil {
		return out, noBody("create connector")
	}
	members, err := object(raw, "org.apache.kafka.connect.runtime.rest.entities."+class, "")
	if err != nil {
		return out, err
	}
	if err := known(members, class, "name", "config", "initial_state"); err != nil {
		return out, err
	}
	if out.Name, err = text(members["name"], class+`["name"]`); err != nil {
		return out, err
	}
	if out.InitialState, err = text(members["initial_state"], class+`["initial_state"]`); err != nil {
		return out, err
	}
	if config := members["config"]; config != nil && !isNull(config) {
		out.Config, err = texts(config, class+`["config"]->`)
	}
	return out, err
}

// initialState is the target state of a new connector.
func initialState(name *string) (state.TargetState, error) {
	if name == nil {
		return state.TargetStarted, nil
	}
	switch strings.ToUpper(*name) {
	case "RUNNING":
		return state.TargetStarted, nil
	case "PAUSED":
		return state.TargetPaused, nil
	case "STOPPED":
		return state.TargetStopped, nil
	}
	return "", unreadable("Cannot construct instance of `org.apache.kafka.connect.runtime.rest.entities."+
		"CreateConnectorRequest$InitialState`, problem: initial_state %q is none of RUNNING, PAUSED, STOPPED", *name)
}

// offsetsRequest reads the body of PATCH /connectors/{name}/offsets. Of entries for the same
// partition the last counts.
func offsetsRequest(body []byte) ([]state.ConnectorOffset, error) {
	const class = "ConnectorOffsets"
	raw, err := jsonValue(body)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, noBody("alter offsets")
	}
	members, err := object(raw, "org.apache.kafka.connect.runtime.rest.entities."+class, "")
	if err != nil {
		return nil, err
	}
	if err := known(members, class, "offsets"); err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if raw := members["offsets"]; raw != nil && !isNull(raw) {
		if kind := kindOf(raw); kind != "Array" {
			return nil, mismatch("java.util.ArrayList<org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset>",
				kind, class+`["offsets"]`)
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, unreadable("The body is not JSON: %v", err)
		}
	}
	return offsetEntries(list)
}

func offsetEntries(list []json.RawMessage) ([]state.ConnectorOffset, error) {
	const class = "ConnectorOffset"
	out := make([]state.ConnectorOffset, 0, len(list))
	seen := map[string]int{}
	for i, raw := range list {
		at := fmt.Sprintf("ConnectorOffsets[\"offsets\"]->java.util.ArrayList[%d]", i)
		members, err := object(raw, "org.apache.kafka.connect.runtime.rest.entities."+class, at)
		if err != nil {
			return nil, err
		}
		if err := known(members, class, "partition", "offset"); err != nil {
			return nil, err
		}
		var entry state.ConnectorOffset
		if entry.Partition, err = anyMap(members["partition"], at+`["partition"]`); err != nil {
			return nil, err
		}
		if entry.Offset, err = anyMap(members["offset"], at+`["offset"]`); err != nil {
			return nil, err
		}
		key, err := json.Marshal(entry.Partition) // map keys come out sorted
		if err != nil {
			return nil, unreadable("%s: %v", at, err)
		}
		if before, twice := seen[string(key)]; twice {
			out[before] = entry
			continue
		}
		seen[string(key)] = len(out)
		out = append(out, entry)
	}
	return out, nil
}

// anyMap is a Map<String, ?>; its numbers are json.Number.
func anyMap(raw json.RawMessage, at string) (map[string]any, error) {
	if raw == nil || isNull(raw) {
		return nil, nil
	}
	if kind := kindOf(raw); kind != "Object" {
		return nil, mismatch("java.util.LinkedHashMap", kind, at)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	out := map[string]any{}
	if err := dec.Decode(&out); err != nil {
		return nil, unreadable("The body is not JSON: %v", err)
	}
	return out, nil
}

// taskConfigs reads the body of the internal POST of task configurations.
func taskConfigs(body []byte) ([]map[string]string, error) {
	raw, err := jsonValue(body)
	if err != nil {
		return nil, err
	}
	if raw == nil || kindOf(raw) != "Array" {
		return nil, mismatch("java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>", kindOf(raw), "")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, unreadable("The body is not JSON: %v", err)
	}
	out := make([]map[string]string, len(list))
	for i, raw := range list {
		values, err := texts(raw, fmt.Sprintf("java.util.ArrayList[%d]->", i))
		if err != nil {
			return nil, err
		}
		if out[i], err = withoutNulls(values); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func withoutNulls(values map[string]*string) (map[string]string, error) {
	out := make(map[string]string, len(values))
	for name, value := range values {
		if value == nil {
			return nil, &coded{status: http.StatusBadRequest, message: fmt.Sprintf("Null value can not be supplied as the configuration value of %q.", name)}
		}
		out[name] = *value
	}
	return out, nil
}
