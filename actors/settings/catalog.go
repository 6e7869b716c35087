package settings

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// catalog is what a definition is made with: the plugins there are, the worker's converters, and
// the connector's settings. The zero value makes the definition without any.
type catalog struct {
	reg    *plugin.Registry
	worker *Worker // nil: no converter has a default, and nothing is proposed for the keys of all connectors
	props  map[string]*string
}

// text is a setting, false if it is absent or null.
func (c catalog) text(key string) (string, bool) {
	if v := c.props[key]; v != nil {
		return *v, true
	}
	return "", false
}

// class resolves the name of a class in a CLASS setting, whatever it is a class of: the kind is
// for validators to check. In Java any class on the class path exists; here those of plugins do,
// the abstract ones around nested classes (HoistField of HoistField$Key), those of Connect's own
// interfaces, and those of java.lang.
func (c catalog) class(name string) (string, bool) {
	if c.reg == nil {
		return name, name != ""
	}
	if class, ok := c.reg.Class(name); ok {
		return class, true
	}
	if _, known := abstractClasses[name]; known || len(c.nested(name)) > 0 {
		return name, true
	}
	if simple, ok := strings.CutPrefix(name, "java.lang."); ok && simple != "" && !strings.Contains(simple, ".") {
		return name, true
	}
	return "", false
}

// nested are the plugins whose classes lie in the class: it is abstract then.
func (c catalog) nested(class string) []string {
	var found []string
	for _, p := range c.reg.All() {
		if strings.HasPrefix(p.Desc.Class, class+"$") {
			found = append(found, p.Desc.Class)
		}
	}
	return found
}

// is reports whether the class, by its full name, is a plugin of one of the kinds.
func (c catalog) is(class string, kinds ...plugin.Kind) bool {
	for _, k := range kinds {
		if p, err := c.reg.Find(k, class); err == nil && p.Describe().Class == class {
			return true
		}
	}
	return false
}

// concrete checks that the class can be made an object of the interface, which is one of the
// kinds; the words are Java's.
func (c catalog) concrete(class, iface string, kinds ...plugin.Kind) error {
	if c.reg == nil || c.is(class, kinds...) {
		return nil
	}
	if nested := c.nested(class); len(nested) > 0 && c.is(nested[0], kinds...) {
		return errs.Config.New("This class is abstract and cannot be created. Did you mean %s?", strings.Join(nested, ", "))
	}
	abstract, known := abstractClasses[class]
	switch {
	case !known:
		abstract.word = "class"
	case slices.Contains(abstract.implements, iface):
		return errs.Config.New("This class is abstract and cannot be created.")
	}
	return errs.Config.New("Class %s %s does not implement the %s interface", abstract.word, class, iface)
}

// abstractClasses are those of Connect's interface for plugins that exist in Java but of which no object
// can be made, each with what Java calls it and which of the interfaces of plugins it is or implements.
var abstractClasses = map[string]struct {
	word       string
	implements []string
}{
	"org.apache.kafka.connect.connector.Connector":                                  {word: "class"},
	"org.apache.kafka.connect.connector.Task":                                       {word: "interface"},
	"org.apache.kafka.connect.connector.policy.ConnectorClientConfigOverridePolicy": {word: "interface"},
	"org.apache.kafka.connect.rest.ConnectRestExtension":                            {word: "interface"},
	"org.apache.kafka.connect.sink.SinkConnector":                                   {word: "class"},
	"org.apache.kafka.connect.sink.SinkTask":                                        {word: "class"},
	"org.apache.kafka.connect.source.SourceConnector":                               {word: "class"},
	"org.apache.kafka.connect.source.SourceTask":                                    {word: "class"},
	"org.apache.kafka.connect.storage.Converter":                                    {word: "interface", implements: []string{"Converter"}},
	"org.apache.kafka.connect.storage.HeaderConverter":                              {word: "interface", implements: []string{"HeaderConverter"}},
	"org.apache.kafka.connect.transforms.Transformation":                            {word: "interface", implements: []string{"Transformation"}},
	"org.apache.kafka.connect.transforms.predicates.Predicate":                      {word: "interface", implements: []string{"Predicate"}},
}

// classes proposes the classes of plugins.
func (c catalog) classes(kinds ...plugin.Kind) config.Recommender {
	return config.RecommenderFuncs{Values: func(string, map[string]any) []any {
		if c.reg == nil {
			return nil
		}
		var found []any
		for _, p := range c.reg.All(kinds...) {
			if n := len(found); n == 0 || found[n-1] != p.Desc.Class { // a class may come in several versions
				found = append(found, p.Desc.Class)
			}
		}
		return found
	}}
}

// versions proposes the versions of the class that the setting named by classKey has.
func (c catalog) versions(classKey string, kinds ...plugin.Kind) config.Recommender {
	return config.RecommenderFuncs{Values: func(_ string, parsed map[string]any) []any {
		class, _ := parsed[classKey].(string)
		if c.reg == nil || class == "" {
			return nil
		}
		for _, k := range kinds {
			if found := c.reg.Versions(k, class); len(found) > 0 {
				proposals := make([]any, len(found))
				for i, v := range found {
					proposals[i] = v
				}
				return proposals
			}
		}
		return nil
	}}
}

// latest is the newest version of a class, nil if there is none.
func (c catalog) latest(name string, kinds ...plugin.Kind) any {
	if c.reg == nil || name == "" {
		return nil
	}
	for _, k := range kinds {
		if found := c.reg.Versions(k, name); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return nil
}

// ofWorker is the catalog if there is a worker, else an empty one.
func (c catalog) ofWorker() catalog {
	if c.worker == nil {
		return catalog{}
	}
	return c
}

// connectorVersion completes the key connector.plugin.version.
func (c catalog) connectorVersion(k config.Key) config.Key {
	name, _ := c.text(keyClass)
	k.Default = c.latest(name, plugin.Sink, plugin.Source)
	k.Recommender = c.ofWorker().versions(keyClass, plugin.Source, plugin.Sink)
	return k
}

func converterKinds(header bool) []plugin.Kind {
	if header {
		return []plugin.Kind{plugin.HeaderConverter}
	}
	return []plugin.Kind{plugin.Converter}
}

// converter completes a key that names a converter: its default is the worker's.
func (c catalog) converter(k config.Key, header bool) config.Key {
	if class, ok := c.class(c.workerConverter(k.Name).Class); ok {
		k.Default = class
	}
	k.Recommender = c.ofWorker().classes(converterKinds(header)...)
	return k
}

// converterVersion completes the key of a converter's version. key is that of its class.
func (c catalog) converterVersion(k config.Key, key string, header bool) config.Key {
	ofWorker := c.workerConverter(key)
	if class, ok := c.text(key); ok {
		k.Default = c.latest(class, converterKinds(header)...)
	} else if ofWorker.Version != "" {
		k.Default = ofWorker.Version
	} else {
		k.Default = c.latest(ofWorker.Class, converterKinds(header)...)
	}
	k.Recommender = c.ofWorker().versions(key, converterKinds(header)...)
	return k
}

func (c catalog) workerConverter(key string) Converter {
	if c.worker == nil {
		return Converter{}
	}
	return c.worker.converterOf(key)
}

// converterClass checks the class of a converter.
type converterClass struct {
	catalog
	header bool
}

func (v converterClass) iface() string {
	if v.header {
		return "HeaderConverter"
	}
	return "Converter"
}

func (v converterClass) Validate(_ string, value any) error {
	class, ok := value.(string)
	if !ok {
		return nil
	}
	return v.concrete(class, v.iface(), converterKinds(v.header)...)
}

func (v converterClass) String() string {
	return "A concrete subclass of org.apache.kafka.connect.storage." + v.iface() +
		", A class with a public, no-argument constructor"
}

// wrongVersion says which versions there are of a class, whatever it is a class of.
func (c catalog) wrongVersion(class, spec string) error {
	want, err := plugin.ParseRequirement(spec)
	if err != nil {
		return err
	}
	var have []string
	for _, p := range c.reg.All() {
		if p.Desc.Class == class {
			have = append(have, p.Desc.Version)
		}
	}
	return errs.Config.New("Plugin %s not found that matches the version range %s, available versions: [%s]",
		class, want, strings.Join(have, ", "))
}

// load finds a plugin by its full class name in a version that fits; the error of one that
// doesn't is in the JVM's words.
func (c catalog) load(kind plugin.Kind, class, version string) (plugin.Plugin, error) {
	want, err := plugin.ParseRequirement(version)
	if err != nil {
		return nil, err
	}
	fits := false
	for _, v := range c.reg.Versions(kind, class) {
		fits = fits || want.Contains(plugin.ParseVersion(v))
	}
	if !fits {
		return nil, c.wrongVersion(class, version)
	}
	return c.reg.FindVersion(kind, class, version)
}
