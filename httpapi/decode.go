package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

// Bodies are read as Jackson reads them in the JVM worker: numbers and booleans become the text
// they are written with, null stays null, the last of equal names counts, what follows the value
// is ignored, a name is spelled exactly or unknown. What can't be read is the client's doing and
// 400; the JVM worker has 500 for it (testdata/rest/QUIRKS.md).

func unreadable(format string, args ...any) error {
	return &coded{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

// recorded is an answer of 500 that the JVM worker gives to what a client did wrong and on which
// clients may rely.
func recorded(format string, args ...any) error {
	return &coded{status: http.StatusInternalServerError, message: fmt.Sprintf(format, args...)}
}

// noBody is the answer to a request that lacks its body.
func noBody(what string) error {
	return unreadable("The request body is empty or null; %s is needed", what)
}

// jsonValue is the first JSON value of a body, nil if there is none or null.
func jsonValue(body []byte) (json.RawMessage, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // Jackson skips a byte order mark
	if !utf8.Valid(body) {
		return nil, unreadable("The request body is not JSON: it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	var raw json.RawMessage
	err := dec.Decode(&raw)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		line, column := position(body, int64(len(body)))
		return nil, unreadable("The request body is not JSON: it ends too early, at line %d, column %d", line, column)
	case err != nil:
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line, column := position(body, syntax.Offset-1)
			return nil, unreadable("The request body is not JSON: %v at line %d, column %d", syntax, line, column)
		}
		return nil, notJSON(err)
	case isNull(raw):
		return nil, nil
	}
	return raw, nil
}

func notJSON(err error) error { return unreadable("The request body is not JSON: %v", err) }

func position(body []byte, offset int64) (line, column int) {
	before := body[:min(max(offset, 0), int64(len(body)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, len(before) - bytes.LastIndexByte(before, '\n')
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// object is the members of a JSON object; at is where in the body it stands, "" for all of it.
func object(raw json.RawMessage, at string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if kind := kindOf(raw); kind != "object" {
		return nil, mismatch("object", kind, at)
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, notJSON(err)
	}
	return members, nil
}

// mismatch says that there is a JSON value of another kind than is needed.
func mismatch(want, kind, at string) error {
	where := "The request body"
	if at != "" {
		where = at + " in the request body"
	}
	return unreadable("%s is %s where %s is needed", where, articles[kind], articles[want])
}

var articles = map[string]string{
	"object": "an object", "array": "an array", "text": "a text", "boolean": "a boolean", "null": "null",
	"number": "a number", "missing": "missing",
}

func kindOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "missing"
	}
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "text"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// known refuses members that the type doesn't have.
func known(members map[string]json.RawMessage, at string, names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if slices.Contains(names, name) {
			continue
		}
		where := "the request body"
		if at != "" {
			where = at + " in the request body"
		}
		return unreadable("Unrecognized field %q in %s, known are %q", name, where, names)
	}
	return nil
}

// text is a scalar as Jackson makes a String of it.
func text(raw json.RawMessage, at string) (*string, error) {
	switch kind := kindOf(raw); kind {
	case "text":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, notJSON(err)
		}
		return &s, nil
	case "object", "array":
		return nil, mismatch("text", kind, at)
	case "null", "missing":
		return nil, nil
	}
	s := string(bytes.TrimSpace(raw))
	return &s, nil
}

// texts is a Map<String, String>; values may be null.
func texts(raw json.RawMessage, at string) (map[string]*string, error) {
	members, err := object(raw, at)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*string, len(members))
	for name, value := range members {
		if out[name], err = text(value, fmt.Sprintf("%s[%q]", at, name)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// settings reads a body that is a Map<String, String>; what says what it has to be.
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
	var out entity.CreateConnector
	raw, err := jsonValue(body)
	if err != nil {
		return out, err
	}
	if raw == nil {
		return out, noBody(`an object with "name" and "config"`)
	}
	members, err := object(raw, "")
	if err != nil {
		return out, err
	}
	if err := known(members, "", "name", "config", "initial_state"); err != nil {
		return out, err
	}
	if out.Name, err = text(members["name"], "name"); err != nil {
		return out, err
	}
	if out.InitialState, err = text(members["initial_state"], "initial_state"); err != nil {
		return out, err
	}
	if config := members["config"]; config != nil && !isNull(config) {
		out.Config, err = texts(config, "config")
	}
	return out, err
}

// initialState is the target state of a new connector; "" where the request doesn't say, and then none is
// written.
func initialState(name *string) (state.TargetState, error) {
	if name == nil {
		return "", nil
	}
	switch strings.ToUpper(*name) {
	case "RUNNING":
		return state.TargetStarted, nil
	case "PAUSED":
		return state.TargetPaused, nil
	case "STOPPED":
		return state.TargetStopped, nil
	}
	return "", unreadable("initial_state is %q in the request body; it must be RUNNING, PAUSED or STOPPED", *name)
}

// offsetsRequest reads the body of PATCH /connectors/{name}/offsets. Of entries for the same
// partition the last counts.
func offsetsRequest(body []byte) ([]state.ConnectorOffset, error) {
	raw, err := jsonValue(body)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, noBody(`an object with "offsets"`)
	}
	members, err := object(raw, "")
	if err != nil {
		return nil, err
	}
	if err := known(members, "", "offsets"); err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if raw := members["offsets"]; raw != nil && !isNull(raw) {
		if kind := kindOf(raw); kind != "array" {
			return nil, mismatch("array", kind, "offsets")
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, notJSON(err)
		}
	}
	return offsetEntries(list)
}

func offsetEntries(list []json.RawMessage) ([]state.ConnectorOffset, error) {
	out := make([]state.ConnectorOffset, 0, len(list))
	seen := map[string]int{}
	for i, raw := range list {
		at := fmt.Sprintf("offsets[%d]", i)
		members, err := object(raw, at)
		if err != nil {
			return nil, err
		}
		if err := known(members, at, "partition", "offset"); err != nil {
			return nil, err
		}
		var entry state.ConnectorOffset
		if entry.Partition, err = anyMap(members["partition"], at+".partition"); err != nil {
			return nil, err
		}
		if entry.Offset, err = anyMap(members["offset"], at+".offset"); err != nil {
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
	if kind := kindOf(raw); kind != "object" {
		return nil, mismatch("object", kind, at)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	out := map[string]any{}
	if err := dec.Decode(&out); err != nil {
		return nil, notJSON(err)
	}
	return out, nil
}

// taskConfigs reads the body of the internal POST of task configurations.
func taskConfigs(body []byte) ([]map[string]string, error) {
	raw, err := jsonValue(body)
	if err != nil {
		return nil, err
	}
	if raw == nil || kindOf(raw) != "array" {
		return nil, mismatch("array", kindOf(raw), "")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, notJSON(err)
	}
	out := make([]map[string]string, len(list))
	for i, raw := range list {
		values, err := texts(raw, fmt.Sprintf("[%d]", i))
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
