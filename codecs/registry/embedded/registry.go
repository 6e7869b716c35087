package embedded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/codecs/registry"
)

// The codes of what is missing or refused, beside registry's.
const (
	codeInvalidSchema   = 42201
	codeInvalidVersion  = 42202
	codeInvalidLevel    = 42203
	codeInvalidMode     = 42204
	codeNotPermitted    = 42205
	codeReferenced      = 42206
	codeSubjectSoft     = 40404
	codeSubjectNotSoft  = 40405
	codeVersionSoft     = 40406
	codeVersionNotSoft  = 40407
	codeNoSubjectLevel  = 40408
	codeNoSubjectMode   = 40409
	defaultLevel        = "BACKWARD"
	defaultMode         = "READWRITE"
	maxSchemaReferences = 1000
)

var levels = []string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}

// failure is an answer that isn't a success.
type failure struct {
	status, code int
	message      string
}

func (f *failure) Error() string { return f.message }

func fail(status, code int, format string, args ...any) error {
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

func noSubject(subject string) error {
	return fail(404, registry.CodeSubjectNotFound, "Subject '%s' not found.", subject)
}

func noSchema() error { return fail(404, registry.CodeSchemaNotFound, "Schema not found") }

// Registry is a schema registry. It is safe for concurrent use.
type Registry struct {
	parsers map[registry.Format]registry.Parser
	log     Log
	ctx     context.Context //nolint:containedctx // of the registry's life: what it writes must not end with a request

	mu       sync.Mutex
	subjects map[string][]*entry // by version
	levels   map[string]string   // of compatibility; "" for all that have none of their own
	modes    map[string]string
	last     int32 // id
}

// entry is a version of a subject.
type entry struct {
	subject string
	version int
	id      int32
	guid    string
	deleted bool
	schema  registry.Schema
}

// Open makes a registry of what the log holds. ctx is for the registry's whole life.
func Open(ctx context.Context, log Log,
	parsers map[registry.Format]registry.Parser,
) (*Registry, error) {
	r := &Registry{
		parsers: parsers, log: log, ctx: ctx,
		subjects: map[string][]*entry{}, levels: map[string]string{}, modes: map[string]string{},
	}
	if err := log.Load(ctx, r.apply); err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	return r, nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func (r *Registry) insert(e *entry) {
	all := append(r.subjects[e.subject], e)
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.version, b.version) })
	r.subjects[e.subject] = all
	r.last = max(r.last, e.id)
}

func (r *Registry) drop(subject string, version int) {
	all := slices.DeleteFunc(r.subjects[subject], func(e *entry) bool { return e.version == version })
	if len(all) == 0 {
		delete(r.subjects, subject)
		return
	}
	r.subjects[subject] = all
}

// versions are a subject's, with deleted also those that were deleted softly.
func (r *Registry) versions(subject string, deleted bool) ([]*entry, error) {
	var all []*entry
	for _, e := range r.subjects[subject] {
		if deleted || !e.deleted {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil, noSubject(subject)
	}
	return all, nil
}

// find is a version of a subject, the newest for registry.LatestVersion.
func (r *Registry) find(subject string, version int, deleted bool) (*entry, error) {
	all, err := r.versions(subject, deleted)
	if err != nil {
		return nil, err
	}
	if version == registry.LatestVersion {
		return all[len(all)-1], nil
	}
	for _, e := range all {
		if e.version == version {
			return e, nil
		}
	}
	return nil, fail(404, registry.CodeVersionNotFound, "Version %d not found.", version)
}

// byID are all versions with an id.
func (r *Registry) byID(match func(*entry) bool) []*entry {
	var all []*entry
	for _, versions := range r.subjects {
		for _, e := range versions {
			if match(e) {
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.version, b.version))
	})
	return all
}

// resolve finds what a schema refers to, each behind those that it refers to itself.
func (r *Registry) resolve(s registry.Schema) ([]registry.Resolved, error) {
	var all []registry.Resolved
	seen := map[registry.Reference]bool{}
	var visit func(registry.Schema) error
	visit = func(s registry.Schema) error {
		for _, ref := range s.References {
			if seen[ref] {
				continue
			}
			if seen[ref] = true; len(seen) > maxSchemaReferences {
				return fail(422, codeInvalidSchema, "more than %d references", maxSchemaReferences)
			}
			e, err := r.find(ref.Subject, ref.Version, true)
			if err != nil {
				return fail(422, codeInvalidSchema,
					"No schema reference found for subject %q and version %d", ref.Subject,
					ref.Version)
			}
			if err := visit(e.schema); err != nil {
				return err
			}
			all = append(all, registry.Resolved{Name: ref.Name, Schema: e.schema})
		}
		return nil
	}
	return all, visit(s)
}

func (r *Registry) parse(s registry.Schema) (registry.Parsed, error) {
	parse, ok := r.parsers[s.Format]
	if !ok {
		return nil, fail(422, codeInvalidSchema, "Invalid schema type %s", s.Format)
	}
	refs, err := r.resolve(s)
	if err != nil {
		return nil, err
	}
	p, err := parse(s, refs)
	if err != nil {
		return nil, fail(422, codeInvalidSchema, "Invalid schema %s, details: %v", s.Text, err)
	}
	return p, nil
}

// same reports whether two schemas are one.
func same(a, b registry.Schema) bool {
	return a.Format == b.Format && a.Text == b.Text && slices.Equal(a.References, b.References)
}

// register gives a schema a version of the subject, unless it has one.
func (r *Registry) register(subject string, s registry.Schema, normalize bool) (*entry, error) {
	if mode := r.mode(subject); mode != defaultMode && mode != "IMPORT" {
		return nil, fail(422, codeNotPermitted, "Subject %s is in %s mode", subject, mode)
	}
	p, err := r.parse(s)
	if err != nil {
		return nil, err
	}
	s.Text = p.Canonical(normalize)
	next := 1
	var live []*entry
	for _, e := range r.subjects[subject] {
		next = e.version + 1
		if e.deleted {
			continue
		}
		if same(e.schema, s) {
			return e, nil
		}
		live = append(live, e)
	}
	problems, err := r.incompatible(r.level(subject), p, live)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, fail(409, 409,
			"Schema being registered is incompatible with an earlier schema for subject %q, details: %q", subject, problems)
	}
	e := &entry{
		subject: subject, version: next, id: r.last + 1, guid: registry.GUIDOf(s),
		schema: s,
	}
	if known := r.byID(func(e *entry) bool { return same(e.schema, s) }); len(known) > 0 {
		e.id = known[0].id
	}
	if err := r.keep(e); err != nil {
		return nil, err
	}
	r.insert(e)
	return e, nil
}

// incompatible says what is against a new schema beside those that there are.
func (r *Registry) incompatible(level string, p registry.Parsed, live []*entry) ([]string, error) {
	if level == "NONE" || len(live) == 0 {
		return nil, nil
	}
	against := live[len(live)-1:]
	if len(level) > len("_TRANSITIVE") && level[len(level)-len("_TRANSITIVE"):] == "_TRANSITIVE" {
		against = live
	}
	var all []string
	for _, e := range slices.Backward(against) {
		old, err := r.parse(e.schema)
		if err != nil {
			return nil, err
		}
		var problems []string
		if level[:2] == "BA" || level[:2] == "FU" {
			problems = append(problems, p.Reads(old)...)
		}
		if level[:2] == "FO" || level[:2] == "FU" {
			problems = append(problems, old.Reads(p)...)
		}
		if len(problems) > 0 {
			all = append(all, problems...)
			all = append(all, fmt.Sprintf("oldSchemaVersion: %d", e.version),
				"compatibility: "+level)
			break
		}
	}
	return all, nil
}

func (r *Registry) level(subject string) string {
	return cmp.Or(r.levels[subject], r.levels[""], defaultLevel)
}

func (r *Registry) mode(subject string) string {
	return cmp.Or(r.modes[subject], r.modes[""], defaultMode)
}

// lookup finds a schema's version of the subject.
func (r *Registry) lookup(subject string, s registry.Schema,
	normalize, deleted bool,
) (*entry, error) {
	all, err := r.versions(subject, deleted)
	if err != nil {
		return nil, err
	}
	given := s.Text
	if p, err := r.parse(s); err == nil {
		s.Text = p.Canonical(normalize)
	}
	for _, e := range slices.Backward(all) {
		if same(e.schema, s) || e.schema.Format == s.Format && e.schema.Text == given &&
			len(s.References) == 0 {
			return e, nil
		}
	}
	return nil, noSchema()
}

// users are the ids of the schemas that refer to a version.
func (r *Registry) users(e *entry) []int32 {
	var ids []int32
	for _, u := range r.byID(func(u *entry) bool { return !u.deleted }) {
		for _, ref := range u.schema.References {
			if ref.Subject == e.subject && ref.Version == e.version && !slices.Contains(ids, u.id) {
				ids = append(ids, u.id)
			}
		}
	}
	return ids
}

// delete deletes versions of a subject: softly, so that ids are still known, or, what was deleted
// softly before, for good.
func (r *Registry) delete(all []*entry, permanent bool) ([]int, error) {
	var gone []int
	for _, e := range all {
		if len(r.users(e)) > 0 {
			return nil, fail(422, codeReferenced,
				"One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d}", e.subject, e.version)
		}
	}
	for _, e := range all {
		if permanent {
			if err := r.write(recordKey{
				Keytype: keySchema, Subject: &e.subject, Version: e.version,
				Magic: 1,
			}, nil); err != nil {
				return nil, err
			}
			r.drop(e.subject, e.version)
		} else {
			softly := *e
			softly.deleted = true
			if err := r.keep(&softly); err != nil {
				return nil, err
			}
			e.deleted = true
		}
		gone = append(gone, e.version)
	}
	return gone, nil
}

func (r *Registry) deleteSubject(subject string, permanent bool) ([]int, error) {
	all, err := r.versions(subject, true)
	if err != nil {
		return nil, err
	}
	live, _ := r.versions(subject, false)
	switch {
	case permanent && len(live) > 0:
		return nil, fail(404, codeSubjectNotSoft,
			"Subject '%s' was not deleted first before being permanently deleted", subject)
	case !permanent && len(live) == 0:
		return nil, fail(404, codeSubjectSoft,
			"Subject '%s' was soft deleted.Set permanent=true to delete permanently", subject)
	case !permanent:
		all = live
	}
	return r.delete(all, permanent)
}

func (r *Registry) deleteVersion(subject string, version int, permanent bool) (int, error) {
	e, err := r.find(subject, version, permanent)
	if err != nil {
		if soft, softErr := r.find(subject, version, true); softErr == nil && soft.deleted {
			return 0, fail(404, codeVersionSoft,
				"Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently",
				subject, soft.version)
		}
		return 0, err
	}
	if permanent && !e.deleted {
		return 0, fail(404, codeVersionNotSoft,
			"Subject '%s' Version %d was not deleted first before being permanently deleted",
			subject, e.version)
	}
	gone, err := r.delete([]*entry{e}, permanent)
	if err != nil {
		return 0, err
	}
	return gone[0], nil
}
