package kafka

import (
	"context"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	franzscram "github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/xdg-go/scram"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// franzMechanism is the login for franz-go.
func franzMechanism(s *security.SASL) sasl.Mechanism {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: s.Password}.AsMechanism()
	case "SCRAM-SHA-256":
		return franzscram.Auth{User: s.User, Pass: s.Password, IsToken: s.TokenAuth}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return franzscram.Auth{User: s.User, Pass: s.Password, IsToken: s.TokenAuth}.AsSha512Mechanism()
	}
	return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		t, err := s.Tokens.Token(ctx)
		return oauth.Auth{Token: t.Value, Extensions: t.Extensions}, err
	})
}

// saramaLogin puts the login into sarama's configuration.
func saramaLogin(ctx context.Context, s *security.SASL, c *sarama.Config) error {
	n := &c.Net.SASL
	n.Enable, n.Handshake, n.Version = true, true, sarama.SASLHandshakeV1
	n.User, n.Password = s.User, s.Password
	switch s.Mechanism {
	case "PLAIN":
		n.Mechanism = sarama.SASLTypePlaintext
	case "OAUTHBEARER":
		n.Mechanism = sarama.SASLTypeOAuth
		n.TokenProvider = saramaTokens{ctx, s.Tokens}
	default:
		if s.TokenAuth {
			return errs.Config.New("sasl.jaas.config: tokenauth is not supported for admin clients")
		}
		n.Mechanism = sarama.SASLMechanism(s.Mechanism)
		digest := scram.SHA256
		if s.Mechanism == "SCRAM-SHA-512" {
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
	source security.TokenSource
}

func (s saramaTokens) Token() (*sarama.AccessToken, error) {
	t, err := s.source.Token(s.ctx)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: t.Value, Extensions: t.Extensions}, nil
}
