package security

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Reader takes typed values out of Java client properties, without their prefixes. The first wrong
// value is kept (Err), in the words of Java's ConfigException; after it the values read are
// meaningless. It notes what was read, so that what nobody read can be named (Unread). It is for one
// goroutine.
type Reader struct {
	props map[string]string
	used  map[string]bool
	err   error
}

// NewReader reads from props, which it doesn't change.
func NewReader(props map[string]string) *Reader {
	return &Reader{props: props, used: make(map[string]bool, len(props))}
}

// Err is the first error, of the kind errs.Config; nil if every value read so far is right.
func (r *Reader) Err() error { return r.err }

// Use counts the key as read.
func (r *Reader) Use(key string) { r.used[key] = true }

// Used reports whether the key was read.
func (r *Reader) Used(key string) bool { return r.used[key] }

// Given reports whether the key is set, without reading it.
func (r *Reader) Given(key string) bool {
	_, ok := r.props[key]
	return ok
}

// Empty reports whether the key is set to nothing, without reading it.
func (r *Reader) Empty(key string) bool {
	v, ok := r.props[key]
	return ok && strings.TrimSpace(v) == ""
}

// Unread are the keys that are set and that nobody read, in order.
func (r *Reader) Unread() []string {
	var keys []string
	for key := range r.props {
		if !r.used[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Fail keeps the first error. A secret's value must not be passed.
func (r *Reader) Fail(key, value, why string) {
	if r.err == nil {
		r.err = errs.Config.New("Invalid value %s for configuration %s: %s", value, key, why)
	}
}

// FailWhole keeps an error that isn't about one value.
func (r *Reader) FailWhole(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Lookup is the value without white space around it, and whether the key is set.
func (r *Reader) Lookup(key string) (string, bool) {
	r.used[key] = true
	v, ok := r.props[key]
	return strings.TrimSpace(v), ok
}

// Str is the value without white space around it.
func (r *Reader) Str(key, fallback string) string {
	if v, ok := r.Lookup(key); ok {
		return v
	}
	return fallback
}

// Secret is a value as it is, without trimming.
func (r *Reader) Secret(key string) (string, bool) {
	r.used[key] = true
	v, ok := r.props[key]
	return v, ok
}

// List is the value's parts between commas, without empty ones.
func (r *Reader) List(key string, fallback ...string) []string {
	v, ok := r.Lookup(key)
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

func (r *Reader) number(key string, fallback, low, high int64, typ string) int64 {
	v, ok := r.Lookup(key)
	if !ok {
		return fallback
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil, typ == "INT" && (n > math.MaxInt32 || n < math.MinInt32):
		r.Fail(key, v, "Not a number of type "+typ)
		return fallback
	case n < low:
		r.Fail(key, v, "Value must be at least "+strconv.FormatInt(low, 10))
		return fallback
	case n > high:
		r.Fail(key, v, "Value must be no more than "+strconv.FormatInt(high, 10))
		return fallback
	}
	return n
}

// Int reads a Java int of at least low.
func (r *Reader) Int(key string, fallback, low int32) int32 {
	return r.Within(key, fallback, low, math.MaxInt32)
}

// Within reads a Java int from low to high.
func (r *Reader) Within(key string, fallback, low, high int32) int32 {
	return int32(r.number(key, int64(fallback), int64(low), int64(high), "INT"))
}

// Long reads a Java long of at least low.
func (r *Reader) Long(key string, fallback, low int64) int64 {
	return r.number(key, fallback, low, math.MaxInt64, "LONG")
}

// Boolean reads true or false, in any case.
func (r *Reader) Boolean(key string, fallback bool) bool {
	v, ok := r.Lookup(key)
	if !ok {
		return fallback
	}
	switch strings.ToLower(v) {
	case "true":
		return true
	case "false":
		return false
	}
	r.Fail(key, v, "Expected value to be either true or false")
	return fallback
}

// Millis reads a number of milliseconds; those beyond what a Duration holds are its longest.
func (r *Reader) Millis(key string, fallback time.Duration) time.Duration {
	ms := r.Long(key, fallback.Milliseconds(), 0)
	if ms > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// Choice reads one of the values, in any case if fold.
func (r *Reader) Choice(key, fallback string, fold bool, allowed ...string) string {
	v, ok := r.Lookup(key)
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
	r.Fail(key, v, kind+strings.Join(allowed, ", "))
	return fallback
}
