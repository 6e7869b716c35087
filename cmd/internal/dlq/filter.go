package dlq

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// Filter chooses among dead letters: one must match all that is set. The zero value matches all. It is
// kept with the progress of a replay, as JSON, so members are never renamed. Prepare it before Match.
type Filter struct {
	Connectors []string `json:"connectors,omitempty"`
	Stages     []string `json:"stages,omitempty"`
	// Exception is a regular expression of Java's, found in "class: message".
	Exception string `json:"exception,omitempty"`
	// Origins are the topics where the records failed.
	Origins []string `json:"origins,omitempty"`
	// From and To bound the record's time in milliseconds since 1970: From is part of it, To is not.
	From *int64 `json:"from,omitempty"`
	To   *int64 `json:"to,omitempty"`
	// Partitions and Offsets are places in the dead letter topic.
	Partitions []int32 `json:"partitions,omitempty"`
	Offsets    *Span   `json:"offsets,omitempty"`
	// Key is the record's key in base64, "" for an empty one or none. nil: any.
	Key *string `json:"key,omitempty"`

	exception *regex.Regexp
	key       []byte
}

// Span is offsets from First to Last, both of them in it.
type Span struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Prepare compiles the expression and puts lists in order, so that filters that mean the same are the
// same.
func (f *Filter) Prepare() error {
	for i, stage := range f.Stages {
		f.Stages[i] = strings.ToUpper(stage)
	}
	for _, list := range []*[]string{&f.Connectors, &f.Stages, &f.Origins} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	slices.Sort(f.Partitions)
	f.Partitions = slices.Compact(f.Partitions)
	var err error
	if f.Key != nil {
		if f.key, err = base64.StdEncoding.DecodeString(*f.Key); err != nil {
			return fmt.Errorf("key %q is no base64: %w", *f.Key, err)
		}
	}
	if f.Exception == "" {
		return nil
	}
	f.exception, err = regex.Compile(f.Exception)
	return err
}

// Match reports whether the filter chooses the letter. A letter without context headers is chosen only by
// what asks for none of them. The error is of an expression that takes too many steps on this letter.
func (f *Filter) Match(l *Letter) (bool, error) {
	r := l.Record
	switch {
	case len(f.Partitions) > 0 && !slices.Contains(f.Partitions, r.Partition),
		f.Offsets != nil && (r.Offset < f.Offsets.First || r.Offset > f.Offsets.Last),
		f.Key != nil && string(f.key) != string(r.Key),
		f.From != nil && r.Timestamp.UnixMilli() < *f.From,
		f.To != nil && r.Timestamp.UnixMilli() >= *f.To:
		return false, nil
	}
	c := l.Context
	if c == nil {
		return len(f.Connectors) == 0 && len(f.Stages) == 0 && len(f.Origins) == 0 && f.exception == nil, nil
	}
	if !among(f.Connectors, c.Connector) || !among(f.Stages, c.Stage) || !among(f.Origins, c.Topic) {
		return false, nil
	}
	if f.exception == nil {
		return true, nil
	}
	found, err := f.exception.FindString(c.Exception + ": " + c.Message)
	if err != nil {
		return false, fmt.Errorf("--exception %s on the letter at %s-%d@%d: %w", f.Exception, r.Topic, r.Partition, r.Offset, err)
	}
	return found != nil, nil
}

func among(list []string, one string) bool { return len(list) == 0 || slices.Contains(list, one) }

// String is the filter as JSON; {} matches all.
func (f *Filter) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		return err.Error() // strings, numbers and bytes can always be written
	}
	return string(text)
}

// ParseSpan reads an offset, 17, or a span of them, 17-20 or 17-.
func ParseSpan(text string) (*Span, error) {
	first, last, isSpan := strings.Cut(text, "-")
	var s Span
	var err error
	if s.First, err = strconv.ParseInt(first, 10, 64); err == nil {
		switch {
		case !isSpan:
			s.Last = s.First
		case last == "":
			s.Last = math.MaxInt64
		default:
			s.Last, err = strconv.ParseInt(last, 10, 64)
		}
	}
	if err != nil || s.First < 0 || s.Last < s.First {
		return nil, fmt.Errorf("%q is no offset like 17 and no span of them like 17-20 or 17-", text)
	}
	return &s, nil
}

// ParseTime reads a time: milliseconds since 1970, RFC 3339, or how long ago, 90m or 36h.
func ParseTime(text string, now time.Time) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UnixMilli(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time like 2026-05-01T12:00:00Z, no number of milliseconds since 1970 and no age like 90m or 36h", text)
	}
	return t.UnixMilli(), nil
}

// ParseKey reads a key, a text or bytes behind base64:, for Filter.Key.
func ParseKey(text string) (*string, error) {
	encoded, ok := strings.CutPrefix(text, "base64:")
	if !ok {
		encoded = base64.StdEncoding.EncodeToString([]byte(text))
	} else if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
		return nil, fmt.Errorf("%q is no base64: %w", encoded, err)
	}
	return &encoded, nil
}
