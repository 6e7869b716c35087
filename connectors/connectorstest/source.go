package connectorstest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// SourceContract checks what every source owes the worker.
type SourceContract struct {
	Source connectors.Source
	// Config is a configuration with which the connector works.
	Config map[string]string
	// Records is how many records the first task gives at least, reading from the beginning. They
	// must be the same each time for the check that reading goes on behind a committed offset.
	Records int
	// NotResumable is for sources without offsets, or whose records are not the same each time:
	// the check of resuming is left out.
	NotResumable bool
	// Wrong are configurations that must be refused, by the name of the case.
	Wrong map[string]map[string]string
}

// Run runs the checks as subtests. It must not run beside other tests, whose goroutines it would
// take for those of the connector.
func (c SourceContract) Run(t *testing.T) {
	t.Run("description", func(t *testing.T) { describes(t, c.Source, plugin.Source) })
	t.Run("stop without start", c.stopWithoutStart)
	for name, props := range c.Wrong {
		t.Run("wrong settings/"+name, func(t *testing.T) { c.wrong(t, props) })
	}
	t.Run("context that ends", func(t *testing.T) { noGoroutineLeft(t, c.contextEnds) })
	t.Run("records", func(t *testing.T) { noGoroutineLeft(t, c.records) })
	if !c.NotResumable {
		t.Run("resume", func(t *testing.T) { noGoroutineLeft(t, c.resume) })
	}
}

func (c SourceContract) stopWithoutStart(t *testing.T) {
	noGoroutineLeft(t, func(t *testing.T) {
		ok(t, "Stop of a connector", func() error { return c.Source.Connector().Stop(t.Context()) })
		ok(t, "Stop of a task", func() error { return c.Source.Task().Stop(t.Context()) })
	})
}

func (c SourceContract) wrong(t *testing.T, props map[string]string) {
	noGoroutineLeft(t, func(t *testing.T) {
		conn := c.Source.Connector()
		refused(t, c.Source.Config, props, conn, func() error {
			return conn.Start(t.Context(), NewConnectorContext(nil), maps.Clone(props))
		})
		ok(t, "Stop after a failed Start", func() error { return conn.Stop(t.Context()) })
	})
}

// task starts a connector and the first of its tasks; both are stopped at the end of the test
// function that stop is deferred in.
func (c SourceContract) task(t *testing.T, offsets connectors.OffsetReader) (task connectors.SourceTask, stop func()) {
	t.Helper()
	conn := c.Source.Connector()
	ok(t, "Start of the connector", func() error {
		return conn.Start(t.Context(), NewConnectorContext(offsets), maps.Clone(c.Config))
	})
	props := taskConfigs(t, conn.TaskConfigs)
	task = c.Source.Task()
	ok(t, "Start of the task", func() error {
		return task.Start(t.Context(), NewSourceTaskContext(offsets, props), props)
	})
	return task, func() {
		ok(t, "Stop of the task", func() error { return task.Stop(context.WithoutCancel(t.Context())) })
		ok(t, "Stop of the connector", func() error { return conn.Stop(context.WithoutCancel(t.Context())) })
	}
}

func (c SourceContract) contextEnds(t *testing.T) {
	task, stop := c.task(t, NewOffsets())
	defer stop()
	ctx := ended(t)
	seen := 0
	for range 2 {
		err := within(t, callLimit, "Poll with a context that has ended", func() error {
			records, err := task.Poll(ctx)
			seen += len(records)
			return err
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Poll with a context that has ended: %v", err)
		}
	}
	// And one that ends while Poll waits, or doesn't, for more than there is.
	c.read(t, task, c.Records-seen, func(*data.SourceRecord) {})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := task.Poll(ctx)
		done <- err
	}()
	cancel()
	if err := within(t, callLimit, "Poll whose context ends", func() error { return <-done }); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Poll whose context ends: %v", err)
	}
}

// read polls until n records were seen.
func (c SourceContract) read(t *testing.T, task connectors.SourceTask, n int, see func(*data.SourceRecord)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), workLimit)
	defer cancel()
	for seen := 0; seen < n; {
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records after %v", seen, n, workLimit)
		}
		var batch []data.SourceRecord
		ok(t, "Poll", func() (err error) {
			batch, err = task.Poll(ctx)
			return err
		})
		for i := range batch {
			if seen < n {
				see(&batch[i])
			}
			seen++
			// The worker's transforms change records in place: the task must not rely on them.
			batch[i].Record = data.Record{Topic: "changed by the worker", Key: 1, Headers: data.Headers{{Key: "h"}}}
		}
	}
}

func (c SourceContract) records(t *testing.T) {
	task, stop := c.task(t, NewOffsets())
	defer stop()
	c.read(t, task, c.Records, func(r *data.SourceRecord) {
		if r.Topic == "" || r.Topic == "changed by the worker" {
			t.Fatalf("record has topic %q: every field is to be set in every batch", r.Topic)
		}
		if len(r.Headers) > 0 && r.Headers[0].Key == "h" {
			t.Fatal("record has the headers of another batch")
		}
		wellFormed(t, &r.Record)
		if r.SourceOffset == nil {
			return
		}
		if err := NewOffsets().CommitRecord(r); err != nil {
			t.Fatalf("offset can't be stored: %v", err)
		}
		for k, v := range r.SourceOffset.OffsetMap() {
			switch v.(type) {
			case map[string]any, []any:
				t.Errorf("offset %q is %T: only plain values can be stored", k, v)
			}
		}
	})
}

// line is what is compared of a record.
func line(t *testing.T, r *data.SourceRecord) string {
	t.Helper()
	var offset map[string]any
	if r.SourceOffset != nil {
		offset = r.SourceOffset.OffsetMap()
	}
	b, err := json.Marshal([]any{r.Topic, r.SourcePartition, offset})
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + " " + data.Text(r.Key) + " " + data.Text(r.Value)
}

func (c SourceContract) resume(t *testing.T) {
	var all []string
	committed := NewOffsets()
	func() {
		task, stop := c.task(t, NewOffsets())
		defer stop()
		half := (c.Records + 1) / 2
		c.read(t, task, c.Records, func(r *data.SourceRecord) {
			all = append(all, line(t, r))
			if len(all) <= half {
				if err := committed.CommitRecord(r); err != nil {
					t.Fatal(err)
				}
			}
		})
		all = all[half:]
	}()
	task, stop := c.task(t, committed)
	defer stop()
	c.read(t, task, len(all), func(r *data.SourceRecord) {
		if got := line(t, r); got != all[0] {
			t.Fatalf("after the committed offset comes\n%s\nwant\n%s", got, all[0])
		}
		all = all[1:]
	})
}
