package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

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
}

// Reporter takes note of problems: the log, a dead letter queue.
type Reporter interface {
	// Report is called from the runner's goroutine. An error fails the task.
	Report(ctx context.Context, p Problem) error
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
}

const firstRetryDelay = 300 * time.Millisecond // as the JVM's RetryWithToleranceOperator

// Recover deals with the error of one operation: it tries again while the error is
// errs.Retriable and time is left, then reports, then either swallows the error (skip is true:
// the record is to be dropped) or returns one that fails the task. where is only called when
// there is something to say.
func (p *Policy) Recover(ctx context.Context, stage Stage, class string, where func() string, err error, again func() error) (skip bool, _ error) {
	attempts, begun := 1, time.Now()
	for errors.Is(err, errs.Retriable) && p.RetryTimeout != 0 {
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
		if err = again(); err == nil {
			return false, nil
		}
	}
	problem := Problem{Stage: stage, Class: class, Where: where(), Err: err, Attempts: attempts}
	for _, r := range p.Reporters {
		if rerr := r.Report(ctx, problem); rerr != nil {
			return false, errs.Connect.Wrap(rerr, "report of a failed record (%s)", problem.Where)
		}
	}
	if p.TolerateAll {
		return true, nil
	}
	return false, errs.Connect.Wrap(&StageError{problem}, "Tolerance exceeded in error handler")
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

// Unwrap is the cause.
func (e *StageError) Unwrap() error { return e.Err }

// LogReporter is errors.log.enable: a line per failed record, with where it lies if
// IncludeMessages (errors.log.include.messages) is set.
type LogReporter struct {
	Log             *slog.Logger
	IncludeMessages bool
}

// Report implements Reporter.
func (l LogReporter) Report(_ context.Context, p Problem) error {
	attrs := []any{"stage", string(p.Stage), "class", p.Class, "attempts", p.Attempts, "err", p.Err}
	if l.IncludeMessages {
		attrs = append(attrs, "record", p.Where)
	}
	l.Log.Error("Error encountered in task", attrs...)
	return nil
}
