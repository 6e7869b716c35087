package config

import (
	"fmt"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// Invalid is the error of a wrong value, in Java's words. A Secret stays hidden in it; never
// pass its text. An empty reason is left out.
func Invalid(name string, value any, reason string) error {
	if reason != "" {
		reason = ": " + reason
	}
	return errs.Config.New("Invalid value %s for configuration %s%s", display(value), name, reason)
}

// Text is a parsed value as REST shows it (ConfigDef.convertToString): lists joined by commas,
// secrets hidden, numbers as Java prints them. It is nil for null.
func Text(value any, t Type) *string {
	if value == nil {
		return nil
	}
	s := display(value)
	if l, ok := value.([]string); ok && t == List {
		s = strings.Join(l, ",")
	}
	return &s
}

// display is a value as Java's toString prints it.
func display(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return v
	case float64:
		return java.Float64Text(v)
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	}
	return fmt.Sprint(value)
}
