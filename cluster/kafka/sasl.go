package kafka

import (
	"context"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	franzscram "github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/xdg-go/scram"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// saslSettings are Java's sasl.* settings and the JAAS configuration.
type saslSettings struct {
	mechanism      string
	user, password string
	tokenAuth      bool // SCRAM with a delegation token
	tokens         tokenSource
}

// readSASL reads sasl.*; nil if it isn't wanted.
func readSASL(r *reader, wanted bool) *saslSettings {
	s := &saslSettings{mechanism: r.str("sasl.mechanism", "GSSAPI")}
	jaas, given := r.secret("sasl.jaas.config")
	oauthKeys := readOAuth(r)
	if !wanted || r.err != nil {
		return nil
	}
	switch s.mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER":
	default:
		r.fail("sasl.mechanism", s.mechanism, "Must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER "+
			"(the default of Java's clients, GSSAPI, is not supported)")
		return nil
	}
	if !given {
		r.failWhole(errs.Config.New("sasl.jaas.config must be set for security.protocol SASL_*: JAAS files of a JVM are not read"))
		return nil
	}
	entries, err := parseJAAS(jaas)
	if err != nil {
		r.failWhole(errs.Config.Wrap(err, "Invalid value [hidden] for configuration sasl.jaas.config"))
		return nil
	}
	if len(entries) > 1 {
		r.failWhole(errs.Config.New("JAAS config property contains %d login modules, should be 1 module", len(entries)))
		return nil
	}
	s.read(r, entries[0], oauthKeys)
	return s
}

// read takes what the mechanism needs from the login module's options.
func (s *saslSettings) read(r *reader, e jaasEntry, keys oauthSettings) {
	fits := map[string]string{
		"PLAIN": "PlainLoginModule", "SCRAM-SHA-256": "ScramLoginModule", "SCRAM-SHA-512": "ScramLoginModule",
		"OAUTHBEARER": "OAuthBearerLoginModule",
	}
	if want := fits[s.mechanism]; e.simpleModule() != want {
		r.failWhole(errs.Config.New("sasl.jaas.config names the login module %s; sasl.mechanism %s needs %s", e.module, s.mechanism, want))
		return
	}
	if s.mechanism == "OAUTHBEARER" {
		tokens, err := keys.source(e.options)
		if err != nil {
			r.failWhole(err)
			return
		}
		s.tokens = tokens
		return
	}
	s.user, s.password = e.options["username"], e.options["password"]
	s.tokenAuth = e.options["tokenauth"] == "true"
	for _, option := range []string{"username", "password"} {
		if _, ok := e.options[option]; !ok {
			r.failWhole(errs.Config.New("sasl.jaas.config of %s lacks the option %s", e.module, option))
		}
	}
}

// mechanismForFranz is the login for franz-go.
func (s *saslSettings) mechanismForFranz() sasl.Mechanism {
	switch s.mechanism {
	case "PLAIN":
		return plain.Auth{User: s.user, Pass: s.password}.AsMechanism()
	case "SCRAM-SHA-256":
		return franzscram.Auth{User: s.user, Pass: s.password, IsToken: s.tokenAuth}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return franzscram.Auth{User: s.user, Pass: s.password, IsToken: s.tokenAuth}.AsSha512Mechanism()
	}
	return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		t, err := s.tokens.token(ctx)
		return oauth.Auth{Token: t.value, Extensions: t.extensions}, err
	})
}

// forSarama puts the login into sarama's configuration.
func (s *saslSettings) forSarama(ctx context.Context, c *sarama.Config) error {
	n := &c.Net.SASL
	n.Enable, n.Handshake, n.Version = true, true, sarama.SASLHandshakeV1
	n.User, n.Password = s.user, s.password
	switch s.mechanism {
	case "PLAIN":
		n.Mechanism = sarama.SASLTypePlaintext
	case "OAUTHBEARER":
		n.Mechanism = sarama.SASLTypeOAuth
		n.TokenProvider = saramaTokens{ctx, s.tokens}
	default:
		if s.tokenAuth {
			return errs.Config.New("sasl.jaas.config: tokenauth is not supported for admin clients")
		}
		n.Mechanism = sarama.SASLMechanism(s.mechanism)
		digest := scram.SHA256
		if s.mechanism == "SCRAM-SHA-512" {
			digest = scram.SHA512
		}
		n.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &saramaSCRAM{digest: digest} }
	}
	return nil
}

// saramaSCRAM is one SCRAM conversation.
type saramaSCRAM struct {
	digest scram.HashGeneratorFcn
	talk   *scram.ClientConversation
}

func (s *saramaSCRAM) Begin(user, password, authzID string) error {
	client, err := s.digest.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	s.talk = client.NewConversation()
	return nil
}

func (s *saramaSCRAM) Step(challenge string) (string, error) { return s.talk.Step(challenge) }

func (s *saramaSCRAM) Done() bool { return s.talk.Done() }

// saramaTokens gives sarama OAuth tokens. sarama passes no context: the one kept here ends with
// the client.
type saramaTokens struct {
	ctx    context.Context //nolint:containedctx // sarama's interface has none
	source tokenSource
}

func (s saramaTokens) Token() (*sarama.AccessToken, error) {
	t, err := s.source.token(s.ctx)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: t.value, Extensions: t.extensions}, nil
}
