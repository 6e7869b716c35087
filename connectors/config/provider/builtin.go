package provider

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/java/regex"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

const (
	classPrefix      = "org.apache.kafka.common.config.provider."
	allowedPathsKey  = "allowed.paths"
	allowlistPattern = "allowlist.pattern"
)

func allowedPathsDef() *config.Def {
	return config.NewDef(config.Key{
		Name: allowedPathsKey, Type: config.String, Importance: config.Medium,
		Doc: "Absolute paths, separated by commas, of the files and directories that may be read. If not set, all may.",
	})
}

// File is FileConfigProvider: the path is a .properties file in UTF-8, the key one of its
// properties. version is what REST shows.
func File(version string) Plugin {
	return Plugin{
		Descriptor: plugin.Descriptor{Class: classPrefix + "FileConfigProvider", Version: version, Config: allowedPathsDef()},
		New:        func() Provider { return new(fileProvider) },
	}
}

type fileProvider struct{ allowed allowedPaths }

func (p *fileProvider) Configure(_ context.Context, params map[string]string) (err error) {
	p.allowed, err = parseAllowedPaths(params[allowedPathsKey])
	return err
}

func (p *fileProvider) Get(_ context.Context, path string, keys []string) (Data, error) {
	path, ok := p.allowed.clean(path)
	if !ok {
		return Data{}, nil
	}
	raw, err := os.ReadFile(path)
	if err == nil && !utf8.Valid(raw) {
		err = errors.New("it isn't UTF-8")
	}
	if err != nil {
		return Data{}, errs.Config.Wrap(err, "Could not read properties from file %s", path)
	}
	all, err := properties.Parse(raw)
	if err != nil {
		return Data{}, errs.Config.Wrap(err, "Could not read properties from file %s", path)
	}
	return Data{Values: only(all, keys)}, nil
}

func (p *fileProvider) Close() error { return nil }

// Directory is DirectoryConfigProvider: the path is a directory, the key the name of a regular
// file in it, or of a link to one, and the value the whole content of that file, as UTF-8.
func Directory(version string) Plugin {
	return Plugin{
		Descriptor: plugin.Descriptor{Class: classPrefix + "DirectoryConfigProvider", Version: version, Config: allowedPathsDef()},
		New:        func() Provider { return new(directoryProvider) },
	}
}

type directoryProvider struct{ allowed allowedPaths }

func (p *directoryProvider) Configure(_ context.Context, params map[string]string) (err error) {
	p.allowed, err = parseAllowedPaths(params[allowedPathsKey])
	return err
}

func (p *directoryProvider) Get(ctx context.Context, path string, keys []string) (Data, error) {
	dir, ok := p.allowed.clean(path)
	if !ok {
		return Data{}, nil
	}
	values := map[string]string{}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return Data{}, nil // no error in Java either
	}
	for _, key := range keys {
		if key == "" || key == "." || key == ".." || strings.ContainsAny(key, `/`+string(filepath.Separator)) {
			continue // no name of a file in the directory
		}
		if err := ctx.Err(); err != nil {
			return Data{}, err
		}
		file := filepath.Join(dir, key)
		info, err := os.Stat(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular():
			continue
		case err != nil:
			return Data{}, errs.Config.Wrap(err, "Could not list directory %s", dir)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return Data{}, errs.Config.Wrap(err, "Could not read file %s for property %s", file, key)
		}
		values[key] = java.Text(raw)
	}
	return Data{Values: values}, nil
}

func (p *directoryProvider) Close() error { return nil }

// allowedPaths are the paths that may be read; nil for all.
type allowedPaths []string

func parseAllowedPaths(text string) (allowedPaths, error) {
	if text == "" {
		return nil, nil
	}
	var paths allowedPaths
	for path := range strings.SplitSeq(strings.TrimRight(text, ","), ",") {
		clean := filepath.Clean(path)
		if !filepath.IsAbs(clean) {
			return nil, errs.Config.New("Path %s is not absolute (setting %s)", clean, allowedPathsKey)
		}
		if _, err := os.Stat(clean); err != nil {
			return nil, errs.Config.Wrap(err, "Path %s does not exist (setting %s)", clean, allowedPathsKey)
		}
		paths = append(paths, clean)
	}
	return paths, nil
}

// clean is the path to read, false if there is none or it may not be read. Links are not
// followed to find out, as in Java: what lies in an allowed directory may lead elsewhere.
func (a allowedPaths) clean(path string) (string, bool) {
	if path == "" || a == nil {
		return path, path != ""
	}
	path = filepath.Clean(path)
	for _, allowed := range a {
		if rel, err := filepath.Rel(allowed, path); err == nil && filepath.IsLocal(rel) {
			return path, true
		}
	}
	return "", false
}

// EnvVar is EnvVarConfigProvider: the key is an environment variable, without a path.
func EnvVar(version string) Plugin {
	return Plugin{
		Descriptor: plugin.Descriptor{
			Class: classPrefix + "EnvVarConfigProvider", Version: version,
			Config: config.NewDef(config.Key{
				Name: allowlistPattern, Type: config.String, Default: ".*", Importance: config.Low,
				Doc: "A regular expression that the whole name of a variable must match for it to be read.",
			}),
		},
		New: func() Provider { return &envProvider{environ: os.Environ} },
	}
}

type envProvider struct {
	environ func() []string
	vars    map[string]string // those that may be read
}

func (p *envProvider) Configure(_ context.Context, params map[string]string) error {
	var allowed *regex.Regexp // nil: all
	if pattern, ok := params[allowlistPattern]; ok {
		var err error
		if allowed, err = regex.Compile(pattern); err != nil {
			return config.Invalid(allowlistPattern, pattern, err.Error())
		}
	}
	p.vars = map[string]string{}
	for _, entry := range p.environ() {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			continue
		}
		match := true
		var err error
		if allowed != nil {
			match, err = allowed.MatchString(name)
		}
		if err != nil {
			return errs.Config.Wrap(err, "%s can't be matched with the variable %s", allowlistPattern, name)
		}
		if match {
			p.vars[name] = value
		}
	}
	return nil
}

func (p *envProvider) Get(_ context.Context, path string, keys []string) (Data, error) {
	if path != "" {
		return Data{}, errs.Config.New("Path is not supported for EnvVarConfigProvider, invalid value '%s'", path)
	}
	return Data{Values: only(p.vars, keys)}, nil
}

func (p *envProvider) Close() error { return nil }

// only are the values of the keys.
func only(all map[string]string, keys []string) map[string]string {
	values := make(map[string]string, len(keys))
	for _, key := range keys {
		if value, ok := all[key]; ok {
			values[key] = value
		}
	}
	return values
}
