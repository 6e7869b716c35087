package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/peers"
)

// The requests that workers send each other: signed with the session key of the group (KIP-507).

func (s *Server) putTaskConfigs(ctx context.Context, c *call) (answer, error) {
	configs, err := taskConfigs(c.body)
	if err != nil {
		return answer{}, err
	}
	internal, err := s.internal(ctx, c, "Kafka Connect in standalone mode does not support externally setting task configurations.")
	if err != nil {
		return answer{}, err
	}
	if err := internal.PutTaskConfigs(ctx, c.path("connector"), configs); err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return empty(http.StatusNoContent)
}

func (s *Server) fence(ctx context.Context, c *call) (answer, error) {
	internal, err := s.internal(ctx, c, "Kafka Connect in standalone mode does not support exactly-once source connectors.")
	if err != nil {
		return answer{}, err
	}
	if err := internal.FenceZombies(ctx, c.path("connector")); err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return empty(http.StatusNoContent)
}

// internal is the herder's side for other workers, once the request has proved to be from one.
func (s *Server) internal(ctx context.Context, c *call, standalone string) (Internal, error) {
	internal, distributed := c.herder.(Internal)
	if !distributed {
		return nil, recorded("%s", standalone)
	}
	key, algorithms, required, err := internal.SessionKey(ctx)
	if err != nil || !required {
		return internal, err
	}
	return internal, verify(c, key, algorithms)
}

// verify checks the signature of a request between workers.
func verify(c *call, key []byte, algorithms []string) error {
	signature, algorithm := c.GetHeader(peers.SignatureHeader), c.GetHeader(peers.AlgorithmHeader)
	if signature == "" || algorithm == "" {
		return errs.BadRequest.New("Internal request missing required signature")
	}
	mac, err := peers.DecodeSignature(algorithm, signature)
	if err != nil {
		return errs.BadRequest.New("%v", err)
	}
	if !slices.ContainsFunc(algorithms, func(a string) bool { return strings.EqualFold(a, algorithm) }) {
		return errs.BadRequest.New("This worker does not support the '%s' key signing algorithm used by other workers. "+
			"This worker is currently configured to use: [%s]. Check that all workers' configuration files permit the same "+
			"set of signature algorithms, and correct any misconfigured worker and restart it.",
			algorithm, strings.Join(algorithms, ", "))
	}
	if key == nil {
		return &coded{
			status:  http.StatusServiceUnavailable,
			message: "This worker is still starting up and has not been able to read a session key from the config topic yet",
		}
	}
	if !peers.Valid(key, algorithm, c.body, mac) {
		return &coded{status: http.StatusForbidden, message: "Internal request contained invalid signature."}
	}
	return nil
}
