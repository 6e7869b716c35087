package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
)

func TestParseLevel(t *testing.T) {
	for _, name := range []string{"OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"} {
		level, err := ParseLevel(" " + strings.ToLower(name))
		if err != nil || LevelName(level) != name {
			t.Errorf("%s: %v, %v", name, level, err)
		}
	}
	if _, err := ParseLevel("LOUD"); err == nil {
		t.Error("LOUD is a level")
	}
	if got := LevelName(slog.LevelInfo + 1); got != "INFO" {
		t.Errorf("a level between: %s", got)
	}
}

// TestLevelFor says which of several levels decides.
func TestLevelFor(t *testing.T) {
	r := NewRegistry(map[string]slog.Level{
		"root":                     slog.LevelWarn,
		"org.apache.kafka.connect": slog.LevelInfo,
		"actors.task":              slog.LevelError,
		"org.apache.kafka":         slog.LevelDebug,
		"connector.orders":         LevelTrace,
		"connector.orders.task-1":  LevelOff,
		"io.example.connect.jdbc":  slog.LevelDebug,
	})
	for _, tt := range []struct {
		logger, connector, task string
		want                    slog.Level
	}{
		{"", "", "", slog.LevelInfo},
		{"worker", "", "", slog.LevelInfo},
		{"actors.task.source", "", "", slog.LevelError},
		{"actors.task", "orders", "", LevelTrace},
		{"actors.task", "orders", "0", LevelTrace},
		{"actors.task", "orders", "1", LevelOff},
		{"actors.task", "other", "1", slog.LevelError},
		{"org.apache.kafka.clients.Admin", "", "", slog.LevelDebug},
		{"io.example.connect.jdbc.Source", "", "", slog.LevelDebug},
		{"io.example.other", "", "", slog.LevelWarn},
	} {
		if got := r.levelFor(tt.logger, tt.connector, tt.task); got != tt.want {
			t.Errorf("%q %q %q: %s, want %s", tt.logger, tt.connector, tt.task, LevelName(got), LevelName(tt.want))
		}
	}
}

// TestHandlerFollowsLevels changes levels under handlers that exist already.
func TestHandlerFollowsLevels(t *testing.T) {
	r := NewRegistry(nil)
	log := slog.New(NewHandler(r, io.Discard)).With("logger", "actors.task", "connector", "orders", "task", 0)
	on := func(level slog.Level) bool { return log.Enabled(t.Context(), level) }
	if on(slog.LevelDebug) || !on(slog.LevelInfo) {
		t.Fatal("the default is not INFO")
	}
	if got := r.Set("org.apache.kafka.connect", slog.LevelDebug); len(got) != 1 || !on(slog.LevelDebug) {
		t.Fatalf("org.apache.kafka.connect does not reach the worker's own loggers: %v", got)
	}
	if _, known := r.Get("actors.task"); !known {
		t.Error("a logger that exists is not known")
	}
	r.Set("connector.orders", slog.LevelError)
	if on(slog.LevelWarn) || !on(slog.LevelError) {
		t.Error("the connector's own level does not count")
	}
	r.Set("ROOT", LevelOff)
	if on(LevelFatal) {
		t.Error("root OFF lets events through")
	}
	r.Set("root", LevelAll)
	if !on(LevelTrace - 100) {
		t.Error("root ALL keeps events back")
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	base := slog.New(NewHandler(NewRegistry(nil), &out))
	stamp := regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] `)
	for _, tt := range []struct {
		name string
		log  func()
		want string
	}{
		{"plain", func() { base.Info("started") }, "INFO started (org.apache.kafka.connect)"},
		{"task", func() {
			base.With("logger", "actors.task", "connector", "orders", "task", 3).Warn("slow", "took", 2*time.Second)
		}, "WARN [orders|task-3] slow took=2s (actors.task)"},
		{"task id", func() {
			base.With("connector", "a-b", "task", state.TaskID{Connector: "a-b", Task: 7}).Info("x")
		}, "INFO [a-b|task-7] x (org.apache.kafka.connect)"},
		{
			"connector", func() { base.With("connector", "orders").Error("failed", "error", errors.New("a b")) },
			`ERROR [orders|worker] failed error="a b" (org.apache.kafka.connect)`,
		},
		{
			"event's own", func() { base.Info("moved", "connector", "orders", "task", 1, "n", 5) },
			"INFO [orders|task-1] moved n=5 (org.apache.kafka.connect)",
		},
		{
			"groups", func() { base.WithGroup("g").With("a", 1).Info("m", slog.Group("h", "b", true), "c", 1.5) },
			"INFO m g.a=1 g.h.b=true g.c=1.5 (org.apache.kafka.connect)",
		},
		{
			"injection", func() { base.Info("a\nb", "k\n", "v\n[2026] ERROR", "e", "") },
			`INFO a\nb k\n="v\n[2026] ERROR" e="" (org.apache.kafka.connect)`,
		},
		{
			"secret", func() { base.Info("login", "password", config.NewSecret("hunter2"), "p", []any{config.NewSecret("x")}) },
			"INFO login password=[hidden] p=[[hidden]] (org.apache.kafka.connect)",
		},
		{"panicking value", func() { base.Info("m", "v", bad{}) }, `INFO m v="!PANIC: no" (org.apache.kafka.connect)`},
		{"trace off", func() { base.Log(t.Context(), LevelTrace, "no") }, ""},
		{"fatal", func() { base.Log(t.Context(), LevelFatal, "end") }, "FATAL end (org.apache.kafka.connect)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out.Reset()
			tt.log()
			got := out.String()
			if tt.want == "" {
				if got != "" {
					t.Errorf("wrote %q", got)
				}
				return
			}
			if !stamp.MatchString(got) || strings.Count(got, "\n") != 1 {
				t.Fatalf("not one line with a time: %q", got)
			}
			if got = strings.TrimSuffix(stamp.ReplaceAllString(got, ""), "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

type bad struct{}

func (bad) Error() string { panic("no") }

// TestConcurrent is for the race detector: lines are whole whoever writes.
func TestConcurrent(t *testing.T) {
	var out bytes.Buffer
	r := NewRegistry(nil)
	log := slog.New(NewHandler(r, &out))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			own := log.With("logger", fmt.Sprintf("l%d", i))
			for n := range 50 {
				own.Info("line", "n", n)
				r.Set(fmt.Sprintf("l%d", i), slog.LevelInfo)
				r.List()
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 400 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "[") || !strings.HasSuffix(line, ")") {
			t.Fatalf("torn line %q", line)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	log := slog.New(NewHandler(NewRegistry(nil), io.Discard)).With("logger", "actors.task", "connector", "orders")
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { log.LogAttrs(ctx, slog.LevelDebug, "off", slog.Int("n", 1)) }); n != 0 {
		t.Errorf("a disabled event allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { log.LogAttrs(ctx, slog.LevelInfo, "on", slog.Int("n", 1)) }); n > 1 {
		t.Errorf("an event allocates %v times", n)
	}
}

func BenchmarkDisabled(b *testing.B) {
	log := slog.New(NewHandler(NewRegistry(nil), io.Discard)).With("connector", "orders", "task", 0)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(ctx, slog.LevelDebug, "off", slog.Int("n", 1))
	}
}

func BenchmarkLine(b *testing.B) {
	log := slog.New(NewHandler(NewRegistry(nil), io.Discard)).With("connector", "orders", "task", 0)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(ctx, slog.LevelInfo, "offsets committed", slog.Int("n", 1), slog.String("topic", "orders"))
	}
}

// TestOneMoreThanRoot: clients that set only what is listed find the worker's own logger, with
// the level in force and no time of change until there is one.
func TestOneMoreThanRoot(t *testing.T) {
	const worker = "org.apache.kafka.connect"
	r := NewRegistry(map[string]slog.Level{"root": slog.LevelWarn})
	if list := r.List(); len(list) != 2 || list[worker] != (Level{Level: "WARN"}) {
		t.Errorf("at the start: %v", list)
	}
	if changed := r.Set(worker, slog.LevelDebug); !slices.Equal(changed, []string{worker}) {
		t.Errorf("changed %q", changed)
	}
	if list := r.List(); list[worker].Level != "DEBUG" || list[worker].Modified.IsZero() || list["root"].Level != "WARN" {
		t.Errorf("after the change: %v", list)
	}
}

// TestOwnLevelOfEvent: an event that names its connector itself obeys the connector's level too.
func TestOwnLevelOfEvent(t *testing.T) {
	var out strings.Builder
	r := NewRegistry(nil)
	log := slog.New(NewHandler(r, &out))
	r.Set("connector.a", LevelOff)
	log.Info("deleted", "connector", "a")
	log.Info("deleted", "connector", "b")
	if got := out.String(); strings.Contains(got, "[a|worker]") || !strings.Contains(got, "[b|worker] deleted") {
		t.Errorf("%s", got)
	}
}
