package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Class is what to do about an error of a Kafka client.
type Class uint8

// The classes of errors.
const (
	// Fatal errors don't pass by trying again.
	Fatal Class = iota + 1
	// Retriable errors may pass.
	Retriable
	// Authorization errors are a broker's refusal, or a login that failed.
	Authorization
	// TooLarge is about one record or batch.
	TooLarge
	// Fenced means that another producer or member has taken over.
	Fenced
	// Aborted means that the client was closed by its owner, or the call's context ended.
	Aborted
)

var classNames = [...]string{"", "fatal", "retriable", "authorization", "too large", "fenced", "aborted"}

// String names the class.
func (c Class) String() string { return classNames[c] }

// ErrAborted is the error of records and calls that the client's owner gave up.
var ErrAborted = errors.New("the Kafka client was closed")

// Error is an error of this package with its class. errors.Is finds errs.Retriable and
// errs.Authorization in it.
type Error struct {
	Op    string // what was done, and to what: "create topic orders"
	Class Class
	Java  string // exception class in Java
	Err   error
}

// Error is the text, in one line: what was done and why it failed, each cause once.
func (e *Error) Error() string { return e.Op + ": " + inOneLine(e.Err.Error()) }

// inOneLine puts the lines of joined errors behind one another, without those that are in another.
func inOneLine(text string) string {
	text = strings.ReplaceAll(text, sarama.ErrOutOfBrokers.Error(), "no Kafka broker could be reached")
	if !strings.Contains(text, "\n") {
		return text
	}
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(k, line) }) {
			continue
		}
		kept = append(slices.DeleteFunc(kept, func(k string) bool { return strings.Contains(line, k) }), line)
	}
	return strings.Join(kept, "; ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// JavaClass is what the Java client would throw.
func (e *Error) JavaClass() string { return e.Java }

// Is finds the kinds of connectors/errs that stand for the class.
func (e *Error) Is(target error) bool {
	switch e.Class {
	case Retriable:
		return target == error(errs.Retriable) || target == error(errs.Connect)
	case Authorization:
		return target == error(errs.Authorization)
	default:
		return false
	}
}

// failed wraps err as an Error of what was done; nil stays nil.
func failed(err error, op string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Op: fmt.Sprintf(op, args...), Class: Classify(err), Java: ClassName(err), Err: err}
}

const javaPackage = "org.apache.kafka.common.errors."

// Classify says what to do about an error of this package, also one that a promise got; 0 for nil.
func Classify(err error) Class {
	c, _ := classify(err)
	return c
}

// ClassName is the Java exception class of an error of this package; "" for nil.
func ClassName(err error) string {
	_, name := classify(err)
	return name
}

func classify(err error) (Class, string) {
	if err == nil {
		return 0, ""
	}
	var known *Error
	var auth *security.AuthError
	switch {
	case errors.As(err, &known):
		return known.Class, known.Java
	case errors.As(err, &auth):
		return Authorization, auth.Class
	case errors.Is(err, ErrAborted), errors.Is(err, kgo.ErrClientClosed), errors.Is(err, kgo.ErrAborting),
		errors.Is(err, sarama.ErrClosedClient), errors.Is(err, context.Canceled):
		return Aborted, "org.apache.kafka.common.KafkaException"
	}
	if code, ok := codeOf(err); ok {
		return classOfCode(code)
	}
	var net *net.OpError
	var call *os.SyscallError
	var eof *kgo.ErrFirstReadEOF
	var incomplete sarama.PacketDecodingError
	switch {
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries),
		errors.Is(err, kgo.ErrMaxBuffered), errors.Is(err, errBufferFull),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Retriable, javaPackage + "TimeoutException"
	case errors.As(err, &net), errors.As(err, &call), errors.As(err, &eof), isEOF(err),
		errors.Is(err, sarama.ErrOutOfBrokers), errors.Is(err, sarama.ErrNotConnected),
		errors.Is(err, sarama.ErrBrokerNotFound), errors.As(err, &incomplete),
		errors.Is(err, sarama.ErrControllerNotAvailable), kgo.IsRetryableBrokerErr(err):
		return Retriable, javaPackage + "DisconnectException"
	}
	return Fatal, "org.apache.kafka.common.KafkaException"
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed)
}

// codeOf is the protocol's error code in a chain of errors of either client.
func codeOf(err error) (int16, bool) {
	if franz, ok := errors.AsType[*kerr.Error](err); ok {
		return franz.Code, true
	}
	if sar, ok := errors.AsType[sarama.KError](err); ok {
		return int16(sar), true
	}
	// A code that sarama wrapped together with another error is found by errors.Is only.
	for code := int16(-1); code <= lastCode; code++ {
		if code != 0 && errors.Is(err, sarama.KError(code)) {
			return code, true
		}
	}
	return 0, false
}

// lastCode is the highest of javaErrors.
const lastCode = 133

func classOfCode(code int16) (Class, string) {
	name := "org.apache.kafka.common.KafkaException"
	if short, ok := javaErrors[code]; ok {
		name = javaPackage + short
	}
	switch code {
	case kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code:
		return TooLarge, name
	case kerr.TopicAuthorizationFailed.Code, kerr.GroupAuthorizationFailed.Code,
		kerr.ClusterAuthorizationFailed.Code, kerr.TransactionalIDAuthorizationFailed.Code,
		kerr.DelegationTokenAuthorizationFailed.Code, kerr.SaslAuthenticationFailed.Code,
		kerr.UnsupportedSaslMechanism.Code, kerr.IllegalSaslState.Code:
		return Authorization, name
	case kerr.ProducerFenced.Code, kerr.InvalidProducerEpoch.Code, kerr.InvalidTxnState.Code,
		kerr.TransactionCoordinatorFenced.Code, kerr.IllegalGeneration.Code,
		kerr.UnknownMemberID.Code, kerr.FencedInstanceID.Code, kerr.FencedMemberEpoch.Code:
		return Fenced, name
	case kerr.RebalanceInProgress.Code, kerr.StaleMemberEpoch.Code, kerr.ConcurrentTransactions.Code:
		return Retriable, name
	}
	if kerr.IsRetriable(kerr.ErrorForCode(code)) {
		return Retriable, name
	}
	return Fatal, name
}
