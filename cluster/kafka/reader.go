package kafka

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// reader takes typed values out of Props. The first wrong value is kept in err, in the words of
// Java's ConfigException; after it the values read are meaningless. It notes what was read, so that
// what nobody read can be named.
type reader struct {
	props Props
	used  map[string]bool
	err   error
}

func newReader(props Props) *reader {
	return &reader{props: props, used: make(map[string]bool, len(props))}
}

// fail keeps the first error. A secret's value must not be passed.
func (r *reader) fail(key, value, why string) {
	if r.err == nil {
		r.err = errs.Config.New("Invalid value %s for configuration %s: %s", value, key, why)
	}
}

// failWhole keeps an error that isn't about one value.
func (r *reader) failWhole(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) lookup(key string) (string, bool) {
	r.used[key] = true
	v, ok := r.props[key]
	return strings.TrimSpace(v), ok
}

func (r *reader) str(key, fallback string) string {
	if v, ok := r.lookup(key); ok {
		return v
	}
	return fallback
}

// secret is a value as it is, without trimming.
func (r *reader) secret(key string) (string, bool) {
	r.used[key] = true
	v, ok := r.props[key]
	return v, ok
}

func (r *reader) list(key string, fallback ...string) []string {
	v, ok := r.lookup(key)
	if !ok {
		return fallback
	}
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (r *reader) number(key string, fallback, low, high int64, typ string) int64 {
	v, ok := r.lookup(key)
	if !ok {
		return fallback
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil, typ == "INT" && (n > math.MaxInt32 || n < math.MinInt32):
		r.fail(key, v, "Not a number of type "+typ)
		return fallback
	case n < low:
		r.fail(key, v, "Value must be at least "+strconv.FormatInt(low, 10))
		return fallback
	case n > high:
		r.fail(key, v, "Value must be no more than "+strconv.FormatInt(high, 10))
		return fallback
	}
	return n
}

func (r *reader) int(key string, fallback, low int32) int32 {
	return int32(r.number(key, int64(fallback), int64(low), math.MaxInt32, "INT"))
}

func (r *reader) long(key string, fallback, low int64) int64 {
	return r.number(key, fallback, low, math.MaxInt64, "LONG")
}

func (r *reader) boolean(key string, fallback bool) bool {
	v, ok := r.lookup(key)
	if !ok {
		return fallback
	}
	switch strings.ToLower(v) {
	case "true":
		return true
	case "false":
		return false
	}
	r.fail(key, v, "Expected value to be either true or false")
	return fallback
}

// millis reads a number of milliseconds; those beyond what a Duration holds are its longest.
func (r *reader) millis(key string, fallback time.Duration) time.Duration {
	ms := r.long(key, fallback.Milliseconds(), 0)
	if ms > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// choice reads one of the values, in any case if fold.
func (r *reader) choice(key, fallback string, fold bool, allowed ...string) string {
	v, ok := r.lookup(key)
	if !ok {
		return fallback
	}
	for _, a := range allowed {
		if a == v || fold && strings.EqualFold(a, v) {
			return a
		}
	}
	kind := "String must be one of: "
	if fold {
		kind = "String must be one of (case insensitive): "
	}
	r.fail(key, v, kind+strings.Join(allowed, ", "))
	return fallback
}

// unread are the keys that nobody asked for, those that Kafka knows apart from others, each in
// order.
func (r *reader) unread() (known, unknown []string) {
	for key := range r.props {
		switch {
		case r.used[key], strings.HasPrefix(key, "metrics.context."):
		case withoutEquivalent[key]:
			known = append(known, key)
		default:
			unknown = append(unknown, key)
		}
	}
	slices.Sort(known)
	slices.Sort(unknown)
	return known, unknown
}
