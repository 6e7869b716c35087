package settings

import (
	"errors"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// ValidationDef is what a connector of the kind is validated against, apart from its own
// settings: those of all such connectors, and those of the transforms and predicates that props
// name. worker may be nil: converters then have no default.
func ValidationDef(reg *plugin.Registry, worker *Worker, kind plugin.Kind, props map[string]*string) (*config.Def, error) {
	return catalog{reg, worker, props}.definition(kind)
}

func (c catalog) definition(kind plugin.Kind) (*config.Def, error) {
	keys := connectorKeys(c)
	if kind == plugin.Sink {
		keys = append(keys, sinkKeys()...)
	} else {
		keys = append(keys, sourceKeys()...)
	}
	def, err := config.Define(keys...)
	for _, link := range []linkKind{transformLinks, predicateLinks} {
		if err == nil {
			def, err = c.enrich(def, link)
		}
	}
	if err != nil {
		return nil, err
	}
	return def.WithClasses(c.class), nil
}

// linkKind is what transforms and predicates differ in.
type linkKind struct {
	key, group, iface, title string
	kind                     plugin.Kind
}

var (
	transformLinks = linkKind{keyTransforms, groupTransforms, "Transformation", "transformation", plugin.Transformation}
	predicateLinks = linkKind{keyPredicates, groupPredicates, "Predicate", "predicate", plugin.Predicate}
)

// enrich adds the settings of each transform or predicate that is listed.
func (c catalog) enrich(def *config.Def, of linkKind) (*config.Def, error) {
	text, ok := c.text(of.key)
	if !ok {
		return def, nil
	}
	parsed, err := config.ParseType(of.key, text, config.List)
	if err != nil {
		return nil, err
	}
	var seen []string
	for _, alias := range parsed.([]string) {
		if slices.Contains(seen, alias) {
			continue
		}
		seen = append(seen, alias)
		if def, err = c.enrichOne(def, of, alias); err != nil {
			return nil, err
		}
	}
	return def, nil
}

func (c catalog) enrichOne(def *config.Def, of linkKind, alias string) (*config.Def, error) {
	prefix := of.key + "." + alias + "."
	group := of.group + ": " + alias
	typeKey, versionKey := prefix+"type", prefix+pluginVersion
	name, named := c.text(typeKey)
	def, err := def.With(
		config.Key{
			Name: typeKey, Type: config.Class, Required: true, Importance: config.High,
			Validator: c.linkType(of, alias), Doc: "Class of the " + of.title + " " + alias + ".",
			Group: group, Order: 0, Width: config.WidthLong, DisplayName: of.iface + " type for " + alias,
			Recommender: c.classes(of.kind), Missing: c.notBuiltIn(of.kind),
		},
		config.Key{
			Name: versionKey, Type: config.String, Default: c.latest(name, of.kind), Importance: config.High,
			Validator: c.linkVersion(of, typeKey), Doc: "Version or version range of the " + of.title + " " + alias + ".",
			Group: group, Order: 1, Width: config.WidthLong, DisplayName: of.iface + " version for " + alias,
			Recommender: c.versions(typeKey, of.kind),
		})
	if err != nil || !named {
		return def, err
	}
	class, ok := c.class(strings.TrimSpace(name))
	if !ok {
		return def, nil
	}
	version, _ := c.text(versionKey)
	own, err := c.linkDef(of, class, version)
	if err != nil {
		return def, nil //nolint:nilerr // the validators of type and version say what is wrong
	}
	return def.Embed(prefix, group, 2, own)
}

// notBuiltIn says more about a class that isn't there.
func (c catalog) notBuiltIn(kind plugin.Kind) func(string) string {
	if c.reg == nil {
		return nil
	}
	return func(class string) string { return c.reg.NotBuiltIn(kind, class) }
}

// linkDef is the definition of a transform's or predicate's own settings, with those that every
// transform has.
func (c catalog) linkDef(of linkKind, class, version string) (*config.Def, error) {
	if err := c.concrete(class, of.iface, of.kind); err != nil {
		return nil, err
	}
	p, err := c.load(of.kind, class, version)
	if err != nil {
		return nil, err
	}
	var keys []config.Key
	if of.kind == plugin.Transformation {
		keys = []config.Key{
			define("predicate", config.String, nil, config.Medium, "Alias of the predicate that decides which records the transform applies to."),
			define("negate", config.Boolean, "false", config.Medium, "Whether it applies to the others instead."),
		}
	}
	if def := p.Describe().Config; def != nil {
		for _, k := range def.Keys() {
			if of.kind != plugin.Transformation || k.Name != "predicate" && k.Name != "negate" {
				keys = append(keys, k)
			}
		}
	}
	return config.Define(keys...)
}

// linkType checks the class of a transform or predicate and what goes with it.
func (c catalog) linkType(of linkKind, alias string) config.Validator {
	prefix := of.key + "." + alias + "."
	return config.LambdaValidator("valid configs for "+alias+" "+of.title, func(_ string, value any) error {
		if of.kind == plugin.Transformation {
			_, negate := c.props[prefix+"negate"]
			_, predicate := c.props[prefix+"predicate"]
			if negate && !predicate {
				return negateAlone(prefix)
			}
		}
		class, ok := value.(string)
		if !ok || c.reg == nil {
			return nil
		}
		version, _ := c.text(prefix + pluginVersion)
		_, err := c.linkDef(of, class, version)
		return err
	})
}

// linkVersion checks the version of a transform or predicate, if its class is one at all.
func (c catalog) linkVersion(of linkKind, typeKey string) config.Validator {
	return config.LambdaValidator("", func(_ string, value any) error {
		version, ok := value.(string)
		if !ok {
			return nil
		}
		if _, err := plugin.ParseRequirement(version); err != nil {
			return err
		}
		name, _ := c.text(typeKey)
		class, found := c.class(strings.TrimSpace(name))
		if c.reg == nil || !found || !c.is(class, of.kind) {
			return nil
		}
		_, err := c.load(of.kind, class, version)
		return err
	})
}

// asConfig makes any error one of kind errs.Config.
func asConfig(err error) error {
	if err == nil || errors.Is(err, errs.Config) {
		return err
	}
	return errs.Config.Wrap(err, "configuration")
}
