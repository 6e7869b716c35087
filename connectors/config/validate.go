package config

import (
	"reflect"
	"slices"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Validate parses and checks the settings and reports every error of every defined setting, in
// the order of definition, and after them the dependents that are named but not defined.
//
// As in Java, a setting that depends on others is reached through them, in which its validator
// comes again for each, and one that is its own dependent isn't reached.
func (d *Def) Validate(props map[string]string) Validation {
	return d.validate(func(name string) (string, state) {
		text, ok := props[name]
		if !ok {
			return "", absent
		}
		return text, given
	})
}

// ValidateNullable is Validate for settings of which some are null.
func (d *Def) ValidateNullable(props map[string]*string) Validation {
	return d.validate(nullable(props))
}

func (d *Def) validate(find lookup) Validation {
	c := check{d: d, find: find, parsed: make(map[string]any, len(d.keys)), onPath: map[string]bool{}}
	missing := d.undefined()
	c.answer = make(Validation, len(d.keys), len(d.keys)+len(missing))
	for i := range d.keys {
		c.answer[i] = Validated{Name: d.keys[i].Name, Visible: true}
	}
	for _, name := range missing {
		c.answer = append(c.answer, Validated{
			Name:   name,
			Errors: []string{name + " is referred in the dependents, but not defined."},
		})
	}
	roots := d.roots()
	for _, name := range roots {
		c.walk(name, c.parse)
	}
	for _, name := range roots {
		c.walk(name, c.recommend)
	}
	return c.answer
}

// check is one call of Validate.
type check struct {
	d      *Def
	find   lookup
	answer Validation // the defined keys come first, in the order of definition
	parsed map[string]any
	onPath map[string]bool // keys between a root and here, to end at a circle
}

// walk visits a key and then its dependents.
func (c *check) walk(name string, visit func(*Key, *Validated)) {
	i, ok := c.d.index[name]
	if !ok || c.onPath[name] {
		return
	}
	visit(&c.d.keys[i], &c.answer[i])
	c.onPath[name] = true
	for _, dep := range c.d.keys[i].Dependents {
		c.walk(dep, visit)
	}
	delete(c.onPath, name)
}

func (c *check) parse(k *Key, v *Validated) {
	value, err := c.d.value(k, c.find)
	if err != nil {
		v.Errors = append(v.Errors, errs.Message(err))
		value = nil
	}
	if k.Validator != nil {
		if err := k.Validator.Validate(k.Name, value); err != nil {
			v.Errors = append(v.Errors, errs.Message(err))
		}
	}
	v.Value = value
	c.parsed[k.Name] = value
}

func (c *check) recommend(k *Key, v *Validated) {
	if k.Recommender == nil {
		return
	}
	values := slices.Clone(k.Recommender.ValidValues(k.Name, c.parsed))
	if before := v.Recommended; len(before) > 0 { // reached through two parents: what both allow
		values = slices.DeleteFunc(values, func(x any) bool {
			return !slices.ContainsFunc(before, func(y any) bool { return reflect.DeepEqual(x, y) })
		})
	}
	v.Recommended = values
	v.Visible = k.Recommender.Visible(k.Name, c.parsed)
}

// Get is what the answer says of one setting, false if nothing.
func (v Validation) Get(name string) (Validated, bool) {
	for i := range v {
		if v[i].Name == name {
			return v[i], true
		}
	}
	return Validated{}, false
}

// AddError adds an error to what the answer says of a setting, which it adds if need be.
func (v *Validation) AddError(name, message string) {
	for i := range *v {
		if (*v)[i].Name == name {
			(*v)[i].Errors = append((*v)[i].Errors, message)
			return
		}
	}
	*v = append(*v, Validated{Name: name, Errors: []string{message}, Visible: true})
}

// ErrorCount is the number of errors of all settings.
func (v Validation) ErrorCount() int {
	n := 0
	for i := range v {
		n += len(v[i].Errors)
	}
	return n
}
