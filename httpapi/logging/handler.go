package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Handler writes events as lines of text:
//
//	[2026-11-22 17:00:00,123] INFO [orders|task-0] offsets committed records=7 (actors.task)
//
// One event is one line: what would break it is escaped. It is safe for concurrent use; a write
// to the output is one call under a lock.
type Handler struct {
	registry *Registry
	out      *output
	scope    string // "[name|task-0] ", "[name|worker] " or ""

	logger, connector, task string
	prefix                  string // of groups: "a.b."
	attrs                   []byte // already written: " key=value"

	// cached is the level that decides, in the low 17 bits, with the registry's version above.
	cached atomic.Uint64
}

type output struct {
	mu sync.Mutex
	w  io.Writer
}

const (
	levelBits = 17
	levelBias = 1 << 16
)

// NewHandler makes a handler that writes to w what the registry lets through.
func NewHandler(r *Registry, w io.Writer) *Handler {
	return &Handler{registry: r, out: &output{w: w}}
}

// Enabled reports whether an event of this level is written. It costs two atomic loads as long
// as no level changes.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	version := h.registry.version.Load()
	cached := h.cached.Load()
	if cached>>levelBits != version {
		// Two goroutines may both do this: they store the same or the older is done again.
		own := h.registry.levelFor(h.logger, h.connector, h.task)
		cached = version<<levelBits | uint64(int64(own)+levelBias)
		h.cached.Store(cached)
	}
	return int64(level)+levelBias >= int64(cached&(1<<levelBits-1))
}

// WithAttrs is a handler that adds the attributes to every event. "logger", "connector" and
// "task" say who logs, unless inside a group.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	n := h.clone()
	for _, a := range attrs {
		if n.prefix == "" && n.who(a) {
			continue
		}
		n.attrs = appendAttr(n.attrs, n.prefix, a)
	}
	n.scope = scopeOf(n.connector, n.task)
	n.registry.know(n.logger)
	return n
}

// who takes an attribute that says who logs.
func (h *Handler) who(a slog.Attr) bool {
	switch a.Key {
	case "logger":
		h.logger = a.Value.Resolve().String()
	case "connector":
		h.connector = a.Value.Resolve().String()
	case "task":
		h.task = taskNumber(a.Value.Resolve().String())
	default:
		return false
	}
	return true
}

// taskNumber is 0 of both "0" and a task id's text "name-0".
func taskNumber(text string) string { return text[strings.LastIndexByte(text, '-')+1:] }

func scopeOf(connector, task string) string {
	switch {
	case connector == "":
		return ""
	case task == "":
		return "[" + clean(connector) + "|worker] "
	}
	return "[" + clean(connector) + "|task-" + clean(task) + "] "
}

// WithGroup is a handler that puts name and a dot in front of the keys that follow.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	n := h.clone()
	n.prefix += name + "."
	return n
}

func (h *Handler) clone() *Handler {
	return &Handler{
		registry: h.registry, out: h.out, scope: h.scope, logger: h.logger, connector: h.connector, task: h.task,
		prefix: h.prefix, attrs: slices.Clip(h.attrs),
	}
}

// Handle writes the event.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	defer func() {
		if cap(*buf) <= 16<<10 { // one huge event must not be kept for ever
			*buf = (*buf)[:0]
			buffers.Put(buf)
		}
	}()
	line := appendTime((*buf)[:0], r.Time)
	line = append(line, LevelName(r.Level)...)
	line = append(line, ' ')
	scope := h.scope
	mark := len(line)
	line = append(line, scope...)
	line = appendClean(line, r.Message)
	line = append(line, h.attrs...)
	var connector, task string
	r.Attrs(func(a slog.Attr) bool {
		// An event may name its connector itself when the logger is the worker's.
		if h.prefix == "" && h.connector == "" {
			switch a.Key {
			case "connector":
				connector = a.Value.Resolve().String()
				return true
			case "task":
				if connector != "" {
					task = taskNumber(a.Value.Resolve().String())
					return true
				}
			}
		}
		line = appendAttr(line, h.prefix, a)
		return true
	})
	if connector != "" {
		if r.Level < h.registry.levelFor(h.logger, connector, task) {
			*buf = line
			return nil // the connector's own level is higher than the worker's, which let this through
		}
		line = insert(line, mark, scopeOf(connector, task))
	}
	name := h.logger
	if name == "" {
		name = connectRoot
	}
	line = append(line, " ("...)
	line = appendClean(line, name)
	line = append(line, ")\n"...)
	*buf = line

	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := h.out.w.Write(line)
	return err
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func insert(line []byte, at int, text string) []byte {
	line = append(line, text...)
	copy(line[at+len(text):], line[at:len(line)-len(text)])
	copy(line[at:], text)
	return line
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		t = time.Now()
	}
	b = append(b, '[')
	b = t.AppendFormat(b, "2006-01-02 15:04:05,000")
	return append(b, "] "...)
}

func appendAttr(b []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			b = appendAttr(b, prefix, inner)
		}
		return b
	}
	if a.Equal(slog.Attr{}) {
		return b
	}
	b = append(b, ' ')
	b = appendClean(b, prefix+a.Key)
	b = append(b, '=')
	return appendValue(b, v)
}

func appendValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindString:
		return appendText(b, v.String())
	case slog.KindTime:
		return v.Time().AppendFormat(b, time.RFC3339Nano)
	case slog.KindDuration, slog.KindFloat64:
		return append(b, v.String()...)
	}
	return appendText(b, anyText(v.Any()))
}

// anyText is a value as text. Printing must not take the worker down, whatever a value's methods do.
func anyText(v any) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("!PANIC: %v", p)
		}
	}()
	if err, isError := v.(error); isError {
		return err.Error()
	}
	return fmt.Sprintf("%+v", v)
}

// appendText quotes a value that has spaces or would break the line.
func appendText(b []byte, s string) []byte {
	if s != "" && isPlain(s) {
		return append(b, s...)
	}
	return strconv.AppendQuote(b, s)
}

func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == '=' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// appendClean is text that stays as it is but for what would break the line or hide in it.
func appendClean(b []byte, s string) []byte {
	start := 0
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c != 0x7f {
			continue
		}
		b = append(b, s[start:i]...)
		quoted := strconv.QuoteRune(rune(s[i]))
		b = append(b, quoted[1:len(quoted)-1]...)
		start = i + 1
	}
	return append(b, s[start:]...)
}

func clean(s string) string { return string(appendClean(nil, s)) }
