package httpapi

import (
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/troupe-connect/troupe/connectors/errs"
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
func (s *Server) cors() gin.HandlerFunc {
	origins := splitQuoted(s.cfg.AllowOrigin)
	if len(origins) == 0 {
		return nil
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
		if origin == "" || !slices.ContainsFunc(origins, func(o string) bool { return originMatches(o, origin) }) {
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
	}
}

// originMatches compares an origin with one allowed, in which * stands for any text.
func originMatches(allowed, origin string) bool {
	if allowed == "*" || strings.EqualFold(allowed, origin) {
		return true
	}
	if !strings.Contains(allowed, "*") {
		return false
	}
	// path.Match's * stops at a slash: it stands for no more than a part of the host.
	pattern := strings.NewReplacer("[", `\[`, "?", `\?`, `\`, `\\`).Replace(strings.ToLower(allowed))
	matched, err := path.Match(pattern, strings.ToLower(origin))
	return err == nil && matched
}
