package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	contentType = "application/vnd.schemaregistry.v1+json"
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 20
)

// httpClient speaks the registry's HTTP API. It tries a request again where that may help, and
// goes to the next URL where one has failed for good; the one that answered stays the first.
type httpClient struct {
	urls    []string // without a slash at the end
	first   atomic.Int32
	http    *http.Client
	auth    authorizer
	headers map[string]string // request.header.*
	retry   retries
	stats   *Stats
	timeout time.Duration // of one request as a whole
}

// retries is how a request to one URL is tried again.
type retries struct {
	max       int
	wait, top time.Duration
}

// pause is how long to wait before the n-th retry, counted from 0.
func (r retries) pause(n int, random float64) time.Duration {
	most := min(r.wait<<min(n, 20), r.top)
	if most <= 0 {
		return 0
	}
	return time.Millisecond + time.Duration(random*float64(most-time.Millisecond))
}

// request is one question; body is nil for a GET.
type request struct {
	method, path string // path begins with a slash and is encoded
	query        string
	body         []byte
}

func (r request) String() string { return r.method + " " + r.path }

// do asks and reads the answer into out. Errors are a *StatusError, an *IOError or the context's.
func (c *httpClient) do(ctx context.Context, r request, out any) error {
	n := len(c.urls)
	start := int(c.first.Load())
	var err error
	for i := range n {
		at := (start + i) % n
		if err = c.tries(ctx, c.urls[at], r, out); err == nil {
			if i > 0 {
				c.first.CompareAndSwap(int32(start), int32(at))
			}
			return nil
		}
		if ctx.Err() != nil || !elsewhere(err) {
			return err
		}
		if n > 1 {
			c.stats.Failovers.Add(1)
		}
	}
	return err
}

// tries asks one URL, again while that may help.
func (c *httpClient) tries(ctx context.Context, base string, r request, out any) error {
	for n := 0; ; n++ {
		err := c.once(ctx, base, r, out)
		if err == nil || n >= c.retry.max || !passes(err) || ctx.Err() != nil {
			return err
		}
		c.stats.Retries.Add(1)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(c.retry.pause(n, rand.Float64())): //nolint:gosec // no secret
		}
	}
}

// once sends one request. Every answer that isn't a success is a *StatusError; the rest is an
// *IOError without the URL, which may hold a password.
func (c *httpClient) once(ctx context.Context, base string, r request, out any) (err error) {
	c.stats.Requests.Add(1)
	defer func() {
		if err != nil {
			c.stats.Failures.Add(1)
		}
	}()
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	target := base + r.path
	if r.query != "" {
		target += "?" + r.query
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return ioError(r.String(), err)
	}
	if err := c.dress(ctx, req); err != nil {
		return ioError(r.String(), err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return ioError(r.String(), withoutURL(err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return ioError(r.String(), err)
	}
	if res.StatusCode/100 != 2 {
		return statusError(r.String(), res.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return &IOError{
			What: r.String(),
			Err:  fmt.Errorf("the answer is not what a schema registry says: %w", err),
		}
	}
	return nil
}

// withoutURL drops the URL from an error of net/http: it may hold a password.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// dress sets a request's headers.
func (c *httpClient) dress(ctx context.Context, req *http.Request) error {
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", contentType+", application/vnd.schemaregistry+json; q=0.9, application/json; q=0.5")
	req.Header.Set("Confluent-Accept-Unknown-Properties", "true")
	for k, v := range c.headers {
		req.Header.Set(k, v)
	}
	user := req.URL.User
	req.URL.User = nil // net/http would send it whatever the settings say
	return c.auth.authorize(ctx, req, user)
}

// statusError reads the registry's error object. A body that is none gets the code 50005, as in
// Java.
func statusError(what string, status int, raw []byte) error {
	var answer struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Code == 0 && answer.Message == "" {
		text := strings.TrimSpace(string(raw[:min(len(raw), 200)]))
		return &StatusError{
			Status: status, Code: 50005, What: what,
			Message: fmt.Sprintf("Unable to parse error message from schema registry: '(%s)'",
				text),
		}
	}
	return &StatusError{Status: status, Code: answer.Code, Message: answer.Message, What: what}
}

// wire is a schema as the API has it.
type wire struct {
	Subject    string          `json:"subject,omitempty"`
	Version    int             `json:"version,omitempty"`
	ID         int32           `json:"id,omitempty"`
	GUID       string          `json:"guid,omitempty"`
	Type       Format          `json:"schemaType,omitempty"`
	References []Reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`
	Schema     string          `json:"schema"`
}

// question is a schema as it is sent to be registered or looked up.
func question(s Schema) ([]byte, error) {
	w := wire{
		Type: s.Format, References: s.References, Metadata: s.Metadata, RuleSet: s.Rules,
		Schema: s.Text,
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(w); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// schema is the schema of an answer; one without a type is Avro, as registries leave that out.
func (w *wire) schema() Schema {
	s := Schema{
		Format: w.Type, Text: w.Schema, References: w.References,
		Metadata: notNull(w.Metadata), Rules: notNull(w.RuleSet),
	}
	if s.Format == "" {
		s.Format = Avro
	}
	return s
}

// notNull is nil for a part that an answer says is null.
func notNull(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// registered is the place of a schema. Some registries answer with the id alone.
func (w *wire) registered() Registered {
	r := Registered{ID: w.ID, GUID: w.GUID, Subject: w.Subject, Version: w.Version}
	if w.Schema != "" {
		r.Schema = w.schema()
	}
	return r
}

// inPath is a subject as a part of a path.
func inPath(subject string) string { return url.PathEscape(subject) }

// post sends a schema and reads its place.
func (c *httpClient) post(ctx context.Context, path, query string, s Schema) (Registered, error) {
	body, err := question(s)
	if err != nil {
		return Registered{}, &IOError{Err: err}
	}
	var w wire
	if err := c.do(ctx, request{http.MethodPost, path, query, body}, &w); err != nil {
		return Registered{}, err
	}
	return w.registered(), nil
}

// get reads the place of a schema.
func (c *httpClient) get(ctx context.Context, path, query string) (Registered, error) {
	var w wire
	if err := c.do(ctx, request{http.MethodGet, path, query, nil}, &w); err != nil {
		return Registered{}, err
	}
	return w.registered(), nil
}

// Register implements Client.
func (c *httpClient) Register(ctx context.Context, subject string, s Schema,
	normalize bool,
) (Registered, error) {
	return c.post(ctx, "/subjects/"+inPath(subject)+"/versions",
		"normalize="+strconv.FormatBool(normalize), s)
}

// Lookup implements Client.
func (c *httpClient) Lookup(ctx context.Context, subject string, s Schema,
	normalize, deleted bool,
) (Registered, error) {
	query := "normalize=" + strconv.FormatBool(normalize) + "&deleted=" +
		strconv.FormatBool(deleted)
	return c.post(ctx, "/subjects/"+inPath(subject), query, s)
}

// ByID implements Client.
func (c *httpClient) ByID(ctx context.Context, subject string, id int32) (Schema, error) {
	query := "fetchMaxId=false"
	if subject != "" {
		query += "&subject=" + url.QueryEscape(subject)
	}
	var w wire
	if err := c.do(ctx, request{
		http.MethodGet, "/schemas/ids/" + strconv.Itoa(int(id)), query,
		nil,
	}, &w); err != nil {
		return Schema{}, err
	}
	return w.schema(), nil
}

// ByGUID implements Client.
func (c *httpClient) ByGUID(ctx context.Context, guid string) (Schema, error) {
	var w wire
	if err := c.do(ctx, request{http.MethodGet, "/schemas/guids/" + inPath(guid), "", nil},
		&w); err != nil {
		return Schema{}, err
	}
	return w.schema(), nil
}

// ByVersion implements Client.
func (c *httpClient) ByVersion(ctx context.Context, subject string, version int,
	deleted bool,
) (Registered, error) {
	v, query := "latest", ""
	if version != LatestVersion {
		v = strconv.Itoa(version)
	}
	if deleted {
		query = "deleted=true"
	}
	return c.get(ctx, "/subjects/"+inPath(subject)+"/versions/"+v, query)
}

// ByMetadata implements Client.
func (c *httpClient) ByMetadata(ctx context.Context, subject string,
	properties map[string]string,
) (Registered, error) {
	query := url.Values{"deleted": {"false"}}
	for k, v := range properties {
		query.Add("key", k)
		query.Add("value", v)
	}
	return c.get(ctx, "/subjects/"+inPath(subject)+"/metadata", query.Encode())
}

// Stats are the client's counters.
func (c *httpClient) Stats() *Stats { return c.stats }
