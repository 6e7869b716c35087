package provider

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// fake answers from a map of path/key and does what the functions say.
type fake struct {
	values    map[string]string
	ttl       time.Duration
	get       func(ctx context.Context) error
	configure func(ctx context.Context, params map[string]string) error
	calls     atomic.Int32
	closed    atomic.Int32
}

func (f *fake) Configure(ctx context.Context, params map[string]string) error {
	if f.configure != nil {
		return f.configure(ctx, params)
	}
	return nil
}

func (f *fake) Get(ctx context.Context, path string, keys []string) (Data, error) {
	f.calls.Add(1)
	if f.get != nil {
		if err := f.get(ctx); err != nil {
			return Data{}, err
		}
	}
	found := Data{Values: map[string]string{}, TTL: f.ttl}
	for _, key := range keys {
		if v, ok := f.values[path+"/"+key]; ok {
			found.Values[key] = v
		}
	}
	return found, nil
}

func (f *fake) Close() error { f.closed.Add(1); return nil }

func registry(t *testing.T, fakes map[string]*fake) *plugin.Registry {
	t.Helper()
	plugins := []plugin.Plugin{File("1"), Directory("1"), EnvVar("1")}
	for class, f := range fakes {
		plugins = append(plugins, Plugin{
			Descriptor: plugin.Descriptor{Class: class, Version: "1"},
			New:        func() Provider { return f },
		})
	}
	r, err := plugin.NewRegistry(plugins...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// setOf is a Set of one fake provider called p.
func setOf(t *testing.T, f *fake) *Set {
	t.Helper()
	s, err := New(t.Context(), registry(t, map[string]*fake{"x.Fake": f}),
		map[string]string{"config.providers": "p", "config.providers.p.class": "x.Fake"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestResolve(t *testing.T) {
	f := &fake{values: map[string]string{
		"/k": "v", "/l": "w", "path/k": "pv", "path/k:l": "colon", "/r": "${p:k}", "/empty": "", "/": "nokey", "a b/c d": "blank",
	}}
	s := setOf(t, f)
	for text, want := range map[string]string{
		"":                    "",
		"plain":               "plain",
		"${p:k}":              "v",
		"a${p:k}b${p:l}c":     "avbwc",
		"${p:k}${p:k}":        "vv",
		"${p:path:k}":         "pv",
		"${p:path:k:l}":       "colon",
		"${p:r}":              "${p:k}", // not resolved again
		"${p:empty}":          "",
		"${p:}":               "nokey",
		"${p::k}":             "v",
		"${p:a b:c d}":        "blank",
		"${p:none}":           "${p:none}",
		"${p:none:k}x${p:k}":  "${p:none:k}xv",
		"${q:k}":              "${q:k}",
		"${q:k}${p:k}":        "${q:k}v",
		"${p}":                "${p}",
		"$p:k":                "$p:k",
		"${p:k":               "${p:k",
		"${x ${p:k}":          "${x ${p:k}", // one reference, to a provider of a strange name
		"${x} ${p:k}":         "${x} v",
		"$${p:k}}":            "$v}",
		"${P:k}":              "${P:k}",
		"${p:k} ${topic} {p}": "v ${topic} {p}",
	} {
		props := map[string]string{"x": text}
		got, err := s.Resolve(t.Context(), props)
		if err != nil || got["x"] != want || len(got) != 1 {
			t.Errorf("%q: got %q, %v; want %q", text, got["x"], err, want)
		}
		if props["x"] != text {
			t.Errorf("%q: the raw settings became %q", text, props["x"])
		}
	}
}

func TestResolveNullable(t *testing.T) {
	s := setOf(t, &fake{values: map[string]string{"/k": "v"}})
	raw := "${p:k}"
	got, err := s.ResolveNullable(t.Context(), map[string]*string{"a": &raw, "b": nil})
	if err != nil || *got["a"] != "v" || got["b"] != nil || len(got) != 2 || raw != "${p:k}" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestOneCallPerPath(t *testing.T) {
	f := &fake{values: map[string]string{"/k": "v", "q/k": "w"}}
	s := setOf(t, f)
	_, err := s.Resolve(t.Context(), map[string]string{"a": "${p:k}${p:l}", "b": "${p:k}", "c": "${p:q:k}", "d": "plain"})
	if n := f.calls.Load(); err != nil || n != 2 {
		t.Errorf("%d calls, %v; want 2", n, err)
	}
}

func TestTTL(t *testing.T) {
	s := setOf(t, &fake{ttl: time.Minute})
	for text, want := range map[string]time.Duration{"${p:k}": time.Minute, "plain": 0} {
		if _, got, err := s.ResolveTTL(t.Context(), map[string]string{"a": text}); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestResolveWorkerKeepsProviders(t *testing.T) {
	s := setOf(t, &fake{values: map[string]string{"/k": "v"}})
	got, err := s.ResolveWorker(t.Context(), map[string]string{
		"group.id": "${p:k}", "config.providers": "${p:k}", "config.providers.p.param.a": "${p:k}", "config.providersX": "${p:k}",
	})
	want := map[string]string{
		"group.id": "v", "config.providers": "${p:k}", "config.providers.p.param.a": "${p:k}", "config.providersX": "v",
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestErrorsNameKeysNotValues(t *testing.T) {
	for _, tt := range []struct {
		name string
		get  func(context.Context) error
		kind *errs.Kind
		want string
	}{
		{"plain", func(context.Context) error { return errors.New("vault is sealed") }, errs.Config, "vault is sealed"},
		{"kind", func(context.Context) error { return errs.Authorization.New("no") }, errs.Authorization, "no"},
		{"panic", func(context.Context) error { panic("geheim") }, errs.Connect, "panicked with a string"},
	} {
		s := setOf(t, &fake{get: tt.get})
		_, err := s.Resolve(t.Context(), map[string]string{"a": "geheim ${p:q:b}", "c": "${p:q:a}"})
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s and %s", tt.name, err, tt.kind, tt.want)
			continue
		}
		if !strings.Contains(err.Error(), `config provider "p", keys ["a" "b"] of path "q"`) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestHangingProviderObeysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &fake{get: func(context.Context) error { <-release; return nil }}
		s := setOf(t, f)
		for range atOnce + 3 { // the last ones don't even get a call
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := s.Resolve(ctx, map[string]string{"a": "${p:k}"})
			cancel()
			if !errors.Is(err, errs.Retriable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v", err)
			}
		}
		if n := f.calls.Load(); n != atOnce {
			t.Errorf("%d calls hang, want %d", n, atOnce)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), `"p": left behind`) {
			t.Errorf("close: %v", err)
		}
		if f.closed.Load() != 0 {
			t.Error("closed with calls running")
		}
		close(release)
	})
}

func TestCloseWaitsForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &fake{get: func(context.Context) error { <-release; return nil }}
		s := setOf(t, f)
		resolved := make(chan error, 1)
		go func() {
			_, err := s.Resolve(t.Context(), map[string]string{"a": "${p:k}"})
			resolved <- err
		}()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- s.Close(t.Context()) }()
		if err := <-resolved; !errors.Is(err, errs.IllegalState) {
			t.Errorf("resolve during close: %v", err)
		}
		synctest.Wait()
		if f.closed.Load() != 0 {
			t.Error("closed with a call running")
		}
		close(release)
		if err := <-closed; err != nil || f.closed.Load() != 1 {
			t.Errorf("close: %v, %d times", err, f.closed.Load())
		}
		if err := s.Close(t.Context()); err != nil || f.closed.Load() != 1 {
			t.Errorf("second close: %v", err)
		}
		if _, err := s.Resolve(t.Context(), map[string]string{"a": "${p:k}"}); !errors.Is(err, errs.IllegalState) {
			t.Errorf("resolve after close: %v", err)
		}
		if got, err := s.Resolve(t.Context(), map[string]string{"a": "b"}); err != nil || got["a"] != "b" {
			t.Errorf("without a reference: %v, %v", got, err)
		}
	})
}

func TestNew(t *testing.T) {
	var params map[string]string
	f := &fake{configure: func(_ context.Context, p map[string]string) error { params = p; return nil }}
	s, err := New(t.Context(), registry(t, map[string]*fake{"x.FakeConfigProvider": f}), map[string]string{
		"config.providers":           " p , none,,f",
		"config.providers.p.class":   "Fake",
		"config.providers.p.param.a": "1", "config.providers.p.param.b.c": "${p:x}", "config.providers.p.param.": "x",
		"config.providers.pp.param.a": "2",
		"config.providers.f.class":    "org.apache.kafka.common.config.provider.FileConfigProvider",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Names(), " "); got != "f p" {
		t.Errorf("providers %s", got)
	}
	if want := map[string]string{"a": "1", "b.c": "${p:x}"}; !maps.Equal(params, want) {
		t.Errorf("params %v, want %v", params, want)
	}
	if s, err := New(t.Context(), registry(t, nil), nil, nil); err != nil || len(s.Names()) != 0 {
		t.Errorf("no providers: %v, %v", s, err)
	}
}

func TestNewErrors(t *testing.T) {
	good := &fake{}
	bad := &fake{configure: func(context.Context, map[string]string) error { return errors.New("no token") }}
	r := registry(t, map[string]*fake{"x.Good": good, "x.Bad": bad})
	_, err := New(t.Context(), r, map[string]string{"config.providers": "g,b", "config.providers.g.class": "x.Good", "config.providers.b.class": "x.Bad"}, nil)
	if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), `config provider "b"`) || !strings.Contains(err.Error(), "no token") {
		t.Errorf("got %v", err)
	}
	if good.closed.Load() != 1 || bad.closed.Load() != 1 {
		t.Errorf("closed %d and %d times, want both once", good.closed.Load(), bad.closed.Load())
	}
	_, err = New(t.Context(), r, map[string]string{"config.providers": "v", "config.providers.v.class": "x.Good", "config.providers.v.plugin.version": "9"}, nil)
	const want = "Invalid value x.Good for configuration config.providers.v.class: Could not load config provider class or one of its dependencies"
	if !errors.Is(err, errs.Config) || errs.Message(err) != want {
		t.Errorf("got %v", err)
	}
}

// TestProviderNotBuiltIn: what is declared and not built in is an error of what refers to it.
func TestProviderNotBuiltIn(t *testing.T) {
	var log bytes.Buffer
	s, err := New(t.Context(), registry(t, nil), map[string]string{
		"config.providers": "strimzisecrets,none", "config.providers.strimzisecrets.class": "io.strimzi.kafka.KubernetesSecretConfigProvider",
	}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || strings.Count(log.String(), "not built into this binary") != 1 {
		t.Fatalf("%v\n%s", err, &log)
	}
	props := map[string]string{"a": "1", "b": "${none:x:y}"}
	if got, err := s.Resolve(t.Context(), props); err != nil || got["b"] != props["b"] {
		t.Errorf("what doesn't refer to it: %v, %v", got, err)
	}
	props["c"] = "x ${strimzisecrets:ns/s:k}"
	if _, err := s.Resolve(t.Context(), props); !errors.Is(err, errs.Config) ||
		!strings.Contains(err.Error(), "config.providers.strimzisecrets.class=io.strimzi.kafka.KubernetesSecretConfigProvider") {
		t.Errorf("what refers to it: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewObeysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := &fake{configure: func(context.Context, map[string]string) error { <-release; return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := New(ctx, registry(t, map[string]*fake{"x.Slow": slow}),
			map[string]string{"config.providers": "s", "config.providers.s.class": "x.Slow"}, nil)
		if !errors.Is(err, errs.Retriable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(release)
	})
}

func TestRestore(t *testing.T) {
	task := map[string]string{"password": "geheim", "user": "u", "own": "geheim"}
	got := Restore(task, map[string]string{"password": "${p:k}", "user": "${u}", "other": "${p:k}"})
	want := map[string]string{"password": "${p:k}", "user": "u", "own": "geheim"}
	if !maps.Equal(got, want) || task["password"] != "geheim" {
		t.Errorf("got %v, want %v; task is now %v", got, want, task)
	}
}

// FuzzReferences holds the scanner against the pattern that Kafka documents.
func FuzzReferences(f *testing.F) {
	pattern := regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)
	for _, seed := range []string{"${a:b}", "a${b:c:d:e}f${${g:h}", "${a}${b::}", "$${:}", "${a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from := 0
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			ref, ok := nextReference(text, from)
			if !ok || text[ref.begin:ref.end] != m[0] || ref.provider != m[1] || ref.path != m[3] || ref.key != m[4] {
				t.Fatalf("%q: got %+v, want %q", text, ref, m)
			}
			from = ref.end
		}
		if ref, ok := nextReference(text, from); ok {
			t.Fatalf("%q: got %+v, want no more", text, ref)
		}
		if same := replace(text, func(r reference) (string, bool) { return "", false }); same != text {
			t.Fatalf("%q became %q", text, same)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	s := &Set{providers: map[string]*handle{}, closing: make(chan struct{})}
	props := map[string]string{"a": "plain", "b": "jdbc:x://h/d?p=${topic}", "c": "${q:k}"}
	for b.Loop() {
		if _, err := s.Resolve(b.Context(), props); err != nil {
			b.Fatal(err)
		}
	}
}
