package main

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

const (
	partitionKey = "partition"
	nextField    = "next"
	// commitEvery is how many batches a transaction has when the task says where it ends.
	commitEvery = 3
	// pollWait is how long Poll waits at most.
	pollWait = time.Second
)

// numbers is a source whose task n writes 0, 1, 2 and so on, up to count, into partition first+n of
// the topic; the partition is also the key. batch is the records of a poll, rate those of a second and
// task. With transaction.boundary=connector a transaction is three batches.
func numbers() connectors.Source {
	whole := func(name, doc string) config.Key {
		return config.Key{Name: name, Type: config.Long, Required: true, Importance: config.High, Doc: doc}
	}
	return connectors.Source{
		Descriptor: plugin.Descriptor{
			Class: "io.troupe.fire.NumbersSource", Aliases: []string{"NumbersSource"}, Version: "1",
			Config: config.NewDef(
				config.Key{Name: "topic", Type: config.String, Required: true, Importance: config.High, Doc: "Where the numbers go."},
				whole("first", "Partition of the topic that task 0 writes to; task n writes to the n-th behind it."),
				whole("count", "How many numbers each task writes."),
				whole("batch", "Records of a poll."),
				whole("rate", "Records a second, of each task."),
			),
		},
		Connector: func() connectors.SourceConnector { return &connector{} },
		Task:      func() connectors.SourceTask { return &task{} },
		TaskClass: "io.troupe.fire.NumbersTask",
	}
}

type connector struct{ props map[string]string }

func (c *connector) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	c.props = props
	return nil
}

func (c *connector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	first, err := whole(c.props, "first")
	if err != nil {
		return nil, err
	}
	out := make([]map[string]string, maxTasks)
	for i := range out {
		out[i] = maps.Clone(c.props)
		out[i][partitionKey] = strconv.FormatInt(first+int64(i), 10)
	}
	return out, nil
}

func (*connector) Stop(context.Context) error { return nil }

// ExactlyOnceSupport implements connectors.ExactlyOnceDefiner.
func (*connector) ExactlyOnceSupport(map[string]string) (connectors.ExactlyOnceSupport, error) {
	return connectors.ExactlyOnceSupported, nil
}

// CanDefineTransactionBoundaries implements connectors.TransactionBoundaryDefiner.
func (*connector) CanDefineTransactionBoundaries(map[string]string) (bool, error) { return true, nil }

func whole(props map[string]string, key string) (int64, error) {
	n, err := strconv.ParseInt(props[key], 10, 64)
	if err != nil {
		return 0, errs.Config.New("Invalid value %q for configuration %s: not a whole number", props[key], key)
	}
	return n, nil
}

type task struct {
	tc                 connectors.SourceTaskContext
	topic              string
	partition          int64
	count, batch, rate int64
	next, first        int64 // the number to write now, and at the start
	batches            int
	began              time.Time
	source             map[string]any
	records            []data.SourceRecord
}

func (t *task) Start(ctx context.Context, tc connectors.SourceTaskContext, props map[string]string) (err error) {
	t.tc, t.topic = tc, props["topic"]
	for key, to := range map[string]*int64{partitionKey: &t.partition, "count": &t.count, "batch": &t.batch, "rate": &t.rate} {
		if *to, err = whole(props, key); err != nil {
			return err
		}
	}
	t.source = map[string]any{partitionKey: t.partition}
	offset, err := tc.Offsets().Offset(ctx, t.source)
	if err != nil {
		return err
	}
	if stored, ok := offset[nextField]; ok {
		if t.next, ok = stored.(int64); !ok {
			return errs.Connect.New("stored offset of partition %d is %v (%T), not a whole number", t.partition, stored, stored)
		}
	}
	t.first, t.began = t.next, time.Now()
	tc.Logger().Info("numbering begins", "partition", t.partition, "next", t.next)
	return nil
}

func (t *task) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	if !t.due(ctx) {
		return nil, nil
	}
	t.records = t.records[:0]
	for range min(t.batch, t.count-t.next) {
		t.next, t.records = t.next+1, append(t.records, data.SourceRecord{
			Record: data.Record{
				Topic: t.topic, Partition: data.PartitionOf(int32(t.partition)),
				KeySchema: data.Int64Schema, Key: t.partition, ValueSchema: data.Int64Schema, Value: t.next,
			},
			SourcePartition: t.source,
			SourceOffset:    data.OffsetMap{nextField: t.next + 1},
		})
	}
	t.batches++
	if tx := t.tc.Transaction(); tx != nil && (t.batches%commitEvery == 0 || t.next == t.count) {
		tx.Commit()
	}
	return t.records, nil
}

// due waits, but not for long, until the rate lets the next batch go.
func (t *task) due(ctx context.Context) bool {
	wait := 2 * pollWait
	if t.next < t.count {
		wait = time.Until(t.began.Add(time.Duration(t.next-t.first) * time.Second / time.Duration(t.rate)))
	}
	timer := time.NewTimer(min(wait, pollWait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return wait <= pollWait
	case <-ctx.Done():
		return false
	}
}

func (*task) Stop(context.Context) error { return nil }
