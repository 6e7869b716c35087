package budget

import (
	"errors"
	"syscall"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Class says whether a restart may help.
type Class uint8

// The classes.
const (
	Unknown Class = iota
	// Passing failures are due to something that may come back.
	Passing
	// Lasting failures come again.
	Lasting
)

var classNames = [...]string{"unknown", "may pass", "will not pass"}

// String is the class as log and status name it.
func (c Class) String() string { return classNames[c] }

// Placed is found in the error of a failure that is due to one record.
type Placed interface {
	error
	// Place names the record and what was done with it, the same each time it comes.
	Place() string
}

// Failure is what the budget wants to know of one.
type Failure struct {
	Class Class
	Place string // "" if it is not due to one record
}

// Judge classifies an error.
func Judge(err error) Failure {
	f := Failure{Class: classOf(err)}
	placed, ok := errors.AsType[Placed](err)
	if !ok {
		return f
	}
	f.Place = placed.Place()
	if f.Class == Unknown && badRecord(err) {
		f.Class = Lasting // the record comes again, and nothing about it changes
	}
	return f
}

func classOf(err error) Class {
	switch {
	case errs.IsLasting(err), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR),
		errors.Is(err, errs.Config), errors.Is(err, errs.Authorization), errors.Is(err, errs.TooManyTasks):
		return Lasting
	case errors.Is(err, errs.Retriable):
		return Passing
	}
	switch kafka.Classify(err) {
	case kafka.Retriable, kafka.Fenced:
		// Fenced: the group was lost or a transaction timed out. Who was replaced is told as Lasting.
		return Passing
	case kafka.TooLarge, kafka.Authorization:
		return Lasting
	default:
		return Unknown // Fatal is also what Classify says of errors that are none of a Kafka client's
	}
}

// badRecord reports whether the record itself is at fault.
func badRecord(err error) bool {
	return errors.Is(err, errs.Data) || errors.Is(err, errs.Serialization)
}
