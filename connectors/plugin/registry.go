package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Registry finds plugins of every kind by class, alias or simple name. It doesn't change once it
// is made and is safe for concurrent use.
type Registry struct {
	entries []entry                      // sorted by class, version, kind
	aliases map[Kind]map[string][]string // name → the classes it may mean
	known   map[string][]string          // the same, over all kinds
}

// entry is a plugin in one of its kinds.
type entry struct {
	Plugin
	kind    Kind
	desc    Descriptor
	version Version
}

// NewRegistry makes a registry of the plugins given. It is an error if one has no class or no
// known kind, if a class comes twice in the same version and kind, or if two classes of a kind
// claim an alias. A class may come in several versions: Find takes the newest.
func NewRegistry(plugins ...Plugin) (*Registry, error) {
	r := &Registry{aliases: map[Kind]map[string][]string{}, known: map[string][]string{}}
	for _, p := range plugins {
		d := p.Describe()
		if d.Class == "" {
			return nil, fmt.Errorf("plugin registry: a %T names no class", p)
		}
		for _, k := range kindsOf(p) {
			if _, ok := k.trait(); !ok {
				return nil, fmt.Errorf("plugin registry: %s is of kind %q, which doesn't exist", d.Class, k)
			}
			r.entries = append(r.entries, entry{p, k, d, ParseVersion(d.Version)})
		}
	}
	slices.SortStableFunc(r.entries, compareEntries)
	for i := 1; i < len(r.entries); i++ {
		if a, b := r.entries[i-1], r.entries[i]; compareEntries(a, b) == 0 {
			return nil, fmt.Errorf("plugin registry: %s %s, version %q, is there twice", a.kind, a.desc.Class, a.desc.Version)
		}
	}
	return r, r.nameAll()
}

func compareEntries(a, b entry) int {
	if c := strings.Compare(a.desc.Class, b.desc.Class); c != 0 {
		return c
	}
	if c := a.version.Compare(b.version); c != 0 {
		return c
	}
	return place(a.kind) - place(b.kind)
}

func place(k Kind) int { return slices.IndexFunc(traits[:], func(t trait) bool { return t.kind == k }) }

// nameAll notes all names: first the aliases that plugins claim, then those that follow from
// class names, which don't take away a claimed one.
func (r *Registry) nameAll() error {
	claimed := map[Kind]map[string]string{}
	for _, e := range r.entries {
		of := claimed[e.kind]
		if of == nil {
			of = map[string]string{}
			claimed[e.kind] = of
		}
		for _, alias := range e.desc.Aliases {
			if other, ok := of[alias]; ok && other != e.desc.Class {
				return fmt.Errorf("plugin registry: %s and %s, both %s, claim the alias %q", other, e.desc.Class, e.kind, alias)
			}
			of[alias] = e.desc.Class
			r.name(e, alias)
		}
	}
	for _, e := range r.entries {
		for _, alias := range derivedNames(e) {
			if _, ok := claimed[e.kind][alias]; !ok {
				r.name(e, alias)
			}
		}
	}
	return nil
}

func (r *Registry) name(e entry, alias string) {
	of := r.aliases[e.kind]
	if of == nil {
		of = map[string][]string{}
		r.aliases[e.kind] = of
	}
	of[alias] = addNew(of[alias], e.desc.Class)
	r.known[alias] = addNew(r.known[alias], e.desc.Class)
}

func addNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// derivedNames are the simple name of the class, which for InsertField$Value is Value as in
// Java, and the same without the suffix of its kind.
func derivedNames(e entry) []string {
	simple := e.desc.Class[strings.LastIndexAny(e.desc.Class, ".$")+1:]
	t, _ := e.kind.trait()
	if i := strings.LastIndex(simple, t.java); i > 0 {
		return []string{simple, simple[:i]}
	}
	return []string{simple}
}

// Find finds a plugin of a kind by its class name, alias or simple name, in its newest version.
// The error is errs.Connect and lists what there is.
func (r *Registry) Find(kind Kind, name string) (Plugin, error) {
	return r.FindVersion(kind, name, "")
}

// FindVersion is Find for a version asked for: "" and "latest" are the newest, a version as 1.2
// that one only, and a Maven range as [1.0,2.0) the newest in it. A version or range that can't
// be read is errs.Config.
func (r *Registry) FindVersion(kind Kind, name, version string) (Plugin, error) {
	return r.find([]Kind{kind}, name, version)
}

// FindConnector finds a source or sink connector; its Kind says which it is.
func (r *Registry) FindConnector(name string) (Plugin, error) {
	return r.FindConnectorVersion(name, "")
}

// FindConnectorVersion is FindConnector for a version asked for, as FindVersion.
func (r *Registry) FindConnectorVersion(name, version string) (Plugin, error) {
	return r.find([]Kind{Source, Sink}, name, version)
}

func (r *Registry) find(kinds []Kind, name, version string) (Plugin, error) {
	class, err := r.class(kinds, name)
	if err != nil {
		return nil, err
	}
	all := r.of(kinds, class)
	want, err := ParseRequirement(version)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(all) {
		if want.Contains(e.version) {
			return e.Plugin, nil
		}
	}
	if len(all) == 1 {
		return nil, errs.Connect.New("Plugin %s has version %s which does not match the required version range %s",
			name, all[0].desc.Version, want)
	}
	return nil, errs.Connect.New("Plugin %s not found that matches the version range %s, available versions: [%s]",
		name, want, strings.Join(versions(all), ", "))
}

// class is the class that a name means among plugins of the kinds.
func (r *Registry) class(kinds []Kind, name string) (string, error) {
	if len(r.of(kinds, name)) > 0 {
		return name, nil
	}
	var found []string
	for _, k := range kinds {
		for _, class := range r.aliases[k][name] {
			found = addNew(found, class)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	t, _ := kinds[0].trait()
	if len(found) > 1 {
		return "", errs.Connect.New("More than one %s matches alias %s. Please use full package and class name instead. Classes found: %s",
			strings.TrimSuffix(t.many, "s"), name, strings.Join(found, ", "))
	}
	message := fmt.Sprintf("Failed to find any class that implements %s and which name matches %s, available %s are: %s",
		t.java, name, t.many, r.list(kinds))
	if more := r.NotBuiltIn(kinds[0], name); more != "" {
		message += ". " + more
	}
	return "", errs.Connect.New("%s", message)
}

// NotBuiltIn says of the full name of a class that there is no plugin of, which families of classes
// there are: whoever asks for a class of another maker learns from it whether that maker's are built
// in at all. It is "" for a name without a package, and for kinds that have no families.
func (r *Registry) NotBuiltIn(kind Kind, class string) string {
	if kind != Transformation && kind != Predicate || !strings.Contains(class, ".") {
		return ""
	}
	var families []string
	for _, e := range r.entries {
		if family := e.desc.Class[:strings.LastIndexByte(e.desc.Class, '.')+1]; e.kind == kind && family != "" {
			families = addNew(families, family+"*")
		}
	}
	t, _ := kind.trait()
	return fmt.Sprintf("It is not built in. Built in are the %s %s", t.many, strings.Join(families, ", "))
}

// of are the versions of a class in the kinds, oldest first.
func (r *Registry) of(kinds []Kind, class string) []entry {
	i, _ := slices.BinarySearchFunc(r.entries, class, func(e entry, class string) int {
		return strings.Compare(e.desc.Class, class)
	})
	var found []entry
	for ; i < len(r.entries) && r.entries[i].desc.Class == class; i++ {
		if slices.Contains(kinds, r.entries[i].kind) {
			found = append(found, r.entries[i])
		}
	}
	return found
}

// list names the plugins of the kinds as the JVM worker does in its errors: tools that cut the
// list out of the message know it by this form.
func (r *Registry) list(kinds []Kind) string {
	var texts []string
	for _, e := range r.entries {
		if slices.Contains(kinds, e.kind) {
			texts = append(texts, fmt.Sprintf(
				"PluginDesc{klass=class %s, name='%s', version='%s', encodedVersion=%[3]s, type=%[4]s, typeName='%[4]s', location='classpath'}",
				e.desc.Class, e.desc.Class, e.desc.Version, e.kind))
		}
	}
	return strings.Join(texts, ", ")
}

// Listed is a plugin in one of its kinds.
type Listed struct {
	Plugin
	As   Kind
	Desc Descriptor
}

// All are the plugins of the kinds, or of every kind if none is given, sorted by class, version
// and kind. A plugin of several kinds is there for each.
func (r *Registry) All(kinds ...Kind) []Listed {
	var all []Listed
	for _, e := range r.entries {
		if len(kinds) == 0 || slices.Contains(kinds, e.kind) {
			all = append(all, Listed{e.Plugin, e.kind, e.desc})
		}
	}
	return all
}

// Versions are the versions that a plugin is there in, oldest first; none if it isn't.
func (r *Registry) Versions(kind Kind, name string) []string {
	class, err := r.class([]Kind{kind}, name)
	if err != nil {
		return nil
	}
	return versions(r.of([]Kind{kind}, class))
}

func versions(entries []entry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.desc.Version
	}
	return list
}

// Class is the full class name that a name means among plugins of all kinds, false if it means
// none or more than one. It is what config.Def.WithClasses asks for.
func (r *Registry) Class(name string) (string, bool) {
	if len(r.of(Kinds(), name)) > 0 {
		return name, true
	}
	if classes := r.known[name]; len(classes) == 1 {
		return classes[0], true
	}
	return "", false
}

var _ config.Classes = (*Registry)(nil).Class
