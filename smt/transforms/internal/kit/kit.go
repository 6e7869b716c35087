// Package kit has what the families of transforms have in common: how their settings are
// defined, and the small habits of Java that all of them keep.
package kit

import (
	"log/slog"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// Family is what the classes of one package of transforms share.
type Family struct {
	// Package is the Java package with a dot at its end; Version is that of the classes whose
	// behaviour the transforms have.
	Package, Version string
}

// One is the plugin of one class of the family.
func (f Family) One(name string, def *config.Def, make func() smt.Transform) smt.Plugin {
	return smt.Plugin{
		Descriptor: plugin.Descriptor{Class: f.Package + name, Version: f.Version, Config: def},
		New:        make,
	}
}

// Both are the plugins of a class with variants for keys and for values.
func (f Family) Both(name string, def *config.Def, make func(smt.Side) smt.Transform) []smt.Plugin {
	var both []smt.Plugin
	for _, side := range []smt.Side{smt.Key, smt.Value} {
		both = append(both, f.One(name+"$"+side.String(), def, func() smt.Transform { return make(side) }))
	}
	return both
}

// Key is a setting without group, as those of transforms are. Its default is null.
func Key(name string, t config.Type, importance config.Importance, doc string) config.Key {
	return config.Key{
		Name: name, Type: t, Importance: importance, Doc: doc, Order: -1,
		DisplayName: name,
	}
}

// Required makes a setting one without a default.
func Required(k config.Key, v config.Validator) config.Key {
	k.Required, k.Validator = true, v
	return k
}

// Optional gives a setting a default.
func Optional(k config.Key, def any, v config.Validator) config.Key {
	k.Default, k.Validator = def, v
	return k
}

// Split splits as Java's String.split does: empty strings at the end are left out.
func Split(s, sep string) []string {
	parts := strings.Split(s, sep)
	if len(parts) == 1 {
		return parts
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// Struct is a value that must be a struct; the purpose is for the error (errs.Data).
func Struct(value any, purpose string) (*data.Struct, error) {
	if s, ok := value.(*data.Struct); ok && s != nil {
		return s, nil
	}
	return nil, errs.Data.New("Only Struct objects supported for [%s], found: %s", purpose,
		data.JavaClass(value))
}

// StructOrNull is Struct with nil for null.
func StructOrNull(value any, purpose string) (*data.Struct, error) {
	if value == nil {
		return nil, nil
	}
	return Struct(value, purpose)
}

// CheckNull reports an error where the i-th field is null and can't be.
func CheckNull(s *data.Struct, i int) error {
	f := &s.Schema().Fields()[i]
	if s.At(i) != nil || f.Schema.Optional() {
		return nil
	}
	return data.ValidateField(f.Name, f.Schema, nil)
}

// Set sets the i-th field to a value that may not fit.
func Set(s *data.Struct, i int, v any) error {
	f := &s.Schema().Fields()[i]
	if err := data.ValidateField(f.Name, f.Schema, v); err != nil {
		return err
	}
	s.SetAt(i, v)
	return nil
}

// Base is what most transforms don't need.
type Base struct{}

// Close does nothing.
func (Base) Close() error { return nil }

// Logs is the log of a transform that has something to tell.
type Logs struct{ log *slog.Logger }

// LogTo implements smt.Logger.
func (l *Logs) LogTo(log *slog.Logger) { l.log = log }

// Log is the log to write to; nothing is written where none was given.
func (l *Logs) Log() *slog.Logger {
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	return l.log
}

// Boxed keeps the last text as an interface, so that a text that repeats from record to record
// isn't allocated again for each.
type Boxed struct {
	text string
	box  any
}

// Of is the text as an interface.
func (b *Boxed) Of(text string) any {
	if b.box == nil || b.text != text {
		b.text, b.box = text, text
	}
	return b.box
}
