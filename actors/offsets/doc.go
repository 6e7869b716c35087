// Package offsets is what a source task needs to commit its offsets: Tracker says up to where
// records are acknowledged without a gap, Writer collects those offsets and flushes them to an
// OffsetStore, Reader gives a task what was committed before.
//
//	entries := t.Batch(len(records))            // one slab for a batch
//	t.Submit(&entries[i], r.SourcePartition, r.SourceOffset)
//	entries[i].Ack()                            // from the producer, when Kafka has the record
//	t.Collect()                                 // now and then: lets go of acknowledged entries
//	for _, o := range t.Committable().Offsets { // at a commit
//		w.Put(o.Partition, o.Offset)
//	}
//	err := w.Flush(ctx)
//
// A record that is filtered, or skipped after a tolerated error, is not submitted: it moves no
// offset by itself, as in the JVM.
//
// No actor is in here: the task's runner owns the Tracker, and nothing starts a goroutine.
package offsets
