package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
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
		return doubleText(v)
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	}
	return fmt.Sprint(value)
}

// doubleText is Double.toString: at least one digit after the point, an exponent below 1e-3 and
// from 1e7 on.
func doubleText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if abs := math.Abs(f); abs == 0 || (abs >= 1e-3 && abs < 1e7) {
		return withPoint(strconv.FormatFloat(f, 'f', -1, 64))
	}
	mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") { // Java takes the best two digits: 4.9E-324, not 5.0
		mantissa, exp, _ = strings.Cut(strconv.FormatFloat(f, 'e', 1, 64), "e")
	}
	n, _ := strconv.Atoi(exp) // FormatFloat made it: it is a number
	return mantissa + "E" + strconv.Itoa(n)
}

func withPoint(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return s + ".0"
}
