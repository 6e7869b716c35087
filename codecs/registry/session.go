package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// knownSchemas is how many schemas a session remembers per direction.
const knownSchemas = 1000

// Clients makes the client of a registry: a Pool does.
type Clients interface {
	Client(s *Settings) (Client, error)
}

// Session is what one converter, for one side of one task, knows of its registry. It is used from
// one goroutine.
type Session struct {
	Settings *Settings
	// Compatible reports whether what was written with writer can be read with reader, for
	// latest.compatibility.strict and id.compatibility.strict. nil stands for yes.
	Compatible func(reader, writer Schema) (bool, error)

	client   Client
	env      codecs.Env
	format   Format
	words    words
	isKey    bool
	side     string
	strategy string
	header   string // that ids are kept in

	ruled bool // the log has said that rules are not carried out

	targets *Cache[targetKey, *Target]
	sources *Cache[sourceKey, *Source]
	last    *Source // the one of the last record
	lastOf  sourceKey
	// by id alone, for strategies that need the schema to find the subject
	names *Cache[SchemaID, Schema]
}

// Open reads the settings and makes the session of a converter. Errors are errs.Config.
func Open(clients Clients, format Format, def *config.Def, props map[string]string, isKey bool,
	env codecs.Env,
) (*Session, error) {
	settings, err := ParseSettings(def, props, isKey)
	if err != nil {
		return nil, err
	}
	client, err := clients.Client(settings)
	if err != nil {
		return nil, err
	}
	s := &Session{
		Settings: settings, client: client, env: env, format: format, words: wordsOf[format],
		isKey: isKey, side: "value", strategy: settings.strategy, header: valueHeader,
		targets: NewCache[targetKey, *Target](knownSchemas),
		sources: NewCache[sourceKey, *Source](knownSchemas),
		names:   NewCache[SchemaID, Schema](knownSchemas),
	}
	if format == Avro { // which asks for the value's serializer on both sides
		settings.inHeaders = settings.Values.String(valueSerializerKey) == headerSerializer
	}
	if isKey {
		s.side, s.header = "key", keyHeader
	}
	s.words.schemaOf = sided(s.words.schemaOf, s.side)
	s.words.versionOf = sided(s.words.versionOf, s.side)
	return s, nil
}

// sided puts key or value into a sentence.
func sided(text, side string) string { return strings.ReplaceAll(text, "%s", side) }

// Client is the session's client, for what only one format asks.
func (s *Session) Client() Client { return s.client }

// Target is what values of one schema are written with.
type Target struct {
	// Registered is the schema, its Text never "".
	Registered
	// Chosen says that the registry has another schema than the value's own, and that this one is
	// to be written with.
	Chosen bool
	// Prefix stands before the payload: magic byte and id. It is empty where the id is in a header.
	Prefix []byte

	header  []byte // magic byte and GUID, for the header; nil where the id is in the prefix
	expires time.Time
}

// Stale reports whether the registry has to be asked again.
func (t *Target) Stale() bool { return !t.expires.IsZero() && time.Now().After(t.expires) }

// PutHeader puts the schema's id into the record's headers if it belongs there; extra is what
// follows it there, Protobuf's message indexes. It fails where there are no headers.
func (t *Target) PutHeader(s *Session, headers codecs.Headers, topic string, extra []byte) error {
	if t.header == nil {
		return nil
	}
	if headers == nil {
		return s.WriteError(topic,
			errors.New("the schema id goes into a header, but there are no headers"))
	}
	headers.Put(s.header, append(slices.Clip(t.header), extra...))
	return nil
}

// targetKey tells targets apart. The text is enough of a schema within one session, as its format
// is one.
type targetKey struct{ subject, text, references string }

// Target finds the schema and the frame that values with the schema own are written with. record
// is the full name of own, "" if it has none. Errors have the classes that the JVM's converters
// throw.
func (s *Session) Target(topic string, own Schema, record string) (*Target, error) {
	subject, err := s.subject(topic, record)
	if err != nil {
		return nil, errs.Data.Wrap(err, s.words.write, topic)
	}
	key := targetKey{subject, own.Text, fmt.Sprint(own.References)}
	if t, ok := s.targets.Get(key); ok && !t.Stale() {
		return t, nil
	}
	t, step, err := s.choose(subject, own)
	if err != nil {
		if step == "" || otherIO(err) {
			step = s.words.writing
		}
		return nil, s.failure(true, topic, step, err)
	}
	if t.Schema.Text == "" {
		t.Schema = own
	}
	t.Chosen = t.Schema.Text != own.Text
	s.noteRules(subject, t.Schema)
	if s.Settings.inHeaders {
		if t.GUID == "" {
			t.GUID = GUIDOf(t.Schema)
		}
		guid, err := parseGUID(t.GUID)
		if err != nil {
			return nil, s.WriteError(topic, err)
		}
		t.header = append([]byte{magicGUID}, guid[:]...)
	} else {
		t.Prefix = appendID(nil, t.ID)
	}
	s.targets.Put(key, t)
	return t, nil
}

// noteRules says once that the rules of a data contract are not carried out.
func (s *Session) noteRules(subject string, schema Schema) {
	if len(schema.Rules) == 0 || s.ruled || s.env.Log == nil {
		return
	}
	s.ruled = true
	s.env.Log.Warn("the rules of a schema are not carried out: no rule executors are supported",
		"side", s.side, "subject", subject)
}

// otherIO reports whether the JVM's converters blame the writing, not the request, for an error.
func otherIO(err error) bool {
	_, ok := errors.AsType[*IOError](err)
	return ok
}

// choose asks the registry for the schema to write with. step says what was being done.
func (s *Session) choose(subject string, own Schema) (t *Target, step string, err error) {
	t = &Target{}
	set := s.Settings
	switch {
	case set.AutoRegister:
		step = s.words.register + own.Text
		err = s.ask(subject, func(ctx context.Context) (err error) {
			t.Registered, err = s.client.Register(ctx, subject, own, set.Normalize)
			return err
		})
		return t, step, err
	case set.UseID >= 0:
		step = "Error retrieving schema ID" + own.Text
		t.ID, t.Subject = set.UseID, subject
		err = s.ask(subject, func(ctx context.Context) (err error) {
			t.Schema, err = s.client.ByID(ctx, subject, set.UseID)
			return err
		})
		if err != nil {
			return t, step, err
		}
		return t, "", s.check(set.IDStrict, t.Schema, own,
			"Set id.compatibility.strict=false to disable this check")
	case set.Metadata != nil:
		step = "Error retrieving latest with metadata " + own.Text
		err = s.ask(subject, func(ctx context.Context) (err error) {
			t.Registered, err = s.client.ByMetadata(ctx, subject, set.Metadata)
			return err
		})
		return t, step, err
	case set.UseLatest:
		step = s.words.latest + own.Text
		err = s.ask(subject, func(ctx context.Context) (err error) {
			t.Registered, err = s.client.ByVersion(ctx, subject, LatestVersion, false)
			return err
		})
		if err != nil {
			return t, step, err
		}
		if set.latestTTL >= 0 {
			t.expires = time.Now().Add(set.latestTTL)
		}
		return t, "", s.check(set.LatestStrict, t.Schema, own,
			"Set latest.compatibility.strict=false to disable this check. See log file for more details.")
	}
	step = s.words.lookup + own.Text
	err = s.ask(subject, func(ctx context.Context) (err error) {
		t.Registered, err = s.client.Lookup(ctx, subject, own, set.Normalize, false)
		return err
	})
	return t, step, err
}

// check refuses a registry's schema that can't read what ours writes. The quote in the message is
// not closed in Java either.
func (s *Session) check(strict bool, reader, writer Schema, hint string) error {
	if !strict || s.Compatible == nil {
		return nil
	}
	ok, err := s.Compatible(reader, writer)
	if err == nil && !ok {
		err = fmt.Errorf("Incompatible schema of type '%s. %s", s.format, hint)
	}
	return err
}
