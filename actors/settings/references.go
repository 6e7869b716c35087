package settings

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// leastHidden is the length from which a value is looked for in all texts. A shorter one, as a number
// or true, is in many texts by chance; it is hidden where its own setting is shown.
const leastHidden = 4

// References knows what config providers put into settings, to show the reference where the value
// would be shown: in validation, errors, traces and the log. The zero value hides nothing.
type References struct {
	written map[string]string // key → as written, of settings that a provider filled
	values  []hiddenValue     // longest first
	short   map[string]string // key → value too short to be looked for everywhere
}

// secret is how a password is shown.
var secret = config.Secret{}.String()

type hiddenValue struct{ value, written string }

// NewReferences compares settings as written with the same resolved.
func NewReferences(written, resolved map[string]string) References {
	r := References{written: map[string]string{}, short: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		value, ok := resolved[key]
		if !ok || value == written[key] {
			continue
		}
		r.written[key] = written[key]
		if len(value) < leastHidden {
			r.short[key] = value
			continue
		}
		r.values = append(r.values, hiddenValue{value, written[key]})
		for _, part := range filledParts(written[key], value) {
			r.values = append(r.values, hiddenValue{part.value, part.written})
		}
	}
	slices.SortStableFunc(r.values, func(a, b hiddenValue) int { return cmp.Compare(len(b.value), len(a.value)) })
	return r
}

// filledParts is what a provider put between the texts around one reference: a URL with a password in
// it is shown by libraries in pieces.
func filledParts(written, value string) []hiddenValue {
	begin, end := strings.Index(written, "${"), strings.LastIndexByte(written, '}')
	if begin < 0 || end < begin || begin == 0 && end == len(written)-1 {
		return nil
	}
	before, after := written[:begin], written[end+1:]
	inner, ok := strings.CutPrefix(value, before)
	if !ok {
		return nil
	}
	if inner, ok = strings.CutSuffix(inner, after); !ok || len(inner) < leastHidden {
		return nil
	}
	return []hiddenValue{{inner, written[begin : end+1]}}
}

// And hides what either of the two hides.
func (r References) And(other References) References {
	both := References{written: map[string]string{}, short: map[string]string{}, values: slices.Concat(r.values, other.values)}
	for _, one := range []References{r, other} {
		maps.Copy(both.written, one.written)
		maps.Copy(both.short, one.short)
	}
	slices.SortStableFunc(both.values, func(a, b hiddenValue) int { return cmp.Compare(len(b.value), len(a.value)) })
	return both
}

// Hide puts references in place of the values in a text.
func (r References) Hide(text string) string {
	for _, v := range r.values {
		text = strings.ReplaceAll(text, v.value, v.written)
	}
	for key, value := range r.short { // as errors of settings are in Java's words
		text = strings.ReplaceAll(text, "Invalid value "+value+" for configuration "+key, "Invalid value "+r.written[key]+" for configuration "+key)
	}
	return text
}

// HideError is the error with references in place of the values.
func (r References) HideError(err error) error {
	if len(r.written) == 0 {
		return err
	}
	return errs.Hide(err, r.Hide)
}

// infos shows settings that a provider filled as they were written.
func (r References) infos(in config.Infos) config.Infos {
	if len(r.written) == 0 {
		return in
	}
	for i := range in.Configs {
		v := &in.Configs[i].Value
		if written, filled := r.written[v.Name]; filled && v.Value != nil && *v.Value != secret {
			v.Value = &written
		}
		for j, text := range v.Errors {
			v.Errors[j] = r.Hide(text)
		}
	}
	return in
}
