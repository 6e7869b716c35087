package auth

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJAAS(t *testing.T) {
	users := write(t, "users.properties", "# people\nadmin=s3cret\nempty=\ncolon=a:b\n")
	path := write(t, "jaas.conf", `
// other programs
KafkaClient { com.example.Module required user="x"; };
/* KafkaConnect { wrong required; }; */
KafkaConnect {
  # the worker
  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required
  file="`+users+`" debug=true;
};`)
	u, err := LoadJAAS(path)
	if err != nil {
		t.Fatal(err)
	}
	if u.Open() {
		t.Error("it lets everyone in")
	}
	for _, tt := range []struct {
		user, password string
		given, want    bool
	}{
		{"admin", "s3cret", true, true},
		{"admin", "s3cret", false, false},
		{"admin", "wrong", true, false},
		{"admin", "", true, false},
		{"empty", "", true, true},
		{"colon", "a:b", true, true},
		{"nobody", "s3cret", true, false},
		{"nobody", "", true, false},
		{"", "", false, false},
	} {
		if got := u.Authenticate(tt.user, tt.password, tt.given); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestEmptyFile: the JVM lets everyone in, even without credentials.
func TestEmptyFile(t *testing.T) {
	u, err := LoadUsers(write(t, "users", "# nobody\n"))
	if err != nil || !u.Open() || !u.Authenticate("", "", false) {
		t.Errorf("%v %v", u, err)
	}
}

func TestJAASRefused(t *testing.T) {
	const module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
	for name, tt := range map[string]struct{ text, want string }{
		"no section":   {`Other { ` + module + ` required file="x"; };`, "no section KafkaConnect"},
		"other module": {`KafkaConnect { com.example.Ldap required; };`, "com.example.Ldap"},
		"no file":      {`KafkaConnect { ` + module + ` required; };`, "file must be specified"},
		"missing file": {`KafkaConnect { ` + module + ` required file="/no/such/users"; };`, "/no/such/users"},
		"garbage":      {`KafkaConnect {{{`, "no section"},
	} {
		if _, err := LoadJAAS(write(t, "jaas.conf", tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadJAAS("no/such/file"); err == nil || !strings.Contains(err.Error(), "no/such/file") {
		t.Errorf("missing: %v", err)
	}
}

func hash(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func TestHtpasswd(t *testing.T) {
	h, err := LoadHtpasswd(write(t, "htpasswd", "# users\r\n\nann:"+hash(t, "a1")+"\r\nbob:"+strings.Replace(hash(t, "b2"), "$2a$", "$2y$", 1)+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 { // the second is answered from what the first learned
		for _, tt := range []struct {
			user, password string
			given, want    bool
		}{
			{"ann", "a1", true, true},
			{"ann", "a1", false, false},
			{"ann", "b2", true, false},
			{"bob", "b2", true, true},
			{"carl", "a1", true, false},
			{"", "", false, false},
		} {
			if got := h.Authenticate(tt.user, tt.password, tt.given); got != tt.want {
				t.Errorf("round %d %+v: %v", round, tt, got)
			}
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if !h.Authenticate("ann", "a1", true) || h.Authenticate("ann", "x", true) {
				t.Error("wrong answer under load")
			}
		})
	}
	all.Wait()
}

func TestHtpasswdRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "no user",
		"ann":                  "line 1",
		"# x\nann:{SHA}abc":    "line 2",
		"ann:$apr1$abc$defghi": "htpasswd -B",
		"ann:$2y$31$abcdefghijklmnopqrstuv012345678901234567890123456789012": "cost 31",
	} {
		_, err := LoadHtpasswd(write(t, "htpasswd", text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "apr1") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzSection: no JAAS file makes a panic.
func FuzzSection(f *testing.F) {
	f.Add(`KafkaConnect { a.b required file="x\"y" z=1; };`)
	f.Add(`KafkaConnect {`)
	f.Fuzz(func(t *testing.T, text string) {
		module, _, found := section(text, loginSection)
		if found && module == "" {
			t.Errorf("a section without module in %q", text)
		}
	})
}

// FuzzHtpasswd: a file is refused with its line, or has users with hashes that can be compared with.
func FuzzHtpasswd(f *testing.F) {
	f.Add("ann:$2y$05$abcdefghijklmnopqrstuuJ6kEDJvhgMn9BDRTe0SgBq0VNAhbhHu\n# x\n\nbob:$2a$10$x")
	f.Add("ann:$2y$31$abcdefghijklmnopqrstuuJ6kEDJvhgMn9BDRTe0SgBq0VNAhbhHu")
	f.Add("ann")
	f.Add(":$2y$05$")
	f.Fuzz(func(t *testing.T, text string) {
		h := &Htpasswd{hashes: map[string][]byte{}}
		cost, err := h.read(text, "f")
		switch {
		case err != nil && !strings.HasPrefix(err.Error(), "htpasswd file f"):
			t.Errorf("%q: %v", text, err)
		case err == nil && (len(h.hashes) == 0 || cost > maxCost):
			t.Errorf("%q: %d users, cost %d", text, len(h.hashes), cost)
		}
		for user, hash := range h.hashes {
			if _, err := bcrypt.Cost(hash); err != nil || user == "" {
				t.Errorf("%q: user %q has the hash %q", text, user, hash)
			}
		}
	})
}

func BenchmarkHtpasswd(b *testing.B) {
	path := filepath.Join(b.TempDir(), "htpasswd")
	if err := os.WriteFile(path, []byte("ann:"+hash(b, "a1")), 0o600); err != nil {
		b.Fatal(err)
	}
	h, err := LoadHtpasswd(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !h.Authenticate("ann", "a1", true) {
			b.Fatal("refused")
		}
	}
}
