package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

func (s *Server) listConnectors(ctx context.Context, c *call) (answer, error) {
	names, err := c.herder.Connectors(ctx)
	if err != nil {
		return answer{}, err
	}
	expansions, expand := c.GetQueryArray("expand")
	if !expand {
		if names == nil {
			names = []string{}
		}
		return ok(names)
	}
	out := make(map[string]entity.Expanded, len(names))
	for _, name := range names {
		one, err := expanded(ctx, c.herder, name, expansions)
		if errors.Is(err, errs.NotFound) {
			continue // deleted while we looked
		}
		if err != nil {
			return answer{}, err
		}
		out[name] = one
	}
	return ok(out)
}

// expanded is what ?expand= shows of a connector.
func expanded(ctx context.Context, herder Herder, name string, expansions []string) (entity.Expanded, error) {
	var out entity.Expanded
	for _, expansion := range expansions {
		switch expansion {
		case "info":
			info, err := herder.Connector(ctx, name)
			if err != nil {
				return out, err
			}
			body := entity.InfoOf(info)
			out.Info = &body
		case "status":
			status, err := herder.Status(ctx, name)
			if err != nil {
				return out, err
			}
			body := entity.StatusOf(status)
			out.Status = &body
		}
	}
	return out, nil
}

func (s *Server) createConnector(ctx context.Context, c *call) (answer, error) {
	request, err := createRequest(c.body)
	if err != nil {
		return answer{}, err
	}
	initial, err := initialState(request.InitialState)
	if err != nil {
		return answer{}, err
	}
	if request.Config == nil {
		return answer{}, unreadable("config is missing or null in the request body; an object of settings is needed")
	}
	name := ""
	if request.Name != nil {
		name = java.Trim(*request.Name)
	}
	props, err := named(ctx, c.herder, name, request.Config)
	if err != nil {
		return answer{}, err
	}
	info, err := c.herder.Create(ctx, name, props, initial)
	if err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return answer{status: http.StatusCreated, body: entity.InfoOf(info), location: s.location(c, name)}, nil
}

// named puts the connector's name into its configuration and refuses another one. What has null
// values goes through validation, which has an error for each.
func named(ctx context.Context, herder Herder, name string, given map[string]*string) (map[string]string, error) {
	if included := given["name"]; included == nil {
		given["name"] = &name
	} else if *included != name {
		return nil, errs.BadRequest.New("Connector name configuration (%s) doesn't match connector name in the URL (%s)",
			*included, name)
	}
	props := make(map[string]string, len(given))
	nulls := 0
	for key, value := range given {
		if value == nil {
			nulls++
			continue
		}
		props[key] = *value
	}
	if nulls == 0 {
		return props, nil
	}
	infos, err := herder.Validate(ctx, given)
	if err != nil {
		return nil, err
	}
	return nil, errs.BadRequest.New("%s", invalidMessage(infos, nulls))
}

// invalidMessage is the JVM's summary of a validation that found errors.
func invalidMessage(infos config.Infos, nulls int) string {
	var b strings.Builder
	count := infos.ErrorCount
	if count == 0 {
		count = nulls
	}
	fmt.Fprintf(&b, "Connector configuration is invalid and contains the following %d error(s):", count)
	for _, info := range infos.Configs {
		for _, message := range info.Value.Errors {
			b.WriteString("\n" + message)
		}
	}
	if infos.ErrorCount == 0 {
		b.WriteString(strings.Repeat("\nNull value can not be supplied as the configuration value.", nulls))
	}
	b.WriteString("\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`")
	return b.String()
}

func (s *Server) getConnector(ctx context.Context, c *call) (answer, error) {
	info, err := c.herder.Connector(ctx, c.path("connector"))
	if err != nil {
		return answer{}, err
	}
	return ok(entity.InfoOf(info))
}

func (s *Server) getConfig(ctx context.Context, c *call) (answer, error) {
	info, err := c.herder.Connector(ctx, c.path("connector"))
	if err != nil {
		return answer{}, err
	}
	return ok(entity.InfoOf(info).Config)
}

func (s *Server) putConfig(ctx context.Context, c *call) (answer, error) {
	given, err := settings(c.body, "an object of settings")
	if err != nil {
		return answer{}, asRecordedForArray(c.body, err)
	}
	name := c.path("connector")
	props, err := named(ctx, c.herder, name, given)
	if err != nil {
		return answer{}, err
	}
	info, created, err := c.herder.PutConfig(ctx, name, props)
	if err != nil {
		return s.elsewhere(ctx, c, err)
	}
	if created {
		return answer{status: http.StatusCreated, body: entity.InfoOf(info), location: s.location(c, name)}, nil
	}
	return ok(entity.InfoOf(info))
}

// asRecordedForArray is the JVM's answer to an array in place of the settings. Of all bodies that
// can't be read the recorded conformance kit holds servers to this one: clients may know it.
func asRecordedForArray(body []byte, err error) error {
	before := len(body) - len(bytes.TrimLeft(body, " \t\r\n"))
	if before == len(body) || body[before] != '[' {
		return err
	}
	line, column := position(body, int64(before))
	return recorded("Cannot deserialize value of type `java.util.LinkedHashMap<java.lang.String,java.lang.String>` "+
		"from Array value (token `JsonToken.START_ARRAY`)\n at [Source: REDACTED "+
		"(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", line, column)
}

func (s *Server) patchConfig(ctx context.Context, c *call) (answer, error) {
	patch, err := settings(c.body, "an object of settings to change")
	if err != nil {
		return answer{}, err
	}
	info, err := c.herder.PatchConfig(ctx, c.path("connector"), patch)
	if err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return ok(entity.InfoOf(info))
}

func (s *Server) deleteConnector(ctx context.Context, c *call) (answer, error) {
	if err := c.herder.Delete(ctx, c.path("connector")); err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return empty(http.StatusNoContent)
}

func (s *Server) getStatus(ctx context.Context, c *call) (answer, error) {
	status, err := c.herder.Status(ctx, c.path("connector"))
	if err != nil {
		return answer{}, err
	}
	return ok(entity.StatusOf(status))
}

func (s *Server) pause(ctx context.Context, c *call) (answer, error) {
	return s.setTarget(ctx, c, state.TargetPaused, http.StatusAccepted)
}

func (s *Server) resume(ctx context.Context, c *call) (answer, error) {
	return s.setTarget(ctx, c, state.TargetStarted, http.StatusAccepted)
}

func (s *Server) stop(ctx context.Context, c *call) (answer, error) {
	return s.setTarget(ctx, c, state.TargetStopped, http.StatusNoContent)
}

func (s *Server) setTarget(ctx context.Context, c *call, target state.TargetState, done int) (answer, error) {
	if err := c.herder.SetTarget(ctx, c.path("connector"), target); err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return empty(done)
}

func (s *Server) restartConnector(ctx context.Context, c *call) (answer, error) {
	name := c.path("connector")
	includeTasks, onlyFailed := c.flag("includeTasks", false), c.flag("onlyFailed", false)
	if !includeTasks && !onlyFailed {
		if err := c.herder.RestartConnector(ctx, name); err != nil {
			return s.elsewhere(ctx, c, stored(err))
		}
		return empty(http.StatusNoContent)
	}
	status, err := c.herder.RestartWithTasks(ctx, name, includeTasks, onlyFailed)
	if err != nil {
		return s.elsewhere(ctx, c, stored(err))
	}
	return answer{status: http.StatusAccepted, body: entity.StatusOf(status)}, nil
}

// stored makes 500 of a wrong configuration when it isn't the request's: what is restarted has it
// already, and the request is fine.
func stored(err error) error {
	if kind := errs.KindOf(err); kind == errs.Config || kind == errs.BadRequest {
		return &coded{status: http.StatusInternalServerError, message: errs.Text(err), cause: err}
	}
	return err
}

func (s *Server) getTopics(ctx context.Context, c *call) (answer, error) {
	if !s.cfg.TopicTracking {
		return answer{}, &coded{status: http.StatusForbidden, message: "Topic tracking is disabled."}
	}
	name := c.path("connector")
	topics, err := c.herder.ActiveTopics(ctx, name)
	if err != nil {
		return answer{}, err
	}
	if topics == nil {
		topics = []string{}
	}
	return ok(map[string]entity.Topics{name: {Topics: topics}})
}

func (s *Server) resetTopics(ctx context.Context, c *call) (answer, error) {
	if !s.cfg.TopicTracking {
		return answer{}, &coded{status: http.StatusForbidden, message: "Topic tracking is disabled."}
	}
	if !s.cfg.TopicTrackingReset {
		return answer{}, &coded{status: http.StatusForbidden, message: "Topic tracking reset is disabled."}
	}
	if err := c.herder.ResetActiveTopics(ctx, c.path("connector")); err != nil {
		return answer{}, err
	}
	return empty(http.StatusAccepted)
}

// location is the absolute URL of a connector; of a client of HTTP/1.0 that names no host, its
// path.
func (s *Server) location(c *call, name string) string {
	path := "/connectors/" + escapeSegment(name)
	if c.Request.Host == "" {
		return path
	}
	scheme := "http"
	if c.Request.TLS != nil {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: c.Request.Host}).String() + path
}

// escapeSegment escapes a name as UriBuilder.path does, and a slash too, which that leaves as it
// is, so that the location leads somewhere.
func escapeSegment(name string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		ch := name[i]
		switch {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9',
			strings.IndexByte("-._~!$&'()*+,=:@", ch) >= 0:
			b.WriteByte(ch)
		default:
			b.Write([]byte{'%', hex[ch>>4], hex[ch&15]})
		}
	}
	return b.String()
}
