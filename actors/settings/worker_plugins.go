package settings

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// CheckPlugins checks that the converters that the worker names exist, in the version asked for.
// Every one that doesn't is in the error, which is of kind errs.Config. What there is instead is
// named once for each kind, by short names.
func (w *Worker) CheckPlugins(reg *plugin.Registry) error {
	c := catalog{reg: reg}
	var problems []string
	var missing []plugin.Kind
	for _, k := range converterKeys {
		named := w.converterOf(k.key)
		kind := converterKinds(k.header)[0]
		class, ok := c.class(named.Class)
		if !ok {
			why := "Class " + named.Class + " could not be found: it is not built into this binary"
			if more := codecs.NotBuiltIn(named.Class); more != "" {
				why = "Class " + named.Class + " could not be found. " + more
			}
			problems = append(problems, errs.Message(config.Invalid(k.key, named.Class, why)))
			if !slices.Contains(missing, kind) {
				missing = append(missing, kind)
			}
			continue
		}
		err := converterClass{c, k.header}.Validate(k.key, class)
		if err == nil {
			_, err = c.load(kind, class, named.Version)
		}
		if err != nil {
			problems = append(problems, k.key+": "+errs.Message(err))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	count := plural(len(problems), "error")
	for _, kind := range missing {
		problems = append(problems, "built in as "+strings.ReplaceAll(string(kind), "_", " ")+": "+strings.Join(c.simpleNames(kind), ", "))
	}
	return errs.Config.New("%s worker configuration has %s:\n  %s", w.Mode, count, strings.Join(problems, "\n  "))
}

// simpleNames are the names of the plugins of a kind without their packages, sorted.
func (c catalog) simpleNames(kind plugin.Kind) []string {
	var names []string
	for _, p := range c.reg.All(kind) {
		names = append(names, p.Desc.Class[strings.LastIndexByte(p.Desc.Class, '.')+1:])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
