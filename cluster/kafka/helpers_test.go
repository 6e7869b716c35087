package kafka_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// quiet is a logger for clients: warnings and worse, unless KAFKA_DEBUG is set.
func quiet() *slog.Logger {
	level := slog.LevelError
	if os.Getenv("KAFKA_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func with(base kafka.Props, more kafka.Props) kafka.Props {
	out := maps.Clone(base)
	maps.Copy(out, more)
	return out
}

func newProducer(t *testing.T, c *kafkatest.Cluster, more kafka.Props) *kafka.Producer {
	t.Helper()
	p, err := kafka.NewProducer(with(c.Props(), more), quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Abort)
	return p
}

func newConsumer(t *testing.T, c *kafkatest.Cluster, group string, more kafka.Props, topics ...string) *kafka.Consumer {
	t.Helper()
	return newRegexConsumer(t, c, group, "", more, topics...)
}

// fast makes a group's timing fit for tests.
var fast = kafka.Props{
	"heartbeat.interval.ms": "50", "session.timeout.ms": "6000", "fetch.max.wait.ms": "50",
	"metadata.max.age.ms": "300",
}

func newRegexConsumer(t *testing.T, c *kafkatest.Cluster, group, regex string, more kafka.Props, topics ...string) *kafka.Consumer {
	t.Helper()
	con, err := kafka.NewConsumer(with(with(c.Props(), fast), more), group, topics, regex, quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		con.Close(ctx)
	})
	return con
}

func contextEnded() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}

// logged is a log that may be read while others write.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
