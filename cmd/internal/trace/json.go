package trace

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// JSON prints one object per result, a line each. The names and their order are stable; members may
// be added.
type JSON struct {
	Out  io.Writer
	View View
	Test *Test

	records int64
}

type jsonResult struct {
	Record  int64         `json:"record"` // from 1
	File    string        `json:"file,omitempty"`
	Line    int           `json:"line,omitempty"`
	Outcome Outcome       `json:"outcome"`
	Input   *smt.Snapshot `json:"input"`
	// Raw is what converters could not read; there is no Input then.
	Raw *jsonRaw `json:"raw,omitempty"`
	// Predicate is the one asked, with --predicate.
	Predicate *jsonTest     `json:"predicate,omitempty"`
	Steps     []jsonStep    `json:"steps"`
	Output    *smt.Snapshot `json:"output"`
	Written   *jsonWritten  `json:"written,omitempty"`
	Error     *jsonError    `json:"error,omitempty"`
}

type jsonRaw struct {
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Offset    int64      `json:"offset"`
	Key       *jsonBytes `json:"key"`
	Value     *jsonBytes `json:"value"`
}

type jsonTest struct {
	Alias string `json:"alias"`
	Class string `json:"class"`
	// Record is what it was asked about; null if the record didn't come that far.
	Record *smt.Snapshot `json:"record"`
}

type jsonStep struct {
	Index int `json:"index"` // in the chain, from 1
	smt.TraceStep
	PredicateClass string `json:"predicateClass,omitempty"`
	Changed        bool   `json:"changed"`
}

// jsonWritten is a record in bytes: as text where it is UTF-8, else as base64. A side that has no
// converter is left out.
type jsonWritten struct {
	Topic     string       `json:"topic"`
	Partition *int32       `json:"partition"`
	Timestamp *int64       `json:"timestamp"`
	Key       *jsonBytes   `json:"key,omitempty"`
	Value     *jsonBytes   `json:"value,omitempty"`
	Headers   []jsonHeader `json:"headers"`
}

type jsonBytes struct {
	Text   *string `json:"text,omitempty"`
	Base64 *string `json:"base64,omitempty"`
	Null   bool    `json:"null,omitempty"`
}

type jsonHeader struct {
	Key   string     `json:"key"`
	Value *jsonBytes `json:"value"`
}

type jsonError struct {
	Stage     string `json:"stage,omitempty"` // TRANSFORMATION and so on; none for what fails outside of one
	Class     string `json:"class,omitempty"`
	Exception string `json:"exception,omitempty"` // Java's class
	Message   string `json:"message"`
	Tolerated bool   `json:"tolerated"`
	// Trace is what the task would end with; none for a record that is skipped.
	Trace string `json:"trace,omitempty"`
}

// Print implements Printer.
func (j *JSON) Print(r *Result) error {
	j.records++
	if j.View.skips(r) || j.View.OnlyChanged && r.Outcome == Unmatched {
		return nil
	}
	out := jsonResult{Record: j.records, File: r.Sample.File, Line: r.Sample.Line, Outcome: r.Outcome, Steps: []jsonStep{}, Error: errorOf(r)}
	if r.reached {
		out.Input = smt.SnapshotOf(&r.in)
		out.Input.Offset = offsetOf(r)
	} else if raw := &r.Sample.raw; r.Sample.unread() {
		out.Raw = &jsonRaw{raw.Topic, raw.Partition, raw.Offset, bytesOf(raw.Key), bytesOf(raw.Value)}
	}
	if j.Test != nil {
		out.Predicate = &jsonTest{Alias: j.Test.Alias, Class: j.Test.Class}
		if r.asked != nil {
			out.Predicate.Record = smt.SnapshotOf(r.asked)
			out.Predicate.Record.Offset = offsetOf(r)
		}
	}
	for i := range r.Steps {
		if e := &r.Steps[i]; j.View.shows(e) && (j.Test == nil || r.asked == nil) {
			out.Steps = append(out.Steps, jsonStep{i + 1, e.TraceStep, e.PredicateClass, e.Changed})
		}
	}
	if r.Outcome == Kept {
		out.Output = smt.SnapshotOf(&r.out)
		out.Output.Offset = offsetOf(r)
		out.Written = writtenOf(r)
	}
	enc := json.NewEncoder(j.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

// End implements Printer: the sums are not part of the stream.
func (*JSON) End(*Totals) error { return nil }

func offsetOf(r *Result) *int64 {
	if r.Kind != plugin.Sink {
		return nil
	}
	offset := r.Sample.raw.Offset
	return &offset
}

func errorOf(r *Result) *jsonError {
	if r.Outcome != Failed {
		return nil
	}
	if r.Sample.Err != nil {
		return &jsonError{Message: r.Err.Error()}
	}
	out := &jsonError{Message: r.Err.Error(), Exception: errs.ClassOf(r.Err), Tolerated: r.Tolerated}
	if r.Problem != nil {
		out.Stage, out.Class = string(r.Problem.Stage), r.Problem.Class
		out.Message, out.Exception = r.Problem.Err.Error(), errs.ClassOf(r.Problem.Err)
	}
	if !r.Tolerated {
		out.Trace = r.Err.Error()
	}
	return out
}

func writtenOf(r *Result) *jsonWritten {
	w := r.Written
	if w == nil {
		return nil
	}
	out := &jsonWritten{Topic: w.Topic, Headers: []jsonHeader{}}
	if w.Partition >= 0 {
		out.Partition = &w.Partition
	}
	if !w.Timestamp.IsZero() {
		ms := w.Timestamp.UnixMilli()
		out.Timestamp = &ms
	}
	if r.hasKey {
		out.Key = bytesOf(w.Key)
	}
	if r.hasValue {
		out.Value = bytesOf(w.Value)
	}
	for _, h := range w.Headers {
		out.Headers = append(out.Headers, jsonHeader{h.Key, bytesOf(h.Value)})
	}
	return out
}

func bytesOf(raw []byte) *jsonBytes {
	if raw == nil {
		return &jsonBytes{Null: true}
	}
	text := string(raw)
	if utf8.Valid(raw) {
		return &jsonBytes{Text: &text}
	}
	text = base64.StdEncoding.EncodeToString(raw)
	return &jsonBytes{Base64: &text}
}
