package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/cluster/metrics"
)

// LogReporter is errors.log.enable: a line per failed record, with where it lies if IncludeMessages
// (errors.log.include.messages) is set. A source of bad records is soon a flood of lines, so after logLines
// of them in a logWindow the rest of the window is one line with their number.
//
// Any goroutine may use it.
type LogReporter struct {
	Log             *slog.Logger
	IncludeMessages bool
	// Numbers counts the lines, as the JVM does: those that were held back too; nil for nobody.
	Numbers *metrics.ErrorCounts

	mu    sync.Mutex
	begun time.Time // of the window
	lines int       // in it
	held  int       // failures in it that have no line
}

const (
	logLines  = 20
	logWindow = time.Minute
)

// Report implements Reporter.
func (l *LogReporter) Report(_ context.Context, p Problem) (Wait, error) {
	l.Numbers.Logged()
	if !l.mayLog(time.Now()) {
		return nil, nil
	}
	attrs := []any{"stage", string(p.Stage), "class", p.Class, "attempts", p.Attempts, "err", p.Err}
	if l.IncludeMessages {
		attrs = append(attrs, "record", p.Where)
	}
	l.Log.Error("Error encountered in task", attrs...)
	return nil, nil
}

// mayLog reports whether there is a line left for a failure; else it is counted.
func (l *LogReporter) mayLog(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.begun) >= logWindow {
		l.begun, l.lines = now, 0
	}
	if l.lines < logLines {
		l.lines++
		return true
	}
	if l.held++; l.held == 1 {
		// The number is told also if no other record fails.
		time.AfterFunc(l.begun.Add(logWindow).Sub(now), l.tellHeld)
	}
	return false
}

func (l *LogReporter) tellHeld() {
	l.mu.Lock()
	held := l.held
	l.held = 0
	l.mu.Unlock()
	l.Log.Error("more errors encountered in task", "records", held, "within", logWindow)
}
