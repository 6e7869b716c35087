package dlq

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/cluster/kafka"
)

// Letter is a record of a dead letter topic.
type Letter struct {
	Record *kafka.Record
	// Context is what the headers say of the failure; nil if there are none, as by default
	// (errors.deadletterqueue.context.headers.enable=false).
	Context *Context
	// Headers are those that the record had when it failed.
	Headers []kafka.RecordHeader
	// KeyText and ValueText are what a Decoder made of key and value, "" for nothing.
	KeyText, ValueText string
}

// Context is why a record is a dead letter. What no header says is empty, and -1 for numbers.
type Context struct {
	Topic     string
	Partition int32
	Offset    int64
	Connector string
	Task      int
	Stage     string
	Class     string // that failed: of a converter, a transform, the task
	Exception string // Java's class
	Message   string
	Stack     string
	// Other are further headers with the prefix, by their names without it, in order.
	Other []Other
}

// Other is a context header that KIP-298 doesn't know.
type Other struct{ Name, Value string }

// Read takes a record of a dead letter topic apart. A record that failed twice, because its dead letter
// was consumed by a sink, has two sets of context headers: the last is its context, the first belongs to
// the record.
func Read(r *kafka.Record) Letter {
	own := contextHeaders(r.Headers)
	l := Letter{Record: r}
	for i, h := range r.Headers {
		if slices.Contains(own, i) {
			if l.Context == nil {
				l.Context = &Context{Partition: -1, Offset: -1, Task: -1}
			}
			l.Context.set(strings.TrimPrefix(h.Key, deadletters.HeaderPrefix), string(h.Value))
		} else {
			l.Headers = append(l.Headers, h)
		}
	}
	return l
}

// contextHeaders finds the headers of the last failure, by their places.
func contextHeaders(headers []kafka.RecordHeader) []int {
	named := func(i int) bool { return strings.HasPrefix(headers[i].Key, deadletters.HeaderPrefix) }
	first := len(headers)
	for first > 0 && named(first-1) {
		first--
		if headers[first].Key == deadletters.HeaderPrefix+"topic" {
			break // each failure begins with it
		}
	}
	var own []int
	if first < len(headers) {
		for i := first; i < len(headers); i++ {
			own = append(own, i)
		}
		return own
	}
	// Something was added behind them: the last of each name.
	last := map[string]int{}
	for i := range headers {
		if named(i) {
			last[headers[i].Key] = i
		}
	}
	for _, i := range last {
		own = append(own, i)
	}
	slices.Sort(own)
	return own
}

func (c *Context) set(name, value string) {
	switch name {
	case "topic":
		c.Topic = value
	case "partition":
		c.Partition = int32(number(value, 32))
	case "offset":
		c.Offset = number(value, 64)
	case "connector.name":
		c.Connector = value
	case "task.id":
		c.Task = int(number(value, 32))
	case "stage":
		c.Stage = value
	case "class.name":
		c.Class = value
	case "exception.class.name":
		c.Exception = value
	case "exception.message":
		c.Message = value
	case "exception.stacktrace":
		c.Stack = value
	default:
		c.Other = append(c.Other, Other{name, value})
	}
}

// other is the value of a further header.
func (c *Context) other(name string) (string, bool) {
	for _, o := range c.Other {
		if o.Name == name {
			return o.Value, true
		}
	}
	return "", false
}

// altered says why the letter's bytes are not those that were to be written or were read; "" if they
// are. Sinks' letters always are; see deadletters.Maker for the others.
func (c *Context) altered() string {
	if size, cut := c.other("source.value.size"); cut {
		return "it was too large and was cut (its value had " + size + " bytes)"
	}
	for _, side := range []string{"key", "value"} {
		if format, ok := c.other("source." + side + ".format"); ok && format != "converted" {
			return "the source failed before its " + side + " was converted, which is there as " + format
		}
	}
	return ""
}

// number is -1 for what is none.
func number(text string, bits int) int64 {
	if n, err := strconv.ParseInt(text, 10, bits); err == nil && n >= 0 {
		return n
	}
	return -1
}

// Time is the record's time: that of the record that failed, not of its failure. Zero if it has none.
func (l *Letter) Time() time.Time {
	if l.Record.Timestamp.UnixMilli() < 0 {
		return time.Time{}
	}
	return l.Record.Timestamp
}

// Place is where the letter lies: dead-0@17.
func (l *Letter) Place() string { return place(l.Record.Topic, l.Record.Partition, l.Record.Offset) }

// Origin is where the record failed that became the letter, as far as headers say it: orders-3@1234.
func (c *Context) Origin() string {
	if c.Topic == "" {
		return ""
	}
	return place(c.Topic, c.Partition, c.Offset)
}

func place(topic string, partition int32, offset int64) string {
	out := topic
	if partition >= 0 {
		out += "-" + strconv.Itoa(int(partition))
	}
	if offset >= 0 {
		out += "@" + strconv.FormatInt(offset, 10)
	}
	return out
}
