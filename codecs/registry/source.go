package registry

import (
	"context"
	"errors"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Source is what values with one schema id were written with.
type Source struct {
	ID      SchemaID
	Subject string
	// Version is the writer's schema's version of the subject.
	Version int
	Writer  Schema
	// Reader is the latest schema, which to read with, where use.latest.version or
	// use.latest.with.metadata ask for it; else nil.
	Reader *Registered
}

// sourceKey counts the topic, as the subject depends on it, and the hint (Source).
type sourceKey struct {
	topic  string
	id     SchemaID
	record string
}

// Source finds the schema that a value was written with. name says the full name of the value's
// type in its schema, "" for one without; it is only called where subjects are named by it, and
// hint, if not "", tells apart values of one schema that have different names. Errors have the
// classes that the JVM's converters throw.
func (s *Session) Source(topic string, id SchemaID, hint string,
	name func(Schema) (string, error),
) (*Source, error) {
	if s.last != nil && s.lastOf.id == id && s.lastOf.topic == topic && s.lastOf.record == hint {
		return s.last, nil
	}
	key := sourceKey{topic, id, hint}
	src, ok := s.sources.Get(key)
	if !ok {
		var err error
		if src, err = s.find(topic, id, name); err != nil {
			return nil, err
		}
		s.sources.Put(key, src)
	}
	s.last, s.lastOf = src, key
	return src, nil
}

// find asks for the schema, then for its version of the subject, then for the one to read with:
// two requests for the first record of an id, three with use.latest.version.
func (s *Session) find(topic string, id SchemaID, name func(Schema) (string,
	error),
) (*Source, error) {
	src := &Source{ID: id}
	step := s.words.schemaOf + id.text(s.format)
	var err error
	if byRecord(s.strategy) {
		if src.Writer, err = s.named(id); err != nil {
			return nil, s.failure(false, topic, s.readStep(step, id, err), err)
		}
		record, err := name(src.Writer)
		if err != nil {
			return nil, s.ReadError(topic, id, err)
		}
		if src.Subject, err = s.subject(topic, record); err != nil {
			return nil, errs.Data.Wrap(err, s.words.read, topic)
		}
	} else if src.Subject, err = s.subject(topic, ""); err != nil {
		return nil, errs.Data.Wrap(err, s.words.read, topic)
	}
	if src.Writer, err = s.fetch(src.Subject, id); err != nil {
		return nil, s.failure(false, topic, s.readStep(step, id, err), err)
	}
	if src.Writer.Format != s.format {
		return nil, s.ReadError(topic, id,
			errors.New("the schema is of type "+string(src.Writer.Format)))
	}
	if src.Version, err = s.version(src.Subject, src.Writer); err != nil {
		step = s.words.versionOf + id.text(s.format)
		return nil, s.failure(false, topic, s.readStep(step, id, err), err)
	}
	s.noteRules(src.Subject, src.Writer)
	if src.Reader, err = s.reader(src.Subject); err != nil {
		return nil, s.ReadError(topic, id, err)
	}
	return src, nil
}

// readStep is what the JVM's converters say they were doing: those for JSON and Protobuf blame the
// reading where there was no answer.
func (s *Session) readStep(step string, id SchemaID, err error) string {
	if s.format != Avro && otherIO(err) {
		return s.words.reading + id.text(s.format)
	}
	return step
}

// named is the schema of an id whose subject isn't known yet.
func (s *Session) named(id SchemaID) (Schema, error) {
	if w, ok := s.names.Get(id); ok {
		return w, nil
	}
	w, err := s.fetch("", id)
	if err == nil {
		s.names.Put(id, w)
	}
	return w, err
}

// fetch asks for a schema by its id or GUID. For a GUID the registry isn't told the subject.
func (s *Session) fetch(subject string, id SchemaID) (w Schema, err error) {
	err = s.ask(subject, func(ctx context.Context) (err error) {
		if id.ByGUID {
			w, err = s.client.ByGUID(ctx, guidText(id.GUID))
		} else {
			w, err = s.client.ByID(ctx, subject, id.ID)
		}
		return err
	})
	return w, err
}

// version asks by the schema, as the registry can't be asked for an id's version of one subject.
func (s *Session) version(subject string, w Schema) (int, error) {
	var found Registered
	err := s.ask(subject, func(ctx context.Context) (err error) {
		found, err = s.client.Lookup(ctx, subject, w, false, true)
		return err
	})
	return found.Version, err
}

// reader is the latest schema where the settings ask for it, nil otherwise.
func (s *Session) reader(subject string) (*Registered, error) {
	set := s.Settings
	if set.Metadata == nil && !set.UseLatest {
		return nil, nil
	}
	var found Registered
	err := s.ask(subject, func(ctx context.Context) (err error) {
		if set.Metadata != nil {
			found, err = s.client.ByMetadata(ctx, subject, set.Metadata)
		} else {
			found, err = s.client.ByVersion(ctx, subject, LatestVersion, false)
		}
		return err
	})
	return &found, err
}

// Resolved is a schema that another one refers to.
type Resolved struct {
	Name   string
	Schema Schema
}

// maxReferences bounds the schemas that one may refer to, directly or not.
const maxReferences = 10_000

// References are the schemas that the schema refers to, each behind those that it refers to itself.
func (s *Session) References(schema Schema) ([]Resolved, error) {
	var all []Resolved
	seen := map[Reference]bool{}
	var visit func(Schema) error
	visit = func(schema Schema) error {
		for _, ref := range schema.References {
			if seen[ref] {
				continue
			}
			if seen[ref] = true; len(seen) > maxReferences {
				return errors.New("more than 10000 schemas are referred to")
			}
			var found Registered
			err := s.ask(ref.Subject, func(ctx context.Context) (err error) {
				found, err = s.client.ByVersion(ctx, ref.Subject, ref.Version, true)
				return err
			})
			if err != nil {
				return err
			}
			if err := visit(found.Schema); err != nil {
				return err
			}
			all = append(all, Resolved{ref.Name, found.Schema})
		}
		return nil
	}
	return all, visit(schema)
}

// Refer registers a schema that a value's own schema refers to, or finds it, and says which version of
// the subject it is. With lookupOnly it is only looked up, whatever auto.register.schemas says.
func (s *Session) Refer(subject string, own Schema, lookupOnly bool) (int, error) {
	set := s.Settings
	var found Registered
	if set.AutoRegister && !lookupOnly {
		err := s.ask(subject, func(ctx context.Context) error {
			_, err := s.client.Register(ctx, subject, own, set.Normalize)
			return err
		})
		if err != nil {
			return 0, err
		}
	} else if set.UseLatest && !lookupOnly {
		err := s.ask(subject, func(ctx context.Context) (err error) {
			found, err = s.client.ByVersion(ctx, subject, LatestVersion, false)
			return err
		})
		return found.Version, err
	}
	err := s.ask(subject, func(ctx context.Context) (err error) {
		found, err = s.client.Lookup(ctx, subject, own, set.Normalize, false)
		return err
	})
	return found.Version, err
}
