package debezium

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/java/regex"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// settings are a transform's settings as Debezium reads them: as written, blanks included, and a
// value that can't be read is the default where nothing checks it.
type settings map[string]string

// text is the setting as written, an empty one too: only a key that isn't there is the default.
func (s settings) text(name, def string) string {
	if v, ok := s[name]; ok {
		return v
	}
	return def
}

// bool is the default for anything but true and false.
func (s settings) bool(name string, def bool) bool {
	switch strings.ToLower(java.Trim(s[name])) {
	case "true":
		return true
	case "false":
		return false
	}
	return def
}

// list is a list with the blanks around its elements taken away; an empty text is a list of one empty
// element.
func (s settings) list(name string) []string {
	v, ok := s[name]
	if !ok {
		return nil
	}
	parts := kit.Split(v, ",")
	for i := range parts {
		parts[i] = java.Trim(parts[i])
	}
	return parts
}

// word is the place of a setting's word among those it may be, -1 for another one. Case and
// blanks around it don't count.
func (s settings) word(name, def string, words ...string) int {
	text := java.Trim(s.text(name, def))
	return slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, text) })
}

// check is one thing that a setting must be: what is wrong with it, or "".
type check struct {
	name  string
	wrong func(s settings, name string) string
}

// validate is the first setting that is wrong, as an errs.Config error that names it.
func (s settings) validate(checks ...check) error {
	for _, c := range checks {
		if problem := c.wrong(s, c.name); problem != "" {
			var value any
			if v, ok := s[c.name]; ok {
				value = v
			}
			return config.Invalid(c.name, value, errs.Config.New(settingInvalid, c.name,
				problem).Error())
		}
	}
	return nil
}

// accept is validate for the transforms that say no more than that something is wrong, with what
// it is as the cause.
func (s settings) accept(checks ...check) error {
	if err := s.validate(checks...); err != nil {
		return errs.Connect.Wrap(err, unableToValidate)
	}
	return nil
}

// isRequired refuses a key that is missing or blank.
func isRequired(s settings, name string) string {
	if java.Trim(s[name]) == "" {
		return valueRequired
	}
	return ""
}

// isBoolean takes a key that is missing, too, as do the checks below.
func isBoolean(s settings, name string) string {
	v, ok := s[name]
	if v = java.Trim(v); !ok || strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
		return ""
	}
	return booleanExpected
}

// isInteger takes what Integer.parseInt takes.
func isInteger(s settings, name string) string {
	v, ok := s[name]
	if _, isNumber := parseInt32(v); ok && !isNumber {
		return integerExpected
	}
	return ""
}

// isRegex takes what java.util.regex compiles.
func isRegex(s settings, name string) string {
	v, ok := s[name]
	if !ok {
		return ""
	}
	if _, err := regex.Compile(v); err != nil {
		return strings.ReplaceAll(regexExpected, "%s", err.Error())
	}
	return ""
}

// isWord is a check for one of some words.
func isWord(words ...string) func(settings, string) string {
	return func(s settings, name string) string {
		if v, ok := s[name]; ok && !slices.Contains(words, strings.ToLower(java.Trim(v))) {
			return strings.ReplaceAll(unknownIsNotValid, "%s", strings.Join(words, ", "))
		}
		return ""
	}
}

// hasNoBlanks refuses lists with a space inside an element.
func hasNoBlanks(s settings, name string) string {
	if slices.ContainsFunc(s.list(name), func(e string) bool { return strings.Contains(e, " ") }) {
		return "Element(s) containing space not permitted"
	}
	return ""
}

// hasNoEmpty refuses lists with an empty element, as two commas in a row make.
func hasNoEmpty(s settings, name string) string {
	if slices.Contains(s.list(name), "") {
		return "Empty string element(s) not permitted"
	}
	return ""
}

// def makes a definition of keys, numbered from 1 in their group as Debezium does. group is "" for none.
func def(group string, keys ...config.Key) *config.Def {
	for i := range keys {
		keys[i].Group, keys[i].Order = group, -1
		if group != "" {
			keys[i].Order = i + 1
		}
	}
	return config.NewDef(keys...)
}

// key is a setting of Debezium's, which has a title besides its name.
func key(name, title string, t config.Type, width config.Width, importance config.Importance,
	byDefault any, doc string,
) config.Key {
	k := kit.Key(name, t, importance, doc)
	k.DisplayName, k.Width, k.Default = title, width, byDefault
	return k
}
