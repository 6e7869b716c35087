package task

import (
	"context"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
)

// burial is a letter on its way.
type burial struct {
	context.Context
	rec   kafka.Record
	own   offsets.Entry
	entry *offsets.Entry     // of the record that the letter is about
	src   *data.SourceRecord // nil but for a RecordCommitter
	of    *atLeastOnce
}

// bury sends a letter. The record counts as dealt with when Kafka has it.
func (d *atLeastOnce) bury(letter *kafka.Record, about *pipeline.Unsent) error {
	b := &burial{Context: d.ctx, rec: *letter, of: d}
	b.rec.Context = b //nolint:fatcontext // b is the context of its own record only
	switch f := d.told; {
	case f != nil:
		b.entry, b.src = &f.entry, f.src
	case d.pipe.Policy.TolerateAll:
		b.entry = &b.own
		d.tracker.Submit(b.entry, about.Polled.SourcePartition, about.Polled.SourceOffset)
		if d.recordCommitter != nil {
			kept := *about.Polled
			b.src = &kept
		}
	default: // the task fails and the record comes again; its end waits for the letter
		b.entry = &b.own
		d.tracker.Submit(b.entry, about.Polled.SourcePartition, nil)
	}
	return d.produce(&b.rec, buried)
}

// buried is the promise of a letter; it runs on the producer's goroutine.
func buried(r *kafka.Record, err error) {
	b := r.Context.(*burial)
	switch {
	case err == nil:
		if b.src != nil {
			b.of.commitRecord(b.src, nil)
		}
		b.entry.Ack()
	case kafka.Classify(err) == kafka.Aborted:
		// Neither is there, so the record comes again.
	default:
		err = deadletters.Refusal(r.Topic, err)
		b.of.sendErr.CompareAndSwap(nil, &err)
	}
}

// bury sends a letter in the transaction, with the offset of the record that it is about.
func (x *transactional) bury(letter *kafka.Record, about *pipeline.Unsent) error {
	if err := x.failedSend(); err != nil {
		return err
	}
	if err := x.beginTransaction(); err != nil {
		return err
	}
	if err := x.produce(letter, x.promise); err != nil {
		return err
	}
	if x.pipe.Policy.TolerateAll { // else the transaction won't be committed, nor the letter with it
		x.tracker.Set(about.Polled.SourcePartition, about.Polled.SourceOffset)
	}
	return nil
}
