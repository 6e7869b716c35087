package metrics

import "sync/atomic"

// ErrorCounts has the numbers of a task's error handling, KIP-298's task-error-metrics. They move
// for records with errors only, so each is an atomic of its own.
type ErrorCounts struct {
	failures, errors, skipped, retries, logged atomic.Int64
	letters, lettersFailed                     atomic.Int64
	last                                       atomic.Int64 // ms
}

// Failure notes that an operation on a record failed once, tolerated or not, tried again or not.
func (e *ErrorCounts) Failure(now int64) {
	if e == nil {
		return
	}
	e.failures.Add(1)
	e.last.Store(now)
}

// Error notes that a record could not be processed for good.
func (e *ErrorCounts) Error() {
	if e != nil {
		e.errors.Add(1)
	}
}

// Skipped notes that a record was left out because of errors.
func (e *ErrorCounts) Skipped() {
	if e != nil {
		e.skipped.Add(1)
	}
}

// Retry notes that an operation was tried again.
func (e *ErrorCounts) Retry() {
	if e != nil {
		e.retries.Add(1)
	}
}

// Logged notes that a record's error was written to the log.
func (e *ErrorCounts) Logged() {
	if e != nil {
		e.logged.Add(1)
	}
}

// Letter notes a dead letter given to the producer.
func (e *ErrorCounts) Letter() {
	if e != nil {
		e.letters.Add(1)
	}
}

// LetterFailed notes a dead letter that Kafka did not take.
func (e *ErrorCounts) LetterFailed() {
	if e != nil {
		e.lettersFailed.Add(1)
	}
}
