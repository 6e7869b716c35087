package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// ConnectorFile is what a connector file given to a standalone worker says.
type ConnectorFile struct {
	Name   string
	Config map[string]string
	// InitialState is state.TargetStarted if the file doesn't say.
	InitialState state.TargetState
}

// ParseConnectorFile reads a connector file: a JSON object of settings, a JSON object {"name",
// "config", "initial_state"}, or Java properties; what it is is found by trying in this order,
// whatever the file is called. path is for messages. Errors are errs.Config.
func ParseConnectorFile(path string, content []byte) (ConnectorFile, error) {
	jsonErr := error(nil)
	if looksLikeJSON(content) {
		f, err := fromJSON(content)
		if err == nil {
			return f, f.check(path)
		}
		jsonErr = err
	}
	props, err := properties.Parse(content)
	if err == nil && props[keyName] != "" {
		return ConnectorFile{Name: props[keyName], Config: props, InitialState: state.TargetStarted}, nil
	}
	if jsonErr != nil {
		return ConnectorFile{}, errs.Config.Wrap(jsonErr, "connector file %s", path)
	}
	if err != nil {
		return ConnectorFile{}, errs.Config.Wrap(err, "connector file %s", path)
	}
	return ConnectorFile{}, nameless(path)
}

func nameless(path string) error {
	return errs.Config.New("connector file %s: Connector configuration is missing the mandatory 'name' configuration", path)
}

func (f ConnectorFile) check(path string) error {
	if f.Name == "" {
		return nameless(path)
	}
	if inner, ok := f.Config[keyName]; ok && inner != f.Name {
		return errs.Config.New("connector file %s: Connector name configuration in 'config' (%s) doesn't match the one specified in 'name' (%s)",
			path, inner, f.Name)
	}
	f.Config[keyName] = f.Name
	return nil
}

func looksLikeJSON(content []byte) bool {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	content = bytes.TrimSpace(content)
	return len(content) > 0 && content[0] == '{'
}

// fromJSON reads either form. The object with a member config that is itself an object is the
// form of requests.
func fromJSON(content []byte) (ConnectorFile, error) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return ConnectorFile{}, fmt.Errorf("it is neither a JSON object nor properties: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return ConnectorFile{}, fmt.Errorf("there is more after the JSON object")
	}
	f := ConnectorFile{InitialState: state.TargetStarted}
	inner, isRequest := object["config"].(map[string]any)
	if !isRequest {
		var err error
		if f.Config, err = texts(object, ""); err != nil {
			return f, err
		}
		f.Name = f.Config[keyName]
		return f, nil
	}
	var err error
	if f.Config, err = texts(inner, "config."); err != nil {
		return f, err
	}
	f.Name, _ = scalar(object[keyName])
	if initial, ok := object["initial_state"]; ok && initial != nil {
		text, _ := scalar(initial)
		if f.InitialState, err = ParseInitialState(text); err != nil {
			return f, err
		}
	}
	return f, nil
}

// texts turns scalars into text, as the JVM worker does; nulls are left out.
func texts(object map[string]any, path string) (map[string]string, error) {
	out := make(map[string]string, len(object))
	for k, v := range object {
		if v == nil {
			continue
		}
		text, ok := scalar(v)
		if !ok {
			return nil, fmt.Errorf("%s%s must be a text, number or boolean, not a JSON object or list", path, k)
		}
		out[k] = text
	}
	return out, nil
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// ParseInitialState reads initial_state: RUNNING, PAUSED or STOPPED, in upper or lower case. The
// error is errs.BadRequest.
func ParseInitialState(text string) (state.TargetState, error) {
	switch strings.ToUpper(strings.TrimSpace(text)) {
	case "RUNNING":
		return state.TargetStarted, nil
	case "PAUSED":
		return state.TargetPaused, nil
	case "STOPPED":
		return state.TargetStopped, nil
	}
	return "", errs.BadRequest.New("initial_state is %q, it must be RUNNING, PAUSED or STOPPED", text)
}
