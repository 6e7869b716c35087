package config

import (
	"fmt"
	"strconv"
)

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

var typeNames = [...]string{
	Boolean: "BOOLEAN", String: "STRING", Int: "INT", Short: "SHORT", Long: "LONG",
	Double: "DOUBLE", List: "LIST", Class: "CLASS", Password: "PASSWORD",
}

// String is Java's name of the type, as REST shows it.
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// Importance of a setting, for documentation.
type Importance uint8

// The importances.
const (
	High Importance = iota
	Medium
	Low
)

// String is Java's name of the importance, as REST shows it.
func (i Importance) String() string {
	switch i {
	case High:
		return "HIGH"
	case Medium:
		return "MEDIUM"
	case Low:
		return "LOW"
	}
	return "Importance(" + strconv.Itoa(int(i)) + ")"
}

// Width of a setting's input field in a user interface.
type Width uint8

// The widths.
const (
	WidthNone Width = iota
	WidthShort
	WidthMedium
	WidthLong
)

// String is Java's name of the width, as REST shows it.
func (w Width) String() string {
	switch w {
	case WidthNone:
		return "NONE"
	case WidthShort:
		return "SHORT"
	case WidthMedium:
		return "MEDIUM"
	case WidthLong:
		return "LONG"
	}
	return "Width(" + strconv.Itoa(int(w)) + ")"
}

// Secret is a password: it prints as [hidden] everywhere; Reveal gives the text.
type Secret struct{ text string }

// NewSecret makes a Secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the secret text.
func (s Secret) Reveal() string { return s.text }

// Format hides the text from every verb: %d would show it otherwise.
func (Secret) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("[hidden]")) // fmt's State has no error to tell
}

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
	// A number may also be given as an untyped constant. A Def holds it in the type of Type.
	Default any
	// Required: there is no default (ConfigDef.NO_DEFAULT_VALUE).
	Required    bool
	Validator   Validator
	Importance  Importance
	Doc         string
	Group       string
	Order       int // in the group; a Def makes it -1 when there is no group
	Width       Width
	DisplayName string // a Def makes it the name when it is empty
	Dependents  []string
	Recommender Recommender
	// Missing says more about a class that there is none of, for the error; only of CLASS settings,
	// and only where a Def knows the classes there are. "" is nothing, as is a nil Missing.
	Missing func(class string) string
	// Internal settings work but are not documented.
	Internal bool
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
