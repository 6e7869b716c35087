package provider

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func configured(t *testing.T, p Plugin, params map[string]string) Provider {
	t.Helper()
	provider := p.New()
	if err := provider.Configure(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	return provider
}

func wantValues(t *testing.T, p Provider, path string, keys []string, want map[string]string) {
	t.Helper()
	data, err := p.Get(t.Context(), path, keys)
	if err != nil || !maps.Equal(data.Values, want) || data.TTL != 0 {
		t.Errorf("%s %q: got %q, %v; want %q", path, keys, data.Values, err, want)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secrets.properties")
	write(t, file, "a=1\nb = zwei ä\\u00e9\n")
	p := configured(t, File("1"), nil)
	wantValues(t, p, file, []string{"a", "b", "c"}, map[string]string{"a": "1", "b": "zwei äé"})
	wantValues(t, p, "", []string{"a"}, nil)

	for path, content := range map[string]string{"latin": "a=geheim\xe9", "bad": `a=geheim\u1`} {
		write(t, filepath.Join(dir, path), content)
	}
	for _, path := range []string{"none", "latin", "bad", "."} {
		path = filepath.Join(dir, path)
		_, err := p.Get(t.Context(), path, []string{"a"})
		if !errors.Is(err, errs.Config) || errs.Message(err) != "Could not read properties from file "+path {
			t.Errorf("%s: %v", path, err)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error shows a value: %v", err)
		}
	}
}

func TestAllowedPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"open/f", "open/sub/f", "opener/f", "other/f"} {
		write(t, filepath.Join(dir, name), "k=v")
	}
	one := map[string]string{"k": "v"}
	params := map[string]string{"allowed.paths": filepath.Join(dir, "open") + "," + filepath.Join(dir, "other", "f")}
	p := configured(t, File("1"), params)
	for path, want := range map[string]map[string]string{
		dir + "/open/f": one, dir + "/open/sub/f": one, dir + "/other/f": one, dir + "/open/../open//f": one,
		dir + "/opener/f": nil, dir + "/open/../opener/f": nil, "open/f": nil, "../f": nil,
	} {
		wantValues(t, p, path, []string{"k"}, want)
	}
	d := configured(t, Directory("1"), params)
	wantValues(t, d, dir+"/open", []string{"f"}, map[string]string{"f": "k=v"})
	wantValues(t, d, dir+"/opener", []string{"f"}, nil)

	everything := configured(t, File("1"), map[string]string{"allowed.paths": "/"})
	wantValues(t, everything, dir+"/opener/f", []string{"k"}, one)
	for value, want := range map[string]string{
		"open":          "Path open is not absolute",
		dir + "/absent": "Path " + dir + "/absent does not exist",
		dir + ",,/":     "is not absolute",
	} {
		err := File("1").New().Configure(t.Context(), map[string]string{"allowed.paths": value})
		if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", value, err, want)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "d", "password"), "geheim\n")
	write(t, filepath.Join(dir, "d", "latin"), "\xe9")
	write(t, filepath.Join(dir, "d", "sub", "x"), "")
	write(t, filepath.Join(dir, "outside"), "geheim")
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(dir, "d", "link")); err != nil {
		t.Fatal(err)
	}
	p := configured(t, Directory("1"), nil)
	keys := []string{"password", "latin", "link", "sub", "sub/x", "../outside", "..", "", "none"}
	wantValues(t, p, filepath.Join(dir, "d"), keys,
		map[string]string{"password": "geheim\n", "latin": "\uFFFD", "link": "geheim"})
	for _, path := range []string{"", filepath.Join(dir, "none"), filepath.Join(dir, "outside")} {
		wantValues(t, p, path, []string{"password"}, nil)
	}
	if os.Geteuid() != 0 { // root may read everything
		locked := filepath.Join(dir, "d", "locked")
		write(t, locked, "x")
		if err := os.Chmod(locked, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Get(t.Context(), filepath.Join(dir, "d"), []string{"locked"}); !errors.Is(err, errs.Config) {
			t.Errorf("locked file: %v", err)
		}
	}
}

func TestEnvVar(t *testing.T) {
	environ := func() []string { return []string{"A=1", "AB=2=3", "SECRET=x", "EMPTY=", "=C:=x"} }
	keys := []string{"A", "AB", "SECRET", "EMPTY", "NONE", ""}
	for _, tt := range []struct {
		params map[string]string
		want   map[string]string
	}{
		{nil, map[string]string{"A": "1", "AB": "2=3", "SECRET": "x", "EMPTY": ""}},
		{map[string]string{"allowlist.pattern": "A|EMPTY"}, map[string]string{"A": "1", "EMPTY": ""}},
		{map[string]string{"allowlist.pattern": "A.*"}, map[string]string{"A": "1", "AB": "2=3"}},
		{map[string]string{"allowlist.pattern": "(?!SECRET).*"}, map[string]string{"A": "1", "AB": "2=3", "EMPTY": ""}},
		{map[string]string{"allowlist.pattern": ""}, map[string]string{}},
		{map[string]string{"allowlist.pattern": "A[A-Z&&[^C]]?"}, map[string]string{"A": "1", "AB": "2=3"}},
		{map[string]string{"allowlist.pattern": `\p{javaUpperCase}++`}, map[string]string{"A": "1", "AB": "2=3", "SECRET": "x", "EMPTY": ""}},
	} {
		p := &envProvider{environ: environ}
		if err := p.Configure(t.Context(), tt.params); err != nil {
			t.Errorf("%v: %v", tt.params, err)
			continue
		}
		wantValues(t, p, "", keys, tt.want)
	}
	p := configured(t, EnvVar("1"), nil)
	if _, err := p.Get(t.Context(), "/x", keys); !errors.Is(err, errs.Config) ||
		err.Error() != "Path is not supported for EnvVarConfigProvider, invalid value '/x'" {
		t.Errorf("path: %v", err)
	}
	for _, pattern := range []string{"(", "a)|(b", "(?!x"} {
		err := EnvVar("1").New().Configure(t.Context(), map[string]string{"allowlist.pattern": pattern})
		if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), "Invalid value "+pattern+" for configuration allowlist.pattern") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestEnvVarReadsTheEnvironment(t *testing.T) {
	t.Setenv("TROUPE_PROVIDER_TEST", "here")
	p := configured(t, EnvVar("1"), nil)
	wantValues(t, p, "", []string{"TROUPE_PROVIDER_TEST"}, map[string]string{"TROUPE_PROVIDER_TEST": "here"})
}

// A whole worker file, through a Set.
func TestSetOfBuiltins(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f.properties"), "user=me")
	write(t, filepath.Join(dir, "d", "token"), "t")
	t.Setenv("TROUPE_PROVIDER_TEST", "e")
	props := map[string]string{
		"config.providers": "file,dir,env", "config.providers.file.class": "FileConfigProvider",
		"config.providers.dir.class": "Directory", "config.providers.env.class": "EnvVar",
		"x": "${file:" + dir + "/f.properties:user}-${dir:" + dir + "/d:token}-${env:TROUPE_PROVIDER_TEST}-${env:TROUPE_ABSENT}",
	}
	s, err := New(t.Context(), registry(t, nil), props, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ResolveWorker(t.Context(), props)
	if err != nil || got["x"] != "me-t-e-${env:TROUPE_ABSENT}" {
		t.Errorf("got %q, %v", got["x"], err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
