package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		err   error
		class Class
		java  string
	}{
		{nil, 0, ""},
		{kerr.MessageTooLarge, TooLarge, "RecordTooLargeException"},
		{fmt.Errorf("x: %w", kerr.TopicAuthorizationFailed), Authorization, "TopicAuthorizationException"},
		{sarama.ErrTopicAuthorizationFailed, Authorization, "TopicAuthorizationException"},
		{&sarama.TopicError{Err: sarama.ErrInvalidTopic}, Fatal, "InvalidTopicException"},
		{kerr.ProducerFenced, Fenced, "ProducerFencedException"},
		{kerr.UnknownTopicOrPartition, Retriable, "UnknownTopicOrPartitionException"},
		{kerr.OffsetOutOfRange, Fatal, "OffsetOutOfRangeException"},
		{sarama.Wrap(sarama.ErrOutOfBrokers, sarama.Wrap(sarama.ErrSASLAuthenticationFailed, io.EOF)), Authorization, "SaslAuthenticationException"},
		{sarama.ErrConcurrentTransactions, Retriable, "ConcurrentTransactionsException"},
		{sarama.ErrOutOfBrokers, Retriable, "DisconnectException"},
		{io.EOF, Retriable, "DisconnectException"},
		{kgo.ErrRecordTimeout, Retriable, "TimeoutException"},
		{context.DeadlineExceeded, Retriable, "TimeoutException"},
		{kerr.RebalanceInProgress, Retriable, "RebalanceInProgressException"},
		{failed(kerr.IllegalGeneration, "x"), Fenced, "IllegalGenerationException"},
		{&kgo.ErrGroupSession{Err: kerr.GroupAuthorizationFailed}, Authorization, "GroupAuthorizationException"},
	} {
		want := tt.java
		if want != "" {
			want = javaPackage + want
		}
		if c, name := Classify(tt.err), ClassName(tt.err); c != tt.class || name != want {
			t.Errorf("%v: %s %s, want %s %s", tt.err, c, name, tt.class, want)
		}
	}
	for _, err := range []error{context.Canceled, kgo.ErrClientClosed, kgo.ErrAborting, sarama.ErrClosedClient, ErrAborted} {
		if Classify(err) != Aborted {
			t.Errorf("%v is %s", err, Classify(err))
		}
	}
	if !errors.Is(failed(kerr.NotLeaderForPartition, "x"), errs.Retriable) || errors.Is(failed(kerr.InvalidRecord, "x"), errs.Retriable) {
		t.Error("errs.Retriable is found where it isn't, or not where it is")
	}
	if failed(nil, "x") != nil {
		t.Error("no error became one")
	}
}

// Every code that either client knows has a Java class, and the two agree on what it means.
func TestEveryCodeHasAClass(t *testing.T) {
	for code := int16(1); code < 130; code++ {
		e, ok := kerr.ErrorForCode(code).(*kerr.Error)
		if !ok || e == kerr.UnknownServerError {
			continue
		}
		if javaErrors[code] == "" {
			t.Errorf("code %d, %s, has no Java class", code, e.Message)
		}
		if Classify(e) != Classify(sarama.KError(code)) {
			t.Errorf("code %d, %s: %s of franz-go and %s of sarama", code, e.Message, Classify(e), Classify(sarama.KError(code)))
		}
	}
}

func TestBackoff(t *testing.T) {
	s := &settings{retryBackoff: 100 * time.Millisecond, retryBackoffMax: time.Second}
	for tries, want := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 5: time.Second, 1000: time.Second} {
		for range 100 {
			if got := s.backoff(tries); got < want*4/5 || got > want*6/5 {
				t.Fatalf("try %d: %v, want %v give or take a fifth", tries, got, want)
			}
		}
	}
}

func TestISODuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"P1D": 24 * time.Hour, "PT1H30M": 90 * time.Minute, "P2DT3H4M5.5S": 51*time.Hour + 4*time.Minute + 5500*time.Millisecond, "pt1s": time.Second,
	} {
		if got, ok := parseISODuration(in); !ok || got != want {
			t.Errorf("%s: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "P", "PT", "1D", "P1Y", "P-1D", "PT1H1D"} {
		if _, ok := parseISODuration(in); ok {
			t.Errorf("%q was taken", in)
		}
	}
}

func TestUnreadKeys(t *testing.T) {
	r := security.NewReader(Props{
		"bootstrap.servers": "b:1", "interceptor.classes": "x.Y", "metric.reporters": "z", "linger.ms": "1",
		"my.own.key": "1", "metrics.context.connect.group.id": "g", "acks": "all", "ssl.provider": "p",
	})
	s := readSettings(r, nil)
	readProducer(r, s)
	known, unknown := unread(r)
	if r.Err() != nil || fmt.Sprint(known) != "[interceptor.classes metric.reporters ssl.provider]" || fmt.Sprint(unknown) != "[my.own.key]" {
		t.Errorf("known %v, unknown %v, %v", known, unknown, r.Err())
	}
}
