package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
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

// The library's warnings come in an operator's words; what has none comes as it is.
func TestFranzLogWords(t *testing.T) {
	for msg, want := range map[string]string{
		"unable to open connection to broker": `level=WARN msg="cannot connect to a Kafka broker; retrying" address=a:1 error=refused`,
		"read from broker errored, killing connection after 0 successful responses (is SASL missing?)": "See security.protocol",
		"group manage loop errored": `msg="the consumer cannot reach its group's coordinator; retrying"`,
		"something new":             `level=WARN msg="Kafka client: something new" address=a:1 error=refused`,
	} {
		var out bytes.Buffer
		l := &franzLog{log: slog.New(slog.NewTextHandler(&out, nil))}
		l.Log(kgo.LogLevelError, msg, "addr", "a:1", "err", "refused")
		if !strings.Contains(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %s, want %s", msg, out.String(), want)
		}
	}
}

// Each message that is put into other words is one that the library in use has: a new version may have
// changed it.
func TestFranzWordsAreCurrent(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/twmb/franz-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "pkg", "kgo", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for msg := range franzWords {
		if !strings.Contains(all.String(), `"`+msg+`"`) {
			t.Errorf("franz-go doesn't say %q", msg)
		}
	}
}

// The policy lets an override through whose class nobody could load; it is refused all the same, when the
// connector is made, as in Java.
func TestOverridesOfClasses(t *testing.T) {
	policy, err := ReadOverridePolicy(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := policy.Check(map[string]string{
		"producer.override.key.serializer": "x", "producer.override.partitioner.class": roundRobin,
		"consumer.override.value.deserializer": "y.Z", "producer.override.acks": "1",
	}, ProducerClient, ConsumerClient)
	var texts []string
	for _, e := range got {
		texts = append(texts, e.Key+": "+e.Err)
	}
	want := []string{
		"consumer.override.value.deserializer: Invalid value y.Z for configuration value.deserializer: Class y.Z could not be found.",
		"producer.override.key.serializer: Invalid value x for configuration key.serializer: Class x could not be found.",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
}

// An error is one line, in which each cause is told once.
func TestErrorsInOneLine(t *testing.T) {
	timeout := context.DeadlineExceeded
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("a"), "do: a"},
		{errors.Join(timeout, errors.New("dial a:1: refused")), "do: context deadline exceeded; dial a:1: refused"},
		{errors.Join(timeout, timeout), "do: context deadline exceeded"},
		{errors.Join(errors.New("EOF"), fmt.Errorf("read from a:1: %w", io.EOF), io.EOF), "do: read from a:1: EOF"},
		{
			failed(errors.Join(timeout, fmt.Errorf("%w: dial a:1: refused", sarama.ErrOutOfBrokers)), "find it"),
			"do: find it: context deadline exceeded; no Kafka broker could be reached: dial a:1: refused",
		},
	} {
		if got := failed(tt.err, "do").Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
