package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// The settings of a worker that make a Set.
const (
	// NamesKey lists the names under which references call the providers.
	NamesKey = "config.providers"
	prefix   = NamesKey + "."
)

// atOnce is how many calls a provider gets at a time: enough for a worker that starts many tasks,
// few enough that one that hangs doesn't take in more and more goroutines.
const atOnce = 16

// Set is the providers of a worker. It is safe for concurrent use.
type Set struct {
	log       *slog.Logger
	providers map[string]*handle
	missing   map[string]string // class that isn't built in, by name of the provider
	closing   chan struct{}
	once      sync.Once
}

// handle is a provider with its name. A slot is held by each call, also by one that nobody waits
// for any more; Close takes them all.
type handle struct {
	Provider
	name  string
	slots chan struct{}
}

// New makes and configures the providers that the properties of a worker name:
//
//	config.providers=file,env
//	config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
//	config.providers.file.param.allowed.paths=/etc/secrets
//
// These properties are taken literally, without references. As in Java a name without a class is
// left out. One whose class isn't built in is an error of what refers to it only: files that serve many
// workers declare providers that this one has no use for. Errors are errs.Config, but errs.Retriable if a
// provider isn't ready when ctx ends. log may be nil.
func New(ctx context.Context, registry *plugin.Registry, props map[string]string, log *slog.Logger) (*Set, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Set{log: log, providers: map[string]*handle{}, missing: map[string]string{}, closing: make(chan struct{})}
	for name := range strings.SplitSeq(props[NamesKey], ",") {
		name = strings.TrimSpace(name)
		if name == "" || s.providers[name] != nil {
			continue
		}
		class, ok := props[prefix+name+".class"]
		if !ok {
			log.Warn("config provider without a class left out", "provider", name, "setting", prefix+name+".class")
			continue
		}
		class = strings.TrimSpace(class)
		if len(registry.Versions(plugin.ConfigProvider, class)) == 0 {
			log.Warn("config provider is not built into this binary: what refers to it fails", "provider", name, "class", class)
			s.missing[name] = class
			continue
		}
		p, err := start(ctx, registry, name, class, props)
		if err != nil {
			return nil, errors.Join(err, s.Close(ctx))
		}
		s.providers[name] = &handle{Provider: p, name: name, slots: make(chan struct{}, atOnce)}
	}
	return s, nil
}

func start(ctx context.Context, registry *plugin.Registry, name, class string, props map[string]string) (Provider, error) {
	found, err := registry.FindVersion(plugin.ConfigProvider, class, props[prefix+name+".plugin.version"])
	if err != nil {
		return nil, errs.Config.Wrap(err,
			"Invalid value %s for configuration %s%s.class: Could not load config provider class or one of its dependencies", class, prefix, name)
	}
	of, ok := found.(Plugin)
	if !ok {
		return nil, errs.Config.New("Invalid value %s for configuration %s%s.class: it is a %T, not a provider.Plugin",
			class, prefix, name, found)
	}
	params := map[string]string{}
	for key, value := range props {
		if short, ok := strings.CutPrefix(key, prefix+name+".param."); ok && short != "" {
			params[short] = value
		}
	}
	p := of.New()
	err = await(ctx, func() error { return p.Configure(ctx, params) })
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil: // it may still be at work: it is left behind unclosed
		return nil, fmt.Errorf("config provider %q: %w", name, errs.Retriable.Wrap(err, "it wasn't ready in time"))
	}
	err = fmt.Errorf("config provider %q: %w", name, asKind(err))
	return nil, errors.Join(err, await(ctx, p.Close))
}

// asKind makes sure that an error has a kind.
func asKind(err error) error {
	if errs.KindOf(err) != nil {
		return err
	}
	return errs.Config.Wrap(err, "the provider failed")
}

// Names are the names of the providers, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.providers)) }

// Resolve returns the settings with references replaced; props stays as it is. It ends with ctx,
// whatever a provider does: the error is then errs.Retriable. An error of a provider names it and
// the keys, and is errs.Config unless the provider says otherwise.
func (s *Set) Resolve(ctx context.Context, props map[string]string) (map[string]string, error) {
	resolved, _, err := s.ResolveTTL(ctx, props)
	return resolved, err
}

// ResolveTTL is Resolve and says how long the values may be used, 0 if there is no limit.
func (s *Set) ResolveTTL(ctx context.Context, props map[string]string) (map[string]string, time.Duration, error) {
	found, err := s.lookup(ctx, maps.Values(props))
	if err != nil {
		return nil, 0, err
	}
	resolved := make(map[string]string, len(props))
	for key, text := range props {
		resolved[key] = replace(text, found.value)
	}
	return resolved, found.ttl, nil
}

// ResolveNullable is Resolve for settings of which some are null.
func (s *Set) ResolveNullable(ctx context.Context, props map[string]*string) (map[string]*string, error) {
	found, err := s.lookup(ctx, func(yield func(string) bool) {
		for _, text := range props {
			if text != nil && !yield(*text) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	resolved := make(map[string]*string, len(props))
	for key, text := range props {
		if text != nil {
			value := replace(*text, found.value)
			text = &value
		}
		resolved[key] = text
	}
	return resolved, nil
}

// ResolveWorker is Resolve for the properties of the worker itself: config.providers and what
// belongs to it stay literal.
func (s *Set) ResolveWorker(ctx context.Context, props map[string]string) (map[string]string, error) {
	rest := maps.Clone(props)
	maps.DeleteFunc(rest, func(key, _ string) bool {
		return key == NamesKey || strings.HasPrefix(key, prefix)
	})
	resolved, err := s.Resolve(ctx, rest)
	if err != nil {
		return nil, err
	}
	for key, text := range props {
		if _, ok := resolved[key]; !ok {
			resolved[key] = text
		}
	}
	return resolved, nil
}

// place is a path of a provider.
type place struct{ provider, path string }

// answers are the values found.
type answers struct {
	values map[place]map[string]string
	ttl    time.Duration
}

func (a answers) value(ref reference) (string, bool) {
	value, ok := a.values[place{ref.provider, ref.path}][ref.key]
	return value, ok
}

// lookup asks the providers for what the texts refer to, once for each path, in a fixed order.
func (s *Set) lookup(ctx context.Context, texts func(func(string) bool)) (answers, error) {
	wanted := map[place][]string{}
	for text := range texts {
		for ref, ok := nextReference(text, 0); ok; ref, ok = nextReference(text, ref.end) {
			if class, missing := s.missing[ref.provider]; missing {
				return answers{}, errs.Config.New("${%s:…} can't be resolved: the class of the config provider is not built into this binary: %s%s.class=%s",
					ref.provider, prefix, ref.provider, class)
			}
			at := place{ref.provider, ref.path}
			if s.providers[ref.provider] != nil && !slices.Contains(wanted[at], ref.key) {
				wanted[at] = append(wanted[at], ref.key)
			}
		}
	}
	found := answers{values: make(map[place]map[string]string, len(wanted))}
	places := slices.SortedFunc(maps.Keys(wanted), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.path, b.path))
	})
	for _, at := range places {
		keys := slices.Sorted(slices.Values(wanted[at]))
		data, err := s.get(ctx, s.providers[at.provider], at.path, keys)
		if err != nil {
			return found, fmt.Errorf("config provider %q, keys %q of path %q: %w", at.provider, keys, at.path, asKind(err))
		}
		for _, key := range keys {
			if _, ok := data.Values[key]; !ok {
				s.log.Warn("reference left as it is, its key doesn't exist", "provider", at.provider, "path", at.path, "key", key)
			}
		}
		found.values[at] = data.Values
		if data.TTL > 0 && (found.ttl == 0 || data.TTL < found.ttl) {
			found.ttl = data.TTL
		}
	}
	return found, nil
}

// get calls a provider on a goroutine of its own, so that it can leave it behind when ctx ends.
// The goroutine holds a slot for as long as it lives.
func (s *Set) get(ctx context.Context, h *handle, path string, keys []string) (Data, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-s.closing:
		return Data{}, errClosed()
	default:
	}
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return Data{}, errs.Retriable.Wrap(ctx.Err(), "all %d calls that it may have at a time are running and none came back", atOnce)
	case <-s.closing:
		return Data{}, errClosed()
	}
	type answer struct {
		data Data
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		defer func() { <-h.slots }()
		data, err := guarded(func() (Data, error) { return h.Get(ctx, path, keys) })
		answered <- answer{data, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil && ctx.Err() != nil { // it obeyed: what it says is the time-out's doing
			a.err = errs.Retriable.Wrap(a.err, "it was given up")
		}
		return a.data, a.err
	case <-ctx.Done():
		return Data{}, errs.Retriable.Wrap(ctx.Err(), "it gave no answer in time")
	case <-s.closing:
		return Data{}, errClosed()
	}
}

func errClosed() error { return errs.IllegalState.New("the config providers are closed") }

// await calls a provider and waits until it returns or ctx ends; then it is left behind.
func await(ctx context.Context, f func() error) error {
	ended := make(chan error, 1)
	go func() {
		_, err := guarded(func() (struct{}, error) { return struct{}{}, f() })
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guarded makes an error of a panic of plugin code. It doesn't tell the panic's value, which could
// hold a secret, but its type.
func guarded[T any](f func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errs.Connect.New("the provider panicked with a %T", p)
		}
	}()
	return f()
}

// Close closes the providers when their calls have come back, and waits for that until ctx ends.
// The error names those that didn't come back; they are left behind. Calls of Resolve that are
// running or come later fail. A second Close does nothing.
func (s *Set) Close(ctx context.Context) error {
	var all []error
	s.once.Do(func() {
		close(s.closing)
		for _, name := range s.Names() {
			all = append(all, s.providers[name].close(ctx))
		}
	})
	return errors.Join(all...)
}

func (h *handle) close(ctx context.Context) error {
	for range atOnce {
		select {
		case h.slots <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("config provider %q: left behind, a call didn't come back: %w", h.name, ctx.Err())
		}
	}
	if err := await(ctx, h.Provider.Close); err != nil {
		return fmt.Errorf("config provider %q: close: %w", h.name, err)
	}
	return nil
}
