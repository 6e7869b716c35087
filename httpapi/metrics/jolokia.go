package metrics

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/metrics"
)

// Jolokia answers the read-only half of the Jolokia protocol over the MBeans that a JVM worker
// would have: read, search, list and version. Telegraf, Datadog, Hawtio and scripts read them.
// It is safe for concurrent use.
type Jolokia struct {
	registry *metrics.Registry
	version  string // of the worker, for "version"
}

// NewJolokia shows registry as MBeans.
func NewJolokia(registry *metrics.Registry, version string) *Jolokia {
	return &Jolokia{registry: registry, version: version}
}

// request is one Jolokia request, as a POST has it. Fields that reading doesn't need are ignored.
type request struct {
	Type      string `json:"type"`
	MBean     string `json:"mbean,omitempty"`
	Attribute any    `json:"attribute,omitempty"` // a name or a list of names
	Path      string `json:"path,omitempty"`
}

// answer is a Jolokia response. Jolokia says errors with HTTP status 200 and a status of its own.
type answer struct {
	Request   any    `json:"request,omitempty"`
	Value     any    `json:"value"`
	Timestamp int64  `json:"timestamp"` // s
	Status    int    `json:"status"`
	Error     string `json:"error,omitempty"`
	ErrorType string `json:"error_type,omitempty"`
}

// Get answers a GET of what follows /jolokia/, such as read/kafka.connect:type=…/attribute, by the
// protocol's rules of escaping: "!/" for a slash in a name, "!!" for an exclamation mark.
func (j *Jolokia) Get(rest string, now time.Time) any {
	parts := splitPath(rest)
	req := request{Type: parts[0]}
	switch {
	case req.Type == "" || req.Type == "version":
		req.Type = "version"
	case len(parts) > 1 && req.Type == "list":
		req.Path = strings.Join(parts[1:], "/")
	case len(parts) > 1:
		req.MBean = parts[1]
	}
	if len(parts) > 2 && req.Type == "read" {
		if names := strings.Split(parts[2], ","); len(names) > 1 {
			list := make([]any, len(names))
			for i, n := range names {
				list[i] = n
			}
			req.Attribute = list
		} else {
			req.Attribute = parts[2]
		}
		req.Path = strings.Join(parts[3:], "/")
	}
	return j.answer(req, now)
}

// Post answers the body of a POST: one request or a list of them.
func (j *Jolokia) Post(body []byte, now time.Time) any {
	var list []request
	if json.Unmarshal(body, &list) == nil {
		all := make([]answer, len(list))
		for i, r := range list {
			all[i] = j.answer(r, now)
		}
		return all
	}
	var one request
	if err := json.Unmarshal(body, &one); err != nil {
		return refuse(nil, now, 400, "java.lang.IllegalArgumentException", "the body is no Jolokia request: "+err.Error())
	}
	return j.answer(one, now)
}

func splitPath(s string) []string {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '!' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '/':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(parts, b.String())
}

func refuse(req any, now time.Time, status int, class, text string) answer {
	return answer{Request: req, Timestamp: now.Unix(), Status: status, Error: class + " : " + text, ErrorType: class}
}

func (j *Jolokia) answer(req request, now time.Time) answer {
	ok := func(v any) answer { return answer{Request: req, Value: v, Timestamp: now.Unix(), Status: 200} }
	switch req.Type {
	case "version":
		return ok(map[string]any{
			"protocol": "7.2", "agent": j.version,
			"info": map[string]any{"product": "troupe", "vendor": "Troupe", "version": j.version},
		})
	case "search":
		return j.search(req, now)
	case "list":
		return ok(j.list(req.Path))
	case "read":
		return j.read(req, now)
	}
	return refuse(req, now, 403, "java.lang.SecurityException",
		fmt.Sprintf("type %q is not served: only read, search, list and version are", req.Type))
}

// bean is one MBean: a group's attributes of one bearer. Groups that share an object name, as
// those of a worker and its connectors don't, would be two.
type bean struct {
	domain string
	keys   []metrics.Label // type first
	group  *metrics.Group
	member metrics.Member
}

func (b *bean) name() string {
	var s strings.Builder
	s.WriteString(b.domain + ":")
	for i, k := range b.keys {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(k.Key + "=" + quoted(k.Value))
	}
	return s.String()
}

// canonical is the name with its keys in order, as ObjectName.getCanonicalName has it and Jolokia
// answers by default.
func (b *bean) canonical() string {
	c := *b
	c.keys = slices.SortedFunc(slices.Values(b.keys), func(x, y metrics.Label) int { return cmp.Compare(x.Key, y.Key) })
	return c.name()
}

var plain = regexp.MustCompile(`^[\w\-%. \t]*$`)

// quoted is a key's value as Kafka puts it into an object name: in quotes if it has any character
// beyond the usual.
func quoted(v string) string {
	if plain.MatchString(v) {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\*`, `?`, `\?`, "\n", `\n`).Replace(v) + `"`
}

func (j *Jolokia) beans() []*bean {
	s := j.registry.Snapshot()
	var all []*bean
	for _, g := range metrics.Groups() {
		for _, m := range g.Members(s) {
			keys := append([]metrics.Label{{Key: "type", Value: g.Name}}, m.Labels...)
			all = append(all, &bean{domain: g.Domain, keys: keys, group: g, member: m})
		}
	}
	return all
}

// pattern is an object name that may have wildcards: * and ? in domain and values, and a last
// key "*" for whatever further keys there are.
type pattern struct {
	domain *regexp.Regexp
	keys   map[string]*regexp.Regexp
	more   bool
	wild   bool
}

func parsePattern(s string) (pattern, error) {
	domain, rest, ok := strings.Cut(s, ":")
	if !ok {
		return pattern{}, fmt.Errorf("%q is no object name: a domain, a colon and keys are needed", s)
	}
	p := pattern{keys: make(map[string]*regexp.Regexp)}
	p.domain = p.glob(domain)
	for rest != "" {
		var part string
		part, rest = cutKey(rest)
		if part == "*" {
			p.more, p.wild = true, true
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !ok || k == "" {
			return pattern{}, fmt.Errorf("%q is no object name: %q is no key=value", s, part)
		}
		p.keys[k] = p.glob(v)
	}
	if len(p.keys) == 0 && !p.more {
		return pattern{}, fmt.Errorf("%q is no object name: it has no keys", s)
	}
	return p, nil
}

// glob is what matches text with wildcards; a backslash keeps the character behind it as it is.
func (p *pattern) glob(text string) *regexp.Regexp {
	var re strings.Builder
	escaped := false
	for _, c := range text {
		switch {
		case c == '\\' && !escaped:
			escaped = true
			re.WriteString(`\\`)
			continue
		case c == '*' && !escaped:
			re.WriteString(".*")
			p.wild = true
		case c == '?' && !escaped:
			re.WriteString(".")
			p.wild = true
		default:
			re.WriteString(regexp.QuoteMeta(string(c)))
		}
		escaped = false
	}
	return regexp.MustCompile("^(?s:" + re.String() + ")$")
}

// cutKey cuts the first key=value off, minding commas in quotes.
func cutKey(s string) (part, rest string) {
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && inQuotes:
			i++
		case s[i] == '"':
			inQuotes = !inQuotes
		case s[i] == ',' && !inQuotes:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func (p pattern) matches(b *bean) bool {
	if !p.domain.MatchString(b.domain) || (!p.more && len(p.keys) != len(b.keys)) {
		return false
	}
	found := 0
	for _, k := range b.keys {
		if want, asked := p.keys[k.Key]; asked {
			if !want.MatchString(quoted(k.Value)) {
				return false
			}
			found++
		}
	}
	return found == len(p.keys)
}

func (j *Jolokia) search(req request, now time.Time) answer {
	p, err := parsePattern(req.MBean)
	if err != nil {
		return refuse(req, now, 400, "javax.management.MalformedObjectNameException", err.Error())
	}
	names := []string{}
	for _, b := range j.beans() {
		if p.matches(b) {
			names = append(names, b.canonical())
		}
	}
	return answer{Request: req, Value: names, Timestamp: now.Unix(), Status: 200}
}

// list is domain -> keys -> attributes, as far as path says.
func (j *Jolokia) list(at string) any {
	domains := make(map[string]any)
	for _, b := range j.beans() {
		d, _ := domains[b.domain].(map[string]any)
		if d == nil {
			d = make(map[string]any)
			domains[b.domain] = d
		}
		attrs := make(map[string]any)
		for _, a := range b.group.Attributes {
			typ := "double"
			if a.Kind == metrics.Text {
				typ = "java.lang.String"
			}
			attrs[a.Name] = map[string]any{"rw": false, "type": typ, "desc": a.Help}
		}
		d[strings.TrimPrefix(b.canonical(), b.domain+":")] = map[string]any{
			"attr": attrs, "class": "org.apache.kafka.common.metrics.JmxReporter$KafkaMbean", "desc": "",
		}
	}
	var v any = domains
	for _, part := range splitPath(at) {
		if part == "" {
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

func (j *Jolokia) read(req request, now time.Time) answer {
	p, err := parsePattern(req.MBean)
	if err != nil {
		return refuse(req, now, 400, "javax.management.MalformedObjectNameException", err.Error())
	}
	names, single := wanted(req.Attribute)
	found := make(map[string]any)
	for _, b := range j.beans() {
		if !p.matches(b) {
			continue
		}
		values, missing := b.values(names, now)
		if p.wild {
			if len(values) > 0 {
				found[b.canonical()] = values
			}
			continue
		}
		if missing != "" {
			return refuse(req, now, 404, "javax.management.AttributeNotFoundException",
				"No such attribute: "+missing+" in "+b.canonical())
		}
		if single {
			return answer{Request: req, Value: values[names[0]], Timestamp: now.Unix(), Status: 200}
		}
		return answer{Request: req, Value: values, Timestamp: now.Unix(), Status: 200}
	}
	if p.wild && len(found) > 0 {
		return answer{Request: req, Value: found, Timestamp: now.Unix(), Status: 200}
	}
	return refuse(req, now, 404, "javax.management.InstanceNotFoundException", "No MBean with pattern or name "+req.MBean+" found")
}

// wanted are the attributes asked for, none for all; single says that one was asked for by name.
func wanted(v any) (names []string, single bool) {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}, true
		}
	case []any:
		for _, n := range v {
			names = append(names, fmt.Sprint(n))
		}
	}
	return names, false
}

// values are b's attributes, of names or all, and the first of names that it doesn't have.
func (b *bean) values(names []string, now time.Time) (values map[string]any, missing string) {
	values = make(map[string]any)
	for i := range b.group.Attributes {
		a := &b.group.Attributes[i]
		if len(names) > 0 && !slices.Contains(names, a.Name) {
			continue
		}
		if a.Kind == metrics.Text {
			values[a.Name] = b.member.Text(a)
			continue
		}
		values[a.Name] = jsonNumber(b.member.Number(a, now.UnixMilli()))
	}
	for _, n := range names {
		if _, has := values[n]; !has {
			return values, n
		}
	}
	return values, ""
}

// jsonNumber is v as Jolokia 2 writes it: what JSON has no number for is null.
func jsonNumber(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return v
}
