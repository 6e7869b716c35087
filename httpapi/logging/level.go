// Package logging gives a worker's log the shape that operators of Kafka Connect know: a level
// per logger name that REST can change while the worker runs, and lines that say which connector
// and task they are about.
//
// A Registry holds the levels, NewHandler makes the slog.Handler that obeys them. Who logs is
// told by three attributes: "logger" is a dotted name, "connector" and "task" the context. The
// level of an event is that of, in this order, its task (connector.NAME.task-0), its connector
// (connector.NAME), its logger's name or the nearest above it, and root. Names that are Troupe's
// own, as actors.worker, lie below org.apache.kafka.connect: what raises the level there does
// what it did on the JVM.
package logging

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Levels that slog has no name for. They are spaced as slog's are.
const (
	LevelAll   = slog.Level(math.MinInt16)
	LevelTrace = slog.Level(-8)
	LevelFatal = slog.Level(12)
	LevelOff   = slog.Level(math.MaxInt16)
)

// Root is the name of the logger above all others; REST takes it in any case.
const Root = "root"

// connectRoot is what the worker's own names lie below.
const connectRoot = "org.apache.kafka.connect"

var levels = []struct {
	name  string
	level slog.Level
}{
	{"OFF", LevelOff},
	{"FATAL", LevelFatal},
	{"ERROR", slog.LevelError},
	{"WARN", slog.LevelWarn},
	{"INFO", slog.LevelInfo},
	{"DEBUG", slog.LevelDebug},
	{"TRACE", LevelTrace},
	{"ALL", LevelAll},
}

// ParseLevel reads a level by its log4j name, in any case.
func ParseLevel(text string) (slog.Level, error) {
	for _, l := range levels {
		if strings.EqualFold(l.name, strings.TrimSpace(text)) {
			return l.level, nil
		}
	}
	return 0, fmt.Errorf("log level %q is none of OFF, FATAL, ERROR, WARN, INFO, DEBUG, TRACE, ALL", text)
}

// LevelName is the log4j name of a level, of one in between that of the next below.
func LevelName(level slog.Level) string {
	for _, l := range levels {
		if level >= l.level {
			return l.name
		}
	}
	return "ALL"
}

// Level is a logger's level and when it was changed through the registry; the zero time if never.
type Level struct {
	Level    string
	Modified time.Time
}

// Registry holds the levels of loggers by name. It is safe for concurrent use.
type Registry struct {
	version atomic.Uint64 // rises with every change, so that handlers know their copy is old

	mu      sync.RWMutex
	loggers map[string]*logger // without root
	root    logger
}

type logger struct {
	level    slog.Level
	set      bool // has a level of its own
	modified time.Time
}

// NewRegistry makes a registry with the levels of loggers by name, as a log4j configuration
// gives them; root is INFO unless given. org.apache.kafka.connect is known from the start.
func NewRegistry(initial map[string]slog.Level) *Registry {
	r := &Registry{loggers: map[string]*logger{connectRoot: {}}, root: logger{level: slog.LevelInfo, set: true}}
	for name, level := range initial {
		if strings.EqualFold(name, Root) {
			r.root.level = level
			continue
		}
		r.loggers[name] = &logger{level: level, set: true}
	}
	r.version.Store(1)
	return r
}

// List is every logger that has a level of its own, root, and org.apache.kafka.connect with the
// level in force: there are clients that set only what is listed.
func (r *Registry) List() map[string]Level {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := map[string]Level{Root: {LevelName(r.root.level), r.root.modified}}
	for name, l := range r.loggers {
		if l.set || name == connectRoot {
			out[name] = Level{LevelName(r.effective(name)), l.modified}
		}
	}
	return out
}

// Get is the level of a logger that is known, because it has logged or had a level set: its own
// or the nearest above.
func (r *Registry) Get(name string) (Level, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if strings.EqualFold(name, Root) {
		return Level{LevelName(r.root.level), r.root.modified}, true
	}
	l, known := r.loggers[name]
	if !known {
		return Level{}, false
	}
	return Level{LevelName(r.effective(name)), l.modified}, true
}

// Set sets the level of a logger and of every known one whose name begins with its name, of root
// of all. It returns the names of those whose level was another, sorted. A logger not known
// before is known from now on.
func (r *Registry) Set(name string, level slog.Level) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var changed []string
	isRoot := strings.EqualFold(name, Root)
	if !isRoot && r.loggers[name] == nil {
		r.loggers[name] = &logger{}
	}
	// What a logger had is decided for all before the first is set, else a parent's change
	// would make the child look unchanged.
	had := map[string]slog.Level{}
	for other := range r.loggers {
		if isRoot || strings.HasPrefix(other, name) {
			had[other] = r.effective(other)
		}
	}
	for other, before := range had {
		l := r.loggers[other]
		l.set, l.level = true, level
		if before != level {
			l.modified = now
			changed = append(changed, other)
		}
	}
	if isRoot && r.root.level != level {
		r.root.level, r.root.modified = level, now
		changed = append(changed, Root)
	}
	r.version.Add(1)
	slices.Sort(changed)
	return changed
}

// know makes a name known, so that REST can ask for its level.
func (r *Registry) know(name string) {
	r.mu.RLock()
	_, known := r.loggers[name]
	r.mu.RUnlock()
	if known || name == "" || strings.EqualFold(name, Root) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loggers[name] == nil {
		r.loggers[name] = &logger{}
	}
}

// effective is the level of a name: its own or the nearest above it. The lock is held.
func (r *Registry) effective(name string) slog.Level {
	for at := name; at != ""; at = parent(at) {
		if l := r.loggers[at]; l != nil && l.set {
			return l.level
		}
	}
	return r.root.level
}

// parent is the logger above; Troupe's own names end below org.apache.kafka.connect.
func parent(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i]
	}
	switch name {
	case "org", "com", "io", "net", "dev", "connector":
		return ""
	}
	return connectRoot
}

// levelFor is the level that decides about events of a logger, connector and task; task is -1
// for none.
func (r *Registry) levelFor(name, connector string, task string) slog.Level {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if connector != "" {
		own := "connector." + connector
		if task != "" {
			if l := r.loggers[own+".task-"+task]; l != nil && l.set {
				return l.level
			}
		}
		if l := r.loggers[own]; l != nil && l.set {
			return l.level
		}
	}
	if name == "" {
		name = connectRoot
	}
	return r.effective(name)
}
