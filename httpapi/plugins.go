package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

// listedKinds are the kinds that GET /connector-plugins shows, in the JVM's order.
var listedKinds = []plugin.Kind{
	plugin.Sink, plugin.Source, plugin.Transformation, plugin.Predicate, plugin.Converter, plugin.HeaderConverter,
}

func (s *Server) listPlugins(_ context.Context, c *call) (answer, error) {
	kinds := listedKinds
	if c.flag("connectorsOnly", true) {
		kinds = kinds[:2]
	}
	out := []entity.Plugin{}
	for _, kind := range kinds {
		for _, p := range s.plugins.All(kind) {
			out = append(out, entity.Plugin{Class: p.Desc.Class, Type: p.As, Version: p.Desc.Version})
		}
	}
	return ok(out)
}

func (s *Server) pluginConfig(_ context.Context, c *call) (answer, error) {
	name := c.path("plugin")
	kind, found := s.kindOf(name)
	if !found {
		if strings.HasPrefix(name, "java.") {
			// The JVM finds such a class, and then that it is no plugin.
			return answer{}, recorded("Instantiation error")
		}
		return answer{}, errs.NotFound.New("Unknown plugin %s.", name)
	}
	p, err := s.plugins.FindVersion(kind, name, c.Query("version"))
	if err != nil {
		return answer{}, s.noSuchVersion(err, kind, name, c.Query("version"))
	}
	return ok(s.pluginKeys(kind, p.Describe()))
}

// noSuchVersion says which versions there are; err is what stands if the version can't be read.
func (s *Server) noSuchVersion(err error, kind plugin.Kind, name, version string) error {
	want, parseErr := plugin.ParseRequirement(version)
	newest, findErr := s.plugins.Find(kind, name)
	if parseErr != nil || findErr != nil {
		return errs.BadRequest.New("%s", errs.Message(err))
	}
	return errs.BadRequest.New("Plugin %s not found that matches the version range %s, available versions: [%s]",
		newest.Describe().Class, want, strings.Join(s.plugins.Versions(kind, name), ", "))
}

// kindOf is the kind of a plugin that is named without one; of several the one listed first.
func (s *Server) kindOf(name string) (plugin.Kind, bool) {
	for _, kind := range listedKinds {
		if len(s.plugins.Versions(kind, name)) > 0 {
			return kind, true
		}
	}
	return "", false
}

// pluginKeys are a plugin's settings, and for a connector those that all connectors have; of
// settings in both the plugin's own counts.
func (s *Server) pluginKeys(kind plugin.Kind, d plugin.Descriptor) []entity.ConfigKey {
	out := []entity.ConfigKey{}
	seen := map[string]bool{}
	add := func(def *config.Def) {
		if def == nil {
			return
		}
		for _, key := range def.Keys() {
			if !seen[key.Name] {
				seen[key.Name] = true
				out = append(out, entity.KeyOf(key))
			}
		}
	}
	add(d.Config)
	if s.cfg.BaseConfig != nil && (kind == plugin.Source || kind == plugin.Sink) {
		add(s.cfg.BaseConfig(kind, d.Class))
	}
	return out
}

// validate checks a connector's configuration. Whatever keeps the worker from checking is 500,
// also what would be 400 when a connector is created.
func (s *Server) validate(ctx context.Context, c *call) (answer, error) {
	given, err := settings(c.body, "an object of settings to check")
	if err != nil {
		return answer{}, err
	}
	name := c.path("plugin")
	if class := given["connector.class"]; class != nil && !strings.HasSuffix(aliasOf(*class), aliasOf(name)) {
		return answer{}, errs.BadRequest.New("Included connector type %s does not match request type %s", *class, name)
	}
	infos, err := c.herder.Validate(ctx, given)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, err
		}
		failed := &coded{
			status: http.StatusInternalServerError, cause: err,
			message: fmt.Sprintf("%s: %s", errs.ClassOf(err), errs.Message(err)),
		}
		if status, _ := statusOf(err); status == http.StatusBadRequest {
			failed.cause = nil // the client's doing: nothing for the log
		}
		return answer{}, failed
	}
	return ok(entity.InfosOf(infos))
}

func aliasOf(class string) string {
	if alias := strings.TrimSuffix(class, "Connector"); alias != "" {
		return alias
	}
	return class
}
