// Package errs holds the kinds of error that decide what a worker does: try again, skip a
// record, fail a task, answer 404. Each kind knows the Java exception class that Kafka Connect
// shows for it in traces, dead letter headers and REST answers.
//
// A kind is a sentinel: errors.Is(err, errs.Retriable) asks for the kind or one below it.
//
//	return errs.Data.New("field %q is missing", name)
//	return errs.Retriable.Wrap(err, "topic %q", topic)
package errs

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is a class of errors, named after Kafka Connect's exception class. Kinds form a tree as
// the Java classes do.
type Kind struct {
	class  string
	parent *Kind
}

// The kinds. Data is below Connect, SchemaBuilder and SchemaProjector below Data, and so on, as
// in Java; Config and Serialization are no Connect errors there and are none here.
var (
	Connect         = &Kind{"org.apache.kafka.connect.errors.ConnectException", nil}
	Data            = &Kind{"org.apache.kafka.connect.errors.DataException", Connect}
	SchemaBuilder   = &Kind{"org.apache.kafka.connect.errors.SchemaBuilderException", Data}
	SchemaProjector = &Kind{"org.apache.kafka.connect.errors.SchemaProjectorException", Data}
	// Retriable marks a failure that may pass: the worker tries the same call again.
	Retriable     = &Kind{"org.apache.kafka.connect.errors.RetriableException", Connect}
	NotFound      = &Kind{"org.apache.kafka.connect.errors.NotFoundException", Connect}
	AlreadyExists = &Kind{"org.apache.kafka.connect.errors.AlreadyExistsException", Connect}
	TooManyTasks  = &Kind{"org.apache.kafka.connect.runtime.TooManyTasksException", Connect}
	// BadRequest is a request that can't be carried out as it stands (REST: 400).
	BadRequest = &Kind{"org.apache.kafka.connect.runtime.rest.errors.BadRequestException", Connect}
	// Config is a wrong or missing setting. Trying again doesn't help: a task that meets it is
	// not restarted.
	Config        = &Kind{"org.apache.kafka.common.config.ConfigException", nil}
	Serialization = &Kind{"org.apache.kafka.common.errors.SerializationException", nil}
	// Authorization is a refusal by a broker or an external system; it isn't retried.
	Authorization = &Kind{"org.apache.kafka.common.errors.AuthorizationException", nil}
	// Network, Disconnect, Throttled and Timeout are Kafka's own retriable exceptions, which Connect
	// doesn't retry.
	Network    = &Kind{"org.apache.kafka.common.errors.NetworkException", nil}
	Disconnect = &Kind{"org.apache.kafka.common.errors.DisconnectException", nil}
	Throttled  = &Kind{"org.apache.kafka.common.errors.ThrottlingQuotaExceededException", nil}
	Timeout    = &Kind{"org.apache.kafka.common.errors.TimeoutException", nil}
	// IllegalArgument and the like stand for java.lang exceptions that say no more than that a
	// call fails.
	IllegalArgument = &Kind{"java.lang.IllegalArgumentException", nil}
	IllegalState    = &Kind{"java.lang.IllegalStateException", nil}
)

// Error makes a Kind usable as target of errors.Is.
func (k *Kind) Error() string { return k.class }

// Class is the fully qualified Java class name.
func (k *Kind) Class() string { return k.class }

// New makes an error of this kind.
func (k *Kind) New(format string, args ...any) error {
	return &kindError{kind: k, msg: fmt.Sprintf(format, args...)}
}

// Wrap makes an error of this kind with a cause. The text is "message: cause".
func (k *Kind) Wrap(cause error, format string, args ...any) error {
	return &kindError{kind: k, msg: fmt.Sprintf(format, args...), cause: cause}
}

type kindError struct {
	kind  *Kind
	msg   string
	cause error
}

func (e *kindError) Error() string {
	if e.cause == nil {
		return e.msg
	}
	return e.msg + ": " + e.cause.Error()
}

func (e *kindError) Unwrap() error { return e.cause }

// Is reports whether target is the error's kind or a kind above it.
func (e *kindError) Is(target error) bool {
	for k := e.kind; k != nil; k = k.parent {
		if error(k) == target {
			return true
		}
	}
	return false
}

// KindOf is the kind of the outermost error in err's chain that has one, else nil.
func KindOf(err error) *Kind {
	if e, ok := errors.AsType[*kindError](err); ok {
		return e.kind
	}
	if k, ok := errors.AsType[*Kind](err); ok {
		return k
	}
	return nil
}

// ClassOf is the Java class name to show for err: its kind's, else ConnectException's.
func ClassOf(err error) string {
	if k := KindOf(err); k != nil {
		return k.class
	}
	return Connect.class
}

// Message is what Java's getMessage would give: the text of the outermost error of a kind,
// without its cause; else the whole text.
func Message(err error) string {
	if e, ok := errors.AsType[*kindError](err); ok {
		return e.msg
	}
	return err.Error()
}

// Text is Message with the causes behind it, for who has to mend what is wrong and sees nothing else. A
// cause that the message tells already isn't told again.
func Text(err error) string {
	e, ok := errors.AsType[*kindError](err)
	if !ok {
		return err.Error()
	}
	if e.cause == nil || strings.Contains(e.msg, e.cause.Error()) || strings.Contains(e.msg, Message(e.cause)) {
		return e.msg
	}
	return e.msg + ": " + e.cause.Error()
}
