package httpapi

import (
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/auth"
)

// basicAuthExtension is the one extension of the JVM worker.
const basicAuthExtension = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"

// Authenticator decides who may use the interface. It is safe for concurrent use.
type Authenticator interface {
	// Authenticate reports whether the user has that password. A request without credentials,
	// or with some that can't be read, has given false.
	Authenticate(user, password string, given bool) bool
}

// harmlessExtension is of extensions that only show something: a worker without them serves the same
// requests. What may guard the interface is not among them.
var harmlessExtension = regexp.MustCompile(`^io\.debezium\..*RestExtension$|(Monitor|Metrics|Health|Prometheus|Jolokia)[A-Za-z]*$`)

var guards = regexp.MustCompile(`(?i)secur|auth|rbac|acl|login|permission`)

// authenticator makes the login that the configuration asks for, nil for none. Extensions that only
// show something are left out with one warning; any other that isn't built in is refused.
func authenticator(cfg Config, log *slog.Logger) (Authenticator, error) {
	wanted := false
	var leftOut []string
	for _, name := range cfg.Extensions {
		switch name = strings.TrimSpace(name); name {
		case "":
		case basicAuthExtension, "BasicAuthSecurityRestExtension", "BasicAuthSecurity":
			wanted = true
		default:
			if harmlessExtension.MatchString(name) && !guards.MatchString(name) {
				leftOut = append(leftOut, name)
				continue
			}
			return nil, errs.Config.New("rest.extension.classes: %s is not built into this binary, and may be what guards the REST API; "+
				"built in is %s", name, basicAuthExtension)
		}
	}
	if len(leftOut) > 0 {
		log.Warn("REST extensions left out: they are not built in and only show something", "rest.extension.classes", strings.Join(leftOut, ","))
	}
	switch {
	case cfg.Htpasswd != "":
		return auth.LoadHtpasswd(cfg.Htpasswd)
	case !wanted:
		return nil, nil
	case cfg.LoginConfig == "":
		return nil, errs.Config.New("rest.extension.classes: %s needs a login file: "+
			"set -Djava.security.auth.login.config=FILE in KAFKA_OPTS, java.security.auth.login.config or rest.htpasswd.file", basicAuthExtension)
	}
	return auth.LoadJAAS(cfg.LoginConfig)
}

// internalPath is that of requests between workers, which are signed instead.
var internalPath = regexp.MustCompile(`^/connectors/[^/]+/(tasks|fence)$`)

func isInternal(r *http.Request) bool {
	m := internalPath.FindStringSubmatch(r.URL.RawPath)
	return m != nil && (m[1] == "tasks" && r.Method == http.MethodPost || m[1] == "fence" && r.Method == http.MethodPut)
}

// login lets only users in, if there is a login.
func (s *Server) login() gin.HandlerFunc {
	if s.auth == nil {
		return nil
	}
	return func(c *gin.Context) {
		if isInternal(c.Request) {
			c.Next()
			return
		}
		user, password, given := c.Request.BasicAuth()
		if given && user == "" {
			given = false
		}
		if s.auth.Authenticate(user, password, given) {
			c.Next()
			return
		}
		s.log.Debug("REST request refused: not logged in", "path", c.Request.URL.Path, "from", c.Request.RemoteAddr)
		c.Abort()
		c.Header("WWW-Authenticate", `Basic realm="KafkaConnect", charset="UTF-8"`)
		c.Data(http.StatusUnauthorized, "text/plain", []byte("User cannot access the resource."))
	}
}
