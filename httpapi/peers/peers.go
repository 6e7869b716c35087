// Package peers is how a worker talks to other workers: it signs requests with the session key
// of the group (KIP-507), verifies signatures, sends requests on, and knows how to reach https
// listeners. It knows nothing of who is leader; callers give the address.
package peers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // HmacMD5 is permitted by inter.worker.* settings of old clusters
	"crypto/sha1" //nolint:gosec // HmacSHA1, likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Headers of a signed request.
const (
	SignatureHeader = "X-Connect-Authorization"
	AlgorithmHeader = "X-Connect-Request-Signature-Algorithm"
)

// answerLimit bounds what is read of an answer, so that a wrong address can't fill the memory.
const answerLimit = 32 << 20

// hashOf is the hash below a MAC algorithm as Java names it.
func hashOf(algorithm string) (func() hash.Hash, error) {
	switch strings.ToLower(algorithm) {
	case "hmacsha256":
		return sha256.New, nil
	case "hmacsha384":
		return sha512.New384, nil
	case "hmacsha512":
		return sha512.New, nil
	case "hmacsha224":
		return sha256.New224, nil
	case "hmacsha1":
		return sha1.New, nil
	case "hmacmd5":
		return md5.New, nil
	}
	return nil, fmt.Errorf("signature algorithm %q is not known", algorithm)
}

// Sign is the MAC of a body in base64, for SignatureHeader. algorithm is Java's name, as
// HmacSHA256.
func Sign(key []byte, algorithm string, body []byte) (string, error) {
	h, err := hashOf(algorithm)
	if err != nil {
		return "", err
	}
	mac := hmac.New(h, key)
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// DecodeSignature reads the headers of a signed request. It fails for an algorithm nobody knows
// and for what is not base64.
func DecodeSignature(algorithm, signature string) ([]byte, error) {
	if _, err := hashOf(algorithm); err != nil {
		return nil, err
	}
	mac, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return nil, fmt.Errorf("signature is not base64: %w", err)
	}
	return mac, nil
}

// Valid reports whether mac is the body's under the key, in a time that tells nothing of it.
func Valid(key []byte, algorithm string, body, mac []byte) bool {
	h, err := hashOf(algorithm)
	if err != nil {
		return false
	}
	want := hmac.New(h, key)
	want.Write(body)
	return hmac.Equal(want.Sum(nil), mac)
}

// Client sends requests to other workers. Its methods may be called from any goroutine.
type Client struct {
	http *http.Client
}

// NewClient makes a client. transport holds the TLS settings for workers with https listeners;
// nil is net/http's default. Redirects are not followed.
func NewClient(transport http.RoundTripper) *Client {
	return &Client{http: &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect could carry the caller's password away
		},
	}}
}

// Close closes the connections that are kept for the next request. Requests under way go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Forward sends a request on to url with the caller's Authorization. An error means that no
// answer came; every status is an answer.
func (c *Client) Forward(ctx context.Context, method, url, authorization string, body []byte) (int, []byte, error) {
	header := http.Header{}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	return c.send(ctx, method, url, header, body)
}

// StatusError is an answer of 400 and above.
type StatusError struct {
	Status  int
	Message string
}

func (e *StatusError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Message) }

// StatusCode is the answer's status.
func (e *StatusError) StatusCode() int { return e.Status }

// PutTaskConfigs gives the task configurations of a connector to the worker at base, which is the
// leader. key is the session key and algorithm the one to sign with (inter.worker.signature.algorithm);
// without a key the request is unsigned, as before KIP-507. A refusal is a *StatusError.
func (c *Client) PutTaskConfigs(ctx context.Context, base, connector string, configs []map[string]string, key []byte, algorithm string) error {
	if configs == nil {
		configs = []map[string]string{}
	}
	body, err := json.Marshal(configs)
	if err != nil {
		return fmt.Errorf("task configurations of %s: %w", connector, err)
	}
	return c.signed(ctx, http.MethodPost, base, connector, "tasks", body, key, algorithm)
}

// FenceZombies asks the worker at base, which is the leader, to shut out the earlier generations
// of a source's tasks. A refusal is a *StatusError.
func (c *Client) FenceZombies(ctx context.Context, base, connector string, key []byte, algorithm string) error {
	return c.signed(ctx, http.MethodPut, base, connector, "fence", nil, key, algorithm)
}

func (c *Client) signed(ctx context.Context, method, base, connector, action string, body, key []byte, algorithm string) error {
	header := http.Header{}
	if key != nil {
		signature, err := Sign(key, algorithm, body)
		if err != nil {
			return err
		}
		header.Set(SignatureHeader, signature)
		header.Set(AlgorithmHeader, algorithm)
	}
	target := strings.TrimSuffix(base, "/") + "/connectors/" + url.PathEscape(connector) + "/" + action
	status, answer, err := c.send(ctx, method, target, header, body)
	if err != nil {
		return fmt.Errorf("%s of connector %s at %s: %w", action, connector, base, err)
	}
	if status < http.StatusBadRequest {
		return nil
	}
	var e struct{ Message string }
	if json.Unmarshal(answer, &e) != nil || e.Message == "" {
		e.Message = http.StatusText(status)
	}
	return fmt.Errorf("%s of connector %s at %s: %w", action, connector, base, &StatusError{Status: status, Message: e.Message})
}

func (c *Client) send(ctx context.Context, method, url string, header http.Header, body []byte) (int, []byte, error) {
	var reader io.Reader
	if len(body) > 0 {
		reader = bytes.NewReader(body)
		header.Set("Content-Type", "application/json")
	}
	request, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return 0, nil, err
	}
	header.Set("Accept", "application/json")
	header.Set("User-Agent", "kafka-connect")
	request.Header = header
	answer, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // all of it is read below
	data, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return 0, nil, fmt.Errorf("answer of %s: %w", url, err)
	}
	return answer.StatusCode, data, nil
}
