package security

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Client is how a Kafka client proves who it is and who the broker is.
type Client struct {
	TLS  *TLS  // nil: none
	SASL *SASL // nil: none
}

// SASL are Java's sasl.* settings and the JAAS configuration.
type SASL struct {
	Mechanism      string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
	User, Password string
	TokenAuth      bool        // SCRAM with a delegation token
	Tokens         TokenSource // OAUTHBEARER only
}

// AuthError is a login or a TLS handshake that failed.
type AuthError struct {
	Class string // Java's exception
	Err   error
}

// Error is the cause's text.
func (e *AuthError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *AuthError) Unwrap() error { return e.Err }

// ReadClient reads security.protocol, ssl.* and sasl.*. The latter are read whatever the protocol, as
// in Java: a wrong one must not wait for the day the protocol changes; but files are opened only if
// they are needed. What is wrong is in r.
func ReadClient(r *Reader) Client {
	protocol := r.Choice("security.protocol", "PLAINTEXT", true, "PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL")
	return Client{
		TLS:  readTLS(r, strings.HasSuffix(protocol, "SSL")),
		SASL: readSASL(r, strings.HasPrefix(protocol, "SASL")),
	}
}

// readSASL reads sasl.*; nil if it isn't wanted.
func readSASL(r *Reader, wanted bool) *SASL {
	s := &SASL{Mechanism: r.Str("sasl.mechanism", "GSSAPI")}
	jaas, given := r.Secret("sasl.jaas.config")
	oauthKeys := readOAuth(r)
	if !wanted || r.err != nil {
		return nil
	}
	switch s.Mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER":
	default:
		r.Fail("sasl.mechanism", s.Mechanism, "Must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER "+
			"(the default of Java's clients, GSSAPI, is not supported)")
		return nil
	}
	if !given {
		r.FailWhole(errs.Config.New("sasl.jaas.config must be set for security.protocol SASL_*: JAAS files of a JVM are not read"))
		return nil
	}
	entries, err := parseJAAS(jaas)
	if err != nil {
		r.FailWhole(errs.Config.Wrap(err, "Invalid value [hidden] for configuration sasl.jaas.config"))
		return nil
	}
	if len(entries) > 1 {
		r.FailWhole(errs.Config.New("JAAS config property contains %d login modules, should be 1 module", len(entries)))
		return nil
	}
	s.read(r, entries[0], oauthKeys)
	return s
}

// read takes what the mechanism needs from the login module's options.
func (s *SASL) read(r *Reader, e jaasEntry, keys oauthSettings) {
	fits := map[string]string{
		"PLAIN": "PlainLoginModule", "SCRAM-SHA-256": "ScramLoginModule", "SCRAM-SHA-512": "ScramLoginModule",
		"OAUTHBEARER": "OAuthBearerLoginModule",
	}
	if want := fits[s.Mechanism]; e.simpleModule() != want {
		r.FailWhole(errs.Config.New("sasl.jaas.config names the login module %s; sasl.mechanism %s needs %s", e.shownModule(), s.Mechanism, want))
		return
	}
	if s.Mechanism == "OAUTHBEARER" {
		tokens, err := keys.source(e.options)
		if err != nil {
			r.FailWhole(err)
			return
		}
		s.Tokens = tokens
		return
	}
	s.User, s.Password = e.options["username"], e.options["password"]
	s.TokenAuth = e.options["tokenauth"] == "true"
	for _, option := range []string{"username", "password"} {
		if _, ok := e.options[option]; !ok {
			r.FailWhole(errs.Config.New("sasl.jaas.config of %s lacks the option %s", e.shownModule(), option))
		}
	}
}
