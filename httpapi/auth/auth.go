// Package auth is the login of the REST interface: HTTP basic authentication against a file of
// users. There are two kinds of file: the property file of the JVM worker's
// BasicAuthSecurityRestExtension, found through a JAAS file, and htpasswd with bcrypt hashes.
// Both are read once, at the start of the worker.
package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"os"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// loginSection is the section of a JAAS file that the worker uses.
const loginSection = "KafkaConnect"

const propertyFileModule = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"

// Users are names with their passwords, in the clear as the JVM's file has them.
type Users struct {
	digests map[string][sha256.Size]byte
	open    bool // an empty file lets everyone in, as on the JVM
}

// LoadJAAS reads a JAAS file and the file of users that its KafkaConnect section names.
func LoadJAAS(path string) (*Users, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.Config.Wrap(err, "java.security.auth.login.config: login file %s can't be read", path)
	}
	module, options, found := section(string(text), loginSection)
	if !found {
		return nil, errs.Config.New("java.security.auth.login.config: %s has no section %s", path, loginSection)
	}
	if module != propertyFileModule {
		return nil, errs.Config.New("java.security.auth.login.config: %s uses the login module %s; Troupe has %s",
			path, module, propertyFileModule)
	}
	file := options["file"]
	if strings.TrimSpace(file) == "" {
		return nil, errs.Config.New("java.security.auth.login.config: Property Credentials file must be specified in %s", path)
	}
	return LoadUsers(file)
}

// LoadUsers reads a Java properties file of user = password.
func LoadUsers(path string) (*Users, error) {
	p, err := properties.ReadFile(path)
	if err != nil {
		return nil, errs.Config.Wrap(err, "Error loading Property Credentials file %s", path)
	}
	u := &Users{digests: map[string][sha256.Size]byte{}, open: len(p) == 0}
	for user, password := range p {
		u.digests[user] = sha256.Sum256([]byte(password))
	}
	return u, nil
}

// Open reports whether everyone is let in because the file is empty: worth a warning.
func (u *Users) Open() bool { return u.open }

// Authenticate reports whether the user has that password. It takes as long for a user that
// doesn't exist.
func (u *Users) Authenticate(user, password string, given bool) bool {
	if u.open {
		return true
	}
	want, known := u.digests[user]
	have := sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(want[:], have[:]) == 1
	return given && known && same
}

var (
	comment     = regexp.MustCompile(`(?s:/\*.*?\*/)|(?m:(?:^|\s)(?://|#).*$)`)
	sectionText = regexp.MustCompile(`(?s)([\w.\-]+)\s*\{(.*?)\}\s*;`)
	moduleText  = regexp.MustCompile(`(?is)^\s*([\w.$]+)\s+(required|requisite|sufficient|optional)\s*(.*?);`)
	optionText  = regexp.MustCompile(`(?s)([\w.\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))`)
)

// section reads the first login module of a section of a JAAS file.
func section(text, name string) (module string, options map[string]string, found bool) {
	text = comment.ReplaceAllString(text, " ")
	for _, s := range sectionText.FindAllStringSubmatch(text, -1) {
		if s[1] != name {
			continue
		}
		m := moduleText.FindStringSubmatch(s[2])
		if m == nil {
			return "", nil, false
		}
		options = map[string]string{}
		for _, o := range optionText.FindAllStringSubmatch(m[3], -1) {
			value := o[3]
			if value == "" {
				value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(o[2])
			}
			options[o[1]] = value
		}
		return m[1], options, true
	}
	return "", nil, false
}

// Htpasswd is a file of users with bcrypt hashes, as htpasswd -B makes it.
type Htpasswd struct {
	hashes map[string][]byte
	unused []byte // compared with for users that don't exist, so that they take as long

	// bcrypt is slow on purpose, and a client sends its password with each request: what was
	// right once is remembered, as a MAC under a key of this process. slots bounds how many
	// guesses cost the worker at a time.
	key   [32]byte
	slots chan struct{}
	mu    sync.Mutex
	right map[string][sha256.Size]byte // user -> MAC of its password
}

// LoadHtpasswd reads an htpasswd file. A hash that isn't bcrypt is an error: what is in the file
// must hold.
func LoadHtpasswd(path string) (*Htpasswd, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.Config.Wrap(err, "htpasswd file %s can't be read", path)
	}
	h := &Htpasswd{hashes: map[string][]byte{}, right: map[string][sha256.Size]byte{}, slots: make(chan struct{}, 2)}
	if _, err := rand.Read(h.key[:]); err != nil {
		return nil, errs.Config.Wrap(err, "htpasswd file %s: no random key", path)
	}
	cost, err := h.read(string(text), path)
	if err != nil {
		return nil, err
	}
	h.unused, err = bcrypt.GenerateFromPassword(h.key[:], cost)
	if err != nil {
		return nil, errs.Config.Wrap(err, "htpasswd file %s", path)
	}
	return h, nil
}

// maxCost is the most that htpasswd -C takes. Each step doubles the time, which is 10 s at 17; a cost
// of 31 would keep the worker from starting for days.
const maxCost = 17

// read takes the users in and returns the highest cost of a hash.
func (h *Htpasswd) read(text, path string) (cost int, err error) {
	cost = bcrypt.MinCost
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, hash, ok := strings.Cut(line, ":")
		if !ok || user == "" {
			return 0, errs.Config.New("htpasswd file %s, line %d: not user:hash", path, n+1)
		}
		own, err := bcrypt.Cost([]byte(hash))
		if err != nil {
			return 0, errs.Config.New("htpasswd file %s, line %d: the hash of %s is not bcrypt; make it with htpasswd -B",
				path, n+1, user)
		}
		if own > maxCost {
			return 0, errs.Config.New("htpasswd file %s, line %d: the hash of %s has the cost %d; more than %d takes too long",
				path, n+1, user, own, maxCost)
		}
		h.hashes[user] = []byte(hash)
		cost = max(cost, own)
	}
	if len(h.hashes) == 0 {
		return 0, errs.Config.New("htpasswd file %s has no user", path)
	}
	return cost, nil
}

// Authenticate reports whether the user has that password.
func (h *Htpasswd) Authenticate(user, password string, given bool) bool {
	if !given {
		return false
	}
	mac := h.mac(password)
	h.mu.Lock()
	before, known := h.right[user]
	h.mu.Unlock()
	if known && hmac.Equal(before[:], mac[:]) {
		return true
	}
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	hash, exists := h.hashes[user]
	if !exists {
		hash = h.unused
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !exists {
		return false
	}
	h.mu.Lock()
	h.right[user] = mac
	h.mu.Unlock()
	return true
}

func (h *Htpasswd) mac(password string) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, h.key[:])
	m.Write([]byte(password))
	m.Sum(sum[:0])
	return sum
}
