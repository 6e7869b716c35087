package debezium

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const excludeChangesKey = "schema.change.event.exclude.list"

// schemaChanges are the kinds of schema change.
var schemaChanges = []string{"CREATE", "ALTER", "DROP", "TRUNCATE", "DATABASE"}

func schemaChangeConfig() *config.Def {
	return def("", key(excludeChangesKey, "Schema change event exclude list", config.String,
		config.WidthShort, config.High, nil,
		"Kinds of schema change that are dropped, of "+strings.Join(schemaChanges, ", ")+"."))
}

// schemaChangeFilter drops events that tell of changes to the schema of tables, by their kind.
type schemaChangeFilter struct {
	kit.Base
	exclude []string
}

// Configure takes the kinds in upper case only, as Java's enum does.
func (t *schemaChangeFilter) Configure(props map[string]string) error {
	s := settings(props)
	if err := s.validate(check{excludeChangesKey, isRequired}); err != nil {
		return err
	}
	t.exclude = nil
	for _, word := range kit.Split(s[excludeChangesKey], ",") {
		word = java.Trim(word)
		if err := knownChange(word); err != nil {
			return err
		}
		t.exclude = append(t.exclude, word)
	}
	return nil
}

// knownChange is Enum.valueOf: errs.IllegalArgument for a word that isn't a kind.
func knownChange(word string) error {
	if !slices.Contains(schemaChanges, word) {
		return errs.IllegalArgument.New("No enum constant io.debezium.schema.SchemaChangeEvent.SchemaChangeEventType.%s", word)
	}
	return nil
}

// Apply looks at the first table change only, since Debezium writes one per event; an empty list
// is a change of the database, and a null one is dropped whatever is excluded.
func (t *schemaChangeFilter) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil || r.ValueSchema == nil ||
		!strings.HasSuffix(r.ValueSchema.Name(), ".SchemaChangeValue") &&
			!strings.HasSuffix(r.ValueSchema.Name(), ".SchemaChangeKey") {
		return r, nil
	}
	s, err := kit.Struct(r.Value, "Read schema change event to filter")
	if err != nil {
		return nil, err
	}
	v, err := s.GetTyped("tableChanges", data.Array)
	if err != nil {
		return nil, err
	}
	changes, ok := v.([]any)
	if !ok {
		return nil, nil
	}
	kind := "DATABASE"
	if len(changes) > 0 {
		if kind, err = kindOfChange(changes[0]); err != nil {
			return nil, err
		}
	}
	if slices.Contains(t.exclude, kind) {
		return nil, nil
	}
	return r, nil
}

// kindOfChange is the field type of a table change.
func kindOfChange(change any) (string, error) {
	s, ok := change.(*data.Struct)
	if !ok || s == nil {
		return "", errs.IllegalArgument.New("class %s cannot be cast to class org.apache.kafka.connect.data.Struct", data.JavaClass(change))
	}
	v, err := named(s, "type")
	if err != nil {
		return "", err
	}
	kind, ok := v.(string)
	if !ok {
		return "", errs.IllegalArgument.New("the type of a table change is no text but %s",
			data.JavaClass(v))
	}
	return kind, knownChange(kind)
}
