package monitorable

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestSourceContract(t *testing.T) {
	b := NewBook()
	connectorstest.SourceContract{
		Source:  b.source(),
		Config:  map[string]string{"name": "s", "topic": "t", "max.messages": "50", "messages.per.poll": "7"},
		Records: 50,
		Wrong:   map[string]map[string]string{},
	}.Run(t)
	c := b.Connector("s").Counts()
	if c.Starts == 0 || c.Starts != c.Stops || c.Records < 50 || b.Connector("s").Task(0).Counts().Starts == 0 {
		t.Errorf("the book says %+v", c)
	}
}

func TestSinkContract(t *testing.T) {
	b := NewBook()
	connectorstest.SinkContract{
		Sink:    b.sink(),
		Config:  map[string]string{"name": "k"},
		Records: []data.SinkRecord{{Record: data.Record{Topic: "t", Value: "a"}, OriginalTopic: "t"}},
	}.Run(t)
	task := b.Connector("k").Task(0)
	if task.Values()["a"] != 1 || task.Topics()["t"] != 1 || task.Counts().Commits != 1 {
		t.Errorf("the book says %v %v %+v", task.Values(), task.Topics(), task.Counts())
	}
	h := task.History(data.TopicPartition{Topic: "t"})
	if h.Assigned == 0 || h.Assigned != h.Revoked || h.Held || len(task.Assignment()) != 0 {
		t.Errorf("of the partition the book says %+v, assigned are %v", h, task.Assignment())
	}
}

func TestFibonacci(t *testing.T) {
	f := newFibonacci(0)
	var got []int64
	for f.next < 60 {
		got = append(got, f.next)
		f.beyond(f.next)
	}
	if want := []int64{1, 2, 3, 5, 8, 13, 21, 34, 55}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if f := newFibonacci(8); f.next != 13 {
		t.Errorf("behind 8 comes %d", f.next)
	}
}

func TestErrantReportsAll(t *testing.T) {
	b := NewBook()
	task := b.errantSink().Task()
	props := taskConfigs(map[string]string{"name": "e"}, 1)[0]
	tc := connectorstest.NewSinkTaskContext(props)
	ctx := t.Context()
	if err := task.Start(ctx, tc, props); err != nil {
		t.Fatal(err)
	}
	records := make([]data.SinkRecord, 20)
	for i := range records {
		records[i].OriginalOffset = int64(i)
	}
	if err := task.Put(ctx, records); err != nil {
		t.Fatal(err)
	}
	if _, err := task.(connectors.PreCommitter).PreCommit(ctx, nil); err != nil || len(tc.Reported()) != 20 {
		t.Errorf("%d reported, %v", len(tc.Reported()), err)
	}
	if err := task.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestBlockingUntilReleased(t *testing.T) {
	b := NewBook()
	task := b.blockingSink().Task()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	go func() { done <- task.Stop(ended) }()
	select {
	case err := <-done:
		t.Fatal("it does not hang", err)
	default:
	}
	b.Release()
	b.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFaulty(t *testing.T) {
	f := &faulty{}
	for _, tt := range []struct {
		value string
		fails bool
	}{{"value-4", true}, {"value-4", false}, {"value-7", true}, {"value-7", true}, {"value-1", false}} {
		_, err := f.Apply(&data.Record{Value: tt.value})
		if (err != nil) != tt.fails || err != nil && !errors.Is(err, errs.Retriable) {
			t.Errorf("%s: %v", tt.value, err)
		}
	}
}
