package trace

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// Text prints results for people.
type Text struct {
	Out  io.Writer
	View View
	// Color uses the colours of a terminal.
	Color bool
	// Width is how many characters of one value are shown; 0 for all.
	Width int
	// Plan is what ran; Test the predicate that was asked, nil for none.
	Plan *Plan
	Test *Test

	b       strings.Builder
	records int64
	cut     bool // whether a value was shown in part
}

// The colours.
const (
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	plainC = "\x1b[0m"
)

// paint is a text in a colour.
func (t *Text) paint(color, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return color + text + plainC
}

func (t *Text) linef(format string, args ...any) {
	fmt.Fprintf(&t.b, format, args...)
	t.b.WriteByte('\n')
}

func (t *Text) flush() error {
	_, err := io.WriteString(t.Out, t.b.String())
	t.b.Reset()
	return err
}

// Print implements Printer.
func (t *Text) Print(r *Result) error {
	t.records++
	if t.View.skips(r) {
		return nil
	}
	if t.Test != nil {
		t.tested(r)
		return t.flush()
	}
	t.header(r)
	if !r.reached {
		t.bytes(r)
		t.failure(r)
		t.b.WriteByte('\n')
		return t.flush()
	}
	t.fields(&r.in)
	width := t.stepWidth(r)
	for i := range r.Steps {
		if e := &r.Steps[i]; t.View.shows(e) {
			t.step(i, e, width)
		}
	}
	t.result(r)
	t.b.WriteByte('\n')
	return t.flush()
}

// End implements Printer.
func (t *Text) End(totals *Totals) error {
	color := green
	if totals.Failed > 0 {
		color = red
	}
	t.linef("%s", t.paint(bold+color, totals.String()))
	if t.cut {
		t.linef("%s", t.paint(dim, "long values were cut; --full shows them"))
	}
	return t.flush()
}

func (t *Text) header(r *Result) {
	t.linef("%s%s", t.paint(bold, fmt.Sprintf("record %d", t.records)), t.paint(dim, place(r)))
}

// place is where a record is from and, in its topic, where it lies.
func place(r *Result) string {
	out := ""
	if from := at(r); from != "" {
		out = "  " + from
	}
	if !r.reached {
		if r.Sample.Line == 0 {
			out += "  " + position(r)
		}
		return out
	}
	return out + "  " + position(r)
}

func position(r *Result) string {
	s := r.Sample
	out := printable(s.raw.Topic)
	if r.Kind == plugin.Sink || s.partition {
		out += fmt.Sprintf("-%d @ %d", s.raw.Partition, s.raw.Offset)
	}
	if !s.raw.Timestamp.IsZero() {
		out += "  " + string(appendValue(nil, s.raw.Timestamp, 0))
	}
	return out
}

// fields shows key, value and headers of a record, nothing for those that aren't there.
func (t *Text) fields(r *data.Record) {
	if r.Key != nil || r.KeySchema != nil {
		t.field("key", r.KeySchema, r.Key)
	}
	t.field("value", r.ValueSchema, r.Value)
	for _, h := range r.Headers {
		t.field("header "+nameText(h.Key), h.Schema, h.Value)
	}
}

// bytes shows what converters could not read.
func (t *Text) bytes(r *Result) {
	if s := r.Sample; s.unread() {
		if s.raw.Key != nil {
			t.linef("  %s %s", t.padded("key"), t.short(bytesText(s.raw.Key)))
		}
		t.linef("  %s %s", t.padded("value"), t.short(bytesText(s.raw.Value)))
	}
}

func (t *Text) field(name string, schema *data.Schema, v any) {
	types := ""
	if schema != nil {
		types = "  (" + typeText(schema, v) + ")"
	}
	t.linef("  %-7s %s%s", t.padded(name), t.value(v), t.paint(dim, types))
}

// nameWidth is the width of the column of names.
const nameWidth = 7

func (t *Text) padded(name string) string {
	return t.paint(cyan, name) + strings.Repeat(" ", max(0, nameWidth-utf8.RuneCountInString(name)))
}

func (t *Text) value(v any) string { return t.short(valueText(v)) }

// short cuts a text, and remembers that it did.
func (t *Text) short(s string) string {
	cut := short(s, t.Width)
	t.cut = t.cut || cut != s
	return cut
}

// stepWidth is the width of the longest alias shown.
func (t *Text) stepWidth(r *Result) int {
	width := 0
	for i := range r.Steps {
		if t.View.shows(&r.Steps[i]) {
			width = max(width, utf8.RuneCountInString(printable(r.Steps[i].Alias)))
		}
	}
	return min(width, 40)
}

func (t *Text) step(i int, e *Entry, width int) {
	alias := printable(e.Alias)
	pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(alias)))
	head := fmt.Sprintf("  %d %s%s  %s", i+1, t.paint(bold, alias), pad, simple(e.Class))
	switch {
	case e.Error != "":
		t.linef("%s  %s", head, t.paint(bold+red, "FAILED"))
		return
	case !e.Applied:
		t.linef("%s  %s", head, t.paint(dim, "skipped: "+verdict(e)))
		return
	}
	if e.Predicate != "" {
		head += t.paint(dim, "  when "+verdict(e))
	}
	switch {
	case e.Dropped:
		t.linef("%s  %s", head, t.paint(bold+yellow, "DROPPED the record"))
	case !e.Changed:
		t.linef("%s  %s", head, t.paint(dim, "no change"))
	default:
		t.linef("%s", head)
		t.changes(diff(&e.before, &e.after))
	}
}

// maxPath is up to which width paths are aligned.
const maxPath = 28

func (t *Text) changes(changes []change) {
	width := 0
	for _, c := range changes {
		if n := utf8.RuneCountInString(c.path); n <= maxPath {
			width = max(width, n)
		}
	}
	for _, c := range changes {
		t.linef("      %s", t.change(&c, width))
	}
}

func (t *Text) change(c *change, width int) string {
	var text string
	color := yellow
	switch c.op {
	case '+':
		text, color = t.short(c.new), green
	case '-':
		text, color = t.short(c.old), red
	default:
		if c.old != "" || c.new != "" {
			text = t.short(c.old) + " → " + t.short(c.new)
		}
		if c.types != "" && text != "" {
			text += "  "
		}
		if c.types != "" {
			text += "(" + c.types + ")"
		}
	}
	pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(c.path)))
	return t.paint(color, fmt.Sprintf("%c %s%s  %s", c.op, c.path, pad, text))
}

// result shows what comes out.
func (t *Text) result(r *Result) {
	switch {
	case r.Outcome == Failed:
		t.failure(r)
	case r.Outcome == Dropped:
		t.linef("  %s", t.paint(yellow, "= "+t.dropper(r)))
	case r.Written != nil:
		t.written(r)
	case len(r.Steps) == 0 && !t.View.OnlyChanged:
		t.linef("  %s", t.paint(dim, "= as it came: the connector has no transforms"))
	default:
		t.linef("  %s %s", t.paint(bold, "="), t.paint(bold, destination(&r.out, r.Kind)))
		t.fields(&r.out)
	}
}

func (t *Text) dropper(r *Result) string {
	if n := len(r.Steps); n > 0 && r.Steps[n-1].Dropped {
		return fmt.Sprintf("dropped by step %d, %s", n, printable(r.Steps[n-1].Alias))
	}
	return "dropped"
}

// destination is where a record goes, and what the task would hand on.
func destination(r *data.Record, kind plugin.Kind) string {
	out := "to the sink: topic " + topicText(r)
	if kind == plugin.Source {
		out = "to topic " + topicText(r)
	}
	if n := partitionText(r); n != "null" {
		out += ", partition " + n
	}
	if ts := timeText(r); ts != "null" {
		out += ", time " + ts
	}
	return out
}

// written shows the bytes that a source would write; what has no converter is shown as it is.
func (t *Text) written(r *Result) {
	t.linef("  %s %s", t.paint(bold, "="), t.paint(bold, destination(&r.out, r.Kind)))
	side := func(name string, converted bool, raw []byte, schema *data.Schema, v any) {
		if !converted {
			if v != nil || name == "value" {
				t.field(name, schema, v)
			}
			return
		}
		if raw != nil || name == "value" {
			t.linef("  %s %s", t.padded(name), t.short(bytesText(raw)))
		}
	}
	side("key", r.hasKey, r.Written.Key, r.out.KeySchema, r.out.Key)
	side("value", r.hasValue, r.Written.Value, r.out.ValueSchema, r.out.Value)
	for _, h := range r.Written.Headers {
		t.linef("  %s %s", t.padded("header "+nameText(h.Key)), t.short(bytesText(h.Value)))
	}
}

// bytesText shows bytes as the text that they are, else as base64.
func bytesText(raw []byte) string {
	if raw == nil {
		return "null"
	}
	if utf8.Valid(raw) && !strings.ContainsFunc(string(raw), func(r rune) bool { return r != '\t' && r != '\n' && r != '\r' && unprintable(r) }) {
		return printable(string(raw))
	}
	return valueText(raw)
}

// failure shows what a worker's error handling would say and do.
func (t *Text) failure(r *Result) {
	say := func(name, text string) {
		t.linef("  %s %s", t.paint(red, fmt.Sprintf("%-9s", name)), indented(text))
	}
	if r.Sample.Err != nil {
		say("not read", r.Err.Error())
		return
	}
	cause := r.Err
	if r.Problem != nil {
		cause = r.Problem.Err
		say("stage", string(r.Problem.Stage))
		say("class", r.Problem.Class)
	}
	say("error", simple(errs.ClassOf(cause))+": "+inner(cause).Error())
	say("worker", t.consequence(r, cause))
}

// inner is the error of a transform without the words of its step, which stand beside it.
func inner(err error) error {
	var step *smt.StepError
	if errors.As(err, &step) && step.Predicate == "" {
		return step.Err
	}
	return err
}

// consequence is what the worker does about a failed record.
func (t *Text) consequence(r *Result, cause error) string {
	out := "the task fails: " + r.Err.Error()
	if r.Tolerated {
		out = "skips the record (errors.tolerance=all)"
	}
	if t.Plan == nil || r.Problem == nil {
		return out
	}
	if dlq := t.Plan.DeadLetterTopic(); dlq != "" {
		out = "writes it to the dead letter topic " + printable(dlq) + ", then " + out
	}
	if errors.Is(cause, errs.Retriable) && t.Plan.Retries() {
		out = "tries it again for up to errors.retry.timeout, then " + out
	}
	return out
}

// indented makes a text of several lines fit below the first, without what steers a terminal.
func indented(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = printable(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n            ")
}

// tested shows what the predicate said of a record.
func (t *Text) tested(r *Result) {
	mark := map[Outcome]string{
		Matched: t.paint(green, "match    "), Unmatched: t.paint(dim, "no match "),
		Dropped: t.paint(yellow, "dropped  "), Failed: t.paint(red, "failed   "),
	}[r.Outcome]
	if t.View.OnlyChanged && r.Outcome == Unmatched {
		return
	}
	t.linef("%s %s%s", mark, t.paint(bold, fmt.Sprintf("record %d", t.records)), t.paint(dim, place(r)))
	if r.Outcome == Failed {
		if !r.reached {
			t.bytes(r)
		}
		t.failure(r)
		return
	}
	if r.Outcome == Dropped {
		t.linef("  %s", t.paint(yellow, "= "+t.dropper(r)+", before the predicate is asked"))
		return
	}
	t.fields(r.asked)
}
