package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// headerRule is one rule of response.http.headers.config, as "add X-Frame-Options:DENY".
type headerRule struct {
	action      string // set, add, setdate, adddate
	name, value string
}

// parseHeaderRules reads rules separated by commas; one that has a comma stands in double quotes.
func parseHeaderRules(text string) ([]headerRule, error) {
	var rules []headerRule
	for _, part := range splitQuoted(text) {
		action, rest, ok := strings.Cut(part, " ")
		if !ok {
			return nil, errs.Config.New("response.http.headers.config: Invalid format of header config '%s'. "+
				"Expected: '[action] [header name]:[header value]'", part)
		}
		rule := headerRule{action: strings.ToLower(action)}
		if !slices.Contains([]string{"set", "add", "setdate", "adddate"}, rule.action) {
			return nil, errs.Config.New("response.http.headers.config: Invalid header config action: '%s'. "+
				"Expected one of [set, add, setDate, addDate]", action)
		}
		name, value, ok := strings.Cut(strings.TrimSpace(rest), ":")
		if !ok || strings.Contains(value, ":") && strings.HasSuffix(rule.action, "date") {
			return nil, errs.Config.New("response.http.headers.config: Invalid format of header name and header value "+
				"pair '%s'. Expected: '[header name]:[header value]'", rest)
		}
		rule.name, rule.value = strings.TrimSpace(name), strings.TrimSpace(value)
		if rule.name == "" || strings.ContainsAny(rule.name, " \t\r\n") || strings.ContainsAny(rule.value, "\r\n") {
			return nil, errs.Config.New("response.http.headers.config: Invalid header name '%s'. "+
				"The '[header name]' cannot contain whitespace", rule.name)
		}
		if strings.HasSuffix(rule.action, "date") {
			ms, err := strconv.ParseInt(rule.value, 10, 64)
			if err != nil {
				return nil, errs.Config.Wrap(err, "response.http.headers.config: the value of %s is no time in ms", rule.name)
			}
			rule.value = time.UnixMilli(ms).UTC().Format(http.TimeFormat)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func splitQuoted(text string) []string {
	var parts []string
	var b strings.Builder
	quoted := false
	flush := func() {
		if part := strings.TrimSpace(b.String()); part != "" {
			parts = append(parts, part)
		}
		b.Reset()
	}
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			flush()
		default:
			b.WriteRune(r)
		}
	}
	flush()
	return parts
}

// headers applies the rules to every answer; nil if there are none.
func (s *Server) headers(rules []headerRule) gin.HandlerFunc {
	if len(rules) == 0 {
		return nil
	}
	return func(c *gin.Context) {
		h := c.Writer.Header()
		for _, r := range rules {
			if strings.HasPrefix(r.action, "set") {
				h.Set(r.name, r.value)
			} else {
				h.Add(r.name, r.value)
			}
		}
		c.Next()
	}
}

// cors lets pages of the allowed origins use the interface; nil if there are none.
func (s *Server) cors() (gin.HandlerFunc, error) {
	var allowed []func(origin string) bool
	for entry := range strings.SplitSeq(s.cfg.AllowOrigin, ",") {
		if entry = java.Trim(entry); entry == "" {
			continue
		}
		if strings.Contains(entry, "/*") {
			s.log.Warn("access.control.allow.origin has patterns, not wildcards, since Kafka 4: "+
				"write .* where * stood for any text", "entry", entry)
		}
		matches, err := originMatches(entry)
		if err != nil {
			return nil, err
		}
		allowed = append(allowed, matches)
	}
	if len(allowed) == 0 {
		return nil, nil
	}
	methods := []string{http.MethodGet, http.MethodPost, http.MethodHead}
	if given := splitQuoted(strings.ToUpper(s.cfg.AllowMethods)); len(given) > 0 {
		methods = given
	}
	slices.Sort(methods)
	allowMethods := strings.Join(methods, ", ")
	return func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		c.Writer.Header().Add("Vary", "Origin")
		if origin == "" || !slices.ContainsFunc(allowed, func(matches func(string) bool) bool { return matches(origin) }) {
			c.Next()
			return
		}
		c.Header("Access-Control-Allow-Origin", origin)
		if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
			c.Header("Access-Control-Allow-Methods", allowMethods)
			c.Header("Access-Control-Allow-Headers", "Content-Type")
			c.Header("Access-Control-Max-Age", "60")
		}
		c.Next()
	}, nil
}

// originMatches compares an origin with an entry of access.control.allow.origin: * alone, the origin
// itself, or a Java pattern of whole origins, as in Kafka 4 and later. (Before, * stood for a part of a
// host; such an entry lets nobody in now.) Upper and lower case are the same.
func originMatches(entry string) (func(origin string) bool, error) {
	if entry == "*" {
		return func(string) bool { return true }, nil
	}
	re, err := regex.Compile("(?i)" + entry)
	if err != nil {
		return nil, errs.Config.Wrap(err, "Invalid value %s for configuration access.control.allow.origin", entry)
	}
	return func(origin string) bool {
		matches, err := re.MatchString(origin)
		return strings.EqualFold(entry, origin) || matches && err == nil
	}, nil
}
