package ledger

import (
	"context"
	"errors"
	"maps"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// task writes what it is given at once: between two calls nothing is under way.
type task struct {
	driver string
	tc     connectors.SinkTaskContext
	db     *ledger
	next   connectors.Offsets // of opened partitions: where the stored rows end; none where there are no rows
}

func (t *task) Start(ctx context.Context, tc connectors.SinkTaskContext, props map[string]string) error {
	db, err := open(t.driver, props)
	if err != nil {
		return err
	}
	t.tc, t.db, t.next = tc, db, connectors.Offsets{}
	return t.db.reach(ctx)
}

// Open begins where the rows end.
func (t *task) Open(ctx context.Context, partitions []data.TopicPartition) error {
	if !t.db.exactly {
		return nil
	}
	stored, err := t.db.offsets(ctx, partitions)
	if err != nil {
		return err
	}
	maps.Copy(t.next, stored)
	t.tc.Offset(stored)
	return nil
}

// Close forgets where the rows of partitions end: another task may write them now.
func (t *task) Close(_ context.Context, partitions []data.TopicPartition) error {
	for _, tp := range partitions {
		delete(t.next, tp)
	}
	return nil
}

// Put writes the records with their offsets, or nothing. After an error it is not known whether the
// transaction went through (the connection may have broken behind COMMIT); it need not be: the next
// one finds out.
func (t *task) Put(ctx context.Context, records []data.SinkRecord) error {
	b := t.batch(records)
	if len(b.records) == 0 {
		return nil
	}
	err := t.db.write(ctx, b, t.next)
	switch {
	case errors.Is(err, errMoved):
		return t.again(ctx, b)
	case err != nil:
		return failure(err)
	case t.db.exactly:
		maps.Copy(t.next, b.ends)
	}
	return nil
}

// batch is records to write and what they cover.
type batch struct {
	records      []*data.SinkRecord
	begins, ends connectors.Offsets // the first record of each partition, and behind the last
}

// batch leaves out what is stored already.
func (t *task) batch(records []data.SinkRecord) batch {
	b := batch{make([]*data.SinkRecord, 0, len(records)), connectors.Offsets{}, connectors.Offsets{}}
	for i := range records {
		r := &records[i]
		tp := data.TopicPartition{Topic: r.OriginalTopic, Partition: r.OriginalPartition}
		if next, ok := t.next[tp]; ok && r.OriginalOffset < next {
			continue
		}
		if _, ok := b.begins[tp]; !ok {
			b.begins[tp] = r.OriginalOffset
		}
		b.ends[tp] = r.OriginalOffset + 1
		b.records = append(b.records, r)
	}
	return b
}

// again makes the worker give the records of a batch, none of which was written, once more, each
// partition from where its rows end by now.
func (t *task) again(ctx context.Context, b batch) error {
	partitions := make([]data.TopicPartition, 0, len(b.begins))
	for tp := range b.begins {
		partitions = append(partitions, tp)
	}
	stored, err := t.db.offsets(ctx, partitions)
	if err != nil {
		return failure(err)
	}
	for tp, begin := range b.begins {
		if next, ok := stored[tp]; ok {
			t.next[tp] = next
		} else { // offsets were reset under our feet, or another partition's had moved
			delete(t.next, tp)
			stored[tp] = begin
		}
	}
	t.tc.Logger().Warn("another task wrote these partitions, going on behind its rows", "offsets", stored)
	t.tc.Offset(stored)
	return nil
}

// PreCommit tells Kafka what is stored, for those who look at the lag. Nothing begins there, but if
// the table of offsets is dropped.
func (t *task) PreCommit(_ context.Context, offsets connectors.Offsets) (connectors.Offsets, error) {
	if !t.db.exactly {
		return offsets, nil // all of it was written
	}
	safe := connectors.Offsets{}
	for tp, put := range offsets {
		if next, ok := t.next[tp]; ok {
			safe[tp] = min(next, put)
		}
	}
	return safe, nil
}

func (t *task) Stop(context.Context) error {
	if t.db == nil {
		return nil
	}
	return t.db.close()
}
