package dlq

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// What is shown of long things unless all of it is asked for.
const (
	shortText  = 400 // characters of a text
	shortBytes = 64  // bytes in hexadecimal
	shortStack = 6   // lines of a stack
)

// Text is the letter for people: some lines and an empty one. full shows long things whole.
func (l *Letter) Text(full bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", printable(l.Place()), timeText(millisOf(l.Time())))
	if c := l.Context; c == nil {
		line(&b, "why", "not known: the letter has no context headers (errors.deadletterqueue.context.headers.enable is off)")
	} else {
		c.text(&b, full)
	}
	line(&b, "key", decodedText(l.KeyText, l.Record.Key, full))
	line(&b, "value", decodedText(l.ValueText, l.Record.Value, full))
	for _, h := range l.Headers {
		line(&b, "header", printable(h.Key)+" = "+bytesText(h.Value, full))
	}
	return b.String() + "\n"
}

func line(b *strings.Builder, name, text string) {
	fmt.Fprintf(b, "  %-9s %s\n", name, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 12)))
}

func (c *Context) text(b *strings.Builder, full bool) {
	if from := c.Origin(); from != "" {
		line(b, "from", printable(from))
	}
	who := printable(c.Connector)
	if c.Task >= 0 {
		who += ", task " + strconv.Itoa(c.Task)
	}
	line(b, "connector", who)
	stage := printable(c.Stage)
	if c.Class != "" {
		stage += " by " + printable(c.Class)
	}
	line(b, "stage", stage)
	if c.Exception != "" {
		line(b, "exception", printable(c.Exception))
	}
	if c.Message != "" {
		line(b, "message", lines(c.Message, 0))
	}
	if c.Stack != "" {
		limit := shortStack
		if full {
			limit = 0
		}
		line(b, "stack", lines(c.Stack, limit))
	}
	for _, o := range c.Other {
		line(b, o.Name, lines(o.Value, shortStack))
	}
}

// lines are those of a text, limit of them at most if it's more than 0.
func lines(text string, limit int) string {
	all := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	shown := all
	if limit > 0 && len(all) > limit {
		shown = all[:limit]
	}
	out := make([]string, 0, len(shown)+1)
	for _, one := range shown {
		out = append(out, printable(strings.ReplaceAll(strings.TrimRight(one, "\r"), "\t", "    ")))
	}
	if more := len(all) - len(shown); more > 0 {
		out = append(out, fmt.Sprintf("… (%d more lines; --full shows them)", more))
	}
	return strings.Join(out, "\n")
}

// decodedText shows bytes as what they were decoded to, or else as they are.
func decodedText(text string, raw []byte, full bool) string {
	if text == "" {
		return bytesText(raw, full)
	}
	return cut(printable(text), len(raw), full) + fmt.Sprintf("\n(%d bytes, decoded by schema id %d)", len(raw), binary.BigEndian.Uint32(raw[1:]))
}

// bytesText shows bytes as the text that they are, else in hexadecimal.
func bytesText(raw []byte, full bool) string {
	switch {
	case raw == nil:
		return "null"
	case len(raw) == 0:
		return "(empty)"
	case isText(raw):
		return cut(printable(string(raw)), len(raw), full)
	}
	note := ""
	if len(raw) > 5 && raw[0] == 0 {
		if id := binary.BigEndian.Uint32(raw[1:]); id < 1<<24 {
			note = fmt.Sprintf(", perhaps of schema id %d of a registry", id)
		}
	}
	shown := raw
	if !full && len(raw) > shortBytes {
		shown = raw[:shortBytes]
		note += "; --full shows all"
	}
	return fmt.Sprintf("(%d bytes%s)\n%s", len(raw), note, strings.TrimRight(hex.Dump(shown), "\n"))
}

func isText(raw []byte) bool {
	return utf8.Valid(raw) && !strings.ContainsFunc(string(raw), func(r rune) bool {
		return r != '\t' && r != '\n' && r != '\r' && unicode.IsControl(r)
	})
}

func cut(text string, size int, full bool) string {
	if full || utf8.RuneCountInString(text) <= shortText {
		return text
	}
	n := 0
	for i := range text {
		if n++; n > shortText {
			return fmt.Sprintf("%s… (%d bytes; --full shows all)", text[:i], size)
		}
	}
	return text
}

// printable is a text of which nothing can steer a terminal or end the line.
func printable(s string) string {
	plain := func(r rune) bool { return unicode.IsPrint(r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		if plain(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func timeText(ms *int64) string {
	if ms == nil {
		return "(no time)"
	}
	return time.UnixMilli(*ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// Text is the listing as a table.
func (l *Listing) Text(now time.Time) string {
	var b strings.Builder
	b.WriteString(printable(l.Topic))
	if len(l.Connectors) > 0 {
		b.WriteString("  (named by " + printable(strings.Join(l.Connectors, ", ")) + ")")
	}
	switch {
	case l.Missing:
		b.WriteString(": there is no such topic\n")
		return b.String()
	case len(l.Groups) == 0:
		b.WriteString(": empty\n")
		return b.String()
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  COUNT\tREPLAYED\tOLDEST\tNEWEST\tCONNECTOR\tSTAGE\tEXCEPTION")
	for i := range l.Groups {
		g := &l.Groups[i]
		exception := g.Exception[strings.LastIndexByte(g.Exception, '.')+1:]
		fmt.Fprintf(w, "  %d\t%d\t%s\t%s\t%s\t%s\t%s\n", g.Count, g.Replayed, age(g.Oldest, now), age(g.Newest, now),
			dash(g.Connector), dash(g.Stage), dash(exception))
	}
	w.Flush() //nolint:errcheck // a Builder takes everything
	return b.String()
}

// dash stands for what no header says.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// age is how long ago a time was, in its two largest units.
func age(ms *int64, now time.Time) string {
	if ms == nil {
		return "-"
	}
	d := now.Sub(time.UnixMilli(*ms))
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// WouldText is a line of a dry run. out is nil for a letter that is left out.
func WouldText(l *Letter, out *kafka.Record) string {
	if out == nil {
		return printable(l.Place()) + " would be left out\n"
	}
	to := place(out.Topic, out.Partition, -1)
	switch {
	case out.Partition >= 0:
	case len(out.Key) > 0:
		to += " (partition by key)"
	default:
		to += " (any partition)"
	}
	return fmt.Sprintf("%s -> %s  key %s  value %s\n", printable(l.Place()), printable(to), oneLine(out.Key), oneLine(out.Value))
}

// oneLine is the beginning of a text, or how many bytes there are.
func oneLine(raw []byte) string {
	if len(raw) == 0 || isText(raw) {
		text := bytesText(raw, true)
		if utf8.RuneCountInString(text) > 60 {
			text = string([]rune(text)[:60]) + "…"
		}
		return text
	}
	return fmt.Sprintf("(%d bytes)", len(raw))
}

// WouldJSON is the record of a dry run as an editing command would get it.
func WouldJSON(l *Letter, out *kafka.Record) ([]byte, error) {
	if out == nil {
		return marshal(struct {
			LeftOut bool       `json:"leftOut"`
			Letter  jsonSource `json:"letter"`
		}{true, *editOf(l, l.Record).Letter})
	}
	return marshal(editOf(l, out))
}
