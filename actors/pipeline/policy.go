package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Stage is where on its way a record is, by Kafka Connect's names.
type Stage string

// The stages.
const (
	Transformation  Stage = "TRANSFORMATION"
	KeyConverter    Stage = "KEY_CONVERTER"
	ValueConverter  Stage = "VALUE_CONVERTER"
	HeaderConverter Stage = "HEADER_CONVERTER"
	KafkaProduce    Stage = "KAFKA_PRODUCE"
	TaskPut         Stage = "TASK_PUT"
)

// Problem is one record that failed for good at one stage, as reporters get it.
type Problem struct {
	Stage Stage
	Class string // Java class name of what failed
	// Where says which record, without its contents: topic, partition, offset of a consumed record, source
	// partition and offset of a source record.
	Where string
	Err   error
	// Attempts is how often it was tried.
	Attempts int
	// Record is the consumed record, of a sink; nil of a source.
	Record *kafka.Record
	// Unsent is the record of a source, as far as it came; nil of a sink.
	Unsent *Unsent
}

// Wait waits for the end of a report; nil stands for one that has ended.
type Wait func(context.Context) error

// Reporter takes note of problems: the log, a dead letter queue.
type Reporter interface {
	// Report begins the report. It may be called from any goroutine. An error, also of the Wait,
	// fails the task: a record that is neither processed nor reported must not be lost.
	Report(ctx context.Context, p Problem) (Wait, error)
}

// Policy is what a connector's errors.* settings ask for, per task.
type Policy struct {
	// TolerateAll is errors.tolerance=all.
	TolerateAll bool
	// RetryTimeout is errors.retry.timeout: in total per operation, 0 none, negative without limit.
	RetryTimeout time.Duration
	// RetryDelayMax is errors.retry.delay.max.ms.
	RetryDelayMax time.Duration
	Reporters     []Reporter
	// Pending takes the reports that are under way, of sinks; nil drops them.
	Pending *Pending
	// Numbers counts what happens to records, as the JVM's task-error-metrics do; nil for nobody.
	Numbers *metrics.ErrorCounts
}

const firstRetryDelay = 300 * time.Millisecond // as the JVM's RetryWithToleranceOperator

// Recover deals with the error of one operation: it tries again while the error is
// errs.Retriable and time is left, then reports, then either swallows the error (skip is true:
// the record is to be dropped) or returns one that fails the task. A panic (*act.Failure) is not
// tried again, whatever was thrown.
func (p *Policy) Recover(ctx context.Context, at At, err error, again func() error) (skip bool, _ error) {
	if errors.Is(err, codecs.ErrInterrupted) {
		return false, err // the task is to stop: the record is not at fault and must come again
	}
	attempts, begun := 1, time.Now()
	p.Numbers.Failure(begun.UnixMilli())
	retriable := passes(err)
	for passes(err) && p.RetryTimeout != 0 {
		delay, ok := p.retryDelay(attempts, time.Since(begun), rand.Float64())
		if !ok {
			break
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		attempts++
		p.Numbers.Retry()
		if err = again(); err == nil {
			return false, nil
		}
		p.Numbers.Failure(time.Now().UnixMilli())
		if errors.Is(err, codecs.ErrInterrupted) {
			return false, err
		}
	}
	if retriable { // as the JVM counts: one more when it gives up
		p.Numbers.Failure(time.Now().UnixMilli())
	}
	p.Numbers.Error()
	problem := Problem{Stage: at.Stage, Class: at.Class, Where: at.Where(), Err: err, Attempts: attempts, Record: at.Record, Unsent: at.Unsent}
	if _, err := p.Report(ctx, problem); err != nil {
		return false, err
	}
	if p.TolerateAll {
		p.Numbers.Skipped()
		return true, nil
	}
	return false, Exceeded(problem)
}

// Report hands a problem to every reporter. The Wait is for the end of all their reports, nil if they
// have ended; Pending has it too.
func (p *Policy) Report(ctx context.Context, problem Problem) (Wait, error) {
	var all []Wait
	for _, r := range p.Reporters {
		wait, err := r.Report(ctx, problem)
		if err != nil {
			return nil, errs.Connect.Wrap(err, "report of a failed record (%s)", problem.Where)
		}
		if wait == nil {
			continue
		}
		all = append(all, wait)
		if p.Pending != nil && problem.Record != nil {
			p.Pending.add(problem.Record, wait)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return func(ctx context.Context) error {
		for _, wait := range all {
			if err := wait(ctx); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// Exceeded is the error that fails a task whose policy doesn't tolerate the problem.
func Exceeded(problem Problem) error {
	return errs.Connect.Wrap(&StageError{problem}, "Tolerance exceeded in error handler")
}

// ProduceProblem is that of a source's record which Kafka refused.
func ProduceProblem(r *kafka.Record, err error) Problem {
	return Problem{
		Stage: KafkaProduce, Class: "org.apache.kafka.connect.source.SourceTask",
		Where: "record for topic " + r.Topic, Err: err, Attempts: 1,
	}
}

// Unrecoverable is the error that fails a source task whose record Kafka refused.
func Unrecoverable(topic string, err error) error {
	return errs.Connect.Wrap(err, "Unrecoverable exception from producer send callback, topic %q", topic)
}

// At is the operation that failed.
type At struct {
	Stage Stage
	Class string
	// Where says which record; it is only called when there is something to say.
	Where  func() string
	Record *kafka.Record // of a sink
	Unsent *Unsent       // of a source
}

// passes reports whether trying again may help.
func passes(err error) bool {
	if f, ok := errors.AsType[*act.Failure](err); ok && f.Stack != "" {
		return false
	}
	return errors.Is(err, errs.Retriable)
}

// caught makes an error of a panic, to be deferred around the code of plugins. In Java an exception
// can't be told from one that was thrown on purpose, so it's tolerated; here it's a panic.
func caught(err *error) {
	if v := recover(); v != nil {
		*err = act.AsFailure(v, true)
	}
}

// retryDelay is how long to wait before the next attempt, false when time is up.
func (p *Policy) retryDelay(attempts int, spent time.Duration, random float64) (time.Duration, bool) {
	if p.RetryTimeout > 0 && spent >= p.RetryTimeout {
		return 0, false
	}
	d := float64(firstRetryDelay) * math.Pow(2, float64(attempts-1))
	if d > float64(p.RetryDelayMax) {
		d = random * float64(p.RetryDelayMax)
	}
	delay := time.Duration(d)
	if p.RetryTimeout > 0 {
		delay = min(delay, p.RetryTimeout-spent)
	}
	return delay, true
}

// StageError says where on its way a record failed.
type StageError struct{ Problem }

// Error names stage, class and record; the cause follows.
func (e *StageError) Error() string {
	return fmt.Sprintf("%s by %s of %s: %v", e.Stage, e.Class, e.Where, e.Err)
}

// Place implements budget.Placed.
func (e *StageError) Place() string { return string(e.Stage) + " of " + e.Where }

// Unwrap is the cause.
func (e *StageError) Unwrap() error { return e.Err }
