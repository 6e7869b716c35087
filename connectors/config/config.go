package config

import "time"

// Type is the type of a setting, as Java's ConfigDef.Type.
type Type uint8

// The types of settings and the Go types that Values holds for them.
const (
	Boolean  Type = iota + 1 // bool
	String                   // string
	Int                      // int32
	Short                    // int16
	Long                     // int64
	Double                   // float64
	List                     // []string
	Class                    // string: the class name as written
	Password                 // Secret
)

// Importance of a setting, for documentation.
type Importance uint8

// The importances.
const (
	High Importance = iota
	Medium
	Low
)

// Width of a setting's input field in a user interface.
type Width uint8

// The widths.
const (
	WidthNone Width = iota
	WidthShort
	WidthMedium
	WidthLong
)

// Secret is a password: it prints as [hidden] everywhere; Reveal gives the text.
type Secret struct{ text string }

// NewSecret makes a Secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the secret text.
func (s Secret) Reveal() string { return s.text }

// String hides the text.
func (Secret) String() string { return "[hidden]" }

// GoString hides the text.
func (Secret) GoString() string { return "[hidden]" }

// MarshalJSON hides the text.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"[hidden]"`), nil }

// Validator checks one value after it was parsed; nil values reach it too.
type Validator interface {
	// Validate returns an errs.Config error that names the setting and the value.
	Validate(name string, value any) error
	// String is how documentation and /connector-plugins/…/config print it.
	String() string
}

// Recommender proposes values for a setting and says whether it applies, given the other
// settings.
type Recommender interface {
	// ValidValues are the proposals, nil for none. parsed holds the other settings.
	ValidValues(name string, parsed map[string]any) []any
	// Visible says whether the setting applies.
	Visible(name string, parsed map[string]any) bool
}

// Key defines one setting.
type Key struct {
	Name string
	Type Type
	// Default is used when the setting is absent, in the Go type of Type, as text to be parsed,
	// or nil for null. It counts only if Required is false.
	Default any
	// Required: there is no default (ConfigDef.NO_DEFAULT_VALUE).
	Required    bool
	Validator   Validator
	Importance  Importance
	Doc         string
	Group       string
	Order       int // in the group; -1 when there is no group
	Width       Width
	DisplayName string
	Dependents  []string
	Recommender Recommender
	// Internal settings work but are not documented.
	Internal bool
}

// Values are parsed settings: each key of the definition has one, of its type. The typed getters
// panic if the key is not defined or of another type, which is a mistake in the plugin's code
// that its first test finds.
type Values map[string]any

// String is a STRING or CLASS setting, "" if it is null.
func (v Values) String(name string) string { s, _ := v.get(name).(string); return s }

// Bool is a BOOLEAN setting.
func (v Values) Bool(name string) bool { b, _ := v.get(name).(bool); return b }

// Int is an INT or SHORT setting.
func (v Values) Int(name string) int {
	switch n := v.get(name).(type) {
	case int32:
		return int(n)
	case int16:
		return int(n)
	}
	return 0
}

// Long is a LONG setting.
func (v Values) Long(name string) int64 { n, _ := v.get(name).(int64); return n }

// Double is a DOUBLE setting.
func (v Values) Double(name string) float64 { n, _ := v.get(name).(float64); return n }

// List is a LIST setting.
func (v Values) List(name string) []string { l, _ := v.get(name).([]string); return l }

// Password is a PASSWORD setting.
func (v Values) Password(name string) Secret { s, _ := v.get(name).(Secret); return s }

// Millis is an INT or LONG setting that counts milliseconds.
func (v Values) Millis(name string) time.Duration {
	switch n := v.get(name).(type) {
	case int32:
		return time.Duration(n) * time.Millisecond
	case int64:
		return time.Duration(n) * time.Millisecond
	}
	return 0
}

// IsNull reports whether the setting has no value.
func (v Values) IsNull(name string) bool { return v.get(name) == nil }

func (v Values) get(name string) any {
	x, ok := v[name]
	if !ok {
		panic("config: no setting " + name + " is defined")
	}
	return x
}

// Validated is what validation says of one setting, as Java's ConfigValue.
type Validated struct {
	Name string
	// Value is the parsed value, nil when it is null or wrong.
	Value any
	// Recommended are proposed values, from the key's recommender.
	Recommended []any
	Errors      []string
	Visible     bool
}

// Validation is the one answer of a validate call: every setting with every error.
type Validation []Validated
