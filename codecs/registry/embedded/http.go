package embedded

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/codecs/registry"
)

const (
	contentType = "application/vnd.schemaregistry.v1+json"
	maxBody     = 16 << 20
)

// answer is what a handler returns: a value to send as JSON, or text as it is.
type answer any

type plain string

// Handler is the HTTP API. http.ServeMux decodes what is percent-encoded in a path, so a subject may hold a
// slash.
func (r *Registry) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*http.Request) (answer, error){
		"GET /{$}":                                                func(*http.Request) (answer, error) { return struct{}{}, nil },
		"GET /subjects":                                           r.getSubjects,
		"POST /subjects/{subject}":                                r.postLookup,
		"DELETE /subjects/{subject}":                              r.deleteSubjectRequest,
		"GET /subjects/{subject}/versions":                        r.getVersions,
		"POST /subjects/{subject}/versions":                       r.postRegister,
		"GET /subjects/{subject}/versions/{version}":              r.getVersion,
		"DELETE /subjects/{subject}/versions/{version}":           r.deleteVersionRequest,
		"GET /subjects/{subject}/versions/{version}/schema":       r.getVersionText,
		"GET /subjects/{subject}/versions/{version}/referencedby": r.getUsers,
		"GET /schemas":                                            r.getSchemas,
		"GET /schemas/types":                                      r.getTypes,
		"GET /schemas/ids/{id}":                                   r.getID,
		"GET /schemas/ids/{id}/schema":                            r.getIDText,
		"GET /schemas/ids/{id}/versions":                          r.getIDVersions,
		"GET /schemas/ids/{id}/subjects":                          r.getIDSubjects,
		"GET /schemas/guids/{guid}":                               r.getGUID,
		"GET /config":                                             r.getLevel,
		"PUT /config":                                             r.putLevel,
		"DELETE /config":                                          r.deleteLevel,
		"GET /config/{subject}":                                   r.getLevel,
		"PUT /config/{subject}":                                   r.putLevel,
		"DELETE /config/{subject}":                                r.deleteLevel,
		"GET /mode":                                               r.getMode,
		"PUT /mode":                                               r.putMode,
		"GET /mode/{subject}":                                     r.getMode,
		"PUT /mode/{subject}":                                     r.putMode,
		"DELETE /mode/{subject}":                                  r.deleteMode,
		"GET /contexts":                                           func(*http.Request) (answer, error) { return []string{"."}, nil },
		"GET /v1/metadata/id": func(*http.Request) (answer, error) {
			return map[string]any{"id": "", "scope": map[string]any{
				"path": []string{},
				"clusters": map[string]string{
					"kafka-cluster":           "",
					"schema-registry-cluster": "schema-registry",
				},
			}}, nil
		},
		"POST /compatibility/subjects/{subject}/versions":           r.postCompatible,
		"POST /compatibility/subjects/{subject}/versions/{version}": r.postCompatible,
	} {
		mux.HandleFunc(pattern, r.serve(h))
	}
	mux.HandleFunc("/", r.serve(func(*http.Request) (answer, error) { return nil, fail(404, 404, "HTTP 404 Not Found") }))
	return mux
}

// serve makes a handler of one that returns what to send. Requests are served one after another.
func (r *Registry) serve(h func(*http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		body, err := io.ReadAll(req.Body)
		if err == nil {
			req.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		var out answer
		if err == nil {
			r.mu.Lock()
			out, err = h(req)
			r.mu.Unlock()
		}
		w.Header().Set("Content-Type", contentType)
		if err != nil {
			f := &failure{http.StatusInternalServerError, 50001, err.Error()}
			errors.As(err, &f)
			w.WriteHeader(f.status)
			out = map[string]any{"error_code": f.code, "message": f.message}
		}
		if text, ok := out.(plain); ok {
			_, _ = io.WriteString(w, string(text)) // who asked has gone
			return
		}
		raw, err := marshal(out)
		if err == nil {
			_, _ = w.Write(raw)
		}
	}
}

// shown is a version as the API has it.
type shown struct {
	Subject    string               `json:"subject,omitempty"`
	Version    int                  `json:"version,omitempty"`
	ID         int32                `json:"id,omitempty"`
	GUID       string               `json:"guid,omitempty"`
	Type       registry.Format      `json:"schemaType,omitempty"`
	References []registry.Reference `json:"references,omitempty"`
	Metadata   json.RawMessage      `json:"metadata,omitempty"`
	RuleSet    json.RawMessage      `json:"ruleSet,omitempty"`
	Schema     string               `json:"schema"`
}

func show(e *entry) shown {
	s := shown{
		Subject: e.subject, Version: e.version, ID: e.id, GUID: e.guid, References: e.schema.References,
		Metadata: e.schema.Metadata, RuleSet: e.schema.Rules, Schema: e.schema.Text,
	}
	if e.schema.Format != registry.Avro {
		s.Type = e.schema.Format
	}
	return s
}

func flag(req *http.Request, name string) bool { return req.URL.Query().Get(name) == "true" }

func version(req *http.Request) (int, error) {
	text := req.PathValue("version")
	if text == "latest" || text == "-1" {
		return registry.LatestVersion, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fail(422, codeInvalidVersion,
			"The specified version '%s' is not a valid version id. "+
				`Allowed values are between [1, 2^31-1] and the string "latest"`, text)
	}
	return int(n), nil
}

func asked(req *http.Request) (s registry.Schema, err error) {
	var in shown
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		return s, fail(422, 422, "Invalid request: %v", err)
	}
	s = registry.Schema{
		Format: in.Type, Text: in.Schema, References: in.References,
		Metadata: in.Metadata, Rules: in.RuleSet,
	}
	if s.Format == "" {
		s.Format = registry.Avro
	}
	return s, nil
}

func (r *Registry) getSubjects(req *http.Request) (answer, error) {
	names := []string{}
	prefix := req.URL.Query().Get("subjectPrefix")
	for subject := range r.subjects {
		if _, err := r.versions(subject, flag(req, "deleted")); err == nil &&
			strings.HasPrefix(subject, prefix) {
			names = append(names, subject)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (r *Registry) postRegister(req *http.Request) (answer, error) {
	s, err := asked(req)
	if err != nil {
		return nil, err
	}
	e, err := r.register(req.PathValue("subject"), s, flag(req, "normalize"))
	if err != nil {
		return nil, err
	}
	return show(e), nil
}

func (r *Registry) postLookup(req *http.Request) (answer, error) {
	s, err := asked(req)
	if err != nil {
		return nil, err
	}
	e, err := r.lookup(req.PathValue("subject"), s, flag(req, "normalize"), flag(req, "deleted"))
	if err != nil {
		return nil, err
	}
	return show(e), nil
}

func (r *Registry) getVersions(req *http.Request) (answer, error) {
	all, err := r.versions(req.PathValue("subject"), flag(req, "deleted"))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range all {
		numbers = append(numbers, e.version)
	}
	return numbers, nil
}

func (r *Registry) atVersion(req *http.Request) (*entry, error) {
	v, err := version(req)
	if err != nil {
		return nil, err
	}
	return r.find(req.PathValue("subject"), v, flag(req, "deleted"))
}

func (r *Registry) getVersion(req *http.Request) (answer, error) {
	e, err := r.atVersion(req)
	if err != nil {
		return nil, err
	}
	return show(e), nil
}

func (r *Registry) getVersionText(req *http.Request) (answer, error) {
	e, err := r.atVersion(req)
	if err != nil {
		return nil, err
	}
	return plain(e.schema.Text), nil
}

func (r *Registry) getUsers(req *http.Request) (answer, error) {
	e, err := r.atVersion(req)
	if err != nil {
		return nil, err
	}
	return append([]int32{}, r.users(e)...), nil
}

func (r *Registry) deleteSubjectRequest(req *http.Request) (answer, error) {
	return wrapped(r.deleteSubject(req.PathValue("subject"), flag(req, "permanent")))
}

func (r *Registry) deleteVersionRequest(req *http.Request) (answer, error) {
	v, err := version(req)
	if err != nil {
		return nil, err
	}
	return wrapped(r.deleteVersion(req.PathValue("subject"), v, flag(req, "permanent")))
}

func wrapped[T any](v T, err error) (answer, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (r *Registry) getSchemas(req *http.Request) (answer, error) {
	all := []shown{}
	for _, e := range r.byID(func(e *entry) bool { return flag(req, "deleted") || !e.deleted }) {
		all = append(all, show(e))
	}
	return all, nil
}

func (r *Registry) getTypes(*http.Request) (answer, error) {
	var types []string
	for f := range r.parsers {
		types = append(types, string(f))
	}
	slices.Sort(types)
	return types, nil
}

// withID are the versions with the id of the request.
func (r *Registry) withID(req *http.Request) ([]*entry, error) {
	id, err := strconv.ParseInt(req.PathValue("id"), 10, 32)
	if err != nil {
		return nil, fail(404, 404, "HTTP 404 Not Found")
	}
	all := r.byID(func(e *entry) bool { return e.id == int32(id) })
	if len(all) == 0 {
		return nil, fail(404, registry.CodeSchemaNotFound, "Schema %d not found", id)
	}
	return all, nil
}

func (r *Registry) getID(req *http.Request) (answer, error) {
	all, err := r.withID(req)
	if err != nil {
		return nil, err
	}
	return byIDAnswer(all[0]), nil
}

func byIDAnswer(e *entry) shown {
	s := show(e)
	s.Subject, s.Version, s.ID = "", 0, 0
	return s
}

func (r *Registry) getIDText(req *http.Request) (answer, error) {
	all, err := r.withID(req)
	if err != nil {
		return nil, err
	}
	return plain(all[0].schema.Text), nil
}

func (r *Registry) getIDVersions(req *http.Request) (answer, error) {
	all, err := r.withID(req)
	if err != nil {
		return nil, err
	}
	pairs := []map[string]any{}
	for _, e := range all {
		if !e.deleted || flag(req, "deleted") {
			pairs = append(pairs, map[string]any{"subject": e.subject, "version": e.version})
		}
	}
	return pairs, nil
}

func (r *Registry) getIDSubjects(req *http.Request) (answer, error) {
	all, err := r.withID(req)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, e := range all {
		if (!e.deleted || flag(req, "deleted")) && !slices.Contains(names, e.subject) {
			names = append(names, e.subject)
		}
	}
	return names, nil
}

func (r *Registry) getGUID(req *http.Request) (answer, error) {
	all := r.byID(func(e *entry) bool { return e.guid == req.PathValue("guid") })
	if len(all) == 0 {
		return nil, noSchema()
	}
	return byIDAnswer(all[0]), nil
}

func (r *Registry) getLevel(req *http.Request) (answer, error) {
	subject := req.PathValue("subject")
	if r.levels[subject] == "" && subject != "" && !flag(req, "defaultToGlobal") {
		return nil, fail(404, codeNoSubjectLevel,
			"Subject '%s' does not have subject-level compatibility configured", subject)
	}
	return map[string]string{"compatibilityLevel": r.level(subject)}, nil
}

func (r *Registry) putLevel(req *http.Request) (answer, error) {
	var in struct{ Compatibility string }
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		return nil, fail(422, 422, "Invalid request: %v", err)
	}
	level := strings.ToUpper(in.Compatibility)
	if !slices.Contains(levels, level) {
		return nil, fail(422, codeInvalidLevel, "Invalid compatibility level. Valid values are %s",
			strings.Join(levels, ", "))
	}
	subject := req.PathValue("subject")
	if err := r.keepSetting(keyConfig, subject,
		map[string]string{"compatibilityLevel": level}); err != nil {
		return nil, err
	}
	r.levels[subject] = level
	return map[string]string{"compatibility": level}, nil
}

func (r *Registry) deleteLevel(req *http.Request) (answer, error) {
	subject := req.PathValue("subject")
	was := r.levels[subject]
	if was == "" && subject != "" {
		return nil, noSubject(subject)
	}
	if err := r.keepSetting(keyConfig, subject, nil); err != nil {
		return nil, err
	}
	delete(r.levels, subject)
	if was == "" {
		was = defaultLevel
	}
	return map[string]string{"compatibilityLevel": was}, nil
}

func (r *Registry) getMode(req *http.Request) (answer, error) {
	subject := req.PathValue("subject")
	if r.modes[subject] == "" && subject != "" && !flag(req, "defaultToGlobal") {
		return nil, fail(404, codeNoSubjectMode,
			"Subject '%s' does not have subject-level mode configured", subject)
	}
	return map[string]string{"mode": r.mode(subject)}, nil
}

func (r *Registry) putMode(req *http.Request) (answer, error) {
	var in struct{ Mode string }
	if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
		return nil, fail(422, 422, "Invalid request: %v", err)
	}
	mode := strings.ToUpper(in.Mode)
	if !slices.Contains([]string{"READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT"}, mode) {
		return nil, fail(422, codeInvalidMode,
			"Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, IMPORT")
	}
	subject := req.PathValue("subject")
	if err := r.keepSetting(keyMode, subject, map[string]string{"mode": mode}); err != nil {
		return nil, err
	}
	r.modes[subject] = mode
	return map[string]string{"mode": mode}, nil
}

func (r *Registry) deleteMode(req *http.Request) (answer, error) {
	subject := req.PathValue("subject")
	was := r.modes[subject]
	if was == "" {
		return nil, noSubject(subject)
	}
	if err := r.keepSetting(keyMode, subject, nil); err != nil {
		return nil, err
	}
	delete(r.modes, subject)
	return map[string]string{"mode": was}, nil
}

// postCompatible says whether a schema could be registered: against one version, or against those that
// the subject's level asks for.
func (r *Registry) postCompatible(req *http.Request) (answer, error) {
	s, err := asked(req)
	if err != nil {
		return nil, err
	}
	p, err := r.parse(s)
	if err != nil {
		return nil, err
	}
	subject := req.PathValue("subject")
	var live []*entry
	if req.PathValue("version") == "" {
		live, _ = r.versions(subject, false) // without one nothing is against it
	} else {
		e, err := r.atVersion(req)
		if err != nil {
			return nil, err
		}
		live = []*entry{e}
	}
	problems, err := r.incompatible(r.level(subject), p, live)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"is_compatible": len(problems) == 0}
	if flag(req, "verbose") {
		out["messages"] = append([]string{}, problems...)
	}
	return out, nil
}
