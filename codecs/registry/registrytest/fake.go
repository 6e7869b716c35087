// Package registrytest tests the converters that use a schema registry: a registry in memory that
// fails when told to, and the driver of the cases recorded from Confluent's converters.
package registrytest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/codecs/registry"
)

// Fake is a registry in memory that refuses nothing: a registry.Client and, for every converter, the
// registry.Clients that makes it. It is safe for concurrent use.
type Fake struct {
	// Normal is the text that a schema is kept as with normalize=true; nil leaves it as it is.
	Normal func(registry.Schema) string
	// Canonical is the text by which schemas are told apart; nil takes it as it is.
	Canonical func(registry.Schema) string

	mu       sync.Mutex
	entries  []registry.Registered // in order of registration
	taken    int                   // ids that were given out
	failures map[string]error      // by call
	calls    []string
}

// NewFake is an empty registry.
func NewFake() *Fake { return &Fake{failures: map[string]error{}} }

// Client implements registry.Clients.
func (f *Fake) Client(*registry.Settings) (registry.Client, error) { return f, nil }

// Fail makes every call of a kind fail: register, lookup, version, schemaById, latest,
// schemaByVersion, schemaByGuid, latestWithMetadata. nil ends that.
func (f *Fake) Fail(call string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.failures, call)
		return
	}
	f.failures[call] = err
}

// Put is what the registry holds without having been asked to.
func (f *Fake) Put(r registry.Registered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.ID == 0 {
		r.ID = f.idOf(r.Schema)
	}
	f.entries = append(f.entries, r)
}

// Entries are the versions of all subjects in the order of their registration.
func (f *Fake) Entries() []registry.Registered {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.entries)
}

// Calls are the questions so far.
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *Fake) same(a, b registry.Schema) bool {
	if !slices.Equal(a.References, b.References) {
		return false
	}
	return a.Text == b.Text || f.Canonical != nil && f.Canonical(a) == f.Canonical(b)
}

func (f *Fake) idOf(s registry.Schema) int32 {
	for _, e := range f.entries {
		if f.same(e.Schema, s) {
			return e.ID
		}
	}
	f.taken++
	return int32(f.taken)
}

func (f *Fake) called(ctx context.Context, call, what string) error {
	f.calls = append(f.calls, call+" "+what)
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.failures[call]
}

func (f *Fake) notFound(subject string) error {
	for _, e := range f.entries {
		if e.Subject == subject {
			return &registry.StatusError{
				Status: 404, Code: registry.CodeSchemaNotFound,
				Message: "Schema Not Found",
			}
		}
	}
	return &registry.StatusError{
		Status: 404, Code: registry.CodeSubjectNotFound,
		Message: "Subject Not Found",
	}
}

func (f *Fake) normal(s registry.Schema, normalize bool) registry.Schema {
	if normalize && f.Normal != nil {
		s.Text = f.Normal(s)
	}
	return s
}

// Register implements registry.Client.
func (f *Fake) Register(ctx context.Context, subject string, s registry.Schema,
	normalize bool,
) (registry.Registered, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called(ctx, "register", subject); err != nil {
		return registry.Registered{}, err
	}
	s = f.normal(s, normalize)
	version := 1
	for _, e := range f.entries {
		if e.Subject == subject {
			if f.same(e.Schema, s) {
				return registry.Registered{ID: e.ID}, nil
			}
			version = e.Version + 1
		}
	}
	r := registry.Registered{ID: f.idOf(s), Subject: subject, Version: version, Schema: s}
	f.entries = append(f.entries, r)
	return registry.Registered{ID: r.ID}, nil
}

// Lookup implements registry.Client.
func (f *Fake) Lookup(ctx context.Context, subject string, s registry.Schema,
	normalize, deleted bool,
) (registry.Registered, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := "lookup"
	if deleted {
		call = "version"
	}
	if err := f.called(ctx, call, subject); err != nil {
		return registry.Registered{}, err
	}
	s = f.normal(s, normalize)
	for _, e := range f.entries {
		if e.Subject == subject && f.same(e.Schema, s) {
			return e, nil
		}
	}
	return registry.Registered{}, f.notFound(subject)
}

// ByID implements registry.Client. As in the real one the subject only says where to look first.
func (f *Fake) ByID(ctx context.Context, subject string, id int32) (registry.Schema, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called(ctx, "schemaById", fmt.Sprint(id, " ", subject)); err != nil {
		return registry.Schema{}, err
	}
	for _, e := range f.entries {
		if e.ID == id {
			return e.Schema, nil
		}
	}
	return registry.Schema{}, &registry.StatusError{
		Status: 404, Code: registry.CodeSubjectNotFound,
		Message: "Subject Not Found",
	}
}

// ByGUID implements registry.Client.
func (f *Fake) ByGUID(ctx context.Context, guid string) (registry.Schema, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called(ctx, "schemaByGuid", guid); err != nil {
		return registry.Schema{}, err
	}
	for _, e := range f.entries {
		if registry.GUIDOf(e.Schema) == guid {
			return e.Schema, nil
		}
	}
	return registry.Schema{}, &registry.StatusError{
		Status: 404, Code: registry.CodeSchemaNotFound,
		Message: "Schema Not Found",
	}
}

// ByVersion implements registry.Client.
func (f *Fake) ByVersion(ctx context.Context, subject string, version int,
	_ bool,
) (registry.Registered, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := "schemaByVersion"
	if version == registry.LatestVersion {
		call = "latest"
	}
	if err := f.called(ctx, call, subject); err != nil {
		return registry.Registered{}, err
	}
	for _, e := range slices.Backward(f.entries) {
		if e.Subject == subject && (version == registry.LatestVersion || version == e.Version) {
			return e, nil
		}
	}
	return registry.Registered{}, f.notFound(subject)
}

// ByMetadata implements registry.Client.
func (f *Fake) ByMetadata(ctx context.Context, subject string,
	properties map[string]string,
) (registry.Registered, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.called(ctx, "latestWithMetadata", fmt.Sprint(subject,
		slices.Sorted(maps.Keys(properties)))); err != nil {
		return registry.Registered{}, err
	}
	return registry.Registered{}, &registry.StatusError{
		Status: 404,
		Code:   registry.CodeSchemaNotFound, Message: "Schema Not Found",
	}
}
