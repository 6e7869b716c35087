package task

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// ExactlyOnce is what a worker with exactly.once.source.support=enabled offers the tasks of its
// source connectors (KIP-618). Its functions may be called from any goroutine.
type ExactlyOnce struct {
	// GroupID is the worker's group.id: transactional ids are <GroupID>-<connector>-<task>.
	GroupID string
	// Fence has the leader shut out the producers of a connector's earlier task generations. It
	// blocks until that is done, or ctx ends.
	Fence func(ctx context.Context, connector string) error
	// Verify reads the config topic to its end and returns an error unless generation is still the
	// connector's newest and the task is still assigned to this worker: one that wraps ErrSuperseded
	// if there are newer configurations; any other if the task isn't this worker's at the moment, or that
	// couldn't be found out: both may pass. It blocks until ctx ends.
	Verify func(ctx context.Context, id state.TaskID, generation int) error
}

// ErrSuperseded is found in the error of a task whose connector has newer task configurations. It is not
// started again.
var ErrSuperseded = errs.Connect.New("the task belongs to an older generation of its connector's tasks")

// transactionalID is that of one task's producer.
func (x *ExactlyOnce) transactionalID(id state.TaskID) string {
	return x.GroupID + "-" + id.String()
}

// claim makes the producer the only one that writes for the task: the leader shuts out those of
// earlier generations, then the transactional id that of an earlier incarnation. Only then is it
// sure that the offsets stay as they are read.
func (r *runner) claim(producer *kafka.Producer) error {
	if r.spec.Inc > 1 {
		// A supervisor that hasn't heard of the newest generation may have restarted the task; it
		// must not shut out the one that has replaced it.
		if err := r.verify(r.soft); err != nil {
			return err
		}
	}
	if err := r.env.ExactlyOnce.Fence(r.soft, r.spec.ID.Connector); err != nil {
		return errs.Connect.Wrap(err, "fence out producers of earlier generations of connector %q", r.spec.ID.Connector)
	}
	if r.stopping() {
		return context.Cause(r.soft) // a later generation may be on its way already
	}
	if err := initTransactions(r.soft, producer, r.log); err != nil {
		return err
	}
	return r.verify(r.soft)
}

// verify checks that the task isn't replaced. That it is can't be mended by a restart.
func (r *runner) verify(ctx context.Context) error {
	err := r.env.ExactlyOnce.Verify(ctx, r.spec.ID, r.spec.Generation)
	if err == nil {
		return nil
	}
	err = errs.Connect.Wrap(err, "task %s, generation %d of its connector's tasks", r.spec.ID, r.spec.Generation)
	if errors.Is(err, ErrSuperseded) {
		return errs.Lasting(err)
	}
	return err
}

// initTransactions shuts out producers before this one with the same transactional id. What may
// pass is tried again until ctx ends.
func initTransactions(ctx context.Context, producer *kafka.Producer, log *slog.Logger) error {
	for n := 0; ; n++ {
		err := producer.InitTransactions(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errs.Connect.Wrap(context.Cause(ctx), "%s", err.Error())
		case kafka.Classify(err) != kafka.Retriable:
			return err
		}
		log.Warn("transactions not begun, trying again", "err", err)
		if !act.Sleep(ctx, backoff(n, 10*time.Second)) {
			return errs.Connect.Wrap(context.Cause(ctx), "%s", err.Error())
		}
	}
}

// judgeTime is how long a task that was fenced may look for the reason.
const judgeTime = 10 * time.Second

// judge makes of an error what an operator can act on. A producer is fenced when another took over
// its transactional id, or when its transaction was open for too long: the broker's answer is the
// same. A task that was replaced must not begin again, it would fence out the one that replaced it.
func (x *transactional) judge(err error) error {
	if kafka.Classify(err) != kafka.Fenced || x.lease.Check() != nil {
		return err
	}
	ctx, cancel := x.until(judgeTime)
	defer cancel()
	verr := x.verify(ctx)
	if errors.Is(verr, ErrSuperseded) {
		return errs.Lasting(errs.Connect.Wrap(err,
			"The task %s was fenced: a later generation of the connector's tasks writes with its transactional id %s. "+
				"What its last transaction held is not visible to consumers that read what is committed, and the later task begins from the "+
				"offsets before it, so that nothing is lost or doubled",
			x.spec.ID, x.env.ExactlyOnce.transactionalID(x.spec.ID)))
	}
	if verr != nil {
		return errs.Connect.Wrap(errors.Join(verr, err),
			"The task %s was fenced: another producer used its transactional id %s, or it did not finish writing before its producer transaction "+
				"expired. What its last transaction held is not visible to consumers that read what is committed",
			x.spec.ID, x.env.ExactlyOnce.transactionalID(x.spec.ID))
	}
	if strings.HasSuffix(kafka.ClassName(err), ".ProducerFencedException") || strings.HasSuffix(kafka.ClassName(err), ".InvalidProducerEpochException") {
		return errs.Connect.Wrap(err,
			"The task %s was unable to finish writing records to Kafka before its producer transaction expired, or another producer used its "+
				"transactional id %s. It may be necessary to reconfigure this connector in order for it to run healthily with exactly-once "+
				"support. Options for this include: tune the connector's producer configuration for higher throughput, increase the transaction "+
				"timeout for the connector's producers (producer.override.transaction.timeout.ms), decrease the offset commit interval "+
				"(if using interval-based transaction boundaries), or use the 'poll' transaction boundary (if the connector is not already "+
				"configured to use it)",
			x.spec.ID, x.env.ExactlyOnce.transactionalID(x.spec.ID))
	}
	return err
}
