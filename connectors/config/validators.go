package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// Number is what a range can be of. Numbers are compared as float64, as Java does.
type Number interface {
	int | int16 | int32 | int64 | float64
}

// AtLeast accepts numbers that are not smaller than min. Null is an error.
func AtLeast[N Number](min N) Validator { return numbers{min: min} }

// Between accepts numbers from min to max, both included. Null is an error.
func Between[N Number](min, max N) Validator { return numbers{min: min, max: max} }

type numbers struct{ min, max any } // max is nil when there is none

func (r numbers) Validate(name string, value any) error {
	if value == nil {
		return Invalid(name, nil, "Value must be non-null")
	}
	n, ok := float(value)
	if !ok {
		return Invalid(name, value, "Value must be a number")
	}
	if least, _ := float(r.min); n < least {
		return Invalid(name, value, "Value must be at least "+display(r.min))
	}
	if most, ok := float(r.max); ok && n > most {
		return Invalid(name, value, "Value must be no more than "+display(r.max))
	}
	return nil
}

func (r numbers) String() string {
	if r.max == nil {
		return "[" + display(r.min) + ",...]"
	}
	return "[" + display(r.min) + ",...," + display(r.max) + "]"
}

func float(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int, int16, int32, int64:
		return float64(integer(n)), true
	}
	return 0, false
}

// ValidString accepts the values given only. Null is an error.
func ValidString(values ...string) Validator { return validString(values) }

type validString []string

func (v validString) Validate(name string, value any) error {
	if s, ok := value.(string); ok && slices.Contains(v, s) {
		return nil
	}
	return Invalid(name, value, "String must be one of: "+strings.Join(v, ", "))
}

func (v validString) String() string { return "[" + strings.Join(v, ", ") + "]" }

// CaseInsensitiveValidString accepts the values given in upper and lower case. Null is an error.
func CaseInsensitiveValidString(values ...string) Validator {
	upper := make([]string, len(values))
	for i, v := range values {
		upper[i] = strings.ToUpper(v)
	}
	return foldedString(hashOrder(upper))
}

type foldedString []string

func (v foldedString) Validate(name string, value any) error {
	if s, ok := value.(string); ok && slices.Contains(v, strings.ToUpper(s)) {
		return nil
	}
	return Invalid(name, value, "String must be one of (case insensitive): "+strings.Join(v, ", "))
}

func (v foldedString) String() string { return "(case insensitive) [" + strings.Join(v, ", ") + "]" }

// hashOrder is the order in which a Java HashSet of the values lists them, without doubles: the
// texts that name the values have it.
func hashOrder(values []string) []string {
	var once []string
	for _, v := range values {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	java.SortByHash(once, java.GrownBuckets, func(v string) string { return v })
	return once
}

// ValidList accepts lists that have the values given only. Null is an error.
func ValidList(values ...string) Validator { return validList{values} }

type validList struct{ validString }

func (v validList) Validate(name string, value any) error {
	list, err := asList(name, value)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := v.validString.Validate(name, s); err != nil {
			return err
		}
	}
	return nil
}

// ListSize accepts lists of at most max elements. Null is an error.
func ListSize(max int) Validator { return listSize(max) }

type listSize int

func (max listSize) Validate(name string, value any) error {
	list, err := asList(name, value)
	if err == nil && len(list) > int(max) {
		err = Invalid(name, value, "exceeds maximum list size of ["+strconv.Itoa(int(max))+"].")
	}
	return err
}

func (max listSize) String() string {
	return "List containing maximum of " + strconv.Itoa(int(max)) + " elements"
}

// asList is the value as a list. Where Java's validators of lists meet null, a
// NullPointerException says so, which is no ConfigException: so the kind is IllegalState.
func asList(name string, value any) ([]string, error) {
	if list, ok := value.([]string); ok {
		return list, nil
	}
	return nil, errs.IllegalState.New("Invalid value %s for configuration %s: Value must be a non-null list", display(value), name)
}

// NonNull accepts everything but null.
func NonNull() Validator { return nonNull{} }

type nonNull struct{}

func (nonNull) Validate(name string, value any) error {
	if value == nil {
		return Invalid(name, nil, "entry must be non null")
	}
	return nil
}

func (nonNull) String() string { return "non-null string" }

// NonEmptyString accepts null and strings that are not empty.
func NonEmptyString() Validator { return nonEmpty{} }

type nonEmpty struct{}

func (nonEmpty) Validate(name string, value any) error {
	if value == "" {
		return Invalid(name, value, "String must be non-empty")
	}
	return nil
}

func (nonEmpty) String() string { return "non-empty string" }

// NonEmptyStringWithoutControlChars accepts null and strings that are not empty and have no ISO
// control characters (U+0000 to U+001F, U+007F to U+009F).
func NonEmptyStringWithoutControlChars() Validator { return noControls{} }

type noControls struct{}

func (noControls) Validate(name string, value any) error {
	s, ok := value.(string)
	if !ok {
		return nil
	}
	if s == "" {
		return Invalid(name, value, "String may not be empty")
	}
	var found []string
	for _, r := range s {
		if r <= 0x1f || r >= 0x7f && r <= 0x9f {
			found = append(found, strconv.Itoa(int(r)))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return Invalid(name, value,
		"String may not contain control sequences but had the following ASCII chars: "+strings.Join(found, ", "))
}

func (noControls) String() string { return "non-empty string without ISO control characters" }

// Composite accepts what all the validators accept; the error is the first one's.
func Composite(validators ...Validator) Validator { return composite(validators) }

type composite []Validator

func (c composite) Validate(name string, value any) error {
	for _, v := range c {
		if err := v.Validate(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (c composite) String() string {
	texts := make([]string, len(c))
	for i, v := range c {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// LambdaValidator is a validator made of a function, which is called with the name of the
// setting and its parsed value, nil if it is null, and of the text that documentation prints.
// Invalid makes the function's errors.
func LambdaValidator(text string, validate func(name string, value any) error) Validator {
	return lambda{text, validate}
}

type lambda struct {
	text     string
	validate func(name string, value any) error
}

func (l lambda) Validate(name string, value any) error { return l.validate(name, value) }
func (l lambda) String() string                        { return l.text }

// prefixedValidator is a validator of an embedded key: it knows the key by its own name.
type prefixedValidator struct {
	prefix string
	Validator
}

func (p prefixedValidator) Validate(name string, value any) error {
	return p.Validator.Validate(strings.TrimPrefix(name, p.prefix), value)
}

// ValidRegex checks that a setting is a regular expression as Java writes them.
func ValidRegex() Validator {
	return LambdaValidator("valid regex", func(name string, value any) error {
		pattern, ok := value.(string)
		if !ok {
			return Invalid(name, value, "Invalid regex: null")
		}
		if _, err := regex.Compile(pattern); err != nil {
			return Invalid(name, value, "Invalid regex: "+err.Error())
		}
		return nil
	})
}
