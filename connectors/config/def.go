package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Classes resolves the name of a class in a CLASS setting to the full name, false if there is
// none of that name.
type Classes func(name string) (class string, ok bool)

// Def is a set of setting definitions. It is immutable and safe for concurrent use: what adds to
// it makes a new one.
type Def struct {
	keys    []Key
	index   map[string]int
	groups  []string
	classes Classes
}

// NewDef makes a definition of the keys, in order. It panics if a key is defined twice or its
// default is refused, which is a mistake in the program: it is for definitions written as Go
// code. Define returns the error instead.
func NewDef(keys ...Key) *Def { return Must(Define(keys...)) }

// Must is d, or a panic if err is not nil. It wraps Define, With, Concat and Embed where the
// keys are constants.
func Must(d *Def, err error) *Def {
	if err != nil {
		panic("config: " + err.Error())
	}
	return d
}

// Define makes a definition of the keys, in order. It is an errs.Config error if one is defined
// twice, or if its default doesn't fit its type or its validator.
func Define(keys ...Key) (*Def, error) { return new(Def).With(keys...) }

// With is d with more keys behind its own. Errors are as for Define; where d resolves classes
// (WithClasses), a default that names a class that isn't known is one, too.
func (d *Def) With(keys ...Key) (*Def, error) {
	c := d.clone()
	for _, k := range keys {
		if _, ok := c.index[k.Name]; ok {
			return nil, errs.Config.New("Configuration %s is defined twice.", k.Name)
		}
		k, err := normal(k)
		if err != nil {
			return nil, err
		}
		if name, ok := k.Default.(string); ok && k.Type == Class {
			if _, err := c.class(&k, name); err != nil {
				return nil, err
			}
		}
		c.set(k)
	}
	return c, nil
}

// Concat is one definition with the keys of all, in order. Errors are as for Define.
func Concat(defs ...*Def) (*Def, error) {
	c := new(Def)
	for _, d := range defs {
		classes := c.classes
		if classes == nil {
			classes = d.classes
		}
		var err error
		if c, err = c.With(d.keys...); err != nil {
			return nil, err
		}
		c.classes = classes
	}
	return c, nil
}

// Overlay is d with the keys of other: a key that both have is other's, at its place in d; the
// rest follow. It is how a connector's definition is laid over the one of all connectors.
func (d *Def) Overlay(other *Def) *Def {
	c := d.clone()
	for _, k := range other.keys {
		c.set(k)
	}
	return c
}

// Embed is d with the keys of child behind its own, in child's documentation order (Sorted),
// each with prefix before its name, its dependents and what its recommender sees. Their group is
// groupPrefix, with ": " and the child's group if it has one; their places in it count up from
// order. Errors are as for Define.
func (d *Def) Embed(prefix, groupPrefix string, order int, child *Def) (*Def, error) {
	keys := child.Sorted()
	for i := range keys {
		k := &keys[i]
		k.Name = prefix + k.Name
		k.Order = order + i
		if k.Group != "" {
			k.Group = groupPrefix + ": " + k.Group
		} else {
			k.Group = groupPrefix
		}
		if k.Validator != nil {
			k.Validator = prefixedValidator{prefix, k.Validator}
		}
		if k.Recommender != nil {
			k.Recommender = prefixedRecommender{prefix, k.Recommender}
		}
		deps := make([]string, len(k.Dependents))
		for j, dep := range k.Dependents {
			deps[j] = prefix + dep
		}
		k.Dependents = deps
	}
	return d.With(keys...)
}

// WithClasses is d with a way to resolve the class names of CLASS settings: the value is then
// the full name, and an unknown class an error. Without it any name but an empty one is taken as
// it is written.
func (d *Def) WithClasses(find Classes) *Def {
	c := d.clone()
	c.classes = find
	return c
}

// Keys are the definitions in order. The slice is the caller's.
func (d *Def) Keys() []Key { return slices.Clone(d.keys) }

// Key is the definition of one setting, false if there is none of that name.
func (d *Def) Key(name string) (Key, bool) {
	i, ok := d.index[name]
	if !ok {
		return Key{}, false
	}
	return d.keys[i], true
}

// Has reports whether a setting of that name is defined.
func (d *Def) Has(name string) bool { _, ok := d.index[name]; return ok }

// Names are the names of the settings in order. The slice is the caller's.
func (d *Def) Names() []string {
	names := make([]string, len(d.keys))
	for i := range d.keys {
		names[i] = d.keys[i].Name
	}
	return names
}

// Groups are the groups in the order in which they first appear. The slice is the caller's.
func (d *Def) Groups() []string { return slices.Clone(d.groups) }

// Sorted are the definitions in the order of documentation: keys without group first, then by
// group, place in it, no default before default, importance, name.
func (d *Def) Sorted() []Key {
	place := make(map[string]int, len(d.groups))
	for i, g := range d.groups {
		place[g] = i + 1 // no group is 0
	}
	keys := d.Keys()
	slices.SortStableFunc(keys, func(a, b Key) int {
		switch {
		case place[a.Group] != place[b.Group]:
			return place[a.Group] - place[b.Group]
		case a.Order != b.Order:
			return a.Order - b.Order
		case a.Required != b.Required:
			if a.Required {
				return -1
			}
			return 1
		case a.Importance != b.Importance:
			return int(a.Importance) - int(b.Importance)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return keys
}

func (d *Def) clone() *Def {
	c := &Def{
		keys:    slices.Clone(d.keys),
		index:   make(map[string]int, len(d.keys)),
		groups:  slices.Clone(d.groups),
		classes: d.classes,
	}
	maps.Copy(c.index, d.index)
	return c
}

// set adds a normalized key or puts it in the place of the one of its name.
func (d *Def) set(k Key) {
	if i, ok := d.index[k.Name]; ok {
		d.keys[i] = k
	} else {
		d.index[k.Name] = len(d.keys)
		d.keys = append(d.keys, k)
	}
	if k.Group != "" && !slices.Contains(d.groups, k.Group) {
		d.groups = append(d.groups, k.Group)
	}
}

// normal fills in what a key leaves out, as Java's shorter forms of define do, and checks the
// default.
func normal(k Key) (Key, error) {
	if k.Group == "" {
		k.Order = -1
	}
	if k.DisplayName == "" {
		k.DisplayName = k.Name
	}
	k.Dependents = slices.Clone(k.Dependents)
	if k.Required {
		k.Default = nil
		return k, nil
	}
	value, err := defaultValue(k)
	if err != nil {
		return k, err
	}
	k.Default = value
	if k.Validator != nil {
		if err := k.Validator.Validate(k.Name, value); err != nil {
			return k, err
		}
	}
	return k, nil
}

// undefined are the dependents that are not defined, in the order in which they are named.
func (d *Def) undefined() []string {
	var names []string
	for i := range d.keys {
		for _, dep := range d.keys[i].Dependents {
			if !d.Has(dep) && !slices.Contains(names, dep) {
				names = append(names, dep)
			}
		}
	}
	return names
}

// roots are the keys that depend on no other.
func (d *Def) roots() []string {
	below := map[string]bool{}
	for i := range d.keys {
		for _, dep := range d.keys[i].Dependents {
			below[dep] = true
		}
	}
	var names []string
	for i := range d.keys {
		if !below[d.keys[i].Name] {
			names = append(names, d.keys[i].Name)
		}
	}
	return names
}
