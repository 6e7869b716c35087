package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// Parse parses and checks the settings; the first error is returned, as errs.Config. Settings
// that are not defined are ignored.
func (d *Def) Parse(props map[string]string) (Values, error) {
	return d.parse(func(name string) (string, state) {
		text, ok := props[name]
		if !ok {
			return "", absent
		}
		return text, given
	})
}

// ParseNullable is Parse for settings of which some are null, which isn't the same as absent: a
// null takes the place of the default.
func (d *Def) ParseNullable(props map[string]*string) (Values, error) {
	return d.parse(nullable(props))
}

// lookup finds the raw text of a setting.
type lookup func(name string) (string, state)

type state uint8

const (
	absent state = iota
	null
	given
)

func nullable(props map[string]*string) lookup {
	return func(name string) (string, state) {
		text, ok := props[name]
		switch {
		case !ok:
			return "", absent
		case text == nil:
			return "", null
		}
		return *text, given
	}
}

func (d *Def) parse(find lookup) (Values, error) {
	if missing := d.undefined(); len(missing) > 0 {
		return nil, errs.Config.New("Some configurations in are referred in the dependents, but not defined: %s",
			strings.Join(missing, ","))
	}
	values := make(Values, len(d.keys))
	for i := range d.keys {
		k := &d.keys[i]
		value, err := d.value(k, find)
		if err == nil && k.Validator != nil {
			err = k.Validator.Validate(k.Name, value)
		}
		if err != nil {
			return nil, err
		}
		values[k.Name] = value
	}
	return values, nil
}

// value is the parsed value of a setting, its default if it is absent.
func (d *Def) value(k *Key, find lookup) (any, error) {
	text, st := find(k.Name)
	switch {
	case st == null:
		return nil, nil
	case st == given && k.Type == Class:
		return d.class(k, text)
	case st == given:
		return ParseType(k.Name, text, k.Type)
	case k.Required:
		return nil, errs.Config.New(`Missing required configuration "%s" which has no default value.`, k.Name)
	}
	return k.Default, nil
}

func (d *Def) class(k *Key, text string) (any, error) {
	if d.classes == nil {
		return ParseType(k.Name, text, Class)
	}
	name := java.Trim(text)
	if class, ok := d.classes(name); ok {
		return class, nil
	}
	if k.Missing != nil {
		if more := k.Missing(name); more != "" {
			return nil, Invalid(k.Name, text, "Class "+text+" could not be found. "+more)
		}
	}
	return nil, noClass(k.Name, text)
}

func noClass(name, text string) error {
	return Invalid(name, text, "Class "+text+" could not be found.")
}

// ParseType parses the text of one setting, in the Go type that belongs to t. White space around
// it doesn't count. Errors are errs.Config and name the setting and the value.
func ParseType(name, text string, t Type) (any, error) {
	trimmed := java.Trim(text)
	switch t {
	case Boolean:
		switch {
		case strings.EqualFold(trimmed, "true"):
			return true, nil
		case strings.EqualFold(trimmed, "false"):
			return false, nil
		}
		return nil, Invalid(name, text, "Expected value to be either true or false")
	case String:
		return trimmed, nil
	case Password:
		return NewSecret(trimmed), nil
	case List:
		return splitList(trimmed), nil
	case Class:
		if trimmed == "" {
			return nil, noClass(name, text)
		}
		return trimmed, nil
	}
	if n, ok := parseNumber(trimmed, t); ok {
		return n, nil
	}
	return nil, Invalid(name, text, "Not a number of type "+t.String())
}

func parseNumber(text string, t Type) (any, bool) {
	switch t {
	case Int:
		n, ok := parseInteger(text, 32)
		return int32(n), ok
	case Short:
		n, ok := parseInteger(text, 16)
		return int16(n), ok
	case Long:
		return parseInteger(text, 64)
	case Double:
		return parseDouble(text)
	}
	return nil, false
}

// parseInteger reads a decimal number as Java's parseInt does: one sign, and decimal digits of
// any script in the Basic Multilingual Plane.
func parseInteger(text string, bits int) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return n, true
	}
	if isASCII(text) {
		return 0, false
	}
	digits := strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII {
			return r
		}
		for _, block := range unicode.Nd.R16 { // blocks of ten digits, sometimes several in a row
			if lo := rune(block.Lo); lo <= r && r <= rune(block.Hi) {
				return '0' + (r-lo)%10
			}
		}
		return 'x'
	}, text)
	n, err := strconv.ParseInt(digits, 10, bits)
	return n, err == nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > unicode.MaxASCII {
			return false
		}
	}
	return true
}

// parseDouble reads a number as Java's parseDouble does: with a suffix d or f if it likes, NaN
// and Infinity in this spelling only, and too large is infinite.
func parseDouble(text string) (any, bool) {
	number := text
	if n := len(text); n > 0 && strings.IndexByte("dDfF", text[n-1]) >= 0 {
		number = text[:n-1]
	}
	switch unsigned := strings.TrimLeft(text, "+-"); {
	case len(text)-len(unsigned) > 1:
		return nil, false
	case unsigned == "NaN":
		return math.NaN(), true
	case unsigned == "Infinity":
		return math.Inf(1 - 2*strings.Count(text, "-")), true
	}
	// What else ParseFloat takes and Java doesn't: inf, nan in any case, 1_000.
	if strings.ContainsAny(number, "_nN") {
		return nil, false
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, false
	}
	return f, true
}

// splitList splits at commas, with the white space around them.
func splitList(trimmed string) []string {
	if trimmed == "" {
		return []string{}
	}
	parts := strings.Split(trimmed, ",")
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \t\n\v\f\r")
	}
	return parts
}

// defaultValue is the default of a key in the Go type of its type.
func defaultValue(k Key) (any, error) {
	switch v := k.Default.(type) {
	case nil:
		return nil, nil
	case string:
		return ParseType(k.Name, v, k.Type)
	case []string:
		if k.Type == List {
			return append([]string{}, v...), nil // never nil, which would be null
		}
	case bool:
		if k.Type == Boolean {
			return v, nil
		}
	case Secret:
		if k.Type == Password {
			return v, nil
		}
	case int, int16, int32, int64, float64:
		if n, ok := numberAs(v, k.Type); ok {
			return n, nil
		}
	}
	return nil, Invalid(k.Name, k.Default, expected[k.Type])
}

// expected is what Java says of a value of a wrong type.
var expected = map[Type]string{
	Boolean:  "Expected value to be either true or false",
	String:   "Expected value to be a string",
	Password: "Expected value to be a string",
	Int:      "Expected value to be a 32-bit integer",
	Short:    "Expected value to be a 16-bit integer (short)",
	Long:     "Expected value to be a 64-bit integer (long)",
	Double:   "Expected value to be a double",
	List:     "Expected a comma separated list.",
	Class:    "Expected a Class instance or class name.",
}

// numberAs converts a number to a type that holds it exactly.
func numberAs(v any, t Type) (any, bool) {
	if f, ok := v.(float64); ok {
		return f, t == Double
	}
	n := integer(v)
	switch t {
	case Int:
		return int32(n), int64(int32(n)) == n
	case Short:
		return int16(n), int64(int16(n)) == n
	case Long:
		return n, true
	case Double:
		return float64(n), true
	}
	return nil, false
}

func integer(v any) int64 {
	switch n := v.(type) {
	case int:
		return int64(n)
	case int16:
		return int64(n)
	case int32:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// Undefined are the names in props that d doesn't define, sorted.
func (d *Def) Undefined(props map[string]string) []string {
	var names []string
	for name := range props {
		if !d.Has(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
