package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// problem is an error of one setting.
type problem struct{ key, text string }

// sinkProblems checks what a sink's settings say together: topics or topics.regex, and the dead
// letter topic not among them.
func sinkProblems(props map[string]string) []problem {
	list, pattern := props[keyTopics], props[keyTopicsRegex]
	hasTopics, hasRegex := strings.TrimSpace(list) != "", strings.TrimSpace(pattern) != ""
	var found []problem
	switch {
	case hasTopics && hasRegex:
		text := "topics and topics.regex are mutually exclusive options, but both are set."
		found = append(found, problem{keyTopics, text}, problem{keyTopicsRegex, text})
	case !hasTopics && !hasRegex:
		text := "Must configure one of topics or topics.regex"
		found = append(found, problem{keyTopics, text}, problem{keyTopicsRegex, text})
	}
	dlq := strings.TrimSpace(props[keyDLQTopic])
	if dlq == "" {
		return found
	}
	if topics := topicsList(list); hasTopics && slices.Contains(topics, dlq) {
		found = append(found, problem{keyTopics, fmt.Sprintf(
			"The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed by the connector",
			dlq, strings.Join(topics, ", "))})
	}
	if hasRegex && matches(pattern, dlq) {
		found = append(found, problem{keyTopicsRegex, fmt.Sprintf(
			"The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') consumed by the connector",
			dlq, pattern)})
	}
	return found
}

// matches reports whether a Java pattern matches the whole text. A pattern that is none was
// reported where it is defined; one that takes too long to match counts as no match.
func matches(pattern, text string) bool {
	re, err := regex.Compile(pattern)
	if err != nil {
		return false
	}
	ok, err := re.MatchString(text)
	return err == nil && ok
}
