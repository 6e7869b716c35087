package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// The validators that only the settings of workers and connectors have, each with the text that
// Kafka Connect prints for it.

// listenerURLs checks listeners and admin.listeners.
type listenerURLs struct{ optional bool }

func (v listenerURLs) Validate(name string, value any) error {
	list, ok := value.([]string)
	switch {
	case !ok && v.optional:
		return nil
	case !ok:
		return errs.Config.New("Invalid value type for %s (expected list of URLs , ex: http://localhost:8080,https://localhost:8443).", name)
	case len(list) == 0 && v.optional:
		return nil
	case len(list) == 0:
		return errs.Config.New("Invalid value for %s, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443.", name)
	}
	for _, item := range list {
		if strings.TrimSpace(item) == "" {
			return errs.Config.New("Empty URL found when parsing %s list.", name)
		}
	}
	return nil
}

func (listenerURLs) String() string {
	return "List of comma-separated URLs, ex: http://localhost:8080,https://localhost:8443."
}

// headerRules checks response.http.headers.config.
type headerRules struct{}

func (headerRules) Validate(_ string, value any) error {
	text, _ := value.(string)
	_, err := ParseHeaderRules(text)
	return err
}

func (headerRules) String() string {
	return "Comma-separated header rules, where each header rule is of the form " +
		"'[action] [header name]:[header value]' and optionally surrounded by double quotes " +
		"if any part of a header rule contains a comma"
}

// protocolNames checks connect.protocol.
type protocolNames struct{}

var protocols = []string{"eager", "compatible", "sessioned"}

func (protocolNames) Validate(name string, value any) error {
	s, _ := value.(string)
	if !slices.Contains(protocols, strings.ToLower(s)) {
		return config.Invalid(name, value, "Invalid Connect protocol compatibility")
	}
	return nil
}

func (protocolNames) String() string { return "[" + strings.Join(protocols, ", ") + "]" }

// macs are the algorithms that requests between workers can be signed with. The names don't
// distinguish upper and lower case, as in Java.
var macs = []string{
	"HmacMD5", "HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512", "HmacSHA512/224", "HmacSHA512/256",
}

func checkMAC(name string, algorithm string) error {
	if slices.ContainsFunc(macs, func(m string) bool { return strings.EqualFold(m, algorithm) }) {
		return nil
	}
	return config.Invalid(name, algorithm,
		"the algorithm is not supported by this worker; the supported algorithms are: ["+strings.Join(macs, ", ")+"]")
}

// macAlgorithm checks one algorithm; its text says of which kind.
func macAlgorithm(text string) config.Validator {
	return config.LambdaValidator(text, func(name string, value any) error {
		s, _ := value.(string)
		return checkMAC(name, s)
	})
}

// macAlgorithms checks inter.worker.verification.algorithms.
type macAlgorithms struct{}

func (macAlgorithms) Validate(name string, value any) error {
	list, _ := value.([]string)
	if len(list) == 0 {
		return config.Invalid(name, value, "At least one signature verification algorithm must be provided")
	}
	for _, algorithm := range list {
		if err := checkMAC(name, algorithm); err != nil {
			return err
		}
	}
	return nil
}

func (macAlgorithms) String() string {
	return "A list of one or more MAC algorithms, each supported by the worker JVM"
}

const partitionsText = "Positive number, or -1 to use the broker's default"

// partitions checks a number of partitions for topics to create.
type partitions struct{}

func (partitions) Validate(name string, value any) error {
	if n, ok := value.(int32); !ok || n != -1 && n < 1 {
		return config.Invalid(name, value, "Number of partitions must be positive, or -1 to use the broker's default")
	}
	return nil
}

func (partitions) String() string { return partitionsText }

// replicationFactor checks the number of replicas of topics to create.
type replicationFactor struct{}

func (replicationFactor) Validate(name string, value any) error {
	if n, ok := value.(int16); !ok || n != -1 && n < 1 {
		return config.Invalid(name, value, "Replication factor must be positive and not larger than the number of brokers "+
			"in the Kafka cluster, or -1 to use the broker's default")
	}
	return nil
}

func (replicationFactor) String() string {
	return "Positive number not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default"
}

// patterns checks a list of Java regular expressions. Java prints the text of another validator
// for it.
type patterns struct{}

func (patterns) Validate(name string, value any) error {
	list, _ := value.([]string)
	for _, p := range list {
		if _, err := regex.Compile(p); err != nil {
			return config.Invalid(name, value, "Syntax error in regular expression: "+err.Error())
		}
	}
	return nil
}

func (patterns) String() string { return partitionsText }

// uniqueAliases checks that no alias is listed twice.
func uniqueAliases(text string) config.Validator {
	return config.Composite(config.NonNull(), config.LambdaValidator(text, func(name string, value any) error {
		list, _ := value.([]string)
		seen := map[string]bool{}
		for _, alias := range list {
			if seen[alias] {
				return config.Invalid(name, value, "Duplicate alias provided.")
			}
			seen[alias] = true
		}
		return nil
	}))
}

// HeaderRule is one rule of response.http.headers.config.
type HeaderRule struct {
	// Action is set, add, setDate or addDate. The dates take Value as milliseconds since the epoch.
	Action, Name, Value string
}

var headerActions = []string{"set", "add", "setDate", "addDate"}

// ParseHeaderRules parses response.http.headers.config: rules "action name:value", separated by
// commas, in double quotes where they contain one. The error is errs.Config.
func ParseHeaderRules(text string) ([]HeaderRule, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var rules []HeaderRule
	for _, part := range splitQuoted(text) {
		rule, err := parseHeaderRule(part)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseHeaderRule(text string) (HeaderRule, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return HeaderRule{}, errs.Config.New("Invalid format of header config '%s'. Expected: '[action] [header name]:[header value]'", text)
	}
	i := slices.IndexFunc(headerActions, func(a string) bool { return strings.EqualFold(a, fields[0]) })
	if i < 0 {
		return HeaderRule{}, errs.Config.New("Invalid header config action: '%s'. Expected one of [%s]", fields[0], strings.Join(headerActions, ", "))
	}
	_, header, _ := strings.Cut(strings.TrimSpace(text), fields[0])
	header = strings.TrimSpace(header)
	name, value, ok := strings.Cut(header, ":")
	if !ok || value == "" || strings.Contains(value, ":") {
		return HeaderRule{}, errs.Config.New(
			"Invalid format of header name and header value pair '%s'. Expected: '[header name]:[header value]'", header)
	}
	name = strings.TrimSpace(name)
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' }) {
		return HeaderRule{}, errs.Config.New("Invalid header name '%s'. The '[header name]' cannot contain whitespace", name)
	}
	return HeaderRule{Action: headerActions[i], Name: name, Value: strings.TrimSpace(value)}, nil
}

// splitQuoted splits at commas outside of double quotes; the quotes are taken away, "" in them
// is one quote. Blanks around a part don't count.
func splitQuoted(text string) []string {
	var parts []string
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && quoted && i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			parts = append(parts, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(parts, strings.TrimSpace(b.String()))
}

// plural is "1 error" or "3 errors".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
