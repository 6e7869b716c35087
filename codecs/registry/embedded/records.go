package embedded

import (
	"context"
	"encoding/json"

	"github.com/troupe-connect/troupe/codecs/registry"
)

// Log keeps the registry's records, in order. Of records with one key the last counts.
type Log interface {
	// Load calls apply for every record that is kept, in order.
	Load(ctx context.Context, apply func(key, value []byte) error) error
	// Append keeps a record; value nil is a tombstone. It returns when the record is safe.
	Append(ctx context.Context, key, value []byte) error
}

// Memory is a Log that keeps nothing beyond the process.
type Memory struct{}

// Load implements Log: there is nothing.
func (Memory) Load(context.Context, func(key, value []byte) error) error { return nil }

// Append implements Log.
func (Memory) Append(context.Context, []byte, []byte) error { return nil }

// The kinds of record in the topic _schemas.
const (
	keySchema        = "SCHEMA"
	keyConfig        = "CONFIG"
	keyMode          = "MODE"
	keyDeleteSubject = "DELETE_SUBJECT"
	keyClearSubject  = "CLEAR_SUBJECT"
)

// recordKey is the key of a record; its members' order is part of it.
type recordKey struct {
	Keytype string  `json:"keytype"`
	Subject *string `json:"subject,omitempty"`
	Version int     `json:"version,omitempty"`
	Magic   int     `json:"magic"`
}

// settingKey is recordKey for what may be global: subject is null then.
type settingKey struct {
	Keytype string  `json:"keytype"`
	Subject *string `json:"subject"`
	Magic   int     `json:"magic"`
}

type schemaValue struct {
	Subject    string               `json:"subject"`
	Version    int                  `json:"version"`
	ID         int32                `json:"id"`
	GUID       string               `json:"guid,omitempty"`
	Type       registry.Format      `json:"schemaType,omitempty"`
	References []registry.Reference `json:"references,omitempty"`
	Metadata   json.RawMessage      `json:"metadata,omitempty"`
	Rules      json.RawMessage      `json:"ruleSet,omitempty"`
	Schema     string               `json:"schema"`
	Deleted    bool                 `json:"deleted"`
}

func (r *Registry) write(key, value any) error {
	k, err := marshal(key)
	if err != nil {
		return err
	}
	var v []byte
	if value != nil {
		if v, err = marshal(value); err != nil {
			return err
		}
	}
	if err := r.log.Append(r.ctx, k, v); err != nil {
		return &failure{500, 50001, "Error in the backend data store: " + err.Error()}
	}
	return nil
}

func (r *Registry) keep(e *entry) error {
	v := schemaValue{
		Subject: e.subject, Version: e.version, ID: e.id, GUID: e.guid,
		References: e.schema.References, Metadata: e.schema.Metadata,
		Rules: e.schema.Rules, Schema: e.schema.Text, Deleted: e.deleted,
	}
	if e.schema.Format != registry.Avro {
		v.Type = e.schema.Format
	}
	return r.write(recordKey{Keytype: keySchema, Subject: &e.subject, Version: e.version, Magic: 1},
		v)
}

func (r *Registry) keepSetting(kind, subject string, value any) error {
	k := settingKey{Keytype: kind}
	if subject != "" {
		k.Subject = &subject
	}
	return r.write(k, value)
}

// apply takes a record of the log over. What isn't understood is passed over: another registry may
// know more kinds.
func (r *Registry) apply(key, value []byte) error {
	var k recordKey
	if err := json.Unmarshal(key, &k); err != nil {
		return nil //nolint:nilerr // not ours
	}
	subject := ""
	if k.Subject != nil {
		subject = *k.Subject
	}
	switch k.Keytype {
	case keySchema:
		return r.applySchema(subject, k.Version, value)
	case keyConfig:
		return applySetting(r.levels, subject, value, "compatibilityLevel")
	case keyMode:
		return applySetting(r.modes, subject, value, "mode")
	case keyDeleteSubject:
		var v struct{ Version int }
		if err := json.Unmarshal(value, &v); err != nil {
			return nil //nolint:nilerr // not ours
		}
		for _, e := range r.subjects[subject] {
			if e.version <= v.Version {
				e.deleted = true
			}
		}
	}
	return nil
}

func applySetting(all map[string]string, subject string, value []byte, member string) error {
	if value == nil {
		delete(all, subject)
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal(value, &v); err != nil {
		return nil //nolint:nilerr // not ours
	}
	if text, ok := v[member].(string); ok {
		all[subject] = text
	}
	return nil
}

func (r *Registry) applySchema(subject string, version int, value []byte) error {
	if value == nil {
		r.drop(subject, version)
		return nil
	}
	var v schemaValue
	if err := json.Unmarshal(value, &v); err != nil {
		return nil //nolint:nilerr // not ours
	}
	if v.Type == "" {
		v.Type = registry.Avro
	}
	e := &entry{
		subject: v.Subject, version: v.Version, id: v.ID, guid: v.GUID, deleted: v.Deleted,
		schema: registry.Schema{
			Format: v.Type, Text: v.Schema, References: v.References, Metadata: v.Metadata, Rules: v.Rules,
		},
	}
	if e.guid == "" {
		e.guid = registry.GUIDOf(e.schema)
	}
	r.drop(subject, version)
	r.insert(e)
	return nil
}
