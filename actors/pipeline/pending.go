package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Pending are the reports under way of one sink task, by partition: offsets are not committed
// before they have ended. It is safe for concurrent use.
type Pending struct {
	mu    sync.Mutex
	waits map[data.TopicPartition][]Wait
}

func (p *Pending) add(r *kafka.Record, w Wait) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == nil {
		p.waits = map[data.TopicPartition][]Wait{}
	}
	tp := data.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	p.waits[tp] = append(p.waits[tp], w)
}

// ErrUnfinished is Settle's error when its context ended before the reports did.
var ErrUnfinished = errs.Connect.New("reports of failed records have not ended yet")

// Settle waits for the reports of the partitions. Those that ended are forgotten; the first error of
// one is returned. If ctx ends first the others are kept, for the next call, and the error is
// ErrUnfinished unless there is one of a report.
func (p *Pending) Settle(ctx context.Context, has func(data.TopicPartition) bool) error {
	p.mu.Lock()
	due := map[data.TopicPartition][]Wait{}
	for tp, waits := range p.waits {
		if has(tp) {
			due[tp] = waits
			delete(p.waits, tp)
		}
	}
	p.mu.Unlock()
	var first error
	unfinished := false
	for tp, waits := range due {
		for i, w := range waits {
			err := w(ctx)
			if err != nil && ctx.Err() != nil {
				unfinished = true
				p.keep(tp, waits[i:])
				break
			}
			if err != nil && first == nil {
				first = err
			}
		}
	}
	if first == nil && unfinished {
		return ErrUnfinished
	}
	return first
}

// keep puts back what Settle didn't get to the end of.
func (p *Pending) keep(tp data.TopicPartition, waits []Wait) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits[tp] = append(slices.Clip(waits), p.waits[tp]...)
}

// Forget drops the reports of partitions that belong to another member.
func (p *Pending) Forget(tps []data.TopicPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tp := range tps {
		delete(p.waits, tp)
	}
}
