package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFranzLogRepeatsItselfSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &franzLog{log: slog.New(slog.NewTextHandler(&out, nil))}
		lines := func() int { return strings.Count(out.String(), "\n") }
		for range 100 {
			l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "a:1")
		}
		if lines() != 1 {
			t.Fatalf("100 warnings in an instant made %d lines, want 1:\n%s", lines(), out.String())
		}
		l.Log(kgo.LogLevelError, "something else")
		if lines() != 2 {
			t.Fatalf("another message was held back:\n%s", out.String())
		}
		time.Sleep(quietFor)
		l.Log(kgo.LogLevelWarn, "unable to open connection to broker", "addr", "a:1")
		if lines() != 3 || !strings.Contains(out.String(), "repeated=99") {
			t.Fatalf("after %v the message must come again with its count:\n%s", quietFor, out.String())
		}
	})
}
